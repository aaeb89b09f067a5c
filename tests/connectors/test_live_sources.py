"""What holds for every live source, read from a twin over HTTP."""

import json
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from include.ports import RawRecord
from tests.connectors.conftest import Read, Start

ACCOUNTS = [{"Id": f"00100000000000{n}AAA", "Name": f"Customer {n}"} for n in range(5)]
OPPORTUNITIES = [
    {
        "Id": f"0060000000000{n:02}AAA",
        "StageName": "Closed Won",
        "IsWon": "true",
        "Amount": amount,
        "CurrencyIsoCode": currency,
        "CloseDate": "2026-01-05",
        "Term_Months__c": "12",
    }
    for n, (amount, currency) in enumerate([("100.50", "SGD"), ("0.01", "SGD"), ("9000", "JPY"), ("", "USD")])
]
INVOICES = [
    {
        "id": f"I{n}",
        "number": f"INV-{n}",
        "customer_id": "C1",
        "issue_date": "2026-01-05",
        "due_date": "2026-02-04",
        "currency": "SGD",
        "gross": f"{n}.10",
        "status": "posted",
    }
    for n in range(5)
]
PAYMENTS = [
    {
        "id": f"ch_{n}",
        "currency": "SGD",
        "amount": f"{n}.10",
        "fee": "0.05",
        "paid_on": "2026-01-05",
        "status": "succeeded",
        "reference": f"INV-{n}",
    }
    for n in range(5)
]
PAYOUTS = [{"id": "po_1", "currency": "SGD", "net": "10.40", "arrival_date": "2026-01-06", "status": "paid"}]
ITEMS = [
    {"payout_id": "po_1", "payment_id": "ch_1", "type": kind, "currency": "SGD", "gross": gross, "net": gross}
    for kind, gross in [("charge", "1.10"), ("charge", "9.30")]
]
WORLD = {
    "salesforce/Account": ACCOUNTS,
    "salesforce/Opportunity": OPPORTUNITIES,
    "erp/invoices": INVOICES,
    "payments/payments": PAYMENTS,
    "payments/payouts": PAYOUTS,
    "payments/payout_items": ITEMS,
}


class Case(NamedTuple):
    """An entity, how many rows it has in the world, and the sums of its amount."""

    system: str
    entity: str
    count: int
    sums: dict[str, str]


CASES = [
    Case("salesforce", "accounts", 5, {}),
    Case("salesforce", "opportunities", 4, {"SGD": "100.51", "JPY": "9000"}),
    Case("erp", "invoices", 5, {"SGD": "10.50"}),
    Case("payments", "payments", 5, {"SGD": "10.50"}),
    Case("payments", "payout_items", 2, {"SGD": "10.40"}),
]


def keys(records: list[RawRecord]):
    return {(record.native_id, record.version) for record in records}


@pytest.mark.parametrize("case", CASES)
def test_all_rows_arrive_and_the_source_proves_it(live: Start, read: Read, case: Case):
    source = live(WORLD).of(case.system)
    records, cursor = read(source, case.entity)
    totals = source.totals(case.entity, after=None, until=cursor)
    assert len(records) == case.count
    assert set(totals.keys) == keys(records)
    assert {currency: f"{total}" for currency, total in totals.amounts.items()} == case.sums


@pytest.mark.parametrize("case", CASES)
def test_small_pages_skip_and_repeat_nothing(live: Start, read: Read, case: Case):
    twin = live(WORLD)
    source = {
        "salesforce": lambda: twin.salesforce(page_rows=2),
        "erp": lambda: twin.erp(page_rows=2),
        "payments": lambda: twin.payments(lists_per_page=1, list_rows=2),
    }[case.system]()
    records, cursor = read(source, case.entity)
    assert len(records) == len(keys(records)) == case.count
    assert set(cursor) == {"until"}
    assert set(source.totals(case.entity, after=None, until=cursor).keys) == keys(records)


ASKED = {
    "accounts": ("queryAll", "FROM Account WHERE SystemModstamp <="),
    "invoices": ("/rest/model/account.invoice", "up to 20"),
    "payments": ("/v1/charges?", "created[lte]="),
}


@pytest.mark.parametrize("case", [case for case in CASES if case.entity in ASKED])
def test_a_page_says_by_which_call_it_came(live: Start, case: Case):
    request = live(WORLD).of(case.system).fetch_page(case.entity, None).request
    assert [words for words in ASKED[case.entity] if words not in request] == []


@pytest.mark.parametrize("case", CASES)
def test_a_quiet_source_has_nothing_more(live: Start, read: Read, case: Case):
    twin = live(WORLD)
    source = twin.of(case.system)
    _, first = read(source, case.entity)
    twin.clock.now += timedelta(minutes=10)
    records, second = read(source, case.entity, first)
    assert records == []
    assert second["until"] > first["until"]
    assert set(source.totals(case.entity, after=first, until=second).keys) == set()


@pytest.mark.parametrize(("system", "entity"), [("erp", "invoices"), ("payments", "payments")])
def test_a_row_that_is_not_settled_waits_for_the_next_walk(live: Start, read: Read, system: str, entity: str):
    twin = live(WORLD)
    source = twin.of(system)
    twin.clock.now = datetime(2026, 1, 5, 4, 0, 30, tzinfo=UTC)  # the rows are of four o'clock
    records, cursor = read(source, entity)
    assert records == []
    twin.clock.now += timedelta(minutes=10)
    records, _ = read(source, entity, cursor)
    assert len(records) == 5


