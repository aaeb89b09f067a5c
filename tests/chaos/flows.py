"""The flows a fault is let loose on, one column each: what each does, over and over, until nothing is left to do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from include.connectors.salesforce.watch import SalesforceWatch
from include.connectors.stripe.watch import StripeWatch
from include.flows import pull_changes as pulling
from include.flows.await_sources import await_sources
from include.flows.check_completeness import check_completeness
from include.flows.collect_failed import collect_failed
from include.flows.collect_overdue import collect_overdue
from include.flows.create_order import create_order
from include.flows.deliver_outbox import deliver_outbox
from include.flows.drain_inbox import drain_inbox
from include.flows.land_records import land_records
from include.flows.poll_hints import keep_hints, poll_hints
from include.flows.publish_run import publish_run
from include.flows.reconcile import reconcile
from include.flows.sweep_entity import sweep_entity
from include.flows.tell_subscriptions import tell_subscriptions
from tests.kills.desk import POLICY, Desk
from tests.kills.world import BILLING, HINTS, NOW, TODAY
from tests.simulation.workers import drain_of, go_on

Act = Callable[[Desk], Any]


@dataclass(frozen=True)
class Flow:
    """`systems`: those it speaks to; `act`: one pass, stopped anywhere; `fresh`: it begins with an empty database."""

    systems: tuple[str, ...]
    act: Act
    fresh: bool = False


def _extract(system: str) -> Act:
    """Read all there is, land it, and have it compared row by row with the source."""

    def act(desk: Desk) -> int:
        [source] = [one for one in desk.sources if one.system == system]
        new = 0
        for entity in source.entities:
            new += pulling.pull_changes(source, desk.store, entity=entity).new
            land_records(source, desk.store, entity=entity)
            sweep_entity(source, desk.store, entity=entity)
        return new

    return act


def _reconcile(desk: Desk) -> int:
    """Read what changed of all three systems, and reconcile it once all of it is proven to be here."""
    new = 0
    for source in desk.sources:
        for entity in source.entities:
            new += pulling.pull_changes(source, desk.store, entity=entity).new
            land_records(source, desk.store, entity=entity)
            check_completeness(source, desk.store, entity=entity)
    await_sources(desk.sources, desk.store, day_end=NOW)
    reconcile(desk.store, as_of=TODAY, policy=POLICY)
    publish_run(desk.store, as_of=TODAY)
    return new


def _tie_out(desk: Desk) -> int:
    """The next day, of what was read before: of all that happens to reading, nothing happens here."""
    reconcile(desk.store, as_of=TODAY + timedelta(1), policy=POLICY)
    publish_run(desk.store, as_of=TODAY + timedelta(1))
    return 0


def _webhook(desk: Desk) -> int:
    """Hints are kept, again until that is confirmed; then answered and shown to sales."""
    kept = 0
    for hint in HINTS:
        with desk.store.transaction() as tx:
            kept += len(keep_hints(tx, [hint]))
    return kept + _apply(desk)


def _apply(desk: Desk) -> int:
    return sum(drain_inbox(drain_of(desk)).values()) + _deliver(desk, "salesforce")


def _deliver(desk: Desk, *systems: str) -> int:
    pace = POLICY.delivery.pace
    return sum(sum(deliver_outbox(desk.store, desk.targets[name], pace=pace).values()) for name in systems)


def _order(desk: Desk) -> int:
    """Orders, their references and invoices; a task for the deal that is refused."""
    done = create_order(desk.store, POLICY, BILLING, today=TODAY)
    return sum(done.values()) + _deliver(desk, "erp", "salesforce")


def _collect(desk: Desk) -> int:
    """Another try of a declined payment, tasks for what keeps failing and what is overdue."""
    done = collect_failed(desk.store, POLICY, now=NOW) + collect_overdue(desk.store, POLICY, today=TODAY)
    return sum(done.values()) + _deliver(desk, "payments", "salesforce")


def _mirror(desk: Desk) -> int:
    """Subscriptions as sales sees them."""
    return sum(tell_subscriptions(desk.store, POLICY, today=TODAY).values()) + _deliver(desk, "salesforce")


def _watch_events(desk: Desk) -> int:
    """With no webhook at all: the events are asked for."""
    return poll_hints(StripeWatch(desk.payments), desk.store) + _apply(desk)


def _watch_deals(desk: Desk) -> int:
    """A deal that was won is noticed, ordered and billed."""
    seen = poll_hints(SalesforceWatch(desk.crm), desk.store) + sum(drain_inbox(drain_of(desk)).values())
    go_on(desk)
    return seen + _deliver(desk, "erp", "salesforce")


FLOWS: Mapping[str, Flow] = {
    "extract salesforce": Flow(("salesforce",), _extract("salesforce"), fresh=True),
    "extract erp": Flow(("erp",), _extract("erp"), fresh=True),
    "extract payments": Flow(("payments",), _extract("payments"), fresh=True),
    "reconcile": Flow(("salesforce", "erp", "payments"), _reconcile, fresh=True),
    "tie out": Flow((), _tie_out),
    "webhook": Flow(("payments", "salesforce"), _webhook),
    "watch events": Flow(("payments", "salesforce"), _watch_events),
    "watch deals": Flow(("salesforce", "erp"), _watch_deals),
    "send order": Flow(("erp", "salesforce"), _order),
    "collect": Flow(("payments", "salesforce"), _collect),
    "send mirror": Flow(("salesforce",), _mirror),
}
