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
        deal = plan(connection, "deals_to_bill", opportunities=["006A"], cancelled=["cancelled"])
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
