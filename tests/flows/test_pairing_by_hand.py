"""Matches by hand and unmatching: proposed, approved, carried out by the next run, kept by every later one."""

import random
from collections import Counter
from uuid import UUID

import pytest

from include.flows.act_on_break import Acted, By, Conflict
from include.flows.pair_by_hand import Part, Parting, match, offer_unmatch, unmatch, withdraw
from include.flows.resolve_break import approve, propose, reject, resolve
from include.flows.show_rulings import decisions_about, decisions_pending
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
    by_hand = {("manual", "P", "1", 300_00), ("manual", "P", "2", 100_00)}
    assert desk.posted() == by_hand
    assert desk.evidence("P") == "was matched by hand, and 50.00 SGD of it is left on account"

    # What comes later, named or of the very amount, settles what is left and nothing else.
    rest = "R C1 INV-1 SGD 300.00 2026-02-04\nS C1 INV-2 SGD 500.00 2026-02-04"
    desk.load(invoices=INVOICES, payments=f"{UNCLEAR}\n{rest}")
    desk.publish("2026-02-05")
    assert desk.posted() == by_hand | {("P9", "S", "2", 400_00)}
    assert desk.evidence("R").endswith("which P settled already")


def test_what_was_parted_is_open_again_and_stays_so_until_that_is_withdrawn(desk: Desk) -> None:
    desk.load(invoices=INVOICES, payments=CLEAR)
    desk.publish("2026-02-02")
    before = desk.rows("SELECT run_id, certificate FROM recon.runs")
    questioned = desk.unmatch(desk.match_of("Q"))
    assert (questioned.state, desk.lives()["Q"]["code"]) == ("PROPOSED", "CA21")
    with pytest.raises(Rejected, match="it is questioned already, and PROPOSED"):
        desk.unmatch(desk.match_of("Q"), by_="cho")
    desk.publish("2026-02-03")
    assert (desk.posted(), desk.states()["Q"]) == ({("P1", "Q", "1", 300_00)}, "PROPOSED")
    desk.approve(questioned)
    run = desk.publish("2026-02-04").run_id
    assert desk.posted() == set()
    assert {(row["side"], row["item_id"], row["why"]) for row in restated(desk, run)} == {
        ("invoice", "1", "unmatched"),
        ("payment", "Q", "unmatched"),
    }
    assert before == desk.rows("SELECT run_id, certificate FROM recon.runs WHERE as_of = '2026-02-02'")
    said = "was parted from INV-1 by ann, approved by ben, and the rules do not pair them again"
    assert desk.evidence("Q").startswith(said)

    # Not by amount either, nor when it stands in nobody's way: another payment for the invoice takes it.
    other = "R C1 - SGD 300.00 2026-02-04"
    desk.load(invoices=INVOICES, payments=f"{CLEAR}\n{other}")
    desk.publish("2026-02-05")
    assert desk.posted() == {("P4", "R", "1", 300_00)}

    desk.load(invoices=INVOICES, payments=f"{CLEAR}\n{other} failed")
    desk.publish("2026-02-06")
    taken_back = withdraw(desk.store, open_break(desk, "CA01"), by("cho"), policy=POLICY)
    assert (taken_back.state, desk.posted()) == ("PROPOSED", set())
    desk.approve(taken_back)
    with pytest.raises(Rejected, match="the parting was withdrawn when that was approved"):
        reject(desk.store, taken_back.break_id, by("ben"))
    desk.publish("2026-02-07")
    assert desk.posted() == {("P1", "Q", "1", 300_00)}


def test_a_withdrawal_ends_the_parting_it_names_and_no_other(desk: Desk) -> None:
    desk.load(invoices=INVOICES, payments=CLEAR)
    desk.publish("2026-02-02")
    desk.approve(desk.unmatch(desk.match_of("Q")))
    desk.publish("2026-02-03")
    desk.approve(desk.match("Q", "INV-2"))
    desk.publish("2026-02-04")
    desk.approve(desk.unmatch(desk.match_of("Q")))
    desk.publish("2026-02-05")
    desk.approve(withdraw(desk.store, open_break(desk, "CA01"), by("cho"), policy=POLICY))
    partings = "SELECT ended_why FROM recon.rulings WHERE kind = 'unmatch' ORDER BY ruling_no"
    assert [row["ended_why"] for row in desk.rows(partings)] == [None, "withdrawn"]


