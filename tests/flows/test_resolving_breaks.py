"""People at work on breaks: who may do what, who must not, and two people at one break."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from include.domain.break_life import Kind
from include.flows.act_on_break import Acted, By, Conflict, act_on_many
from include.flows.ask_approvals import note_person
from include.flows.publish_run import publish_run
from include.flows.raise_alerts import raise_alerts
from include.flows.reconcile import reconcile
from include.flows.resolve_break import (
    accept,
    approve,
    assign,
    comment,
    find_break,
    giving,
    propose,
    proposing,
    reject,
    remarking,
    resolve,
)
from include.flows.show_breaks import Wanted, list_breaks, show_break
from include.policy import load_policy
from include.ports import Rejected
from include.store.postgres import PostgresStore, PostgresTransaction
from tests.flows.conftest import Draw
from tests.flows.lives import Days

POLICY = load_policy()


@pytest.fixture
def days(store: PostgresStore, database_url: str, draw: Draw) -> Days:
    return Days(store, database_url, draw)


def by(actor: str, *, seen: int | None = None) -> By:
    return By(actor=actor, reason="looked at it", seen=seen)


class Desk:
    """One break, and what is done to it."""

    def __init__(self, days: Days, *, amount: str) -> None:
        days.load(payments=f"P C1 - SGD {amount} 2026-02-01")
        days.publish("2026-03-31")
        self.days, self.id = days, days.break_id("P")

    def do(self, act: Callable[..., Acted], actor: str, *, seen: int | None = None) -> str:
        return act(self.days.store, self.id, by(actor, seen=seen)).state

    def propose(self, actor: str, kind: Kind) -> str:
        return propose(self.days.store, self.id, by(actor), kind=kind, policy=POLICY).state

    def assign(self, actor: str, *, to: str) -> Acted:
        return assign(self.days.store, self.id, by(actor), to=to)


def test_a_proposal_by_limits_that_nobody_kept_is_refused_with_who_keeps_them(days: Days) -> None:
    desk = Desk(days, amount="60.00")
    other = POLICY.model_copy(update={"sha256": "f" * 64})
    with pytest.raises(
        Rejected, match="the limits of the rules ffffffffffff are not in force: the dag watch"
    ):
        propose(days.store, desk.id, by("ann"), kind="write_off", policy=other)


def test_who_goes_back_to_an_earlier_policy_is_judged_by_its_limits_before_any_run_knows_it_again(
    days: Days,
) -> None:
    desk = Desk(days, amount="60.00")
    other = POLICY.model_copy(update={"sha256": "b" * 64})
    for now in (other, other, POLICY):
        raise_alerts(days.store, now)
        if now is other:
            reconcile(days.store, as_of=date(2026, 4, 1), policy=other)
    assert desk.propose("ann", "write_off") == "PROPOSED"
    named = days.rows("SELECT rules_sha256 FROM recon.limits_named ORDER BY naming_no")
    assert [row["rules_sha256"] for row in named] == [POLICY.sha256, other.sha256, POLICY.sha256]
    again = days.rows("SELECT entity FROM audit.events WHERE act = 'limits named again'")
    assert [row["entity"] for row in again] == [f"rules/{POLICY.sha256}"]


def test_a_break_is_worked_on_by_whoever_has_it_and_closed_with_a_reason(days: Days) -> None:
    desk = Desk(days, amount="60.00")
    with pytest.raises(
        Rejected, match=r"nobody called ann@firm\.example is known here: it takes something they did"
    ):
        desk.assign("lead", to="Ann@firm.example ")
    note_person(days.store, "ann@firm.example", ["can_read"])
    with pytest.raises(Rejected, match=r"ann@firm\.example may not work on breaks"):
        desk.assign("lead", to="Ann@firm.example ")
    note_person(days.store, "ann@firm.example", ["can_read", "can_work"])
    desk.assign("lead", to="Ann@firm.example ")
    with pytest.raises(Rejected, match=r"ann@firm\.example has it; have it assigned to you first"):
        desk.do(resolve, "ben")
    assert desk.do(comment, "ben") == "ASSIGNED"
    assert desk.do(resolve, "ann@FIRM.example") == "RESOLVED"
    assert [act for act, _ in days.history("P")] == [
        "opened by run",
        "assigned by lead",
        "commented by ben",
        "resolved by ann@firm.example",
    ]


@pytest.mark.parametrize("other", ["ann", "Ann", " ANN ", "ann\n"])
def test_whoever_proposed_a_write_off_cannot_approve_it_under_any_spelling(days: Days, other: str) -> None:
    desk = Desk(days, amount="5.00")
    assert desk.propose("ann", "write_off") == "PROPOSED"
    with pytest.raises(Rejected, match="ann proposed it, and somebody else must check it"):
        desk.do(approve, other)
    assert (desk.do(approve, "ben"), desk.do(accept, "ann")) == ("APPROVED", "ACCEPTED")


def test_above_fifty_thousand_dollars_two_different_people_approve(days: Days) -> None:
    desk = Desk(days, amount="50000.01")
    desk.propose("ann", "merge")
    assert desk.do(approve, "ben") == "PROPOSED"
    with pytest.raises(Rejected, match="ben has approved it already; 2 people must"):
        desk.do(approve, "BEN")
    assert (desk.do(approve, "cho"), desk.do(resolve, "ann")) == ("APPROVED", "RESOLVED")


@pytest.mark.parametrize(
    ("amount", "kind", "state"),
    [
        ("1.00", "write_off", "PROPOSED"),
        ("1.00", "accept", "PROPOSED"),
        ("1.00", "merge", "PROPOSED"),
        ("1.00", "config_change", "PROPOSED"),
        ("60000.00", "correct", "APPROVED"),
    ],
)
def test_what_needs_a_second_pair_of_eyes(days: Days, amount: str, kind: Kind, state: str) -> None:
    assert Desk(days, amount=amount).propose("ann", kind) == state


def test_money_of_unknown_value_needs_two_checkers(days: Days) -> None:
    days.load(payments="P C1 - USD 1.00 2026-02-01")
    days.publish("2026-03-31")
    break_id = days.break_id("P")
    propose(days.store, break_id, by("ann"), kind="write_off", policy=POLICY)
    assert approve(days.store, break_id, by("ben")).state == "PROPOSED"


def test_a_rejected_proposal_goes_back_and_another_one_starts_with_no_approvals(days: Days) -> None:
    desk = Desk(days, amount="60000.00")
    desk.propose("ann", "write_off")
    desk.do(approve, "ben")
    assert desk.do(reject, "cho") == "ASSIGNED"
    desk.propose("cho", "write_off")
    assert desk.do(approve, "ben") == "PROPOSED"
    assert desk.do(approve, "ann") == "APPROVED"


def test_only_what_was_approved_to_stand_can_be_accepted(days: Days) -> None:
    desk = Desk(days, amount="60.00")
    with pytest.raises(Rejected, match="it is OPEN; only what is APPROVED can be accepted"):
        desk.do(accept, "ann")
    desk.propose("ann", "correct")
    with pytest.raises(Rejected, match="what was approved is to correct it: resolve it"):
        desk.do(accept, "ann")
    desk.do(resolve, "ann")
    with pytest.raises(Rejected, match="it is RESOLVED; only what is ASSIGNED or OPEN can be proposed"):
        desk.propose("ann", "write_off")


def test_what_was_approved_as_a_write_off_cannot_be_called_resolved(days: Days) -> None:
    desk = Desk(days, amount="60.00")
    desk.propose("ann", "write_off")
    desk.do(approve, "ben")
    with pytest.raises(Rejected, match="what was approved is to write it off: accept it, or reject"):
        desk.do(resolve, "ann")


@pytest.mark.parametrize(
    ("actor", "says"),
    [
        ("", "no login"),
        ("run", "program's own name"),
        (" Policy", "program's own name"),
        ("\u0430nn", "no login"),
    ],
)
def test_who_acts_is_a_person_with_a_plain_name(days: Days, actor: str, says: str) -> None:
    with pytest.raises(Rejected, match=says):
        Desk(days, amount="60.00").do(comment, actor)


def test_an_act_without_a_reason_is_refused(days: Days) -> None:
    desk = Desk(days, amount="60.00")
    with pytest.raises(Rejected, match="a reason is missing"):
        comment(days.store, desk.id, By(actor="ann", reason="  "))


def test_who_looked_at_an_older_version_is_told_who_changed_it_and_when(days: Days) -> None:
    desk = Desk(days, amount="60.00")
    desk.assign("ann", to="ann")
    with pytest.raises(
        Conflict, match=r"was assigned by ann at 20\d\d-.* UTC; it is version 2 and you saw 1"
    ):
        desk.do(comment, "ben", seen=1)
    assert desk.do(comment, "ben", seen=2) == "ASSIGNED"


def test_of_two_people_at_one_break_at_once_one_wins_and_the_other_is_told(days: Days) -> None:
    desk = Desk(days, amount="60.00")

    def try_it(actor: str) -> str:
        try:
            return assign(days.store, desk.id, by(actor, seen=1), to=actor).assignee or ""
        except Conflict as conflict:
            return str(conflict)

    with ThreadPoolExecutor(8) as people:
        said = list(people.map(try_it, [f"person{n}" for n in range(8)]))
    won = [answer for answer in said if answer.startswith("person")]
    assert len(won) == 1
    assert sum(f"was assigned by {won[0]}" in answer for answer in said) == 7
    assert days.lives()["P"]["version"] == 2


def test_of_two_checkers_at_once_both_count_and_nobody_counts_twice(days: Days) -> None:
    desk = Desk(days, amount="60000.00")
    desk.propose("ann", "write_off")

    def try_it(actor: str) -> str:
        try:
            return desk.do(approve, actor)
        except Rejected:
            return "refused"

    with ThreadPoolExecutor(6) as people:
        said = sorted(people.map(try_it, ["ben", "Ben", "cho", "CHO", "ann", "Ann"]))
    assert said == ["APPROVED", "PROPOSED", "refused", "refused", "refused", "refused"]


def test_people_and_a_run_at_the_same_breaks_at_once_lose_nothing(days: Days) -> None:
    days.load(payments="\n".join(f"P{n} C{n} - SGD 60.00 2026-02-01" for n in range(8)))
    days.publish("2026-03-30")
    days.load(payments="\n".join(f"P{n} C{n} - SGD 70.00 2026-02-01" for n in range(8)))
    lives = days.lives()
    reconcile(days.store, as_of=date(2026, 3, 31), policy=POLICY)

    def work(key: str) -> int:
        if key == "publish":
            return publish_run(days.store, as_of=date(2026, 3, 31)).breaks["changed"]
        return sum(comment(days.store, lives[key]["break_id"], by("ann")).version > 0 for _ in range(5))

    with ThreadPoolExecutor(9) as people:
        said = list(people.map(work, ["P0", "P1", "P2", "publish", *(f"P{n}" for n in range(3, 8))]))
    assert said == [5, 5, 5, 8, 5, 5, 5, 5, 5]
    assert {life["version"] for life in days.lives().values()} == {7}


def test_a_break_is_found_by_the_beginning_of_its_id(days: Days) -> None:
    desk = Desk(days, amount="60.00")
    assert find_break(days.store, str(desk.id)[:8].upper()) == desk.id
    for text, says in (("abc", "too short"), ("ffffffff-ffff", "no break has an id beginning")):
        with pytest.raises(Rejected, match=says):
            find_break(days.store, text)
    with pytest.raises(Rejected, match="no break has the id"):
        comment(days.store, days.rows("SELECT gen_random_uuid() AS id")[0]["id"], by("ann"))


def test_the_list_shows_the_worst_first_with_age_deadline_and_who_hears_of_it(days: Days) -> None:
    days.load(payments="P C1 - SGD 60.00 2026-02-01\nQ C1 - SGD 90000.00 2026-03-30")
    days.publish("2026-03-31")
    listed = list_breaks(days.store, Wanted(), POLICY)
    assert [(one["key"], one["severity"], one["amount"]) for one in listed] == [
        ("Q", "S1", "90000.00 SGD"),
        ("P", "S4", "60.00 SGD"),
    ]
    assert {one["escalated_to"] for one in listed} == {"owner"}
    assert all(one["due_at"] > one["opened_at"] for one in listed)
    assert listed[1]["bucket"] == "over-30"
    assert list_breaks(days.store, Wanted(owner="Tax"), POLICY) == []
    shown, history = show_break(days.store, listed[0]["break_id"], POLICY)
    assert (shown["name"], history[0]["reason"]) == ("unapplied cash", "found by the run of 2026-03-31")


def test_many_are_acted_on_in_as_few_statements_as_one_and_each_for_itself(
    days: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "\n".join(f"P{n} C1 - SGD {n}.00 2026-02-01" for n in range(1, 31))
    days.load(payments=rows)
    days.publish("2026-03-31")
    breaks = [days.break_id(f"P{n}") for n in range(1, 31)]
    stranger = UUID(int=7)
    comment(days.store, breaks[0], by("ben"))
    asked: list[str] = []
    for way in ("rows", "run"):
        honest = getattr(PostgresTransaction, way)

        def counted(tx: Any, name: str, _honest: Any = honest, **params: Any) -> Any:
            asked.append(name)
            return _honest(tx, name, **params)

        monkeypatch.setattr(PostgresTransaction, way, counted)
    with days.store.transaction() as tx:
        outcomes = act_on_many(tx, {one: by("ann", seen=1) for one in [*breaks, stranger]}, giving("ann"))
    assert sorted(asked) == ["claim_lives_of", "last_act_on", "move_acted", "record_acts"]
    refused = {one: why for one, why in outcomes.items() if why}
    assert refused.keys() == {breaks[0], stranger}
    assert "was commented by ben" in refused[breaks[0]]
    assert "no break has the id" in refused[stranger]
    assert {life["assignee"] for life in days.lives().values()} == {None, "ann"}
    assert days.history("P2")[-1] == ("assigned by ann", "ASSIGNED")
    assert days.history("P1")[-1] == ("commented by ben", "OPEN")


def test_of_many_that_the_database_refuses_together_each_is_tried_for_itself(days: Days) -> None:
    days.load(payments="P C1 - SGD 5.00 2026-02-01\nQ C1 - SGD 6.00 2026-02-01")
    days.publish("2026-03-31")
    first, second = days.break_id("P"), days.break_id("Q")
    acts = {first: By(actor="ann", reason="half a \ud83d", seen=1), second: by("ann", seen=1)}
    with days.store.transaction() as tx:
        outcomes = act_on_many(tx, acts, remarking)
    assert (bool(outcomes[first]), outcomes[second]) == (True, "")
    assert [len(days.history(key)) for key in "PQ"] == [1, 2]


def test_many_proposals_are_kept_each_with_its_own_number_of_checkers(days: Days) -> None:
    days.load(payments="P C1 - SGD 5.00 2026-02-01\nQ C1 - SGD 60000.00 2026-02-01")
    days.publish("2026-03-31")
    acts = {days.break_id(key): by("ann", seen=1) for key in "PQ"}
    with days.store.transaction() as tx:
        done = act_on_many(tx, acts, proposing(by("ann"), kind="write_off", policy=POLICY))
    assert set(done.values()) == {""}
    assert days.states() == {"P": "PROPOSED", "Q": "PROPOSED"}
    needed = days.rows(
        "SELECT key, checkers_needed FROM recon.break_proposals JOIN recon.break_lives USING (break_id)"
    )
    assert {row["key"]: row["checkers_needed"] for row in needed} == {"P": 1, "Q": 2}
