"""The platform's workers, each a process of its own: who answers, delivers, watches, reads, follows and hears."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from include.connectors.salesforce.source import SalesforceSource
from include.connectors.salesforce.watch import SalesforceWatch
from include.connectors.stripe.lookup import ENTITY_OF, StripeLookup
from include.connectors.stripe.source import StripeSource
from include.connectors.stripe.watch import StripeWatch
from include.connectors.stripe.webhooks import receive
from include.connectors.tryton.source import TrytonSource
from include.flows import collect_failed as failed
from include.flows import create_order as orders
from include.flows import decide_payment_status as statuses
from include.flows import deliver_outbox as delivering
from include.flows import drain_inbox as inbox
from include.flows import follow_orders as following
from include.flows import land_records as landing
from include.flows import poll_hints as polling
from include.flows import pull_changes as pulling
from include.flows import tell_landed as landed_telling
from include.flows.drain_inbox import Drain, Hint, Looked
from include.ports import Source, Target, Transaction
from include.twin.payments_hooks import deliver
from tests.disorder.platforms import SECRET
from tests.disorder.story import deal_id
from tests.kills.desk import POLICY, ZONE, Desk
from tests.kills.world import BILLING, TODAY
from tests.simulation.machine import Machine
from tests.simulation.store import OneConnection
from tests.simulation.wire import PORTS

CRM, ERP, PAYMENTS = "salesforce", "erp", "payments"
TARGETS = (CRM, ERP, PAYMENTS)
PAGE_ROWS = 3
READ = ("opportunities", "orders", "invoices", "payments", "attempts", "refunds", "disputes")
"""What changes in a seed; customers and accounts were read before it."""

LANES: Mapping[str, frozenset[str]] = {
    "all": frozenset({"hears", "watches", "reads"}),
    "hears": frozenset({"hears", "watches deals"}),
    "watches": frozenset({"watches"}),
    "reads": frozenset({"reads"}),
}
"""Who tells us what changed: each must do alone. Who hears is told of every event, again until we confirm it."""


class Unhelped(Desk):
    """A process: clients of its own, pages so small that everything spans several."""

    @cached_property
    def sources(self) -> list[Source]:
        return [
            SalesforceSource(self.crm, page_rows=PAGE_ROWS),
            TrytonSource(self.erp),
            StripeSource(self.payments, zone=ZONE),
        ]


DUE = b"""
    SELECT 'hints' AS what, min(next_at) AS at FROM delivery.inbox WHERE state IN ('new', 'taken')
    UNION ALL
    SELECT target, min(CASE WHEN state = 'called' THEN leased_until ELSE next_at END)
    FROM delivery.outbox WHERE finished_at IS NULL GROUP BY target
"""


@dataclass
class Flaws:
    """Where a planted mistake takes a part's place; without one everything is as in production."""

    wrap: Callable[[Target], Target] = lambda target: target
    bare: Callable[[Mapping[str, Target]], Mapping[str, Target]] = lambda targets: targets
    wrap_store: Callable[[Any], Any] = lambda store: store
    forgets_orders: bool = False
    confirms_unheard: bool = False