def test_what_a_match_is_worth_says_how_many_must_approve_its_parting(desk: Desk) -> None:
    large = "5 INV-5 C1 2026-01-01 2026-01-31 SGD 60000.00"
    desk.load(invoices=f"{INVOICES}\n{large}", payments=f"{CLEAR}\nZ C1 INV-5 SGD 60000.00 2026-02-01")
    desk.publish("2026-02-02")
    assert offer_unmatch(desk.store, desk.match_of("Q"), policy=POLICY) == Parting("", 1)
    assert offer_unmatch(desk.store, desk.match_of("Z"), policy=POLICY) == Parting("", 2)
    # Somebody is at work on its break with something else.
    questioned = desk.unmatch(desk.match_of("Z"))
    reject(desk.store, questioned.break_id, by("ben"))
    propose(desk.store, questioned.break_id, by("cho"), kind="write_off", policy=POLICY)
    refused = offer_unmatch(desk.store, desk.match_of("Z"), policy=POLICY).refused
    assert refused == "it is questioned already, and PROPOSED: decide that first"


def restated(desk: Desk, run: object) -> list[dict[str, object]]:
    return desk.rows("SELECT side, item_id, why FROM recon.restatements WHERE run_id = %s", run)


def open_break(desk: Desk, code: str) -> UUID:
    [row] = desk.rows("SELECT break_id FROM recon.break_lives WHERE is_open AND code = %s", code)
    found: UUID = row["break_id"]
    return found


def test_what_cannot_be_matched_is_refused_with_its_reason_also_when_it_is_approved(desk: Desk) -> None:
    others = ("R C1 - SGD 415.00", "S C1 - SGD 60000.00", "T C1 - SGD 90.00")
    more = "\n".join([UNCLEAR, CLEAR, *(f"{one} 2026-02-01" for one in others)])
    desk.load(invoices=INVOICES, payments=more)
    desk.publish("2026-02-02")
    for invoices, why in {
        ("INV-1",): "INV-1 is settled already, by Q",
        (
            "INV-3",
        ): "INV-3 is customer C2's: the payment is customer C1's, and the two are of no common group",
        ("INV-4",): "INV-4 is in USD and the payment in SGD",
        ("INV-9",): "the newest published day knows no invoice INV-9",
        ("INV-2=500.01",): "of INV-2 500.00 SGD is open, and 500.01 SGD is more",
        ("INV-2=460.00",): "460.00 SGD is more than the payment of 450.00 SGD",
        ("INV-2=1.005",): "1.005 has more decimals than SGD has",
        ("INV-2", "2"): "2 is named twice",
        (): "say which invoices it is for",
    }.items():
        with pytest.raises(Rejected, match=why.replace(".", r"\.")):
            desk.match("P", *invoices)
    with pytest.raises(Rejected, match="to manual match cash, say what belongs together"):
        propose(desk.store, desk.break_id("P"), by("ann"), kind="manual_match", policy=POLICY)
    with pytest.raises(
        Rejected,
        match="posts no match of cash or payouts called R3-none; what only an earlier day posted is closed",
    ):
        desk.unmatch("R3-none")
    with pytest.raises(Conflict, match="it is version 1 and you saw 7"):
        match(desk.store, desk.break_id("P"), by("ann", seen=7), parts=[Part("2")], policy=POLICY)
    with pytest.raises(Conflict, match="was published anew since you looked"):
        unmatch(desk.store, desk.match_of("Q"), by("ann"), policy=POLICY, run_id="another")
    assert desk.states() == dict.fromkeys("PRST", "OPEN")

    # Two want the same invoice: whose is approved first has it, and the other one's checker is told.
    first, second = desk.match("P", "INV-2"), desk.match("R", "INV-2", by_="cho")
    assert desk.approve(first) == "APPROVED"
    promised = (
        r"500\.00 SGD is open, of which 450\.00 SGD is matched by hand to others, and 415\.00 SGD is more"
    )
    with pytest.raises(Rejected, match=promised):
        desk.approve(second)
    reject(desk.store, first.break_id, by("ben"))
    assert desk.approve(second) == "APPROVED"
    assert desk.match("T", "2=50.00").state == "APPROVED"  # below the limit nobody checks
    assert desk.match("S", "2=30.00").state == "PROPOSED"  # the break is worth more than two may see
    assert desk.approve(Acted(desk.break_id("S"), "PROPOSED", 2, None)) == "PROPOSED"
    with pytest.raises(Rejected, match="ben has approved it already; 2 people must"):
        desk.approve(Acted(desk.break_id("S"), "PROPOSED", 3, None), by_="Ben")
    desk.approve(Acted(desk.break_id("S"), "PROPOSED", 3, None), by_="dan")

    # A run carries out whole what is still possible, and says of the rest why not.
    desk.load(invoices=INVOICES.replace("SGD 500.00", "SGD 480.00"), payments=more)
    desk.publish("2026-02-03")
    with desk.store.transaction() as tx:
        [stage] = {decision.stage for decision in decisions_about(tx, "S")}
        assert (stage, [one.item_id for one in decisions_pending(tx)]) == ("pending", ["S"])
    assert {line for line in desk.posted() if line[0] == "manual"} == {
        ("manual", "R", "2", 415_00),
        ("manual", "T", "2", 50_00),
    }
    assert desk.evidence("S") == (
        "the match by hand with INV-2 (ann, approved by ben and dan) is not carried out: "
        "of INV-2 15.00 SGD is open, and 30.00 SGD is more"
    )


