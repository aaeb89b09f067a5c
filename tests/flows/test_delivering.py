"""Effects on their way: none lost, none doubled, in order, whatever breaks where."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest

from include.domain.delivery import Message, Outcome, Pace, key_of
from include.flows.deliver_outbox import Called, deliver_outbox
from include.flows.put_message import Put, put_message, say
from include.flows.replay import (
    By,
    Most,
    Wanted,
    approve_replay,
    ask_replay,
    asked,
    conflicts,
    end_replay,
    hold,
    most_of,
    parked,
    preview,
    replay,
)
from include.policy import load_policy
from include.ports import Fatal, Rejected, Retryable, Store, Transaction
from include.store.postgres import PostgresStore
from tests.flows.peers import (
    Fault,
    Killed,
    Peer,
    answer_lost,
    half_refused,
    half_silent,
    killed_after,
    killed_before,
    lost_before,
    refused_for_now,
    refused_login,
    stopped_midway,
    throttled,
)
from tests.store.waiting import somebody_waits

PACE = Pace(
    lease=timedelta(minutes=5),
    first_wait=timedelta(seconds=2),
    longest_wait=timedelta(minutes=10),
    attempts_max=5,
    keys_live=timedelta(hours=23),
    doubt=timedelta(days=7),
)
MENDED = By("ann", "what refused it was mended")


class Office:
    """One database with its outbox, one peer, and a clock that only tests move.

    A connection keeps the clock it began with: `store` keeps none.
    """

    def __init__(self, store: PostgresStore, url: str) -> None:
        self.store, self.url, self.peer = store, url, Peer()
        self.minutes = 0
        self.pass_time(timedelta())

    def pass_time(self, time: timedelta) -> None:
        self.minutes += int(time.total_seconds() // 60)
        with psycopg.connect(self.url, autocommit=True) as connection:
            [name] = connection.execute("SELECT current_database()").fetchone() or [""]
            instant = f"2026-01-01 00:00+00'::timestamptz + '{self.minutes} minutes"
            connection.execute(
                f"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET tieout.clock = %L', '{name}', "
                f"('{instant}')::text); END $$"
            )

    def let_time_pass(self) -> None:
        """Let the clock go as everybody's does."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(
                "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET tieout.clock', current_database()); END $$"
            )

    def decide(self, name: str, *, about: str = "", body: str = "", **facts: Any) -> Put:
        with self.store.transaction() as tx:
            return put_message(tx, order(name, about=about, body=body, **facts))

    def deliver(self, *faults: Fault) -> dict[str, int]:
        self.peer.faults = list(faults)
        return dict(deliver_outbox(self.store, self.peer, pace=PACE))

    def settle(self) -> None:
        """Let leases and waits run out until nothing moves any more."""
        self.pass_time(timedelta(hours=1))
        while self.deliver():
            self.pass_time(timedelta(hours=1))
            if self.peer.away:
                return

    def states(self) -> dict[str, str]:
        query = "SELECT body->>'name', state FROM delivery.outbox ORDER BY message_id"
        with psycopg.connect(self.url) as connection:
            return dict(connection.execute(query).fetchall())

    def effects(self) -> list[str]:
        return [str(effect.body["name"]) for effect in self.peer.effects]


def order(name: str, *, about: str = "", body: str = "", **facts: Any) -> Message:
    says = {"name": name, "text": body}
    return Message(
        key=key_of("order", name),
        kind="order",
        target="erp",
        subject=about or f"deals/{name}",
        body=says,
        **facts,
    )


@pytest.fixture
def office(store: PostgresStore, database_url: str) -> Office:  # noqa: ARG001  # at the end its checks must hold
    return Office(PostgresStore(database_url), database_url)


def test_what_was_decided_is_done_once_and_its_id_is_known(office: Office) -> None:
    office.decide("A")
    assert office.deliver() == {"confirmed": 1}
    assert office.decide("A") == ("known", "confirmed", "R0")
    assert office.deliver() == {}
    assert office.effects() == ["A"]


@pytest.mark.parametrize(
    "fault", [answer_lost, lost_before, throttled, killed_before, killed_after, half_silent]
)
def test_whatever_breaks_every_effect_is_there_once(office: Office, fault: Fault) -> None:
    for name in "ABC":
        office.decide(name)
    with suppress(Killed):
        office.deliver(fault)
    office.settle()
    assert office.effects() == ["A", "B", "C"]
    assert set(office.states().values()) == {"confirmed"}


