"""The fast lane, put together: who answers hints, who delivers to whom, who watches what, who follows what landed.

Every worker has clients of its own: threads share none but the store.
"""
# ruff: noqa: PLC0415  # looked up and imported inside tasks only, as in include/wiring/connections.py

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import CronTriggerTimetable, ExceptionRetryPolicy, RetryAction, RetryRule

from include import telemetry
from include.lane import Lane, Wake, Worker
from include.ports import (
    Lookup,
    PartsLookup,
    RawRecord,
    Retryable,
    Stop,
    Store,
    Target,
    Transaction,
    Translated,
    Watch,
)
from include.telemetry.aside import aside
from include.wiring import audit, connections, effects, schedules, vault
from include.wiring.follow import (
    CRM,
    ERP,
    INBOX,
    PAYMENTS,
    Follower,
    SellerOf,
    due,
    is_read_in,
    named,
)

if TYPE_CHECKING:
    from include.connectors.salesforce.client import SalesforceClient
    from include.flows.create_order import Billing
    from include.flows.deliver_outbox import Called
    from include.flows.drain_inbox import Drain, Looked
    from include.policy import Policy
    from include.signing import Sign

# One active run is all Airflow allows a @continuous DAG, so two of those can never overlap.
RELAY = CronTriggerTimetable("*/3 * * * *", timezone="UTC") if schedules.EVERY_TEN_MINUTES else None
"""A run begins every three minutes and works until the next one is at work."""

AGAIN_WHEN_KILLED = ExceptionRetryPolicy(
    rules=[RetryRule(Stop, RetryAction.FAIL, reason="the next run tries again")]
)

LOOKERS = ((PAYMENTS, False), (PAYMENTS, True), (CRM, True))
"""Who answer hints: of which system, so that none waits for another's; and whether what is live comes first."""

HANDS = 2
"""Who deliver to the CRM: while one waits for an answer the other writes down what came of it."""

SHOW_EVERY_S = 30.0
"""How often figures are read for who watches from outside, where anybody does."""

Clients = Callable[[], "SalesforceClient"]


def run_fast_lane(*, seconds: float) -> Counter[str]:
    """Answer hints, decide and deliver until a later run is at work, or for so long; what was done.

    Raises the worst Stop met, when it is over.
    """
    with aside(), connections.kept_store(connections.SEND) as store:
        _begin_as_here(store)
        lane = Lane(list(_workers(store)))
        # All is at hand: whoever works until now may stop.
        with store.transaction() as tx:
            number = int(tx.rows("begin_lane")[0]["lane_id"])
        # Two runs overlap, never three: by turns they count under one name and the other.
        telemetry.begin(f"fast_lane/{number % 2}")
        try:
            lane.run(partial(due, store, number), seconds=seconds)
        finally:
            telemetry.end()
    if lane.worst:
        raise lane.worst
    return lane.done


def _workers(store: Store) -> Iterator[Worker]:
    policy, clients, seller = connections.policy(), connections.salesforce_clients(), _once(effects.billing)
    for source, live_first in LOOKERS:
        act = _answering(_drain(store, policy, clients, seller, source), live_first=live_first)
        yield Worker(part=INBOX, act=act)
    for hand in range(HANDS):
        for target in effects.targets(store, clients):
            if not hand or target.system == CRM:
                yield Worker(part=target.system, act=Delivery(store, target, policy, seller).deliver)
    for watch in _watches(clients):
        yield Worker(part=watch.name, act=_watching(store, watch), pause_s=_pace(watch), steady=True)
    if sign := audit.signer():
        yield Worker(part="audit", act=_sealing(store, sign), pause_s=lambda: audit.SEAL_EVERY_S, steady=True)
    if telemetry.wanted():
        yield Worker(part="figures", act=_showing(store), pause_s=lambda: SHOW_EVERY_S, steady=True)
    follower = Follower(store, policy, seller)
    yield Worker(part="landed", act=follower.follow, pause_s=follower.pause)


def _sealing(store: Store, sign: "Sign") -> Callable[[Wake], Counter[str]]:
    return lambda _wake: Counter({"audit rows sealed": audit.seal(store, sign)})


def _showing(store: Store) -> Callable[[Wake], Counter[str]]:
    from include.flows.tell_steps import show_figures
    from include.telemetry import otlp  # noqa: F401 - half a second, while the run before is still at work

    return lambda _wake: Counter({"figures shown": show_figures(store)})


def _begin_as_here(store: Store) -> None:
    """Before anything is sent: what the environment leaves to the other path is left to it."""
    from include.flows.switch_writer import begin_as

    policy = connections.policy()
    begin_as(store, policy.environment.shadow, environment=policy.here)


# --- answering hints


