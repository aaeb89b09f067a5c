"""What the lane asks many times a second is found by an index, however much there is by now."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from include.store.queries import SQL, query

KINDS = ("payments", "refunds", "disputes", "credit_notes", "invoices", "orders", "opportunities")


def plan(connection: psycopg.Connection[Any], name: str, **params: object) -> str:
    """How Postgres would find it in tables so full that reading them whole is the last resort."""
    connection.execute("SET enable_seqscan = off")
    rows = connection.execute(f"EXPLAIN {query(name)}".encode(), params).fetchall()
    return "\n".join(row[0] for row in rows)


def test_what_the_lane_asks_often_is_found_by_an_index(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        told = plan(connection, "landed_since", batch=7, place="payments/P", most=50)
        ordered = plan(connection, "ordered_deals")
        about = plan(connection, "invoices_of_objects", entities=["payments"], native_ids=["P"])
        tried = plan(connection, "invoices_of_card", invoice_id="I")
        live = plan(connection, "take_live_hints", sources=["payments"], most=50, lease=timedelta(1))
    for kind in KINDS:
        assert re.search(rf"{kind}_landed_idx on {kind}.*\n +Index Cond: \(ROW\(recorded_in", told), told
    assert re.search(r"Index Cond: \(\(subject > .*subject < ", about), about
    assert "attempts_invoice_id_idx" in tried, tried
    assert "inbox_live_idx" in live, live
    assert "Sort" not in live, live
    assert "hashed" not in told, "nothing is gathered whole for a handful"
    assert re.search(r"Index Cond: .*kind = 'order'.*finished_at >", ordered), ordered


MANY_PAYMENTS = """
    INSERT INTO delivery.looked_at (source, entity, native_id, look, looked_at, gone, facts, facts_sha256)
    SELECT 'payments', 'payments', 'P' || n, n, now(), false, jsonb_build_object('invoice_id', 'I' || n / 3), ''
    FROM generate_series(1, 20000) AS n
"""


def test_of_very_many_payments_those_of_an_invoice_are_looked_up(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(MANY_PAYMENTS)
        connection.execute("ANALYZE delivery.looked_at")
        money = plan(connection, "money_of_invoices", invoices=["I7"])
        about = plan(connection, "invoices_of_objects", entities=["payments"], native_ids=["P7"])
        words = plan(connection, "newest_words", entities=["payments"], native_ids=["P7"])
        connection.rollback()
    assert re.search(r"looked_at_invoice_idx.*\n +Index Cond: .*invoice_id", money), money
    for told in (money, about, words):
        assert max(map(int, re.findall(r"rows=(\d+)", told))) < 1_000, told


def test_what_little_fits_is_looked_up_and_not_searched_for(database_url: str) -> None:
    """Ten suggestions among a million matches; one person's acts, or one thing's, in a log of years."""
    page = {"run_id": "00000000-0000-0000-0000-000000000001", "match": "", "a": "", "b": "", "limit": 51}
    log = {"xid": None, "id": None, "limit": 51}
    wanted = {"since": None, "until": None, "act": None, "most": 50_001}
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO audit.events (actor, act, entity, why) "
            "SELECT 'person ' || n % 50, 'did', 'breaks/' || n, 'a test' FROM generate_series(1, 5000) AS n"
        )
        connection.execute("ANALYZE audit.events")
        suggested = plan(connection, "console_matches", **page, until="S", state="suggested")
        by_rule = plan(
            connection, "console_matches_by_rule", **page, recon="R5", rule="S1", state="suggested"
        )
        by_actor = plan(connection, "console_audit", **log, every=True, actor="ann", entity=None)
        by_entity = plan(connection, "console_audit", **log, every=False, actor=None, entity="breaks/1")
        handed_out = plan(connection, "audit_wanted", **wanted, actor=None, entity="breaks/1")
        items = plan(connection, "console_payout_items", payout_id="po_1")
        connection.rollback()
    assert "matches_suggested on matches" in suggested, suggested
    assert "matches_suggested_by_rule on matches" in by_rule, by_rule
    assert "Sort" not in suggested + by_rule, "in the order of the index"
    assert re.search(r"events_by_actor on events.*\n +Index Cond: \(actor = 'ann'", by_actor), by_actor
    assert re.search(r"events_by_entity on events.*\n +Index Cond: \(entity = 'breaks/1'", by_entity), (
        by_entity
    )
    assert "events_by_entity on events" in handed_out, handed_out
    assert "seals_by_end on seals" in handed_out, handed_out
    assert "payout_items_of_payout on payout_items" in items, items


RARELY = {"said_last", "measure_mirrored"}
"""Looks through all that was ever said: when the writing is handed over, and once a day."""

TYPED = {"now": "timestamptz", "today": "date"}
"""Parameters whose type Postgres would not guess from where they stand."""

WAITS = ("message_id", "target_next_at_message_id", "target_subject_message_id", "reason_message_id")
"""Indexes of the few messages that wait or are parked."""


def looks_through_the_outbox(connection: psycopg.Connection[Any], name: str) -> list[str]:
    """Scans of the outbox, whatever the parameters, that nothing narrows and that are not of the few that wait."""
    params: list[str] = []

    def numbered(found: re.Match[str]) -> str:
        params.extend({found[1]} - set(params))
        return f"${params.index(found[1]) + 1}" + (f"::{TYPED[found[1]]}" if found[1] in TYPED else "")

    text = re.sub(r"%\((\w+)\)s", numbered, query(name)).replace("%%", "%")
    told = "\n".join(row[0] for row in connection.execute(f"EXPLAIN (GENERIC_PLAN) {text}".encode()))
    scans = re.findall(
        r"(?:Seq|Index).*Scan.* on outbox.*\n?.*", told
    )  # and in the line below what narrows it
    narrow = [*(f"outbox_{index}_idx" for index in WAITS), "Index Cond: "]
    return [scan for scan in scans if not any(one in scan for one in narrow)]


MANY_MESSAGES = """
    INSERT INTO delivery.outbox (key, kind, target, subject, body, body_sha256, newest_only)
    SELECT n, (ARRAY['invoice_status', 'order', 'invoice', 'task', 'dunning', 'deal_status'])[1 + n % 6],
        (ARRAY['salesforce', 'erp', 'payments'])[1 + n % 3], 'invoices/' || n % 1000, '{}', '', false
    FROM generate_series(1, 5000) AS n;
    UPDATE delivery.outbox SET state = 'superseded', finished_at = ops.clock() - message_id * interval '1 hour'
    WHERE message_id <= 4950
