"""Matches by hand and unmatching: proposed, approved, carried out by the next run, kept by every later one."""

import pytest

from include.flows.pair_by_hand import Part, match, unmatch, withdraw
from include.flows.resolve_break import Acted, By, Conflict, approve, reject
from include.policy import load_policy
from include.ports import Rejected
from include.store.postgres import PostgresStore
from tests.flows.conftest import Draw
from tests.flows.lives import Days

POLICY = load_policy()


def by(actor: str, *, seen: int | None = None) -> By:
    return By(actor=actor, reason="the remittance advice says so", seen=seen)


class Desk(Days):
    """Days of a system, and people who match and part by hand."""

    def match(self, key: str, *invoices: str, by_: str = "ann") -> Acted:
        parts = [Part(*text.split("=")) for text in invoices]
        return match(self.store, self.break_id(key), by(by_), parts=parts, policy=POLICY)

    def unmatch(self, subject: str, *, by_: str = "ann") -> Acted:
        return unmatch(self.store, subject, by(by_), policy=POLICY)

    def approve(self, acted: Acted, *, by_: str = "ben") -> str:
        return approve(self.store, acted.break_id, by(by_)).state

    def posted(self) -> set[tuple[str, str, str, int]]:
        """By the newest published run."""
        rows = self.rows(
            "SELECT rule, side_a_id, side_b_id, amount_minor FROM recon.matches WHERE recon = 'R3' AND "
            "state = 'posted' AND run_id = (SELECT run_id FROM recon.runs WHERE state = 'published' "
            "ORDER BY as_of DESC, computed_at DESC LIMIT 1)"
        )
        return {(row["rule"], row["side_a_id"], row["side_b_id"], row["amount_minor"]) for row in rows}

    def match_of(self, payment: str) -> str:
        [row] = self.rows(
            "SELECT DISTINCT match_id FROM recon.matches WHERE side_a_id = %s AND state = 'posted'", payment
        )
        return str(row["match_id"])

    def evidence(self, key: str) -> str:
        rows = self.rows(
            "SELECT evidence FROM recon.breaks JOIN recon.runs USING (run_id) WHERE key = %s "
            "ORDER BY as_of DESC, computed_at DESC LIMIT 1",
            key,
        )
        return str(rows[0]["evidence"])


@pytest.fixture
def desk(store: PostgresStore, database_url: str, draw: Draw) -> Desk:
    return Desk(store, database_url, draw)


INVOICES = """
1 INV-1 C1 2026-01-01 2026-01-31 SGD 300.00
2 INV-2 C1 2026-01-01 2026-01-31 SGD 500.00
3 INV-3 C2 2026-01-01 2026-01-31 SGD 300.00
4 INV-4 C1 2026-01-01 2026-01-31 USD 300.00
"""
UNCLEAR = "P C1 - SGD 450.00 2026-02-01"
CLEAR = "Q C1 INV-1 SGD 300.00 2026-02-01"


def test_a_match_by_hand_is_posted_by_the_next_run_once_somebody_else_approved_it(desk: Desk) -> None:
    desk.load(invoices=INVOICES, payments=UNCLEAR)
    desk.publish("2026-02-02")
    proposed = desk.match("P", "INV-1", "2=100.00")
    assert proposed.state == "PROPOSED"
    desk.publish("2026-02-03")
    assert desk.posted() == set()
    with pytest.raises(Rejected, match="ann proposed it, and somebody else must check it"):
        desk.approve(proposed, by_="ANN")
    assert desk.approve(proposed) == "APPROVED"
    desk.publish("2026-02-04")
    assert desk.posted() == {("manual", "P", "1", 300_00), ("manual", "P", "2", 100_00)}
    assert desk.states()["P"] == "ASSIGNED"
    assert desk.evidence("P") == "was matched by hand, and 50.00 SGD of it is left on account"
