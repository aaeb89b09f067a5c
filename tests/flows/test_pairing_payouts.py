"""Payouts matched by hand with the bank's lines, and parted: proposed, approved, carried out by the next run, kept."""

import pytest

from include.flows.act_on_break import Acted, By
from include.flows.pair_by_hand import Part, match, unmatch, withdraw
from include.flows.resolve_break import approve, life_now, propose, reject, resolve
from include.flows.show_rulings import decisions_about, decisions_pending, pairable
from include.policy import load_policy
from include.ports import Rejected
from include.store.postgres import PostgresStore
from tests.flows.conftest import Draw
from tests.flows.lives import Days

POLICY = load_policy()
PAYOUT = "PO-0001 SGD 205.37 2026-03-06 paid"
BEFORE = "B0 A 2026-03-01 SGD -1.00\n"
"""From when on the bank's lines are loaded: what arrived before nobody misses."""
ALIKE = f"{BEFORE}B1 A 2026-03-09 SGD 205.37\nB2 A 2026-03-09 SGD 205.37"
PARTS = f"{BEFORE}B3 A 2026-03-07 SGD 200.00\nB4 A 2026-03-08 SGD 5.37"


def by(actor: str) -> By:
    return By(actor=actor, reason="the bank's advice says so")


class Desk(Days):
    """Days of payouts and bank lines, and people who match and part them."""

    def match(self, key: str, *others: str, by_: str = "ann") -> Acted:
        return match(
            self.store, self.break_id(key), by(by_), parts=[Part(one) for one in others], policy=POLICY
        )

    def approve(self, acted: Acted, *, by_: str = "ben") -> str:
        return approve(self.store, acted.break_id, by(by_)).state

    def posted(self) -> set[tuple[str, str, str, int]]:
        """Payouts and lines by the newest published run."""
        rows = self.rows(
            "SELECT rule, side_a_id, side_b_id, amount_minor FROM recon.matches WHERE recon = 'R4' AND "
            "state = 'posted' AND side_a_type = 'payout' AND run_id = (SELECT run_id FROM recon.runs "
            "WHERE state = 'published' ORDER BY as_of DESC, computed_at DESC LIMIT 1)"
        )
        return {(row["rule"], row["side_a_id"], row["side_b_id"], row["amount_minor"]) for row in rows}


@pytest.fixture
def desk(store: PostgresStore, database_url: str, draw: Draw) -> Desk:
    return Desk(store, database_url, draw)


def test_a_payout_is_the_line_two_people_say_and_no_rule_takes_either(desk: Desk) -> None:
    desk.load(payouts=PAYOUT, bank_lines=ALIKE)
    desk.publish("2026-03-10")
    assert (desk.posted(), desk.states()) == (set(), {"PO-0001": "OPEN", "B1": "OPEN", "B2": "OPEN"})
    life = life_now(desk.store, desk.break_id("PO-0001"))
    shown = pairable(desk.store, life, ["B1", "B2"])
    assert shown is not None
    assert {one: choice.refused for one, choice in shown.choices.items()} == {"B1": "", "B2": ""}
    with pytest.raises(Rejected, match="to manual match payouts, say what belongs together"):
        propose(desk.store, life.break_id, by("ann"), kind="manual_match", policy=POLICY)
    proposed = desk.match("PO-0001", "B2")
    assert proposed.state == "PROPOSED"
    with pytest.raises(Rejected, match="ann proposed it, and somebody else must check it"):
        desk.approve(proposed, by_="ANN")
    desk.approve(proposed)
    with pytest.raises(Rejected, match="the next reconciliation carries out what was approved"):
        resolve(desk.store, proposed.break_id, by("ann"))
    # What is promised is nobody else's, and both sides say where it is.
    with pytest.raises(Rejected, match="payout PO-0001 is matched by hand already, by ann"):
        desk.match("B1", "PO-0001")
    with desk.store.transaction() as tx:
        assert {one.stage for key in ("PO-0001", "B2") for one in decisions_about(tx, key)} == {"pending"}
    desk.publish("2026-03-11")
    assert desk.posted() == {("manual", "PO-0001", "B2", 205_37)}
    assert desk.states() == {"PO-0001": "RESOLVED", "B1": "OPEN", "B2": "RESOLVED"}
    with desk.store.transaction() as tx:
        assert decisions_pending(tx) == []
    totals = desk.rows(
        "SELECT side, matched_minor, open_minor, proven FROM recon.control_totals JOIN recon.runs USING (run_id) "
        "WHERE recon = 'R4' AND as_of = '2026-03-11' AND side IN ('payout', 'bank_line') ORDER BY side"
    )
    assert [tuple(row.values()) for row in totals] == [
        ("bank_line", 205_37, 204_37, True),
        ("payout", 205_37, 0, True),
    ]