def test_an_uncertain_effect_is_not_sent_while_nobody_can_look(office: Office) -> None:
    office.decide("A")
    assert office.deliver(answer_lost) == {"uncertain": 1}
    office.peer.away = True
    office.settle()
    assert office.states() == {"A": "uncertain"}
    office.peer.away = False
    office.settle()
    assert office.effects() == ["A"]


def test_a_row_refused_is_parked_and_the_others_go_on(office: Office) -> None:
    for name in "ABCD":
        office.decide(name)
    assert office.deliver(half_refused) == {"confirmed": 2, "rejected": 2}
    assert office.states() == {"A": "confirmed", "B": "parked", "C": "confirmed", "D": "parked"}


ORPHANED = Outcome(result="rejected", reason="REF_MISSING")


def orphaned(_: Peer, messages: Sequence[Message]) -> dict[str, Outcome]:
    return {message.key: ORPHANED for message in messages}


def test_what_refers_to_something_not_there_yet_waits_for_it_for_a_day(office: Office) -> None:
    office.decide("A")
    states = []
    for hours in (1, 22, 2, 0):
        office.deliver(orphaned)
        states.append(office.states()["A"])
        office.pass_time(timedelta(hours=hours))
    assert states == ["queued", "queued", "queued", "parked"]


def test_an_activity_waits_as_long_as_its_invoice_waits_to_be_brought_there(office: Office) -> None:
    told: dict[str, Any] = {"target": "erp", "body": {"name": "A", "invoice_id": "1"}}
    with office.store.transaction() as tx:
        put_message(tx, Message(key="A", kind="payment_activity", subject="activities/1", **told))
        told["body"] = {"name": "I"}
        put_message(tx, Message(key="I", kind="invoice_status", subject="invoices/1", **told))

    def locked(_: Peer, __: Sequence[Message]) -> dict[str, Outcome]:
        return {"I": Outcome(result="unsent"), "A": ORPHANED}

    def brought(_: Peer, __: Sequence[Message]) -> dict[str, Outcome]:
        return {"I": Outcome(result="confirmed"), "A": ORPHANED}

    states = []
    for came in (locked, locked, brought, orphaned):
        office.deliver(came)
        states.append(office.states())
        office.pass_time(timedelta(hours=25))
    assert [one["A"] for one in states] == ["queued", "queued", "queued", "parked"]
    assert [one["I"] for one in states] == ["queued", "queued", "confirmed", "confirmed"]


def test_a_day_the_target_was_away_for_is_no_day_of_waiting_for_what_is_referred_to(office: Office) -> None:
    office.decide("A")
    office.peer.away = True
    office.deliver()
    office.pass_time(timedelta(hours=25))
    office.peer.away = False
    office.deliver(orphaned)
    assert office.states() == {"A": "queued"}


def test_messages_about_one_thing_keep_their_order(office: Office) -> None:
    office.decide("first", about="deals/1")
    office.decide("second", about="deals/1")
    office.decide("other", about="deals/2")
    office.deliver(throttled)
    assert office.effects() == []
    office.settle()
    assert office.effects().index("first") < office.effects().index("second")


def test_only_the_newest_of_what_says_how_something_is_is_sent(office: Office) -> None:
    for name in ("open", "part paid", "paid"):
        office.decide(name, about="invoices/1", newest_only=True)
    office.settle()
    assert office.effects() == ["paid"]
    assert office.states() == {"open": "superseded", "part paid": "superseded", "paid": "confirmed"}


def test_what_is_on_its_way_is_not_replaced_but_followed(office: Office) -> None:
    office.decide("open", about="invoices/1", newest_only=True)
    office.deliver(answer_lost)
    office.decide("paid", about="invoices/1", newest_only=True)
    office.settle()
    assert office.effects() == ["open", "paid"]


def test_the_same_key_with_another_body_is_a_conflict_and_sends_nothing(office: Office) -> None:
    office.decide("A", body="10.00")
    assert office.decide("A", body="99.00").what == "conflict"
    office.settle()
    assert [effect.body["text"] for effect in office.peer.effects] == ["10.00"]
    [found] = conflicts(office.store)
    assert (found["sent"]["text"], found["body"]["text"], found["subject"]) == ("10.00", "99.00", "deals/A")


