"""Systems that do not answer or run out of calls are spared, by everybody, and what waits for them is not lost."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from include.domain.delivery import Allowance, Message, Outcome, key_of
from include.flows.deliver_outbox import deliver_outbox
from include.flows.drain_inbox import Drain, Hint, drain_inbox
from include.flows.guard_writer import SILENT_MAX, Fenced, InCalls
from include.flows.poll_hints import keep_hints
from include.flows.put_message import put_message
from include.flows.spare_systems import spared
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.policy import load_policy
from include.ports import Away, RawRecord
from include.store.postgres import PostgresStore
from tests.checks import assert_checks_hold
from tests.flows.peers import Peer
from tests.flows.test_delivering import PACE, Office, refused_for_now, throttled

RESTING = replace(
    PACE,
    silences_max=3,
    rest=timedelta(minutes=1),
    first_wait=timedelta(hours=1),
    longest_wait=timedelta(hours=8),
)


@pytest.fixture(scope="module")
def url(server_urls: DatabaseUrls) -> Iterator[str]:
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        yield url
        assert_checks_hold(url)


@dataclass
class Counting(Peer):
    """A peer that counts who calls it with how much."""

    calls: list[int] = field(default_factory=list)

    def send(self, messages: Sequence[Message]) -> Mapping[str, Outcome]:
        self.calls.append(len(messages))
        return super().send(messages)


class Desk(Office):
    """An office whose peer is a system of its own."""

    def __init__(self, url: str, system: str, *, most: int = 2) -> None:
        super().__init__(PostgresStore(url), url)
        self.peer: Counting = Counting(system=system, most=most)

    def decide_all(self, *names: str, kind: str = "order") -> None:
        with self.store.transaction() as tx:
            for name in names:
                key = key_of(kind, self.peer.system, name)
                about = {"target": self.peer.system, "subject": f"{self.peer.system}/{name}"}
                put_message(tx, Message(key=key, kind=kind, body={"name": name}, **about))

    def round(self, *, target: Any = None) -> dict[str, int]:
        return dict(deliver_outbox(self.store, target or self.peer, pace=RESTING, rounds=1))

    def left_alone(self) -> list[tuple[str, str]]:
        system = self.peer.system
        return [(row["part"], row["detail"]) for row in spared(self.store) if row["system"] == system]


def test_a_target_that_does_not_answer_is_left_alone_and_then_asked_once(url: str) -> None:
    desk = Desk(url, "silent")
    desk.decide_all(*"ABCDEFGHIJ")
    desk.peer.away = True
    rounds = [desk.round() for _ in range(6)]
    assert rounds == [{"unsent": 2}] * 3 + [{}] * 3
    assert desk.left_alone() == [("effects", "the peer does not answer")]
    desk.pass_time(timedelta(minutes=2))
    assert [desk.round() for _ in range(3)] == [{"unsent": 1}, {}, {}]  # one asks, with one message
    assert desk.peer.calls == [2, 2, 2, 1]
    desk.peer.away = False
    desk.pass_time(timedelta(minutes=2))
    assert desk.round() == {"confirmed": 1}
    # It is back: what has waited ever longer is due at once, and all of it arrives without another minute.
    while desk.round():
        pass
    assert sorted(desk.effects()) == sorted("ABCDEFGHIJ")
    assert desk.left_alone() == []


def test_what_one_worker_found_out_all_know(url: str) -> None:
    desk = Desk(url, "silent for all")
    desk.decide_all(*"ABCDEFGHIJ")
    for _ in range(3):
        desk.round(target=Peer(system=desk.peer.system, most=2, away=True))
    assert desk.round() == {}
    assert desk.peer.calls == []


def test_a_target_that_refuses_messages_one_by_one_is_there(url: str) -> None:
    desk = Desk(url, "strict")
    desk.decide_all(*"ABCDEFGH")
    for fault in (throttled, throttled, refused_for_now, throttled):
        desk.peer.faults = [fault]
        desk.round()
    assert desk.left_alone() == []


def test_where_each_message_is_a_call_two_without_an_answer_end_the_round(url: str) -> None:
    desk = Desk(url, "slow", most=20)
    desk.decide_all(*"ABCDEFGH")
    desk.peer.away = True
    assert desk.round(target=InCalls(Fenced(desk.peer, desk.store), at_once=1)) == {"unsent": 8}
    assert desk.peer.calls == [1] * SILENT_MAX


class Metered(Counting):
    """A peer that says how many calls of a day are used."""

    used = 0

    @property
    def allowance(self) -> Allowance:
        return Allowance(self.used, 100)


def test_when_calls_run_short_what_is_of_value_leaves_and_the_rest_waits_for_the_next_day(url: str) -> None:
    desk, pace = Desk(url, "metered"), load_policy().delivery.pace
    desk.peer = Metered(system="metered", most=1)
    fenced = InCalls(Fenced(desk.peer, desk.store), at_once=1)

    def deliver() -> list[str]:
        before = len(desk.peer.effects)
        deliver_outbox(desk.store, fenced, pace=pace)
        return sorted(effect.kind for effect in desk.peer.effects[before:])

    desk.peer.used = 96
    desk.decide_all("first", kind="invoice_status")
    assert deliver() == ["invoice_status"]
    for kind in ("renewal_deal", "invoice_status", "subscription_status", "order"):
        desk.decide_all("later", kind=kind)
    assert deliver() == ["invoice_status", "order"]
    [(part, detail)] = desk.left_alone()
    assert (part, detail) == ("budget", "96 of 100 calls of the day are used")
    with desk.store.transaction() as tx:
        [found] = tx.rows("work_due", lane=0, targets=["metered"])
    assert found["targets"] == []  # what waits wakes nobody
    desk.peer.used = 3
    desk.decide_all("next day", kind="order")
    assert deliver() == ["order", "renewal_deal", "subscription_status"]


def test_everything_a_connector_sends_either_leaves_or_can_wait() -> None:
    with_value = {"order", "order_reference", "invoice", "invoice_status", "deal_status", "retry_payment"}
    assert not with_value & set(load_policy().delivery.pace.can_wait)


class Registry:
    """A source of objects to look at that is there, or is not."""

    system = "registry"

    def __init__(self) -> None:
        self.away, self.asked = True, 0

    def look_at(self, entity: str, native_id: str) -> RawRecord | None:  # noqa: ARG002 - the protocol's
        self.asked += 1
        if self.away:
            raise Away("the registry does not answer")
        return None

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Mapping[str, str | None]:  # noqa: ARG002
        return {}


def test_a_source_that_does_not_answer_is_not_asked_about_every_hint(url: str) -> None:
    desk, registry = Desk(url, "looks"), Registry()
    hints = [
        Hint(source="registry", event_id=f"e{n}", entity="payments", native_id=f"P{n}", kind="changed")
        for n in range(30)
    ]
    with desk.store.transaction() as tx:
        keep_hints(tx, hints)
    drain = Drain(desk.store, {"registry": registry}, lambda *_: None, RESTING)
    for _ in range(3):
        assert drain_inbox(drain, rounds=1) == {"new": 30}
        desk.pass_time(timedelta(hours=9))
    assert registry.asked == 3 * SILENT_MAX
    assert drain_inbox(drain, rounds=1) == {"new": 30}  # once, to find out
    assert drain_inbox(drain, rounds=1) == {}
    assert registry.asked == 3 * SILENT_MAX + 1
    registry.away = False
    desk.pass_time(timedelta(hours=9))
    assert sum(drain_inbox(drain).values()) == 30
