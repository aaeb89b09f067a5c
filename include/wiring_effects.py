"""Airflow to what we do in other systems: its connections become lookups, targets and the secrets of webhooks."""
# ruff: noqa: PLC0415  # looked up and imported inside tasks only, as in include/wiring.py

import logging
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from time import monotonic, sleep
from typing import TYPE_CHECKING

from airflow.sdk import BaseHook
from airflow.timetables.simple import ContinuousTimetable

from include import wiring
from include.ports import Fatal, Stop, Store, Target

if TYPE_CHECKING:
    from include.flows.create_order import Billing
    from include.flows.drain_inbox import Drain
    from include.policy import Policy

WITHOUT_A_GAP = ContinuousTimetable() if wiring.EVERY_TEN_MINUTES else None
TURN_S = 0.2
"""Between two looks at the inbox and the outbox while nothing moves."""

log = logging.getLogger(__name__)


def run_fast_lane(*, seconds: float) -> Counter[str]:
    """Answer hints, decide and deliver for so long; what was done. Raises the worst Stop met, when time is up."""
    from include.flows.decide_payment_status import tell_landed

    store, policy = wiring.store(), wiring.policy()
    drain, targets = _drain(store, policy), list(_targets())
    done: Counter[str] = Counter()
    stops: dict[str, Stop] = {}
    batch, landed, until = None, 0, monotonic() + seconds
    while monotonic() < until:
        newest = _newest_batch(store)
        moved = _turn(store, drain, targets, stops)
        if newest != batch:
            moved += _decide(store, policy)
            batch = newest
            landed = 1
        if landed:
            moved["landed payments"] += (landed := tell_landed(store, policy))
        done += moved
        if not moved:
            sleep(TURN_S)
    if stops:
        raise next((stop for stop in stops.values() if isinstance(stop, Fatal)), *stops.values())
    return done


def collect(today: date) -> Counter[str]:
    """Decide what schedules, declined payments and overdue invoices lead to today; the fast lane delivers it."""
    from include.flows.collect_failed import collect_failed
    from include.flows.collect_overdue import collect_overdue
    from include.flows.create_order import create_order
    from include.flows.tell_subscriptions import tell_subscriptions

    store, policy = wiring.store(), wiring.policy()
    return (
        create_order(store, policy, billing(), today=today)
        + collect_failed(store, policy, now=datetime.now(UTC))
        + collect_overdue(store, policy, today=today)
        + tell_subscriptions(store, policy, today=today)
    )


def receive(body: bytes, signature: str) -> str:
    """Keep the hint in a payments event; what became of it. Raises a Refused that says what to answer."""
    from include.connectors.stripe.lookup import ENTITY_OF
    from include.connectors.stripe.webhooks import receive
    from include.flows.drain_inbox import Hint, keep_hint

    connection = BaseHook.get_connection("payments_webhook")
    if not connection.password:
        raise Fatal("connection payments_webhook has no password; the endpoint's secret belongs there")
    hint = receive(
        body,
        signature,
        secrets=connection.password.split(),
        now=datetime.now(UTC),
        livemode=bool(connection.extra_dejson.get("livemode")),
    )
    entity = ENTITY_OF.get(hint.collection)
    if entity is None:
        return f"nothing here follows from {hint.type}"
    kept = Hint(
        source="payments",
        event_id=hint.event_id,
        entity=entity,
        native_id=hint.object_id,
        kind=hint.type,
        sequence=hint.event_id,
        occurred_at=hint.created_at,
    )
    with wiring.store().transaction() as tx:
        return "kept" if keep_hint(tx, kept) else "known"


def billing() -> "Billing":
    """Who sells: connection `salesforce_api` names the organisation, the ERP's company the tenant."""
    from include.flows.create_order import Billing

    organisation = BaseHook.get_connection("salesforce_api").extra_dejson.get("domain") or "salesforce"
    return Billing(tenant=str(wiring.erp_client().company), organisation=str(organisation))


def _turn(store: Store, drain: "Drain", targets: list[Target], stops: dict[str, Stop]) -> Counter[str]:
    """One round of everything that is due; a system that stops keeps nothing from the others."""
    from include.flows.deliver_outbox import deliver_outbox
    from include.flows.drain_inbox import drain_inbox

    done: Counter[str] = Counter()
    try:
        done.update({f"hints {state}": count for state, count in drain_inbox(drain).items()})
    except Stop as stop:
        _note(stops, "inbox", stop)
    for target in targets:
        try:
            outcomes = deliver_outbox(store, target, pace=drain.pace)
            done.update({f"{target.system} {result}": count for result, count in outcomes.items()})
        except Stop as stop:
            _note(stops, target.system, stop)
    return done


def _note(stops: dict[str, Stop], part: str, stop: Stop) -> None:
    if part not in stops:
        log.error("%s: %s", part, stop)
    stops[part] = stop


def _decide(store: Store, policy: "Policy") -> Counter[str]:
    """What follows from rows that landed since the last look."""
    from include.flows.create_order import create_order
    from include.flows.tell_subscriptions import tell_subscriptions

    decided = create_order(store, policy, billing(), today=business_today())
    decided += tell_subscriptions(store, policy, today=business_today())
    return Counter({f"decided {kind}": count for kind, count in decided.items()})


def _newest_batch(store: Store) -> int:
    with store.transaction() as tx:
        return int(tx.rows("newest_batch")[0]["batch"])


def _drain(store: Store, policy: "Policy") -> "Drain":
    from include.connectors.stripe.lookup import StripeLookup
    from include.flows.decide_payment_status import decide_payment_status
    from include.flows.drain_inbox import Drain, Looked
    from include.ports import Transaction

    def decide(tx: Transaction, looked: Looked) -> None:
        decide_payment_status(tx, looked, policy)

    lookups = {"payments": StripeLookup(wiring.payments_client(), zone=wiring.ZONE)}
    return Drain(store, lookups, decide, policy.delivery.pace)


def _targets() -> Iterator[Target]:
    from include.connectors.ledger_effects import LedgerEffects
    from include.connectors.salesforce.effects import SalesforceEffects
    from include.connectors.salesforce.source import SalesforceSource
    from include.connectors.salesforce.writer import SalesforceWriter
    from include.connectors.stripe.effects import StripeEffects
    from include.connectors.tryton.ledger import TrytonLedger
    from include.connectors.tryton.wizards import TrytonWizards
    from include.flows.guard_stale import Guarded

    client, erp = wiring.salesforce_client(), wiring.erp_client()
    extra = BaseHook.get_connection("erp_api").extra_dejson
    user, password = str(extra.get("user") or ""), str(extra.get("user_password") or "")
    ledger = TrytonLedger(erp, TrytonWizards(erp.address, user=user, password=password))
    yield Guarded(LedgerEffects(ledger, today=business_today), SalesforceSource(client))
    yield SalesforceEffects(SalesforceWriter(client))
    yield StripeEffects(wiring.payments_client())


def business_today() -> date:
    """The legal entity's day."""
    return datetime.now(wiring.ZONE).date()