def test_a_match_by_hand_that_facts_forbid_later_ends_and_the_payment_is_matched_anew(desk: Desk) -> None:
    desk.load(invoices=INVOICES, payments=UNCLEAR)
    desk.publish("2026-02-02")
    desk.approve(desk.match("P", "INV-2"))
    desk.publish("2026-02-03")
    assert (desk.states()["P"], len(desk.posted())) == ("RESOLVED", 1)
    desk.load(invoices=INVOICES.replace("SGD 500.00", "SGD 400.00"), payments=UNCLEAR)
    desk.publish("2026-02-04")
    assert (desk.states()["P"], desk.posted()) == ("OPEN", set())
    assert [row["ended_why"] for row in desk.rows("SELECT ended_why FROM recon.rulings")] == [
        "no longer possible"
    ]
    desk.approve(desk.match("P", "INV-2"))
    desk.publish("2026-02-05")
    assert desk.posted() == {("manual", "P", "2", 400_00)}


def test_what_runs_carry_out_nobody_resolves_and_what_none_can_is_sent_back(desk: Desk) -> None:
    desk.load(invoices=INVOICES, payments=UNCLEAR)
    desk.publish("2026-02-02")
    approved = desk.match("P", "INV-2=450.00")
    desk.approve(approved)
    desk.load(invoices=INVOICES.replace("SGD 500.00", "SGD 40.00"), payments=UNCLEAR)
    desk.publish("2026-02-03")
    assert (desk.states()["P"], desk.posted()) == ("APPROVED", set())
    with pytest.raises(Rejected, match="the next reconciliation carries out what was approved"):
        resolve(desk.store, approved.break_id, by("ann"))
    assert reject(desk.store, approved.break_id, by("ann")).state == "ASSIGNED"
    desk.publish("2026-02-04")


def test_the_same_inputs_and_rulings_give_the_same_certificate_whatever_is_ruled_later(desk: Desk) -> None:
    desk.load(invoices=INVOICES, payments=f"{UNCLEAR}\n{CLEAR}")
    first = desk.publish("2026-02-02").certificate_sha256
    desk.approve(desk.match("P", "INV-2"))
    assert desk.publish("2026-02-02").certificate_sha256 == first
    second = desk.publish("2026-02-03").certificate_sha256
    desk.approve(desk.unmatch(desk.match_of("P")))
    assert desk.publish("2026-02-03").certificate_sha256 == second
    desk.publish("2026-02-04")
    assert desk.posted() == {("P1", "Q", "1", 300_00)}
    stated = desk.rows("SELECT certificate #> '{inputs,rulings,count}' AS n FROM recon.runs ORDER BY as_of")
    assert [row["n"] for row in stated] == [0, 1, 1]

    # The last word counts: the same two are matched by hand again, and parted again.
    desk.approve(desk.match("P", "INV-2"))
    desk.publish("2026-02-05")
    assert ("manual", "P", "2", 450_00) in desk.posted()
    desk.approve(desk.unmatch(desk.match_of("P")))
    desk.publish("2026-02-06")
    assert desk.posted() == {("P1", "Q", "1", 300_00)}