def test_of_two_who_decide_the_same_at_once_one_decides_it(office: Office) -> None:
    with ThreadPoolExecutor() as pool:
        with office.store.transaction() as tx:
            first = put_message(tx, order("A"))
            second = pool.submit(office.decide, "A")
            somebody_waits(office.url)
        assert (first.what, second.result(timeout=30).what) == ("new", "known")
    office.deliver()
    assert office.effects() == ["A"]


def test_a_window_is_replayed_and_what_was_decided_before_it_is_not(office: Office) -> None:
    for name, minutes in (("A", 0), ("B", 60)):
        office.pass_time(timedelta(minutes=minutes))
        office.decide(name)
        office.deliver(lambda _, messages: half_refused(Peer(), [messages[0], *messages]))
    assert office.states() == {"A": "parked", "B": "parked"}
    window = Wanted(since=datetime(2026, 1, 1, 0, 30, tzinfo=UTC), until=datetime(2026, 1, 1, 2, tzinfo=UTC))
    assert replay(office.store, window, MENDED, Most(9, 9)) == {"replayed": 1}
    office.settle()
    assert office.states() == {"A": "parked", "B": "confirmed"}


def test_what_keeps_failing_is_parked_until_somebody_replays_it(office: Office) -> None:
    office.decide("A")
    for _ in range(PACE.attempts_max):
        office.deliver(refused_for_now)
        office.pass_time(timedelta(hours=1))
    assert office.states() == {"A": "parked"}
    [row] = parked(office.store, Wanted(subject="deals/A"), load_policy())
    assert (row["reason"], row["mended_by"], row["attempts"]) == ("MAX_ATTEMPTS", "Integration", 5)
    assert replay(office.store, Wanted(subject="deals/A"), MENDED, Most(9, 9)) == {"replayed": 1}
    office.settle()
    assert office.effects() == ["A"]


def test_a_target_that_is_away_for_however_long_parks_nothing(office: Office) -> None:
    office.decide("A")
    for _ in range(2 * PACE.attempts_max):
        assert office.deliver(throttled) == {"unsent": 1}
        office.pass_time(timedelta(hours=1))
    office.settle()
    assert office.effects() == ["A"]


def test_what_is_held_back_is_neither_replaced_nor_said_again_until_it_is_let_go(office: Office) -> None:
    office.decide("A", body="10", based_on="v1")
    status = order("status", newest_only=True)
    with office.store.transaction() as tx:
        assert say(tx, status).what == "new"
    with psycopg.connect(office.url) as connection:
        ids = [row[0] for row in connection.execute("SELECT message_id FROM delivery.outbox")]
    assert hold(office.store, ids, By("dana", "the customer called")) == 2
    assert office.decide("A", body="20", based_on="v2").what == "held"
    with office.store.transaction() as tx:
        assert say(tx, status).what == "known"
        assert say(tx, replace(status, body={"name": "status", "text": "other"})).what == "held"
    office.settle()
    assert office.effects() == []
    replay(office.store, Wanted(subject="deals/A"), MENDED, Most(9, 9))
    office.settle()
    assert office.effects() == ["A"]


def test_what_was_refused_is_not_said_again_but_something_else_is(office: Office) -> None:
    status = order("status", newest_only=True)
    other = replace(status, body={"name": "status", "text": "other"})
    told = []
    for message in (status, status, other):
        with office.store.transaction() as tx:
            told.append(say(tx, message).what)
        office.deliver(lambda _, messages: half_refused(Peer(), [messages[0], *messages]))
    assert told == ["new", "known", "new"]


def test_a_replay_looks_before_it_sends(office: Office) -> None:
    def done_yet_refused(peer: Peer, messages: Any) -> Any:
        peer.do(messages)
        return half_refused(Peer(), [messages[0], *messages])

    office.decide("A")
    office.deliver(done_yet_refused)
    assert office.states() == {"A": "parked"}
    replay(office.store, Wanted(key=key_of("order", "A")), MENDED, Most(9, 9))
    office.settle()
    assert office.effects() == ["A"]


def test_a_replay_does_not_say_again_what_a_newer_message_changed(office: Office) -> None:
    office.decide("open", about="invoices/1", newest_only=True)
    office.deliver(lambda _, messages: half_refused(Peer(), [messages[0], *messages]))
    office.decide("paid", about="invoices/1", newest_only=True)
    office.settle()
    assert replay(office.store, Wanted(subject="invoices/1"), MENDED, Most(9, 9)) == {"superseded": 1}
    office.settle()
    assert office.effects() == ["paid"]