def test_a_row_that_commits_late_is_read_within_the_overlap(live: Start, read: Read):
    before, after = live({}), live({"erp/invoices": INVOICES[:1]})
    for twin in (before, after):
        twin.clock.now = datetime(2026, 1, 5, 4, 6, tzinfo=UTC)  # horizon 4:01; the row is of 4:00
    nothing, cursor = read(before.erp(), "invoices")
    assert nothing == []
    late, _ = read(after.erp(), "invoices", cursor)
    assert [record.native_id for record in late] == ["I0"]


def test_a_payment_that_settles_days_later_is_read_again_as_another_version(live: Start, read: Read):
    nine_days_later = {"until": "2026-01-14T00:00:00+00:00"}
    keys_of = {
        word: keys(
            read(
                live({"payments/payments": [PAYMENTS[1] | {"status": word}]}).payments(),
                "payments",
                nine_days_later,
            )[0]
        )
        for word in ("pending", "succeeded")
    }
    assert {name for name, _ in keys_of["pending"]} == {name for name, _ in keys_of["succeeded"]} == {"ch_1"}
    assert keys_of["pending"] != keys_of["succeeded"]


@pytest.mark.parametrize("system", ["salesforce", "erp"])
def test_ids_that_look_like_queries_do_not_disturb_the_paging(live: Start, read: Read, system: str):
    ids = ["' OR Name != '", "O'Brien\\", '"', "ü", "%", "a]]"]
    twin = live(
        {
            "salesforce/Account": [{"Id": name, "Name": "x"} for name in ids],
            "erp/customers": [{"id": name, "name": "x"} for name in ids],
        }
    )
    source = {"salesforce": twin.salesforce, "erp": twin.erp}[system](page_rows=1)
    records, _ = read(source, "accounts" if system == "salesforce" else "customers")
    assert sorted(record.native_id for record in records) == sorted(ids)


def test_a_payload_survives_the_database_and_translates_to_the_same_row(live: Start, read: Read):
    source = live(WORLD).salesforce()
    record = read(source, "opportunities")[0][0]
    stored = json.loads(json.dumps(record.payload, default=str))
    row = source.translate("opportunities", stored)
    assert row == source.translate("opportunities", record.payload)
    assert {name: row[name] for name in ("amount", "currency", "is_won", "term_months", "close_date")} == {
        "amount": "100.5",
        "currency": "SGD",
        "is_won": "true",
        "term_months": "12",
        "close_date": "2026-01-05",
    }


GARBAGE = {
    "salesforce/Opportunity": [
        {"Id": "", "StageName": "Open", "Amount": "1.00", "CurrencyIsoCode": "SGD"},
        {"Id": "006000000000001AAA", "StageName": "", "Amount": "1,000.00", "CloseDate": "32/13/2026"},
        {"Id": "006000000000001AAA", "StageName": "Open", "Amount": "5.00", "CurrencyIsoCode": "SGD"},
        {"Id": "O'Brien\\", "StageName": "Open", "Amount": "NaN", "CurrencyIsoCode": "SGD"},
    ],
    "erp/invoices": [
        {"id": "", "currency": "SGD", "gross": "1.00", "issue_date": "2026-01-05"},
        {"id": "I1", "currency": "SGD", "gross": "1,000.00", "issue_date": "2026-02-30"},
        {"id": "I1", "currency": "SGD", "gross": "5.00", "issue_date": "2026-02-30"},
        {"id": "I'2\"", "currency": "XXQ", "gross": "-7.001", "issue_date": "yesterday"},
    ],
    "payments/payments": [
        {"id": "", "currency": "SGD", "amount": "1.00", "paid_on": "2026-01-05"},
        {"id": "ch_1", "currency": "SGD", "amount": "1,000.00", "paid_on": "2026-02-30"},
        {"id": "ch_1", "currency": "SGD", "amount": "5.00", "paid_on": "2026-02-28"},
        {"id": "ch/2?", "currency": "KWD", "amount": "1.0005", "paid_on": ""},
    ],
}


GARBAGE_CASES = [
    Case("salesforce", "opportunities", 3, {"SGD": "5"}),
    Case("erp", "invoices", 3, {"SGD": "5.00", "XXQ": "-7.001"}),
    Case("payments", "payments", 3, {"SGD": "5.00", "KWD": "1.0005"}),
]


@pytest.mark.parametrize("case", GARBAGE_CASES)
def test_garbage_passes_as_text_and_is_proven_too(live: Start, read: Read, case: Case):
    source = live(GARBAGE).of(case.system)
    records, cursor = read(source, case.entity)
    totals = source.totals(case.entity, after=None, until=cursor)
    named = [record for record in records if not record.damage]
    assert [record.damage for record in records if record.damage] == ["has no id"]
    assert set(totals.keys) == keys(named)
    assert len(named) == len(keys(named)) == case.count
    assert {currency: f"{total}" for currency, total in totals.amounts.items()} == case.sums
    assert any("1,000.00" in source.translate(case.entity, record.payload).values() for record in named)


def test_a_date_that_is_none_reaches_landing_as_it_was_written(live: Start, read: Read):
    source = live(GARBAGE).payments()
    days = {source.translate("payments", record.payload)["paid_on"] for record in read(source, "payments")[0]}
    assert days == {"2026-01-05", "2026-02-30", "2026-02-28", None}