def test_a_payout_that_came_in_lines_and_a_line_of_several_payouts_are_matched_whole_or_not_at_all(
    desk: Desk,
) -> None:
    others = "PO-0002 SGD 60.00 2026-03-06 paid\nPO-0003 SGD 40.00 2026-03-06 paid\nPO-0004 USD 7.00 2026-03-06 paid"
    more = "B5 A 2026-03-20 SGD 100.00\nB6 A 2026-03-20 SGD 7.00"
    desk.load(payouts=f"{PAYOUT}\n{others}", bank_lines=f"{PARTS}\n{more}")
    desk.publish("2026-03-21")
    for key, named, why in (
        ("PO-0001", ["B3"], "205.37 SGD was paid out and the bank has 200.00 SGD: 5.37 SGD is between them"),
        ("PO-0004", ["B6"], "they are in SGD and USD: one currency is matched by hand"),
        ("PO-0001", ["B9"], "the newest published day knows no line of the bank B9"),
        ("PO-0001", ["B3", "B3"], "something is named twice"),
        ("PO-0001", [], "say which lines of the bank it is"),
        ("B5", ["PO-0002"], "60.00 SGD was paid out and the bank has 100.00 SGD"),
    ):
        with pytest.raises(Rejected, match=why.replace(".", r"\.")):
            desk.match(key, *named)
    with pytest.raises(Rejected, match="matched whole: leave the amounts out"):
        match(desk.store, desk.break_id("PO-0001"), by("ann"), parts=[Part("B3", "1.00")], policy=POLICY)
    first, second = desk.match("PO-0001", "B3", "B4"), desk.match("B5", "PO-0002", "PO-0003")
    if second.state == "PROPOSED":
        desk.approve(second)
    desk.approve(first)
    desk.publish("2026-03-22")
    assert desk.posted() == {
        ("manual", "PO-0001", "B3", 200_00),
        ("manual", "PO-0001", "B4", 5_37),
        ("manual", "PO-0002", "B5", 60_00),
        ("manual", "PO-0003", "B5", 40_00),
    }

    # A line that changes takes the whole of its match along, and its break says why.
    desk.load(payouts=f"{PAYOUT}\n{others}", bank_lines=f"{PARTS.replace('5.37', '5.00')}\n{more}")
    desk.publish("2026-03-23")
    assert {line[1] for line in desk.posted()} == {"PO-0002", "PO-0003"}
    assert desk.evidence("PO-0001").endswith(
        "; the match by hand with B3, B4 (ann, approved by ben) is not carried out: 205.37 SGD was paid out and the "
        "bank has 205.00 SGD: 0.37 SGD is between them, and only what adds up is matched"
    )
    assert [
        row["ended_why"] for row in desk.rows("SELECT ended_why FROM recon.rulings ORDER BY ruling_no")
    ] == [
        None,
        "no longer possible",
    ]

    # What came together is parted together, by the line.
    parted = unmatch(desk.store, desk.match_of("PO-0002"), by("cho"), policy=POLICY)
    assert desk.lives()["B5"]["code"] in {"CA21", "PO02"}
    desk.approve(parted)
    desk.publish("2026-03-24")
    assert desk.posted() == set()
    said = "was parted from B5 by cho, approved by ben, and the rules do not pair them again"
    assert desk.evidence("PO-0003").endswith(said)


def test_what_was_parted_is_not_paired_again_until_that_is_withdrawn(desk: Desk) -> None:
    named = "B1 A 2026-03-06 SGD 205.37 PAYOUT_po_0001"
    desk.load(payouts=PAYOUT, bank_lines=named)
    desk.publish("2026-03-10")
    assert desk.posted() == {("P1", "PO-0001", "B1", 205_37)}
    certificate = desk.rows("SELECT certificate FROM recon.runs")
    questioned = unmatch(desk.store, desk.match_of("PO-0001"), by("ann"), policy=POLICY)
    life = desk.lives()["PO-0001"]
    assert (life["recon"], life["code"], life["owner"]) == ("R4", "CA21", POLICY.breaks.codes["PO01"].owner)
    with pytest.raises(Rejected, match="it is questioned already, and PROPOSED"):
        unmatch(desk.store, desk.match_of("PO-0001"), by("cho"), policy=POLICY)
    desk.publish("2026-03-11")
    assert (len(desk.posted()), desk.states()["PO-0001"]) == (1, "PROPOSED")
    desk.approve(questioned)
    with pytest.raises(Rejected, match="the next reconciliation carries out what was approved"):
        resolve(desk.store, questioned.break_id, by("ann"))
    desk.publish("2026-03-12")
    assert desk.posted() == set()
    assert certificate == desk.rows("SELECT certificate FROM recon.runs WHERE as_of = '2026-03-10'")
    said = "was parted from B1 by ann, approved by ben, and the rules do not pair them again"
    assert desk.evidence("PO-0001").endswith(said)
    desk.load(payouts=PAYOUT, bank_lines=f"{named}\nB2 A 2026-03-11 SGD 205.37")
    desk.publish("2026-03-13")
    assert desk.posted() == {("P4", "PO-0001", "B2", 205_37)}, "another line may be it by likeness"
    desk.load(payouts=PAYOUT, bank_lines=f"{named}\nB2 A 2026-03-11 SGD 5.37")
    desk.publish("2026-03-14")
    [row] = desk.rows("SELECT break_id FROM recon.break_lives WHERE is_open AND code = 'PO01'")
    desk.approve(withdraw(desk.store, row["break_id"], by("cho"), policy=POLICY))
    desk.publish("2026-03-15")
    assert desk.posted() == {("P1", "PO-0001", "B1", 205_37)}


def test_what_is_sent_back_before_a_run_carries_it_out_is_over(desk: Desk) -> None:
    desk.load(payouts=PAYOUT, bank_lines=ALIKE)
    desk.publish("2026-03-10")
    approved = desk.match("PO-0001", "B1")
    desk.approve(approved)
    reject(desk.store, approved.break_id, by("ben"))
    desk.publish("2026-03-11")
    assert desk.posted() == set()
    desk.approve(desk.match("PO-0001", "B2"))
    desk.publish("2026-03-12")
    assert desk.posted() == {("manual", "PO-0001", "B2", 205_37)}
