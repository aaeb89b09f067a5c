"""What the lane asks many times a second is found by an index, however much there is by now."""

import re
from typing import Any

import psycopg

from include.store.queries import query

KINDS = ("payments", "refunds", "disputes", "credit_notes", "invoices")


def plan(connection: psycopg.Connection[Any], name: str, **params: object) -> str:
    """How Postgres would find it in tables so full that reading them whole is the last resort."""
    connection.execute("SET enable_seqscan = off")
    rows = connection.execute(f"EXPLAIN {query(name)}".encode(), params).fetchall()
    return "\n".join(row[0] for row in rows)


def test_what_the_lane_asks_often_is_found_by_an_index(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        told = plan(connection, "landed_since", batch=7, place="payments/P", most=50)
        ordered = plan(connection, "ordered_deals")
        off = {"cancelled": ["cancelled"], "drafts": ["draft"]}
        deal = plan(connection, "deals_to_bill", opportunities=["006A"], **off)
    for kind in KINDS:
        assert re.search(rf"{kind}_landed_idx on {kind}.*\n +Index Cond: \(ROW\(recorded_in", told), told
    assert "hashed" not in told, "nothing is gathered whole for a handful"
    assert re.search(r"Index Cond: .*kind = 'order'.*finished_at >", ordered), ordered
    for condition in (
        "(entity = 'opportunities'::text) AND (native_id = ANY ('{006A}'::text[]))",  # deals that were looked at
        "(opportunity_id = ANY ('{006A}'::text[]))",  # orders
        "(side_a_id = deal.account_id)",  # matches
    ):
        assert condition in deal, deal


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