def test_replaying_everything_is_refused(office: Office) -> None:
    with pytest.raises(Rejected, match="say which"):
        replay(office.store, Wanted(), MENDED, Most(9, 9))


def all_parked(office: Office, *names: str) -> None:
    for name in names:
        office.decide(name)
        office.deliver(lambda _, messages: half_refused(Peer(), [messages[0], *messages]))
    assert set(office.states().values()) == {"parked"}


def test_more_than_policy_lets_people_send_again_within_an_hour_is_refused_whole(office: Office) -> None:
    all_parked(office, "A", "B", "C")
    everything = Wanted(since=datetime(2025, 1, 1, tzinfo=UTC))
    with pytest.raises(
        Rejected, match=r"3 messages .* more than the 2 an hour .* Nothing was sent\. .* at most 2 by"
    ):
        replay(office.store, everything, MENDED, Most(2, 9))
    assert office.states() == {"A": "parked", "B": "parked", "C": "parked"}
    assert replay(office.store, Wanted(subject="deals/A"), MENDED, Most(2, 9)) == {"replayed": 1}
    with pytest.raises(
        Rejected, match=r"1 were within the last hour: .* wait until \d\d:\d\d UTC, or choose at most 1"
    ):
        replay(office.store, everything, MENDED, Most(2, 9))
    assert replay(office.store, Wanted(subject="deals/B"), By("ben", "mended"), Most(2, 9)) == {"replayed": 1}
    with pytest.raises(Rejected, match="at most 0"):
        replay(office.store, Wanted(subject="deals/C"), MENDED, Most(2, 9))


def test_two_who_send_again_at_once_stay_within_the_limit_together(office: Office) -> None:
    all_parked(office, "A", "B")
    with ThreadPoolExecutor() as pool:
        with office.store.transaction() as tx:
            tx.run("one_replay_at_a_time")
            [first] = tx.rows("messages_to_replay", **vars(Wanted(subject="deals/A")))
            tx.rows("replay_messages", messages=[first["message_id"]])
            tx.run("keep_acts", action="replayed", actor="ben", reason="too", messages=[first["message_id"]])
            second = pool.submit(replay, office.store, Wanted(subject="deals/B"), MENDED, Most(1, 9))
            somebody_waits(office.url)
        with pytest.raises(Rejected, match="1 were within the last hour"):
            second.result(timeout=30)
    assert office.states() == {"A": "uncertain", "B": "parked"}


def test_policy_lets_people_send_two_thousand_again_an_hour_and_one_person_two_hundred() -> None:
    assert most_of(load_policy()) == Most(hourly=2_000, alone=200)


LIVES = timedelta(days=3)
EVERYTHING = Wanted(since=datetime(2025, 1, 1, tzinfo=UTC))


def test_what_one_person_may_not_send_again_alone_another_approves(office: Office) -> None:
    all_parked(office, "A", "B", "C")
    assert replay(office.store, Wanted(subject="deals/C"), MENDED, Most(9, 2)) == {"replayed": 1}
    with pytest.raises(Rejected, match=r"2 messages, after 1 of yours .* more than the 2 .* --ask"):
        replay(office.store, EVERYTHING, MENDED, Most(9, 2))
    number, _ = ask_replay(office.store, EVERYTHING, MENDED, lives=LIVES, hourly=9)
    assert [(row["replay_id"], row["actor_id"], len(row["messages"])) for row in asked(office.store)] == [
        (number, "ann", 2)
    ]
    with pytest.raises(Rejected, match="somebody else approves it"):
        approve_replay(office.store, number, By(" ANN ", "me too"), Most(9, 2))
    with pytest.raises(Rejected, match="a reason is missing"):
        approve_replay(office.store, number, By("ben", " "), Most(9, 2))
    with pytest.raises(Rejected, match="more than the 2 an hour"):
        approve_replay(office.store, number, By("ben", "seen"), Most(2, 2))
    assert approve_replay(office.store, number, By("ben", "seen"), Most(9, 2)) == {"replayed": 2}
    assert asked(office.store) == []
    with pytest.raises(Rejected, match="waits for nobody"):
        approve_replay(office.store, number, By("cem", "too"), Most(9, 2))
    office.settle()
    assert sorted(office.effects()) == ["A", "B", "C"]


