"""simple-salesforce drives the twin's Salesforce, Bulk 1.0 and 2.0 included."""

import csv
import io
from typing import Any

import pytest
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceMoreThanOneRecord

from tests.contract.salesforce.conftest import ACCOUNT, KEYS, LEADS


@pytest.fixture
def salesforce(to_twin: str) -> Salesforce:
    assert to_twin
    return Salesforce(
        consumer_key=KEYS.salesforce_client_id,
        consumer_secret=KEYS.salesforce_client_secret,
        domain="acme.my",
        version="62.0",
    )


def test_queries_page_and_show_the_deleted_when_asked(salesforce: Salesforce):
    assert len({row["Id"] for row in salesforce.query_all_iter("SELECT Id FROM Lead")}) == LEADS
    both = [
        salesforce.query_all("SELECT Id FROM Opportunity", include_deleted=all_) for all_ in (False, True)
    ]
    assert [len(found["records"]) for found in both] == [2, 3]
    small = salesforce.query("SELECT Id FROM Lead", headers={"Sforce-Query-Options": "batchSize=200"})
    assert (len(small["records"]), small["totalSize"]) == (200, LEADS)


def test_days_by_name_parents_and_children_are_understood(salesforce: Salesforce):
    salesforce.Account.create({"Name": "New"})
    made = salesforce.query("SELECT Name FROM Account WHERE CreatedDate = TODAY")
    assert [row["Name"] for row in made["records"]] == ["New"]
    assert salesforce.query("SELECT Id FROM Account WHERE CreatedDate < LAST_N_DAYS:30")["totalSize"] == 1
    parent = salesforce.query("SELECT Account.Name FROM Opportunity WHERE Account.Name LIKE 'ac%' LIMIT 1")
    assert parent["records"][0]["Account"]["Name"] == "Acme"
    child = salesforce.query("SELECT (SELECT Name FROM Opportunities) FROM Account WHERE Name = 'Acme'")
    assert child["records"][0]["Opportunities"]["totalSize"] == 2


def test_a_record_lives_from_creation_to_the_recycle_bin(salesforce: Salesforce):
    made = salesforce.Contact.create({"LastName": "One", "AccountId": ACCOUNT[:15]})
    before = salesforce.Contact.get(made["id"])
    assert before["AccountId"] == ACCOUNT
    assert salesforce.Contact.update(made["id"], {"FirstName": "Only"}) == 204
    assert salesforce.Contact.get(made["id"])["SystemModstamp"] >= before["SystemModstamp"]
    assert salesforce.Contact.delete(made["id"]) == 204
    gone = salesforce.query_all(
        f"SELECT FirstName, IsDeleted FROM Contact WHERE Id = '{made['id']}'", include_deleted=True
    )
    assert [(row["FirstName"], row["IsDeleted"]) for row in gone["records"]] == [("Only", True)]


def test_an_upsert_finds_its_record_by_the_external_id_without_case(salesforce: Salesforce):
    status = [
        salesforce.Invoice__c.upsert(f"Invoice_Key__c/{key}", {"Total__c": total})
        for key, total in [("erp-1", 1.5), ("ERP-1", 2.5)]
    ]
    assert status == [201, 200]
    assert salesforce.Invoice__c.get_by_custom_id("Invoice_Key__c", "Erp-1")["Total__c"] == 2.5


def test_a_key_of_two_records_is_not_guessed_at(salesforce: Salesforce):
    for name in ("x", "y"):
        salesforce.Account.create({"Name": name, "ERP_Customer_Id__c": "C1"})
    with pytest.raises(SalesforceMoreThanOneRecord):
        salesforce.Account.upsert("ERP_Customer_Id__c/C1", {"Name": "z"})


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"Name": "a", "Nothing__c": "b"}, "INVALID_FIELD"),
        ({"Name": "a" * 256}, "STRING_TOO_LONG"),
        ({"Website": "a"}, "REQUIRED_FIELD_MISSING"),
        ({"Name": "a", "ParentId": "001"}, "MALFORMED_ID"),
        ({"Name": "a", "ParentId": "001000000000ABCDEF"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"Name": "a", "IsDeleted": True}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ],
)
def test_a_row_that_breaks_a_rule_is_refused_by_code(salesforce: Salesforce, values: Any, code: str):
    with pytest.raises(SalesforceMalformedRequest) as refused:
        salesforce.Account.create(values)
    assert refused.value.content[0]["errorCode"] == code


def test_a_unique_field_holds_a_value_once(salesforce: Salesforce):
    salesforce.Invoice__c.create({"Invoice_Key__c": "once"})
    with pytest.raises(SalesforceMalformedRequest, match="DUPLICATE_VALUE"):
        salesforce.Invoice__c.create({"Invoice_Key__c": "ONCE"})


def test_collections_answer_row_by_row(salesforce: Salesforce):
    rows = [
        {"attributes": {"type": "Invoice__c"}, "Invoice_Key__c": key, "Payment_Status__c": status}
        for key, status in [("a", "PAID"), ("b", "HALF"), ("c", "OPEN")]
    ]
    for strict, successes in [(True, [False] * 3), (False, [True, False, True])]:
        answers = salesforce.restful(
            "composite/sobjects/Invoice__c/Invoice_Key__c",
            method="PATCH",
            json={"allOrNone": strict, "records": rows},
        )
        assert [answer["success"] for answer in answers] == successes
    assert salesforce.query("SELECT COUNT() FROM Invoice__c")["totalSize"] == 2


def test_bulk_2_gives_and_takes_rows(salesforce: Salesforce):
    pages = list(salesforce.bulk2.Lead.query("SELECT Id, Name FROM Lead", max_records=2000, wait=0))
    assert [len(list(csv.reader(io.StringIO(page)))) - 1 for page in pages] == [2000, 2000, 500]
    rows = [{"Invoice_Key__c": f"k{n}", "Total__c": total} for n, total in enumerate(["1.50", "many"])]
    [job] = salesforce.bulk2.Invoice__c.upsert(records=rows, external_id_field="Invoice_Key__c", wait=0)
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (2, 1)
    results = salesforce.bulk2.Invoice__c.get_all_ingest_records(job["job_id"])
    assert [row["Invoice_Key__c"] for row in results["successfulRecords"]] == ["k0"]
    assert results["failedRecords"][0]["sf__Error"].startswith("JSON_PARSER_ERROR")


def test_bulk_1_gives_and_takes_rows(salesforce: Salesforce):
    assert len(salesforce.bulk.Lead.query("SELECT Id FROM Lead")) == LEADS
    answers = salesforce.bulk.Contact.insert([{"LastName": "A"}, {"FirstName": "B"}])
    assert [answer["success"] for answer in answers] == [True, False]
    assert answers[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"


def test_it_says_who_we_are_and_what_is_left(salesforce: Salesforce):
    assert salesforce.oauth2("userinfo")["user_id"] == "005000000000001AAA"
    assert salesforce.limits()["DailyBulkV2QueryJobs"]["Remaining"] == 10_000
    assert salesforce.Invoice__c.describe()["keyPrefix"].startswith("a")
