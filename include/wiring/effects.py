"""Airflow to what we do in other systems: its connections become targets, and who it is that sells."""
# ruff: noqa: PLC0415  # looked up and imported inside tasks only, as in include/wiring/connections.py

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING

from include.ports import Store, Target
from include.wiring import connections
from include.wiring.environment import connection

if TYPE_CHECKING:
    from include.connectors.salesforce.client import SalesforceClient
    from include.flows.create_order import Billing


def collect(today: date) -> Counter[str]:
    """Decide what schedules, declined payments and overdue invoices lead to today; the fast lane delivers it."""
    from include.flows.bill_schedule import bill_schedule
    from include.flows.collect_failed import collect_failed
    from include.flows.collect_overdue import collect_overdue
    from include.flows.tell_subscriptions import tell_subscriptions

    store, policy = connections.store(), connections.policy()
    with store.transaction() as tx:
        billed = bill_schedule(tx, policy, today=today)
    return (
        billed
        + collect_failed(store, policy, now=datetime.now(UTC))
        + collect_overdue(store, policy, today=today)
        + tell_subscriptions(store, policy, today=today)
    )


def billing() -> "Billing":
    """Who sells: connection `salesforce_api` names the organisation, the ERP's company the tenant."""
    from include.flows.create_order import Billing

    organisation = connection("salesforce_api").extra_dejson.get("domain") or "salesforce"
    return Billing(tenant=str(connections.erp_client().company), organisation=str(organisation))


def targets(store: Store, clients: "Callable[[], SalesforceClient] | None" = None) -> Iterator[Target]:
    """Every system we write to, each with clients of its own: `clients` makes Salesforce's. `store`: what is owed."""
    from include.connectors.ledger_effects import LedgerEffects
    from include.connectors.salesforce.effects import SalesforceEffects
    from include.connectors.salesforce.source import SalesforceSource
    from include.connectors.salesforce.writer import COLLECTION_ROWS_MAX, SalesforceWriter
    from include.connectors.stripe.effects import StripeEffects
    from include.connectors.tryton.ledger import TrytonLedger
    from include.flows.guard_gate import Gated
    from include.flows.guard_paid import Unpaid
    from include.flows.guard_stale import Guarded
    from include.flows.guard_writer import Fenced, InCalls

    policy, now = connections.policy(), partial(datetime.now, UTC)
    clients, erp = clients or connections.salesforce_clients(), connections.erp_client()
    effects = LedgerEffects(TrytonLedger(erp, connections.erp_wizards(erp.address)), today=business_today)
    gated = Gated(Fenced(effects, store), store, policy, today=business_today)
    yield InCalls(Guarded(gated, SalesforceSource(clients())), at_once=1)
    crm = SalesforceEffects(SalesforceWriter(clients()))
    yield InCalls(Unpaid(Fenced(crm, store), store, policy, now=now), at_once=COLLECTION_ROWS_MAX)
    payments = Fenced(StripeEffects(connections.payments_client()), store)
    yield InCalls(Unpaid(payments, store, policy, now=now), at_once=1)


def business_today() -> date:
    """The legal entity's day."""
    return datetime.now(connections.ZONE).date()