def test_what_was_parked_anew_since_it_was_asked_for_is_asked_for_anew(office: Office) -> None:
    all_parked(office, "A", "B")
    number, _ = ask_replay(office.store, EVERYTHING, MENDED, lives=LIVES, hourly=9)
    office.pass_time(timedelta(minutes=1))
    assert replay(office.store, Wanted(subject="deals/A"), MENDED, Most(9, 9)) == {"replayed": 1}
    office.deliver(lambda _, messages: half_refused(Peer(), [messages[0], *messages]))
    assert office.states() == {"A": "parked", "B": "parked"}
    assert [len(row["messages"]) for row in asked(office.store)] == [1]
    assert approve_replay(office.store, number, By("ben", "seen"), Most(9, 9)) == {"replayed": 1}
    assert office.states() == {"A": "parked", "B": "uncertain"}


def test_of_what_waits_for_a_second_person_the_newest_is_listed_first_and_not_all_of_it(
    office: Office,
) -> None:
    all_parked(office, "A")
    numbers = [ask_replay(office.store, EVERYTHING, MENDED, lives=LIVES, hourly=9).number for _ in range(201)]
    assert [row["replay_id"] for row in asked(office.store)] == numbers[:0:-1]


def stages(office: Office) -> list[tuple[int, str, str | None]]:
    return [(row["replay_id"], row["stage"], row["ended_why"]) for row in asked(office.store)]


def test_who_asked_takes_it_back_and_somebody_else_refuses_it_with_a_reason(office: Office) -> None:
    all_parked(office, "A")
    first, second = (
        ask_replay(office.store, EVERYTHING, MENDED, lives=LIVES, hourly=9).number for _ in range(2)
    )
    with pytest.raises(Rejected, match="a reason is missing"):
        end_replay(office.store, second, By("ben", " "), ended="refused")
    with pytest.raises(Rejected, match=r"ann asked for replay .*: nobody else withdraws it"):
        end_replay(office.store, first, By("ben", "too early"), ended="withdrawn")
    with pytest.raises(Rejected, match=r"ann asked for replay .*: withdraw it"):
        end_replay(office.store, first, By("ann", "too early"), ended="refused")
    end_replay(office.store, first, By(" ANN", "too early"), ended="withdrawn")
    end_replay(office.store, second, By("ben", "the rule still stands"), ended="refused")
    assert stages(office) == [(second, "refused", "the rule still stands")]
    for number, says in (
        (first, "was withdrawn by ann: too early"),
        (second, "was refused by ben: the rule"),
    ):
        with pytest.raises(Rejected, match=says):
            approve_replay(office.store, number, By("cem", "seen"), Most(9, 9))
        with pytest.raises(Rejected, match=says):
            end_replay(office.store, number, By("cem", "me too"), ended="refused")
    third = ask_replay(office.store, EVERYTHING, MENDED, lives=LIVES, hourly=9).number
    assert stages(office) == [(third, "waits", None)]
    assert approve_replay(office.store, third, By("ben", "seen"), Most(9, 9)) == {"replayed": 1}
    with pytest.raises(Rejected, match="waits for nobody"):
        end_replay(office.store, third, MENDED, ended="withdrawn")


def test_what_was_asked_for_lapses_and_can_be_asked_for_again(office: Office) -> None:
    all_parked(office, "A")
    number = ask_replay(office.store, EVERYTHING, MENDED, lives=LIVES, hourly=9).number
    office.pass_time(LIVES - timedelta(minutes=1))
    assert stages(office) == [(number, "waits", None)]
    office.pass_time(timedelta(minutes=1))
    assert stages(office) == [(number, "lapsed", None)]
    for end in (
        lambda: approve_replay(office.store, number, By("ben", "seen"), Most(9, 9)),
        lambda: end_replay(office.store, number, By("ben", "no"), ended="refused"),
    ):
        with pytest.raises(Rejected, match=r"has lapsed: ann asked for it at .* ask for them again"):
            end()
    assert office.states() == {"A": "parked"}
    office.pass_time(LIVES)
    assert stages(office) == []
    again = ask_replay(office.store, EVERYTHING, MENDED, lives=LIVES, hourly=9).number
    assert approve_replay(office.store, again, By("ben", "seen"), Most(9, 9)) == {"replayed": 1}


