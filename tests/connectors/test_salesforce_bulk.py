"""Reading and writing Salesforce in bulk, and what becomes of each row that is written."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import requests

from include.connectors.salesforce import bulk
from include.connectors.salesforce.budget import Budget, Deferred, Way, choose
from include.connectors.salesforce.source import SalesforceSource
from include.flows.check_completeness import check_completeness
from include.flows.pull_changes import database_clock, keep_page, pull_changes
from include.ports import Cursor, Fatal, Page, RawRecord, Rejected, Retryable, Uncertain
from include.store.postgres import PostgresStore
from tests.connectors.salesforce_org import Running, cut, salesforce_running

DEALS = [
    {
        "Id": f"0060000000000{n:02}",
        "Name": f'Deal "{n}", größer\nand longer',
        "StageName": "Open",
        "Amount": amount,
        "CurrencyIsoCode": "SGD",
        "CloseDate": "2026-01-05",
        "IsDeleted": deleted,
    }
    for n, (amount, deleted) in enumerate(
        [("100.50", ""), ("0.01", ""), ("9000", "true"), ("", ""), ("7", "")]
    )
]


@pytest.fixture
def org(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr("include.connectors.salesforce.bulk_walk.PAGE_ROWS", 2)
    monkeypatch.setattr("include.connectors.salesforce.bulk.POLL_S_FIRST", 0.0)
    with salesforce_running({"Opportunity": DEALS}) as running:
        yield running


def read(source: SalesforceSource, cursor: Cursor | None = None) -> list[RawRecord]:
    records: list[RawRecord] = []
    while True:
        page = source.fetch_page("opportunities", cursor)
        records += page.records
        cursor = page.next_cursor
        if not page.has_more:
            assert set(cursor) == {"until"}
            return records


def test_both_ways_make_the_same_records(org: Running):
    by_rest, in_bulk = (
        {
            (record.native_id, record.version, record.gone): source.translate("opportunities", record.payload)
            for record in read(source)
        }
        for source in (org.source(way=Way.REST), org.source(way=Way.BULK))
    )
    assert by_rest == in_bulk
    assert [gone for _, _, gone in by_rest].count(True) == 1
    assert len(by_rest) == len(DEALS)


def test_what_is_read_in_bulk_is_proven_like_the_rest(org: Running, store: PostgresStore):
    source = org.source(way=Way.BULK)
    assert pull_changes(source, store, entity="opportunities").records == len(DEALS)
    assert check_completeness(source, store, entity="opportunities").proven
    assert any(asked.endswith("/results") for asked in org.asked)


def test_a_session_that_ends_between_two_pages_costs_neither(org: Running):
    source = org.source(way=Way.BULK)
    first = source.fetch_page("opportunities", None)
    second = source.fetch_page("opportunities", first.next_cursor)
    org.org.grants.expire_sessions()
    rest = read(source, second.next_cursor)
    assert len({record.native_id for record in [*second.records, *rest]}) == len(DEALS)
    assert org.org.grants.logins == 2


def test_a_job_that_runs_for_long_is_found_again_by_its_cursor(org: Running, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("include.connectors.salesforce.bulk.POLLS_MAX", 2)
    org.org.bulk_polls = 3
    started = org.source(way=Way.BULK).fetch_page("opportunities", None)
    with pytest.raises(Retryable, match="not done yet"):
        org.source(way=Way.BULK).fetch_page("opportunities", started.next_cursor)
    assert len(read(org.source(way=Way.BULK), started.next_cursor)) == len(DEALS)
    assert org.asked.count("POST /services/data/v59.0/jobs/query") == 1


def test_a_job_that_is_gone_is_made_again(org: Running):
    started = org.source(way=Way.BULK).fetch_page("opportunities", None)
    org.org.jobs.clear()
    assert len(read(org.source(way=Way.BULK), started.next_cursor)) == len(DEALS)


def stated(database_url: str, deal: str) -> list[tuple[str, Any]]:
    """What each page said of a deal's stage, and as of when, oldest first."""
    with psycopg.connect(database_url) as connection:
        return connection.execute(
            "SELECT payload ->> 'StageName', pulled_at FROM raw.records JOIN ops.pulls USING (pull_id) "
            "WHERE native_id = %s ORDER BY seq",
            [deal],
        ).fetchall()


def changed(org: Running, deal: str, **values: str) -> None:
    org.clock.now += timedelta(seconds=1)
    deals = org.org.sobjects["opportunity"]
    org.org.changes.write(deals, org.org.changes.living(deals, deal), values)