@dataclass
class Platform:
    """All workers of one seed over one store."""

    machine: Machine
    store: OneConnection
    lane: str = "all"
    flaws: Flaws = field(default_factory=Flaws)
    _known: tuple[int, Mapping[str, datetime]] = (-1, {})

    def start(self) -> None:
        """Everybody begins to work."""
        live, told = self.machine.live, LANES[self.lane]
        for number in (1, 2):
            live(f"inbox{number}", self._inbox, every_s=3, idle_s=900)
            for target in TARGETS:
                live(f"{target}{number}", self._sender(target), every_s=4, idle_s=900)
        if told & {"watches", "watches deals"}:
            live("deals", self._watch(lambda desk: SalesforceWatch(desk.crm)), every_s=45, idle_s=400)
        if "watches" in told:
            live("events", self._watch(lambda desk: StripeWatch(desk.payments)), every_s=45, idle_s=400)
        if "reads" in told:
            for number in (1, 2):
                live(f"reader{number}", self._reader, every_s=400, idle_s=2000)
            live("follower", self._follower, every_s=100, idle_s=1500)

    def desk(self) -> Unhelped:
        """What a process starts with."""
        return Unhelped(self.flaws.wrap_store(self.store), PORTS, wrap=self.flaws.wrap)

    # --- what each does; whether there was anything to do

    def _inbox(self) -> Callable[[], Any]:
        desk = self.desk()
        drain = drain_of(desk)
        return lambda: (drain.left or self._is_due("hints")) and inbox.drain_inbox(drain, rounds=1)

    def _sender(self, system: str) -> Callable[[], Callable[[], Any]]:
        def begin() -> Callable[[], Any]:
            desk = self.desk()
            target = self.flaws.bare(desk.targets)[system]
            unsure, unkept = [not self.flaws.forgets_orders], list[delivering.Called]()

            def act() -> Any:
                was, unsure[0] = unsure[0], not self.flaws.forgets_orders
                done = {}
                if unkept or self._is_due(system):
                    done = delivering.deliver_outbox(
                        desk.store, target, pace=POLICY.delivery.pace, rounds=1, unkept=unkept
                    )
                if system == ERP and (was or done.keys() & {"confirmed", "found"}):
                    go_on(desk)
                unsure[0] = False
                return done

            return act

        return begin

    def _watch(self, of: Callable[[Desk], Any]) -> Callable[[], Callable[[], Any]]:
        def begin() -> Callable[[], Any]:
            desk = self.desk()
            watch = of(desk)
            return lambda: polling.poll_hints(watch, desk.store)

        return begin

    def _reader(self) -> Callable[[], Any]:
        desk = self.desk()
        return lambda: read(desk)

    def _follower(self) -> Callable[[], Any]:
        desk = self.desk()
        return lambda: follow(desk, self.machine)

    def hear(self, event: Mapping[str, Any]) -> None:
        """An event arrives at the endpoint, which confirms it once it is kept; until then it is sent again."""
        try:
            self._heard(event)
        except BaseException:
            if not self.flaws.confirms_unheard:
                self.machine.spawn(
                    f"again {event['id']} {self.machine.steps}", lambda: self.hear(event), after_s=60
                )
            raise

    def _heard(self, event: Mapping[str, Any]) -> None:
        at = self.machine.now
        sent = deliver(event, secrets=[SECRET], at=at)
        told = receive(sent.body, sent.signature, secrets=[SECRET], now=at, livemode=False)
        if told.collection in ENTITY_OF:
            about = {"entity": ENTITY_OF[told.collection], "native_id": told.object_id, "kind": told.type}
            hint = Hint(source=PAYMENTS, event_id=told.event_id, sequence=told.event_id, **about)
            with self.flaws.wrap_store(self.store).transaction() as tx:
                polling.keep_hints(tx, [hint])

    def _is_due(self, what: str) -> bool:
        """As the lane asks before it wakes anybody; it costs no turn, and no question while nothing was committed."""
        if self._known[0] != self.store.commits:
            rows = self.store.connection.execute(DUE).fetchall()
            self._known = self.store.commits, {row["what"]: row["at"] for row in rows}
        at = self._known[1].get(what)
        return at is not None and at <= self.machine.now


def drain_of(desk: Desk) -> Drain:
    """How hints are answered, as the fast lane does it."""

    def decide(tx: Transaction, looks: Sequence[Looked]) -> None:
        if deals := [one.native_id for one in looks if one.source == CRM]:
            orders.decide_deals(tx, POLICY, BILLING, today=TODAY, opportunities=deals)
        statuses.decide_payment_status(tx, [one for one in looks if one.source != CRM], POLICY)

    lookups = {PAYMENTS: StripeLookup(desk.payments, zone=ZONE), CRM: desk.sources[0]}
    return Drain(desk.store, lookups, decide, POLICY.delivery.pace)  # type: ignore[arg-type]


def go_on(desk: Desk) -> None:
    """What follows from orders that exist now, as the fast lane does it."""
    following.follow_orders(desk.store, POLICY, lambda: BILLING, today=TODAY)


def read(desk: Desk) -> int:
    """Read what changed, as the safe lane does; rows that were news."""
    news = 0
    for source in desk.sources:
        for entity in (name for name in source.entities if name in READ):
            news += pulling.pull_changes(source, desk.store, entity=entity).new
            landing.land_records(source, desk.store, entity=entity)
    return news


def follow(desk: Desk, machine: Machine) -> int:
    """What follows from what landed."""
    told = landed_telling.tell_landed(desk.store, POLICY)
    done = orders.create_order(desk.store, POLICY, BILLING, today=TODAY)
    done += failed.collect_failed(desk.store, POLICY, now=machine.now)
    return told + sum(done.values())


def deal_ids(numbers: Sequence[int]) -> list[str]:
    """Salesforce's ids of the seed's deals."""
    return [deal_id(number) for number in numbers]