def test_more_is_not_asked_for_than_anybody_can_approve(office: Office) -> None:
    all_parked(office, "A", "B")
    with pytest.raises(Rejected, match="2 messages are more than the 1 an hour that anybody can approve"):
        ask_replay(office.store, EVERYTHING, MENDED, lives=LIVES, hourly=1)
    assert asked(office.store) == []


def test_it_may_wait_for_as_long_as_policy_can_say_while_the_clock_goes_on(office: Office) -> None:
    all_parked(office, "A")
    office.let_time_pass()
    longest = load_policy().delivery.model_copy(update={"replay_asked_hours": 744}).asked_for
    for _ in range(50):
        ask_replay(office.store, EVERYTHING, MENDED, lives=longest, hourly=9)
    assert {row["lives"] for row in asked(office.store)} == {longest}


def test_policy_lets_what_was_asked_for_wait_over_a_weekend() -> None:
    assert load_policy().delivery.asked_for == timedelta(days=3)


ENDED = "INSERT INTO delivery.replay_ends (replay_id, asked_by, ended, actor, reason) VALUES"


@pytest.mark.parametrize(
    ("then", "refusal"),
    [
        (f"{ENDED} (%s, 'ann', 'withdrawn', 'ben', 'x')", "theirs_to_withdraw"),
        (f"{ENDED} (%s, 'ann', 'refused', ' Ann', 'x')", "theirs_to_withdraw"),
        (f"{ENDED} (%s, 'ann', 'refused', 'run', 'x')", "actor_is_a_person"),
        (f"{ENDED} (%s, 'ann', 'refused', 'ben', ' ')", "reason_check"),
    ],
)
def test_the_database_lets_nobody_end_what_is_not_theirs_to_end(
    office: Office, then: str, refusal: str
) -> None:
    all_parked(office, "A")
    number = ask_replay(office.store, EVERYTHING, MENDED, lives=LIVES, hourly=9).number
    with (
        psycopg.connect(office.url) as connection,
        pytest.raises(psycopg.errors.CheckViolation, match=refusal),
    ):
        connection.execute(then.encode(), (number,))


def test_of_an_approval_and_a_refusal_at_once_the_first_counts(office: Office) -> None:
    all_parked(office, "A")
    number = ask_replay(office.store, EVERYTHING, MENDED, lives=LIVES, hourly=9).number

    def refuse() -> None:
        with psycopg.connect(office.url) as connection:
            connection.execute(f"{ENDED} (%s, 'ann', 'refused', 'cem', 'x')".encode(), (number,))

    with ThreadPoolExecutor() as pool:
        with psycopg.connect(office.url) as connection:
            connection.execute(f"{APPROVED} (%s, 'ann', 'ben', 'x')".encode(), (number,))
            second = pool.submit(refuse)
            somebody_waits(office.url)
        with pytest.raises(psycopg.errors.CheckViolation, match="is over"):
            second.result(timeout=30)


def test_the_database_approves_nothing_that_ended_or_lapsed_and_ends_nothing_approved(office: Office) -> None:
    all_parked(office, "A")
    ended, approved, lapsed = (
        ask_replay(office.store, EVERYTHING, MENDED, lives=LIVES, hourly=9).number for _ in range(3)
    )
    end_replay(office.store, ended, MENDED, ended="withdrawn")
    approve_replay(office.store, approved, By("ben", "seen"), Most(9, 9))
    office.pass_time(LIVES)
    for number, then in (
        (ended, f"{APPROVED} (%s, 'ann', 'ben', 'x')"),
        (lapsed, f"{APPROVED} (%s, 'ann', 'ben', 'x')"),
        (approved, f"{ENDED} (%s, 'ann', 'refused', 'ben', 'x')"),
    ):
        with (
            psycopg.connect(office.url) as connection,
            pytest.raises(psycopg.errors.CheckViolation, match=f"replay {number} is over"),
        ):
            connection.execute(then.encode(), (number,))


APPROVED = "INSERT INTO delivery.replay_approvals (replay_id, asked_by, actor, reason) VALUES"


def test_the_database_refuses_one_person_in_the_place_of_two(office: Office) -> None:
    all_parked(office, "A")
    number, _ = ask_replay(office.store, EVERYTHING, MENDED, lives=LIVES, hourly=9)
    with (
        psycopg.connect(office.url) as connection,
        pytest.raises(psycopg.errors.CheckViolation, match="four_eyes"),
    ):
        connection.execute(
            f"{APPROVED} (%s, 'ann', ' Ann', 'x')".encode(),
            (number,),
        )
    with (
        psycopg.connect(office.url) as connection,
        pytest.raises(psycopg.errors.ForeignKeyViolation),
    ):
        connection.execute(
            f"{APPROVED} (%s, 'ben', 'ann', 'x')".encode(),
            (number,),
        )