def a_job_under_way(org: Running, store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> SalesforceSource:
    """Deals asked for in bulk; the answer is not there yet."""
    monkeypatch.setattr("include.connectors.salesforce.bulk.POLLS_MAX", 1)
    org.org.bulk_polls = 1
    source = org.source(way=Way.BULK)
    with pytest.raises(Retryable, match="not done yet"):
        pull_changes(source, store, entity="opportunities")
    return source


def test_results_are_as_of_when_their_job_was_made_however_late_they_are_read(
    org: Running, store: PostgresStore, database_url: str, monkeypatch: pytest.MonkeyPatch
):
    source = a_job_under_way(org, store, monkeypatch)
    looked_at = database_clock(store)()
    assert pull_changes(source, store, entity="opportunities").records == len(DEALS)
    assert all(as_of < looked_at for deal in DEALS for _, as_of in stated(database_url, deal["Id"]))


def test_the_page_after_the_end_of_a_job_is_as_of_when_it_is_asked_for(
    org: Running, store: PostgresStore, database_url: str
):
    pull_changes(org.source(way=Way.BULK), store, entity="opportunities")
    changed(org, DEALS[0]["Id"], StageName="Closed Won")
    org.clock.now += timedelta(hours=1)
    asked_at = database_clock(store)()
    pull_changes(org.source(way=Way.REST), store, entity="opportunities")
    (_, before), (stage, as_of) = stated(database_url, DEALS[0]["Id"])
    assert before < asked_at < as_of
    assert stage == "Closed Won"


def test_a_row_asked_for_since_its_job_was_made_is_asked_for_once_more(
    org: Running, store: PostgresStore, database_url: str
):
    """The answer stays as old as it is, however often it is read."""

    def break_off(request: requests.PreparedRequest, response: requests.Response) -> requests.Response:
        return cut(response, "") if "locator" in str(request.url) else response

    source, deal, org.alter = org.source(way=Way.BULK), DEALS[3]["Id"], break_off
    with pytest.raises(Retryable):
        pull_changes(source, store, entity="opportunities")
    org.alter = None
    changed(org, deal, StageName="Won")
    with store.transaction() as tx:
        page = Page(records=source.rows("opportunities", [deal]), next_cursor={}, has_more=False)
        keep_page(tx, source, "opportunities", seen=None, asked_at=database_clock(store)(), page=page)
    changed(org, deal, StageName="Lost")
    pull_changes(source, store, entity="opportunities")
    assert [stage for stage, _ in stated(database_url, deal)] == ["Won", "Lost"]
    assert all(stated(database_url, deal["Id"]) for deal in DEALS)


def test_the_twins_results_are_as_the_rows_were_when_the_job_ran(org: Running):
    source = org.source(way=Way.BULK)
    started = source.fetch_page("opportunities", None)
    first = source.fetch_page("opportunities", started.next_cursor)
    for deal in DEALS:
        if not deal["IsDeleted"]:
            changed(org, deal["Id"], StageName="Won")
    read_then = [*first.records, *read(source, first.next_cursor)]
    assert {record.payload["StageName"] for record in read_then} == {"Open"}


@pytest.mark.parametrize("damage", ["line", "rows", "no header", "half a cell"])
def test_results_that_were_cut_off_are_not_accepted(org: Running, damage: str):
    def alter(request: requests.PreparedRequest, response: requests.Response) -> requests.Response:
        if "/results" not in str(request.url):
            return response
        text = response.text
        if damage == "line":
            return cut(response, text[:-4])
        if damage == "half a cell":
            return cut(response, text[: text.rindex('"')] + "\n")
        lines = text.split("\n", 1)[0] + "\n"
        return cut(response, lines) if damage == "rows" else cut(response, lines, Sforce_NumberOfRecords="")

    started = org.source(way=Way.BULK).fetch_page("opportunities", None)
    org.alter = alter
    with pytest.raises(Retryable if damage != "no header" else Fatal):
        read(org.source(way=Way.BULK), started.next_cursor)
    org.alter = None
    assert len(read(org.source(way=Way.BULK), started.next_cursor)) == len(DEALS)


@pytest.mark.parametrize(
    ("rows", "used", "limits", "way"),
    [
        (10, 0, {}, Way.REST),
        (19_999, 0, {}, Way.REST),
        (1_000_000, 0, {}, Way.BULK),
        (1_000_000, 0, {"DailyBulkV2QueryJobs": 0}, Way.REST),
        (19_000, 846, {}, Way.REST),
        (19_000, 942, {}, Way.BULK),
        (200_000, 900, {"DailyBulkV2QueryJobs": 0}, None),
        (10, 949, {}, Way.REST),
    ],
)
def test_the_budget_decides_how_deals_are_read(rows: int, used: int, limits: Any, way: Way | None):
    budget = Budget()
    budget.note(used=used, limit=1_000)
    if way:
        assert choose("opportunities", rows=rows, budget=budget, limits=limits) is way
    else:
        with pytest.raises(Deferred, match="was not read"):
            choose("opportunities", rows=rows, budget=budget, limits=limits)


def test_money_is_read_when_the_rest_has_to_wait(org: Running):
    assert SalesforceSource.entities[0] == "opportunities"
    source = org.source()
    org.org.requests_max, org.org.requests = 100, 85
    source._client.limits()
    with pytest.raises(Deferred, match="contacts"):
        source.fetch_page("contacts", None)
    assert len(read(source)) == len(DEALS)


# --- writes


WRAPPED = (
    '[{"success": false, "errors": [{"statusCode": "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", '
    '"message": "Trigger: UNABLE_TO_LOCK_ROW, unable to obtain"}]}]'
)


def invoices(*keys: str, **more: str) -> list[dict[str, str | None]]:
    return [{"id": key, "number": key, "gross": "12.50", "status": "OPEN", **more} for key in keys]


@pytest.mark.parametrize("bulk_from_rows", [1, 1000])
def test_every_row_of_a_write_is_accounted_for(org: Running, bulk_from_rows: int):
    rows = [*invoices("a", "b"), *invoices("c", status="HALF"), *invoices("d")]
    first, again = (org.writer(bulk_from_rows=bulk_from_rows).upsert("invoices", rows) for _ in range(2))
    assert [one.key for one in first] == ["a", "b", "c", "d"]
    assert [one.created for one in first] == [True, True, False, True]
    assert [one.created for one in again] == [False] * 4
    assert isinstance(first[2].stop, Rejected)
    assert "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST" in str(first[2].stop)
    assert "HALF" not in str(first[2].stop)
    assert [one.native_id for one in first if one.stop is None] == [
        one.native_id for one in again if one.stop is None
    ]
    assert len(org.org.sobjects["invoice__c"].records) == 3


def test_more_rows_than_a_call_takes_are_sent_in_several(org: Running):
    written = org.writer().upsert("invoices", invoices(*(f"k{n}" for n in range(401))))
    assert {one.stop for one in written} == {None}
    assert sum("composite" in asked for asked in org.asked) == 3


def test_a_key_named_twice_is_written_twice_in_order(org: Running):
    written = org.writer().upsert("invoices", [*invoices("a"), *invoices("A", gross="13.00")])
    assert [one.created for one in written] == [True, False]
    assert org.org.sobjects["invoice__c"].records[0]["Total__c"] == 13.0


def test_a_lost_answer_is_uncertain_and_looking_settles_it(org: Running):
    def lose(request: requests.PreparedRequest, response: requests.Response) -> requests.Response:
        if request.method == "PATCH":
            response.close()
            raise requests.ConnectionError("reset after commit")
        return response

    org.alter = lose
    writer = org.writer()
    written = writer.upsert("invoices", invoices("a", "b"))
    assert {type(one.stop) for one in written} == {Uncertain}
    assert set(writer.look("invoices", ["a", "B", "c"])) == {"a", "B"}


@pytest.mark.parametrize(
    ("status", "text", "stop"),
    [
        (503, "<html>", Uncertain),
        (200, '[{"id": "a0', Uncertain),
        (200, "[]", Uncertain),
        (403, '[{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": ""}]', Retryable),
        (200, '[{"success": false, "errors": [{"statusCode": "UNABLE_TO_LOCK_ROW"}]}]', Retryable),
        (200, WRAPPED, Retryable),
        (200, '[{"success": false, "errors": [{"statusCode": "DUPLICATE_VALUE"}]}]', Rejected),
        (200, '[{"success": false, "errors": []}]', Uncertain),
        (200, "[null]", Uncertain),
    ],
)
def test_an_answer_to_a_write_says_what_to_do_with_the_row(
    org: Running, status: int, text: str, stop: type[Exception]
):
    def answer(request: requests.PreparedRequest, response: requests.Response) -> requests.Response:
        if request.method == "PATCH":
            response.status_code = status
            return cut(response, text)
        return response

    org.alter = answer
    [written] = org.writer().upsert("invoices", invoices("a"))
    assert isinstance(written.stop, stop)


def test_bulk_results_that_miss_a_row_leave_it_uncertain(org: Running):
    def hide(request: requests.PreparedRequest, response: requests.Response) -> requests.Response:
        if "successfulResults" in str(request.url):
            return cut(response, response.text.split("\n")[0] + "\n")
        return response

    org.alter = hide
    written = org.writer(bulk_from_rows=1).upsert("invoices", invoices("a", "b"))
    assert {type(one.stop) for one in written} == {Uncertain}


def test_the_rows_of_a_failed_load_are_not_lost(org: Running):
    def refuse(request: requests.PreparedRequest, response: requests.Response) -> requests.Response:
        if request.method == "PUT":
            response.status_code = 503
            return cut(response, "")
        return response

    org.alter = refuse
    written = org.writer(bulk_from_rows=1).upsert("invoices", invoices("a", "b"))
    assert all(isinstance(one.stop, Retryable) for one in written)


def test_nothing_is_written_that_is_not_ours(org: Running):
    with pytest.raises(Fatal, match="amount is not ours to write"):
        org.writer().upsert("opportunities", [{"id": "006", "amount": "1"}])
    with pytest.raises(Fatal, match="without Invoice_Key__c"):
        org.writer().upsert("invoices", [{"id": None, "number": "1"}])


@pytest.mark.parametrize("text", ["a,b\n1,2", 'a,b\n1,"2\n', "a,b\n1\n", "a\n1,2\n"])
def test_csv_that_is_not_whole_is_not_read(text: str):
    with pytest.raises(Retryable):
        bulk.read_csv(text)