def _answering(drain: "Drain", *, live_first: bool) -> Callable[[Wake], Counter[str]]:
    from include.flows.drain_inbox import drain_inbox

    def answer(wake: Wake) -> Counter[str]:
        states = drain_inbox(drain, rounds=1, live_first=live_first)
        if states:
            wake(CRM, ERP)
        return Counter({f"hints {state}": count for state, count in states.items()})

    return answer


def _drain(store: Store, policy: "Policy", clients: Clients, seller: SellerOf, source: str) -> "Drain":
    from include.connectors.salesforce.source import SalesforceSource
    from include.connectors.stripe.lookup import StripeLookup
    from include.connectors.stripe.source import StripeSource
    from include.flows.create_order import decide_deals
    from include.flows.decide_payment_status import decide_payment_status
    from include.flows.drain_inbox import Drain
    from include.vault.edge import SealedLookup

    def decide(tx: Transaction, looks: Sequence["Looked"]) -> None:
        if deals := [one.native_id for one in looks if one.source == CRM]:
            today = effects.business_day(effects.told_now(tx))
            hints = {one.native_id: one.hint_id for one in looks if one.source == CRM}
            decide_deals(tx, policy, seller(), today=today, opportunities=deals, hints=hints)
        decide_payment_status(tx, [one for one in looks if one.source != CRM], policy)

    lookup: Lookup
    if source == CRM:
        lookup = Sold(SalesforceSource(clients()), store, seller)
    else:
        client = connections.payments_client()
        payments = StripeLookup(client, zone=connections.ZONE)
        lookup = SealedLookup(payments, StripeSource(client, zone=connections.ZONE), vault.vault())
    return Drain(store, {source: lookup}, decide, policy.delivery.pace)


@dataclass
class Sold:
    """Deals as they now are, once all is known that a decision needs: while it is written down nobody can be asked."""

    deals: PartsLookup
    store: Store
    seller: SellerOf
    system: str = CRM

    def look_at(self, entity: str, native_id: str) -> RawRecord | None:
        """As the source's, its lines first. Raises Retryable until both sides of a deal have been read once."""
        from include.flows.look_at_lines import look_at_lines

        if not is_read_in(self.store):
            raise Retryable("deals wait until customers, orders and invoices have been read once")
        self.seller()
        look_at_lines(self, self.store, deal=native_id)
        return self.deals.look_at(entity, native_id)

    def look_at_parts(self, entity: str, *, of: str, native_id: str) -> Sequence[RawRecord]:
        """As the source's."""
        return self.deals.look_at_parts(entity, of=of, native_id=native_id)

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:
        """As the source's."""
        return self.deals.translate(entity, payload)


# --- delivering


@dataclass
class Delivery:
    """Delivers to one target. `unsure`: the ERP may have confirmed orders from which nothing followed yet.

    `unkept`: what could not be written down yet.
    """

    store: Store
    target: Target
    policy: "Policy"
    seller: SellerOf
    unsure: bool = True
    unkept: list["Called"] = field(default_factory=list)

    def deliver(self, wake: Wake) -> Counter[str]:
        """One round, so that the end of the run is noticed; and what follows from orders that exist now."""
        from include.flows.deliver_outbox import deliver_outbox
        from include.flows.follow_orders import follow_orders

        is_erp, unsure = self.target.system == ERP, self.unsure
        self.unsure = True
        pace = self.policy.delivery.pace
        outcomes = deliver_outbox(self.store, self.target, pace=pace, rounds=1, unkept=self.unkept)
        done = Counter({f"{self.target.system} {result}": count for result, count in outcomes.items()})
        if is_erp and (unsure or outcomes.keys() & {"confirmed", "found"}):
            today = effects.business_today(self.store)
            done += named(follow_orders(self.store, self.policy, self.seller, today=today))
            wake(CRM, ERP)
        if outcomes.keys() & {"stale"}:
            wake(INBOX)
        self.unsure = False
        return done


def _watches(clients: Clients) -> Iterator[Watch]:
    from include.connectors.salesforce.watch import SalesforceWatch
    from include.connectors.stripe.watch import StripeWatch

    yield StripeWatch(connections.payments_client())
    yield SalesforceWatch(clients())


def _watching(store: Store, watch: Watch) -> Callable[[Wake], Counter[str]]:
    from include.flows.poll_hints import poll_hints

    def glance(wake: Wake) -> Counter[str]:
        news = poll_hints(watch, store)
        if news:
            wake(INBOX)
        return Counter({watch.name: news})

    return glance


def _pace(watch: Watch) -> Callable[[], float]:
    return lambda: watch.every_s


def _once(ask: SellerOf) -> SellerOf:
    """The answer, asked for the first time it is needed and kept; two who ask at once get the same."""
    known: list[Billing] = []

    def answer() -> "Billing":
        if not known:
            known.append(ask())
        return known[0]

    return answer