def test_a_dry_run_says_what_would_be_said_otherwise_and_sends_nothing(office: Office) -> None:
    office.decide("first", about="invoices/1", body="10.00")
    office.settle()
    office.decide("second", about="invoices/1", body="12.00")
    office.deliver(lambda _, messages: half_refused(Peer(), [messages[0], *messages]))
    [row] = preview(office.store, Wanted(subject="invoices/1"))
    assert (row["changes"]["text"], row["outdated"]) == (("10.00", "12.00"), False)
    assert office.states()["second"] == "parked"


def test_a_dry_run_says_what_a_newer_message_said_since(office: Office) -> None:
    office.decide("open", about="invoices/1", newest_only=True)
    office.deliver(lambda _, messages: half_refused(Peer(), [messages[0], *messages]))
    office.decide("paid", about="invoices/1", newest_only=True)
    office.settle()
    assert [row["outdated"] for row in preview(office.store, Wanted(subject="invoices/1"))] == [True]


@pytest.mark.parametrize(
    ("by", "says"),
    [
        (By("ann", " "), "a reason is missing"),
        (By("", "mended"), "no login or mail address"),
        (By("run", "mended"), "run"),
    ],
)
def test_nothing_is_sent_again_by_nobody_or_for_no_reason(office: Office, by: By, says: str) -> None:
    office.decide("A")
    office.deliver(lambda _, messages: half_refused(Peer(), [messages[0], *messages]))
    with pytest.raises(Rejected, match=says):
        replay(office.store, Wanted(subject="deals/A"), by, Most(9, 9))
    assert office.states() == {"A": "parked"}


def test_a_refused_login_stops_the_lane_and_what_it_did_is_in_doubt(office: Office) -> None:
    office.decide("A")
    with pytest.raises(Fatal, match="login"):
        office.deliver(refused_login)
    assert office.states() == {"A": "uncertain"}
    office.settle()
    assert office.effects() == ["A"]


def test_a_target_that_stops_midway_says_what_it_did(office: Office) -> None:
    for name in "ABC":
        office.decide(name)
    with pytest.raises(Fatal, match="login"):
        office.deliver(stopped_midway)
    assert office.states() == {"A": "confirmed", "B": "uncertain", "C": "queued"}
    office.settle()
    assert office.effects() == ["A", "B", "C"]


@pytest.mark.parametrize("fault", [stopped_midway, refused_login, answer_lost, lost_before])
def test_only_calls_that_surely_did_nothing_use_up_attempts(office: Office, fault: Fault) -> None:
    for name in "ABC":
        office.decide(name)
    for _ in range(PACE.attempts_max):
        with suppress(Fatal):
            office.deliver(fault)
        office.pass_time(timedelta(hours=1))
    office.deliver(throttled)
    assert "parked" not in office.states().values()
    office.settle()
    assert sorted(office.effects()) == ["A", "B", "C"]


def test_after_a_day_of_silence_the_target_is_looked_at_even_for_what_surely_failed(office: Office) -> None:
    office.decide("A")
    office.deliver(throttled)
    office.pass_time(timedelta(hours=24))
    office.deliver()
    assert office.peer.looked == 1


@pytest.mark.parametrize(("committed", "told"), [(False, "confirmed"), (True, "late")])
def test_what_came_of_a_call_is_written_down_as_soon_as_our_database_is_there_again(
    office: Office, *, committed: bool, told: str
) -> None:
    turns = count()

    @contextmanager
    def transaction() -> Iterator[Transaction]:
        goes_away = next(turns) == 1  # where it writes down what came of it
        with office.store.transaction() as tx:
            yield tx
            if goes_away and not committed:
                raise Retryable("Postgres: the server closed the connection")
        if goes_away:
            raise Retryable("Postgres: the answer to the commit was lost")

    office.decide("A")
    unkept: list[Called] = []
    going = cast("Store", SimpleNamespace(transaction=transaction))
    with pytest.raises(Retryable):
        deliver_outbox(going, office.peer, pace=PACE, unkept=unkept)
    assert deliver_outbox(office.store, office.peer, pace=PACE, unkept=unkept) == {told: 1}
    assert office.states() == {"A": "confirmed"}
    with psycopg.connect(office.url) as connection:
        assert connection.execute("SELECT outcome FROM delivery.attempts").fetchall() == [("confirmed",)]


