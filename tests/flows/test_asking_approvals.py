"""Approvals asked for in Airflow: each proposal once at a time, and an answer is an act like the console's."""

import pytest

from include.flows import ask_approvals as asking
from include.flows.act_on_break import By
from include.flows.ask_approvals import ASKED_FOR, answer, ask_approvals, look, note_person
from include.flows.asking import Ask
from include.flows.resolve_break import approve, propose, reject
from include.policy import load_policy
from include.store.postgres import PostgresStore
from tests.flows.conftest import Draw
from tests.flows.lives import Days

POLICY = load_policy()


def by(actor: str) -> By:
    return By(actor=actor, reason="looked at it")


def test_who_answers_is_held_to_what_the_console_holds_them_to(
    store: PostgresStore, database_url: str, draw: Draw
) -> None:
    days = Days(store, database_url, draw)
    days.load(payments="P C1 - SGD 60000.00 2026-02-01\nQ C1 - SGD 5.00 2026-02-01")
    days.publish("2026-02-02")
    large, small = days.break_id("P"), days.break_id("Q")
    note_person(store, "Ann", ["can_read", "can_work", "can_approve"])
    note_person(store, "ben", ["can_read", "can_approve"])
    note_person(store, "ops", ["can_read", "can_deliver"])
    for one in (large, small):
        propose(store, one, by("ann"), kind="write_off", policy=POLICY)

    def asked(run: str) -> list[Ask]:
        return ask_approvals(store, asked_in=run, link_to="https://airflow.example/tieout/breaks/")

    first, second = asked("one")
    assert first.subject == "S1 CA01 P, SGD 60,000.00: write off?"
    assert "2 other people must approve it." in first.body
    assert f"(https://airflow.example/tieout/breaks/{large})" in first.body
    assert (asked("one"), asked("two")) == ([first, second], [])  # again the same, and nobody else's
    assert look(store, first.ask_no) is None

    def said(ask: Ask, actor: str, *, approves: bool = True) -> tuple[str, str]:
        done = answer(store, ask.ask_no, actor=actor, approves=approves, reason="agreed")
        return done.outcome, done.words

    refused = said(first, "ann")
    assert (refused[0], "ann proposed it, and somebody else must check it" in refused[1]) == ("refused", True)
    [event] = days.rows("SELECT actor, why FROM audit.events WHERE act = 'approval refused'")
    assert event == {"actor": "ann", "why": refused[1]}
    [again] = asked("two")
    assert "The last answer was refused" in again.body
    assert said(again, "ops")[0] == "refused"
    [again] = asked("three")
    assert "may not approve: it takes the role of a controller" in again.body
    days.rows("UPDATE ops.console_people SET seen_at = now() - interval '13 hours' RETURNING person")
    assert "open the console once" in said(again, "ben")[1]
    note_person(store, "ben", ["can_read", "can_approve"])
    [again] = asked("three again")
    assert said(again, "ben") == ("approved", f"break {large} is PROPOSED")
    [again] = asked("four")
    assert "ben did" in again.body
    assert said(again, "ben")[0] == "refused"

    # Decided in the console meanwhile, and by an answer that comes too late.
    reject(store, small, by("ben"))
    propose(store, small, by("ann"), kind="accept", policy=POLICY)
    over = look(store, second.ask_no)
    assert (over and over.outcome, said(second, "ben")[0]) == ("elsewhere", "elsewhere")
    [third, _] = sorted(asked("five"), key=lambda ask: ask.subject, reverse=True)
    approve(store, small, by("ben"))
    assert said(third, "cat")[0] == "elsewhere"
    assert days.states() == {"P": "PROPOSED", "Q": "APPROVED"}


def test_an_answer_never_undoes_what_was_decided_in_the_console_at_the_same_moment(
    store: PostgresStore, database_url: str, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = Days(store, database_url, draw)
    days.load(payments="P C1 - SGD 5.00 2026-02-01")
    days.publish("2026-02-02")
    one = days.break_id("P")
    propose(store, one, by("ann"), kind="write_off", policy=POLICY)
    [ask] = ask_approvals(store, asked_in="one")
    monkeypatch.setattr(asking, "_refuse_strangers", lambda *_: approve(store, one, by("ben")))
    done = answer(store, ask.ask_no, actor="cat", approves=False, reason="no")
    assert (done.outcome, days.states()) == ("refused", {"P": "APPROVED"})


def test_what_a_lost_run_asked_is_asked_again(store: PostgresStore, database_url: str, draw: Draw) -> None:
    days = Days(store, database_url, draw)
    days.load(payments="P C1 - SGD 5.00 2026-02-01")
    days.publish("2026-02-02")
    propose(store, days.break_id("P"), by("ann"), kind="write_off", policy=POLICY)
    [lost] = ask_approvals(store, asked_in="one")
    days.rows("UPDATE recon.approval_asks SET looked_at = now() - interval '2 hours' RETURNING ask_no")
    [again] = ask_approvals(store, asked_in="two")
    assert (again.subject, again.ask_no != lost.ask_no) == (lost.subject, True)
    over = look(store, lost.ask_no)
    assert over is not None


def test_a_question_nobody_answers_ends_and_is_asked_again_by_a_later_run(
    store: PostgresStore, database_url: str, draw: Draw
) -> None:
    days = Days(store, database_url, draw)
    days.load(payments="P C1 - SGD 5.00 2026-02-01")
    days.publish("2026-02-02")
    propose(store, days.break_id("P"), by("ann"), kind="write_off", policy=POLICY)
    [ask] = ask_approvals(store, asked_in="one")
    assert look(store, ask.ask_no) is None
    old = f"UPDATE recon.approval_asks SET asked_at = now() - interval '{ASKED_FOR}' RETURNING ask_no"
    days.rows(old)
    over = look(store, ask.ask_no)
    assert (over and over.outcome) == "unanswered"
    assert len(ask_approvals(store, asked_in="two")) == 1


def test_what_people_wrote_is_shown_as_it_is(store: PostgresStore, database_url: str, draw: Draw) -> None:
    days = Days(store, database_url, draw)
    days.load(payments="P C1 - SGD 5.00 2026-02-01")
    days.publish("2026-02-02")
    written = ("*bold*", "[a](javascript:alert(1))", "<img src=x>", "`code`")
    act = By(actor="ann", reason=" ".join(written))
    propose(store, days.break_id("P"), act, kind="write_off", policy=POLICY)
    [ask] = ask_approvals(store, asked_in="one")
    assert not [text for text in written if text in ask.body]
