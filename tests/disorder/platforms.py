"""Two platforms beside one payments platform: one hears of each event once, in order, the other twice and shuffled."""

import heapq
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from include.connectors.stripe.lookup import ENTITY_OF
from include.connectors.stripe.webhooks import receive
from include.flows.check_completeness import check_completeness
from include.flows.drain_inbox import Hint
from include.flows.poll_hints import keep_hints
from include.flows.tell_landed import tell_landed
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.store.postgres import PostgresStore
from include.twin.payments_hooks import deliver
from include.twin.server import running
from tests.checks import assert_checks_hold
from tests.connectors.conftest import Clock, write_world
from tests.disorder.story import BEGIN, MINUTES, Act, Customers, acts, world
from tests.kills.desk import KEYS, Desk
from tests.kills.final import final_state

SHUFFLED_WITHIN = timedelta(minutes=5)
SECRET = "whsec_disorder"
BOOKS = ("accounts", "opportunities", "customers", "orders", "invoices")
PAYMENT_ENTITIES = ("payments", "attempts", "refunds", "disputes")
TOLD = {
    "said last": """
        SELECT DISTINCT ON (target, subject, kind) subject, kind, body, state FROM delivery.outbox
        WHERE state <> 'superseded' ORDER BY target, subject, kind, message_id DESC
    """,
    "inbox": "SELECT event_id, entity, native_id, state FROM delivery.inbox",
    "conflicts": "SELECT key FROM delivery.key_conflicts",
    "looked at": "SELECT entity, native_id, facts FROM delivery.looked_at",
    "payments": "SELECT * FROM delivery.payments",
    "returns": "SELECT * FROM delivery.returns",
}
"""Ours, without what counts how often something was said."""


@dataclass(frozen=True)
class Outcome:
    """`different`: what is otherwise after disorder. `repaired`: messages that only reading everything led to."""

    invoices: int
    events: int
    delivered: int
    kinds: Mapping[str, int]
    different: Mapping[str, tuple[Any, Any]]
    repaired: Mapping[str, list[str]]


@dataclass
class Platform:
    """One of the two, with a Salesforce and an ERP of its own."""

    url: str
    desk: Desk
    kept: Counter[bool] = field(default_factory=Counter)

    def hear(self, event: Mapping[str, Any], at: datetime) -> None:
        """Receive an event as the endpoint does, once the sender's clock says so."""
        sent = deliver(event, secrets=[SECRET], at=at)
        told = receive(sent.body, sent.signature, secrets=[SECRET], now=at, livemode=False)
        if told.collection in ENTITY_OF:
            hint = Hint(
                source="payments",
                event_id=told.event_id,
                entity=ENTITY_OF[told.collection],
                native_id=told.object_id,
                kind=told.type,
                sequence=told.event_id,
            )
            with self.desk.store.transaction() as tx:
                self.kept[bool(keep_hints(tx, [hint]))] += 1

    def work(self) -> None:
        """Answer what is due and deliver it, until nothing moves."""
        while self.desk.drain() + self.desk.deliver("salesforce"):
            pass

    def sweep(self) -> list[str]:
        """Read everything at the sources, prove that it is whole, and say what follows: what was still unsaid."""
        self.desk.read(*BOOKS, *PAYMENT_ENTITIES)
        payments = self.desk.sources[-1]
        for entity in PAYMENT_ENTITIES:
            assert check_completeness(payments, self.desk.store, entity=entity, whole=True).proven
        before = len(self._messages())
        while tell_landed(self.desk.store, self.desk.policy):
            pass
        self.work()
        return self._messages()[before:]

    def _messages(self) -> list[str]:
        query = "SELECT subject || ': ' || body FROM delivery.outbox ORDER BY message_id"
        with psycopg.connect(self.url) as connection:
            return [str(row[0]) for row in connection.execute(query).fetchall()]


def compare(urls: DatabaseUrls, folder: Path, *, invoices: int, seed: int) -> Outcome:
    """Let everything happen, tell the two of it in their ways, and compare what they come to."""
    dice, clock = random.Random(seed), Clock()  # noqa: S311
    clock.now = BEGIN
    write_world(folder / "world", world(invoices))
    with ExitStack() as stack:
        orderly, disorderly = (stack.enter_context(_platform(urls, folder, clock)) for _ in range(2))
        # One payments platform for both: the same payments have the same ids.
        disorderly.desk.ports = replace(disorderly.desk.ports, payments=orderly.desk.ports.payments)
        for one in (orderly, disorderly):
            one.desk.read(*BOOKS)
        kinds = _live(acts(invoices, dice), orderly, disorderly, clock, dice)
        ours, theirs = (final_state(one.desk, TOLD) for one in (orderly, disorderly))
        clock.now += timedelta(hours=1)
        repaired = {"in order": orderly.sweep(), "in disorder": disorderly.sweep()}
        for one in (orderly, disorderly):
            assert_checks_hold(one.url)
        different = {name: (ours[name], theirs[name]) for name in ours if ours[name] != theirs[name]}
        assert disorderly.kept[False] >= orderly.kept[True], "everything was delivered twice"
        heard = orderly.kept.total(), disorderly.kept.total()
    return Outcome(invoices, heard[0], heard[1], kinds, different, repaired)


@contextmanager
def _platform(urls: DatabaseUrls, folder: Path, clock: Clock) -> Iterator[Platform]:
    twin = running(world=folder / "world", mailbox=folder / "mailbox", keys=KEYS, clock=clock)
    with scratch_database(urls) as url, twin as ports, PostgresStore(url).keeping() as store:
        yield Platform(url, Desk(store, ports))


def _live(
    story: list[Act], orderly: Platform, disorderly: Platform, clock: Clock, dice: random.Random
) -> Counter[str]:
    """Minute by minute: what customers do, and what the two hear of it."""
    customers, kinds = Customers(orderly.desk.payments), Counter[str]()
    known: set[str] = set()
    late: list[tuple[datetime, int, str]] = []
    for minute in range(MINUTES + int(SHUFFLED_WITHIN / timedelta(minutes=1)) + 1):
        until = BEGIN + timedelta(minutes=minute + 1)
        while story and story[0].at < until:
            act = story.pop(0)
            clock.now = act.at
            customers.do(act)
            for event in _news(orderly, known):
                kinds[event["type"]] += 1
                orderly.hear(event, clock.now)
                for _ in range(2):
                    delay = dice.uniform(0, SHUFFLED_WITHIN.total_seconds())
                    due = act.at + timedelta(seconds=delay)
                    heapq.heappush(late, (due, len(late), json.dumps(event, default=str)))
            orderly.work()
        while late and late[0][0] < until:
            due, _, text = heapq.heappop(late)
            disorderly.hear(json.loads(text), due)
        clock.now = until
        disorderly.work()
    assert not late
    assert not story
    return kinds


def _news(platform: Platform, known: set[str]) -> list[Mapping[str, Any]]:
    """The events since the last time, oldest first."""
    listed = platform.desk.payments.first("events", limit=20).objects
    news = [event for event in listed if event["id"] not in known]
    assert len(news) < len(listed) or len(listed) < 20, "more happened at once than is asked for"
    known.update(event["id"] for event in news)
    return news[::-1]