"""


def test_what_was_sent_is_looked_through_by_no_query_that_runs_often(database_url: str) -> None:
    texts = "\n".join(path.read_text() for path in (SQL / "queries").glob("*.sql"))
    names = re.findall(r"^-- name: (\w+)", texts, re.MULTILINE)
    often = [name for name in names if "delivery.outbox" in query(name) and name not in RARELY]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(MANY_MESSAGES)
        connection.execute("VACUUM ANALYZE delivery.outbox")
        found = {name: scans for name in often if (scans := looks_through_the_outbox(connection, name))}
    assert found == {}


NOT_STANDING = {"cancelled": ["cancelled"], "drafts": ["draft"]}

MANY_DEALS = """
    INSERT INTO ops.batches DEFAULT VALUES;
    INSERT INTO canonical.opportunities (
        native_id, version, place, row_hash, recorded_in, id, stage, is_won, is_closed, erp_order_id
    )
    SELECT '006' || n, '', '', '', 1, '006' || n, '', n % 5 = 0, n % 5 = 0, 'O' || n FROM generate_series(1, 5000) AS n;
    INSERT INTO canonical.deal_lines (native_id, version, place, row_hash, recorded_in, id, opportunity_id)
    SELECT '00k' || n, '', '', '', 1, '00k' || n, '006' || n FROM generate_series(1, 5000) AS n;
    INSERT INTO canonical.orders (
        native_id, version, place, row_hash, recorded_in, id, number, customer_id, order_date, currency, amount_minor,
        opportunity_id
    )
    SELECT 'O' || n, '', '', '', 1, 'O' || n, '', 'C', '2026-01-01', 'SGD', 1, '006' || n
    FROM generate_series(5, 4900, 5) AS n;
    INSERT INTO delivery.looked_at (source, entity, native_id, look, looked_at, gone, facts, facts_sha256)
    SELECT 'salesforce', entity, '006' || n, n, now(), false, jsonb_build_object('is_won', (n % 10 = 0)::text), ''
    FROM generate_series(1, 5000, 3) AS n, unnest(ARRAY['opportunities', 'lines_of_deals']) AS entity
"""


@pytest.fixture
def many(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A database with some thousand deals; some hundred are won."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(MANY_DEALS)
        connection.execute("VACUUM ANALYZE")
        yield connection


def deals_to_bill(connection: psycopg.Connection[Any], opportunities: list[str] | None) -> str:
    wanted = {"opportunities": opportunities, **NOT_STANDING}
    rows = connection.execute(f"EXPLAIN {query('deals_to_bill')}".encode(), wanted).fetchall()
    return "\n".join(row[0] for row in rows)


@pytest.mark.parametrize("opportunities", [None, ["006A"]])
def test_what_won_deals_miss_is_asked_without_a_call_a_deal_and_of_no_other_deal(
    many: psycopg.Connection[Any], opportunities: list[str] | None
) -> None:
    told = deals_to_bill(many, opportunities)
    called = set(re.findall(r"Function Scan on (\w+)", told))
    assert called <= {"jsonb_populate_record", "jsonb_populate_recordset", "unnest"}, told
    read_whole = set(re.findall(r"Seq Scan on (\w+)", told))
    assert not read_whole & {"opportunities", "deal_lines", *(["looked_at"] if opportunities else [])}, told


def test_of_all_deals_those_that_are_won_are_found_by_an_index(many: psycopg.Connection[Any]) -> None:
    told = deals_to_bill(many, None)
    assert "opportunities_won_idx" in told, told
    assert "looked_at_won_idx" in told, told


def test_of_one_deal_only_that_one_is_read(many: psycopg.Connection[Any]) -> None:
    told = deals_to_bill(many, ["006A"])
    for condition in (
        r"opportunities_won_idx .*\n +Index Cond: \(native_id = ANY \('{006A}'",  # as they landed
        r"looked_at_won_idx .*\n +Index Cond: \(native_id = ANY \('{006A}'",  # as they were looked at
        r"orders_opportunity_id_idx .*\n +Index Cond: \(opportunity_id = \(won",
        r"\(side_a_id = ",  # matches
    ):
        assert re.search(condition, told), told