def test_a_late_word_counts_for_nothing_once_another_has_the_message(office: Office) -> None:
    def slow(peer: Peer, messages: Any) -> Any:
        office.pass_time(timedelta(minutes=10))  # the lease is over, and somebody else takes it meanwhile
        other = Office.__new__(Office)
        other.__dict__ |= office.__dict__ | {"peer": peer}
        told = peer.do(messages)
        assert other.deliver() == {"found": 1}
        return told

    office.decide("A")
    assert office.deliver(slow) == {"late": 1}
    assert office.states() == {"A": "confirmed"}
    with psycopg.connect(office.url) as connection:
        calls = connection.execute(
            "SELECT outcome, remote_id FROM delivery.attempts ORDER BY fence"
        ).fetchall()
    assert calls == [("late", "R0"), ("found", "R0")]
    assert office.effects() == ["A"]


def test_that_a_message_is_taken_writes_no_index(office: Office) -> None:
    rows: list[dict[str, Any]] = []

    def see(peer: Peer, messages: Any) -> Any:
        rows.append(stored(office))
        return peer.do(messages)

    office.decide("A")
    before = stored(office)
    office.deliver(see)
    [taken] = rows
    changed = {name for name, value in taken.items() if value != before[name]}
    assert {"state", "fence", "leased_until"} <= changed
    with psycopg.connect(office.url) as connection:
        asked = connection.execute(
            "SELECT attname FROM pg_index JOIN pg_depend ON objid = indexrelid AND refobjid = indrelid "
            "JOIN pg_attribute ON attrelid = refobjid AND attnum = refobjsubid "
            "WHERE indrelid = 'delivery.outbox'::regclass"
        )
        indexed = {name for (name,) in asked}
    assert "finished_at" in indexed
    assert not changed & indexed


def stored(office: Office) -> dict[str, Any]:
    with psycopg.connect(office.url) as connection:
        [(row,)] = connection.execute("SELECT to_jsonb(outbox) FROM delivery.outbox").fetchall()
    return dict(row)


def test_a_decision_that_is_rolled_back_sends_nothing(office: Office) -> None:
    with pytest.raises(ZeroDivisionError), office.store.transaction() as tx:
        decided_and_failed(tx)
    assert office.deliver() == {}


def decided_and_failed(tx: Transaction) -> None:
    put_message(tx, order("A"))
    raise ZeroDivisionError


def test_the_database_refuses_to_change_what_was_decided(office: Office) -> None:
    office.decide("A")
    with psycopg.connect(office.url) as connection:
        for change in (
            "UPDATE delivery.outbox SET state = 'confirmed', finished_at = now()",
            "UPDATE delivery.outbox SET subject = 'deals/B'",
            """UPDATE delivery.outbox SET body = '{"name": "B"}'""",
            "UPDATE delivery.outbox SET based_on = 'another version'",
            "UPDATE delivery.outbox SET newest_only = NOT newest_only",
            "DELETE FROM delivery.outbox",
        ):
            with pytest.raises(psycopg.errors.RaiseException):
                connection.execute(change)
            connection.rollback()


@pytest.mark.parametrize("body", ['{"name": "A", "text": "to my account"}', '{"name": 1.5}'])
def test_a_message_that_was_changed_behind_the_databases_back_is_parked_and_told(
    office: Office, body: str
) -> None:
    office.decide("A")
    office.decide("B")
    with psycopg.connect(office.url) as connection:
        connection.execute("ALTER TABLE delivery.outbox DISABLE TRIGGER messages_keep_their_words")
        connection.execute("UPDATE delivery.outbox SET body = %s WHERE body ->> 'name' = 'A'", (body,))
        connection.execute("ALTER TABLE delivery.outbox ENABLE TRIGGER messages_keep_their_words")
    assert office.deliver() == {"rejected": 1, "confirmed": 1}
    assert office.effects() == ["B"]
    [held] = parked(office.store, Wanted(subject="deals/A"), load_policy())
    assert held["reason"] == "KEY_PAYLOAD_MISMATCH"
    assert [conflict["subject"] for conflict in conflicts(office.store)] == ["deals/A"]
