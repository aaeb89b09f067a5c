// Drives a Salesforce with jsforce and prints what came of it, as one JSON object.
import jsforce from "jsforce";

const [address, clientId, clientSecret] = process.argv.slice(2);
const connection = new jsforce.Connection({
  loginUrl: address,
  instanceUrl: address,
  version: "62.0",
  oauth2: { loginUrl: address, clientId, clientSecret },
});
await connection.authorize({ grant_type: "client_credentials" });
const found = {};
const identity = await connection.identity();
found.user = identity.user_id;

const leads = [];
await new Promise((resolve, reject) => {
  connection
    .query("SELECT Id, Name FROM Lead")
    .on("record", (record) => leads.push(record.Id))
    .on("end", resolve)
    .on("error", reject)
    .run({ autoFetch: true, maxFetch: 100000 });
});
found.leads = new Set(leads).size;
const first = await connection.query("SELECT Id FROM Lead ORDER BY Id");
const second = await connection.queryMore(first.nextRecordsUrl);
found.paged = [first.records.length, first.done, second.records.length];
found.related = (
  await connection.query(
    "SELECT Name, Account.Name FROM Opportunity WHERE Account.Name = 'Acme' ORDER BY Name LIMIT 1",
  )
).records.map((record) => record.Account.Name);
found.children = (
  await connection.query("SELECT Name, (SELECT Name FROM Opportunities) FROM Account WHERE Name = 'Acme'")
).records.map((record) => record.Opportunities.records.length);
found.byFind = (await connection.sobject("Account").find({ Name: "Acme" }, "Id, Name").limit(5)).length;

found.globals = (await connection.describeGlobal()).sobjects.some((sobject) => sobject.name === "Invoice__c");
found.unique = (await connection.describe("Invoice__c")).fields.find(
  (field) => field.name === "Invoice_Key__c",
).unique;

const invoices = connection.sobject("Invoice__c");
const made = await invoices.upsert({ Invoice_Key__c: "js/1 ü", Name: "INV-1", Total__c: 12.5 }, "Invoice_Key__c");
const again = await invoices.upsert({ Invoice_Key__c: "JS/1 ü", Total__c: 13.5 }, "Invoice_Key__c");
found.upserted = [made.success, made.created, again.created, made.id === again.id];
const many = await invoices.upsert(
  [
    { Invoice_Key__c: "js/2", Name: "INV-2" },
    { Invoice_Key__c: "js/3", Name: "INV-3", Payment_Status__c: "HALF" },
  ],
  "Invoice_Key__c",
);
found.many = many.map((one) => (one.success ? "ok" : one.errors[0].statusCode));
const created = await connection.sobject("Contact").create([{ LastName: "One" }, { FirstName: "No name" }]);
found.created = created.map((one) => (one.success ? "ok" : one.errors[0].statusCode));
const strict = await connection
  .sobject("Contact")
  .create([{ LastName: "Two" }, { FirstName: "No name" }], { allOrNone: true })
  .catch((error) => [{ success: false, errors: [{ statusCode: error.errorCode ?? error.name }] }]);
found.strict = strict.map((one) => (one.success ? "ok" : one.errors[0].statusCode));
const id = created[0].id;
found.retrieved = (await connection.sobject("Contact").retrieve([id])).map((one) => one.LastName);
found.updated = (await connection.sobject("Contact").update([{ Id: id, LastName: "Won" }])).map((one) => one.success);
const since = new Date(Date.now() - 86400000).toISOString();
const soon = new Date(Date.now() + 3600000).toISOString();
found.covered = (await connection.sobject("Contact").updated(since, soon)).latestDateCovered.length;
found.destroyed = (await connection.sobject("Contact").destroy([id])).map((one) => one.success);
found.deleted = (
  await connection.query(`SELECT Id FROM Contact WHERE IsDeleted = true AND Id = '${id}'`, { scanAll: true })
).records.length;

connection.bulk2.pollInterval = 50;
connection.bulk2.pollTimeout = 20000;
const records = await (await connection.bulk2.query("SELECT Id, Name FROM Lead", { scanAll: true })).toArray();
found.bulkQuery = records.length;
const results = await connection.bulk2.loadAndWaitForResults({
  object: "Invoice__c",
  operation: "upsert",
  externalIdFieldName: "Invoice_Key__c",
  input: [
    { Invoice_Key__c: "js/2", Total__c: "7.25", Due_Date__c: "2026-01-05" },
    { Invoice_Key__c: "js/4", Total__c: "", Due_Date__c: "" },
    { Invoice_Key__c: "js/5", Total__c: "", Due_Date__c: "tomorrow" },
  ],
});
found.bulkIngest = [
  results.successfulResults.map((row) => [row.Invoice_Key__c, row.sf__Created]),
  results.failedResults.map((row) => row.sf__Error.split(":")[0]),
  results.unprocessedRecords.length,
];
const composite = await connection.request({
  method: "POST",
  url: "/services/data/v62.0/composite",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({
    allOrNone: true,
    compositeRequest: [
      { method: "POST", url: "/services/data/v62.0/sobjects/Account", referenceId: "acc", body: { Name: "Nested" } },
      {
        method: "POST",
        url: "/services/data/v62.0/sobjects/Contact",
        referenceId: "con",
        body: { LastName: "Child", AccountId: "@{acc.id}" },
      },
    ],
  }),
});
found.composite = composite.compositeResponse.map((one) => one.httpStatusCode);
found.limits = (await connection.limits()).DailyApiRequests.Remaining > 0;
const refused = await connection.query("SELECT Nothing FROM Lead").catch((error) => error.errorCode);
found.refused = refused;
console.log(JSON.stringify(found));