def test_a_credit_note_is_matched_and_not_the_payment_that_has_its_id(desk: Desk) -> None:
    desk.load(
        invoices=INVOICES,
        payments="N C1 - SGD 120.00 2026-02-01",
        credit_notes="N CN-1 C1 - 2026-01-20 SGD -120.00",
    )
    desk.publish("2026-02-02")
    [noted] = desk.rows("SELECT break_id FROM recon.break_lives WHERE code = 'CA12'")
    proposed = match(desk.store, noted["break_id"], by("ann"), parts=[Part("INV-2")], policy=POLICY)
    assert desk.rows("SELECT item_type, item_id FROM recon.pairings") == [
        {"item_type": "credit_note", "item_id": "N"}
    ]
    assert desk.approve(proposed) == "APPROVED"
    desk.publish("2026-02-03")
    assert not [one for one in desk.posted() if one[0] == "manual"]  # no money moved: an invoice was credited
    assert desk.rows("SELECT 1 FROM recon.break_lives WHERE code = 'CA12' AND is_open") == []


def test_a_credit_note_that_names_no_invoice_is_for_the_one_people_say(desk: Desk) -> None:
    desk.load(invoices=INVOICES, credit_notes="N CN-1 C1 - 2026-01-20 SGD -120.00")
    desk.publish("2026-02-02")
    with pytest.raises(Rejected, match="INV-3 is customer C2's: the credit note is customer C1's"):
        desk.match("N", "INV-3")
    desk.approve(desk.match("N", "INV-1"))
    desk.publish("2026-02-03")
    owed = (
        "SELECT open_minor FROM recon.open_invoices JOIN recon.runs USING (run_id) "
        "WHERE invoice_id = '1' AND as_of = %s"
    )
    assert (desk.rows(owed, "2026-02-03")[0]["open_minor"], desk.states()["N"]) == (180_00, "RESOLVED")
    # It is in no match of a run: it goes by its own id.
    with desk.store.transaction() as tx:
        assert [(one.stage, one.parted_by_its_id) for one in decisions_about(tx, "N")] == [("done", True)]
    assert offer_unmatch(desk.store, "N", policy=POLICY) == Parting("", 1)
    questioned = desk.unmatch("N")
    assert offer_unmatch(desk.store, "N", policy=POLICY).refused.startswith(
        "it is questioned already, and PROPOSED"
    )
    desk.approve(questioned)
    assert offer_unmatch(desk.store, "N", policy=POLICY).refused.startswith(
        "the newest published day, 2026-02-03"
    )
    desk.publish("2026-02-04")
    assert desk.rows(owed, "2026-02-04")[0]["open_minor"] == 300_00
    assert {
        life["state"] for life in desk.rows("SELECT state FROM recon.break_lives WHERE key = 'N' AND is_open")
    } == {"OPEN"}


@pytest.mark.parametrize("seed", [1, 2])
def test_money_is_decided_once_whatever_people_match_and_part_in_between(desk: Desk, seed: int) -> None:
    """Any of the checks of sql/checks, which run when the test is over, would show money used twice."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    invoices = [
        f"{n} INV-{n} C1 2026-01-01 2026-01-31 SGD {chance.choice((100, 200, 300))}.00" for n in range(8)
    ]
    payments = [
        f"P{n} C1 {chance.choice(('-', f'INV-{n}'))} SGD {chance.choice((100, 200, 250))}.00 2026-02-0{1 + n % 3}"
        for n in range(8)
    ]
    acts: Counter[str] = Counter()
    for day in range(2, 7):
        desk.load(invoices="\n".join(invoices), payments="\n".join(payments[: day + 2]))
        desk.publish(f"2026-02-0{day}")
        spent: Counter[str] = Counter()
        for _, payment, _, minor in desk.posted():
            spent[payment] += minor
        amounts = {row.split()[0]: int(row.split()[4][:-3]) * 100 for row in payments}
        assert all(minor <= amounts[payment] for payment, minor in spent.items())
        for _ in range(6):
            acts += Counter([act_at_random(desk, chance)])
    assert {"match", "unmatch", "refused"} <= set(acts), acts


def act_at_random(desk: Desk, chance: random.Random) -> str:
    posted = sorted({payment for _, payment, _, _ in desk.posted()})
    open_ = sorted(key for key, life in desk.lives().items() if life["is_open"] and life["code"] != "CA21")
    try:
        if posted and chance.random() < 0.4:
            desk.approve(desk.unmatch(desk.match_of(chance.choice(posted))))
            return "unmatch"
        wanted = chance.sample(range(8), chance.choice((1, 2)))
        made = desk.match(chance.choice(open_), *(f"INV-{n}" for n in wanted))
        if made.state == "PROPOSED":
            desk.approve(made)
    except Rejected:
        return "refused"
    return "match"
