"""The twin's Salesforce, through simple-salesforce, a client not written for it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed, SalesforceMalformedRequest

from include.twin.sobject_fields import METADATA
from include.twin.sobject_rules import _rules_of
from include.twin.sobjects import id_key, long_id

NOW = datetime(2026, 7, 1, 12, 30, 15, tzinfo=UTC)
LONG, SHORT = "0012o00003OBzVSAA1", "0012o00003OBzVS"
ROWS: list[dict[str, str]] = [
    {
        "Id": "006A",
        "Name": "Big",
        "Amount": "1000.50",
        "IsWon": "true",
        "CloseDate": "2026-01-05",
        "AccountId": SHORT,
    },
    {
        "Id": "006B",
        "Name": "it's small",
        "Amount": "20",
        "IsWon": "false",
        "CloseDate": "2026-02-05",
        "AccountId": "",
    },
    {
        "Id": "006C",
        "Name": "Odd",
        "Amount": "1,000.00",
        "IsWon": "maybe",
        "CloseDate": "5/2/26",
        "Color__c": "red",
    },
    {"Id": "006D", "Name": "big", "Amount": "", "IsWon": "", "CloseDate": "2030-01-01", "IsDeleted": "true"},
    {
        "Id": "006E",
        "Name": "100% sure",
        "Amount": "0.20",
        "CloseDate": "2026-02-05",
        "CurrencyIsoCode": "SGD",
    },
    {"Id": "", "Name": "No id", "CloseDate": "2026-06-20", "LastModifiedDate": "2026-06-30T10:00:00+08:00"},
]


@pytest.fixture(scope="module")
def twin(twin_of: Callable[..., Any]) -> Any:
    accounts = [{"Id": LONG, "Name": "Acme"}]
    leads = [{"Id": f"00Q{number:06d}", "Name": f"Lead {number}"} for number in range(4500)]
    tables = {"salesforce/Opportunity": ROWS, "salesforce/Account": accounts, "salesforce/Lead": leads}
    return twin_of(tables, clock=lambda: NOW)


@pytest.fixture(scope="module")
def salesforce(twin: Any) -> Salesforce:
    return twin.salesforce()


def names(salesforce: Salesforce, rest: str) -> list[str]:
    return [record["Name"] for record in salesforce.query(f"SELECT Name FROM Opportunity {rest}")["records"]]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Name = 'BIG'", ["Big"]),
        ("Name = 'it\\'s small'", ["it's small"]),
        ("Name LIKE '_i%'", ["Big"]),
        ("Name LIKE '%\\%%'", ["100% sure"]),
        ("Amount > 20", ["Big"]),
        ("Amount >= 20.0", ["Big", "it's small"]),
        ("Amount = null", ["No id"]),
        ("amount != 20", ["Big", "Odd", "100% sure", "No id"]),
        ("Amount IN (20, 0.2)", ["it's small", "100% sure"]),
        ("Name NOT IN ('Big', 'Odd') AND Amount < 1", ["100% sure"]),
        ("IsWon = TRUE", ["Big"]),
        ("CloseDate <= 2026-02-05 AND (Amount > 500 OR Amount < 1)", ["Big", "100% sure"]),
        ("NOT (CloseDate < 2026-02-06)", ["Odd", "No id"]),
        (f"AccountId = '{LONG}'", ["Big"]),
        ("SystemModstamp = 2026-01-05T04:00:00Z", ["Big"]),
        ("SystemModstamp > 2026-06-30T04:00:00+0200", []),
        ("SystemModstamp >= 2026-06-30T04:00:00+02:00", ["No id"]),
        ("Opportunity.Color__c = 'red'", ["Odd"]),
        ("ORDER BY Amount DESC NULLS LAST, Name LIMIT 2 OFFSET 1", ["Big", "it's small"]),
        ("ORDER BY Amount", ["No id", "100% sure", "it's small", "Big", "Odd"]),
    ],
)
def test_a_condition_finds_its_records(salesforce: Salesforce, where: str, found: list[str]) -> None:
    assert names(salesforce, where if where.startswith("ORDER") else f"WHERE {where}") == found


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("SELECT FROM Opportunity", "MALFORMED_QUERY"),
        (
            "SELECT Name FROM Opportunity WHERE Amount = 1 AND IsWon = true OR IsWon = false",
            "MALFORMED_QUERY",
        ),
        ("SELECT Name FROM Opportunity WHERE CloseDate = 2026-02-30", "MALFORMED_QUERY"),
        ("SELECT Name FROM Opportunity LIMIT many", "MALFORMED_QUERY"),
        ("SELECT Name FROM Opportunity WHERE " + "(" * 5000, "MALFORMED_QUERY"),
        ("SELECT Name, COUNT(Id) FROM Opportunity", "MALFORMED_QUERY"),
        ("SELECT SUM(Name) FROM Opportunity", "MALFORMED_QUERY"),
        ("SELECT Nmae FROM Opportunity", "INVALID_FIELD"),
        ("SELECT Nobody.Name FROM Opportunity", "INVALID_FIELD"),
        ("SELECT Account.Nmae FROM Opportunity", "INVALID_FIELD"),
        ("SELECT Id, (SELECT Id FROM Nothings) FROM Account", "INVALID_TYPE"),
        ("SELECT Name FROM Opportunity WHERE CloseDate = '2026-01-05'", "INVALID_FIELD"),
        ("SELECT Name FROM Opportunity WHERE SystemModstamp > 2026-01-05", "INVALID_FIELD"),
        ("SELECT Name FROM Nothing", "INVALID_TYPE"),
        ("SELECT Name FROM Opportunity OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("SELECT Id, COUNT(Name) FROM Lead GROUP BY Id", "EXCEEDED_ID_LIMIT"),
    ],
)
def test_a_query_that_cannot_be_run_is_refused_by_code(salesforce: Salesforce, query: str, code: str) -> None:
    with pytest.raises(SalesforceMalformedRequest) as refused:
        salesforce.query(query)
    assert refused.value.content[0]["errorCode"] == code


def test_values_have_the_type_of_their_field_and_garbage_stays_text(salesforce: Salesforce) -> None:
    fields = (
        "SELECT Amount, IsWon, CloseDate, Color__c, IsDeleted FROM Opportunity WHERE Id IN ('006A', '006C')"
    )
    good, odd = ([*record.values()][1:] for record in salesforce.query(fields)["records"])
    assert good == [1000.5, True, "2026-01-05", None, False]
    assert odd == ["1,000.00", "maybe", "5/2/26", "red", False]


def test_stamps_follow_the_business_date_but_never_the_future(salesforce: Salesforce) -> None:
    stamps = salesforce.query("SELECT MAX(SystemModstamp) latest FROM Opportunity")["records"][0]["latest"]
    deleted = salesforce.query(
        "SELECT SystemModstamp FROM Opportunity WHERE Id = '006D'", include_deleted=True
    )
    assert stamps == "2026-06-30T02:00:00.000+0000"
    assert deleted["records"][0]["SystemModstamp"] == "2026-07-01T12:20:15.000+0000"


def test_counts_and_sums_stand_beside_their_groups(salesforce: Salesforce) -> None:
    assert salesforce.query("SELECT COUNT() FROM Opportunity")["totalSize"] == 5
    total = salesforce.query(
        "SELECT COUNT(Id), SUM(Amount) total, COUNT_DISTINCT(CloseDate) FROM Opportunity"
    )["records"]
    assert [*total[0].values()][1:] == [4, 1020.7, 4]
    by_day = (
        "SELECT CloseDate, COUNT(Id) n FROM Opportunity GROUP BY CloseDate ORDER BY COUNT(Id) DESC LIMIT 1"
    )
    assert [*salesforce.query(by_day)["records"][0].values()][1:] == ["2026-02-05", 2]


def test_a_sum_of_nothing_is_null(salesforce: Salesforce) -> None:
    assert (
        salesforce.query("SELECT SUM(Amount) FROM Opportunity WHERE Id = 'x'")["records"][0]["expr0"] is None
    )


def test_pages_follow_each_other_without_gap(salesforce: Salesforce) -> None:
    first = salesforce.query(
        "SELECT Id FROM Lead ORDER BY Id", headers={"Sforce-Query-Options": "batchSize=200"}
    )
    assert (first["totalSize"], first["done"], len(first["records"])) == (4500, False, 200)
    assert first["nextRecordsUrl"].endswith("-200")
    assert len(salesforce.query_all("SELECT Id FROM Lead")["records"]) == 4500
    assert len({record["Id"] for record in salesforce.query_all_iter("SELECT Id FROM Lead")}) == 4500


def test_an_unknown_locator_is_refused(salesforce: Salesforce) -> None:
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_QUERY_LOCATOR"):
        salesforce.query_more("0r8000000000000AAA-2000")


def test_deleted_records_show_in_query_all_alone(salesforce: Salesforce) -> None:
    query = "SELECT Id FROM Opportunity WHERE IsDeleted = true"
    assert salesforce.query(query)["totalSize"] == 0
    assert salesforce.query(query, include_deleted=True)["totalSize"] == 1


def test_describe_names_objects_fields_and_types(salesforce: Salesforce) -> None:
    described = salesforce.describe() or {}
    named = {sobject["name"]: sobject["keyPrefix"] for sobject in described["sobjects"]}
    assert {"Account", "Contact", "Lead", "Opportunity", "Task", "Invoice__c"} <= {*named}
    assert named["Account"] == "001"
    assert len({*named.values()}) == len(named)
    types = {field["name"]: field["type"] for field in salesforce.Opportunity.describe()["fields"]}
    assert (types["Amount"], types["CloseDate"], types["Color__c"]) == ("currency", "date", "string")
    assert salesforce.query("SELECT Id, Email FROM Contact")["totalSize"] == 0


def test_a_record_is_found_by_either_form_of_its_id(salesforce: Salesforce) -> None:
    assert salesforce.Account.get(SHORT)["Name"] == salesforce.Account.get(LONG)["Name"] == "Acme"


def test_updated_lists_what_changed_and_how_far_it_looked(salesforce: Salesforce) -> None:
    updated = salesforce.Account.updated(NOW - timedelta(days=2), NOW + timedelta(days=1))
    assert updated == {"ids": [], "latestDateCovered": "2026-07-01T12:30:15.000+0000"}
    opportunities = salesforce.Opportunity.updated(NOW - timedelta(days=20), NOW - timedelta(hours=1))
    assert opportunities == {"ids": [None], "latestDateCovered": "2026-07-01T11:30:00.000+0000"}
    deleted = salesforce.Opportunity.deleted(NOW - timedelta(days=2), NOW)
    assert [gone["id"] for gone in deleted["deletedRecords"]] == ["006D"]


def test_replication_looks_back_thirty_days_at_most(salesforce: Salesforce) -> None:
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_REPLICATION_DATE"):
        salesforce.Account.updated(NOW - timedelta(days=31), NOW)


def test_every_reply_tells_the_budget_and_the_time(twin: Any, salesforce: Salesforce) -> None:
    assert salesforce.limits()["DailyApiRequests"]["Max"] == 1_000_000
    assert salesforce.api_usage["api-usage"].used > 0
    assert twin.get("salesforce", "/services/data/").headers["Date"] == "Wed, 01 Jul 2026 12:30:15 GMT"


def test_a_stranger_gets_no_data(twin: Any) -> None:
    reply = twin.get(
        "salesforce",
        "/services/data/v59.0/query?q=SELECT+Id+FROM+Account",
        headers={"Authorization": "Bearer x"},
    )
    assert reply.status_code == 401
    assert reply.json() == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


def test_wrong_credentials_get_no_token(twin: Any) -> None:
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid_client_id"):
        twin.salesforce(client_id="another")


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"grant_type": "client_credentials"}, 200),
        ({"grant_type": "password", "username": "someone", "password": "right"}, 200),
        ({"grant_type": "password"}, 400),
        ({"grant_type": "telepathy"}, 400),
        ({"grant_type": "client_credentials", "client_secret": "wrong"}, 400),
    ],
)
def test_a_log_in_by_form_even_in_chunks_gets_a_token_that_opens(
    twin: Any, form: dict[str, str], status: int
) -> None:
    whole = urlencode({"client_id": "the-client", "client_secret": "the-secret"} | form).encode()
    chunks = (whole[start : start + 5] for start in range(0, len(whole), 5))
    reply = requests.post(twin.url("salesforce", "/services/oauth2/token"), data=chunks, timeout=30)
    assert reply.status_code == status
    token = {"Authorization": f"Bearer {reply.json().get('access_token')}"}
    assert twin.get("salesforce", "/services/data/v60.0/", headers=token).ok == reply.ok
    assert twin.get("salesforce", "/services/data/v9.0/", headers=token).status_code == (
        404 if reply.ok else 401
    )


@pytest.mark.parametrize(("short", "long"), [("001D000000IqhSL", "001D000000IqhSLIAZ"), (SHORT, LONG)])
def test_long_ids_end_in_a_checksum_of_their_capitals(short: str, long: str) -> None:
    assert (long_id(short), id_key(long), id_key(short)) == (long, short, short)
    assert id_key(short + "AAZ") == short + "AAZ"


def test_a_rule_the_twin_cannot_work_out_is_told_and_one_switched_off_holds_nobody(tmp_path: Path) -> None:
    whole = (METADATA / "objects" / "Invoice__c.object").read_text(encoding="utf-8")
    told = tmp_path / "Invoice__c.object"
    told.write_text(whole.replace("<active>true</active>", "<active>false</active>"), encoding="utf-8")
    assert list(_rules_of(told)) == []
    told.write_text(whole.replace("NOT(ISNEW())", "ISNEW()"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"Invoice__c\.object: the twin cannot work out AND\(ISNEW"):
        list(_rules_of(told))
