"""Airflow to what we do in other systems: its connections become targets, and who it is that sells."""
# ruff: noqa: PLC0415  # looked up and imported inside tasks only, as in include/wiring/connections.py

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, cast

from include.ports import Store, Target, Transaction
from include.wiring import connections
from include.wiring.environment import connection

if TYPE_CHECKING:
    from include.connectors.salesforce.client import SalesforceClient
    from include.flows.create_order import Billing


def collect() -> Counter[str]:
    """Decide what schedules, declined payments and overdue invoices lead to today; the fast lane delivers it."""
    from include.flows.bill_schedule import bill_schedule
    from include.flows.collect_failed import collect_failed
    from include.flows.collect_overdue import collect_overdue
    from include.flows.tell_subscriptions import tell_subscriptions

    store, policy = connections.store(), connections.policy()
    now = database_now(store)
    today = business_day(now)
    with store.transaction() as tx:
        billed = bill_schedule(tx, policy, today=today)
    return (
        billed
        + collect_failed(store, policy, now=now)
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

    policy, now, today = connections.policy(), partial(database_now, store), partial(business_today, store)
    clients, erp = clients or connections.salesforce_clients(), connections.erp_client()
    effects = LedgerEffects(TrytonLedger(erp, connections.erp_wizards(erp.address)), today=today)
    gated = Gated(Fenced(effects, store), store, policy, today=today)
    yield InCalls(Guarded(gated, SalesforceSource(clients())), at_once=1)
    crm = SalesforceEffects(SalesforceWriter(clients()))
    yield InCalls(Unpaid(Fenced(crm, store), store, policy, now=now), at_once=COLLECTION_ROWS_MAX)
    payments = Fenced(StripeEffects(connections.payments_client()), store)
    yield InCalls(Unpaid(payments, store, policy, now=now), at_once=1)


def database_now(store: Store) -> datetime:
    """The moment by the clock of the database: what is due is the same for all workers, whatever theirs say."""
    with store.transaction() as tx:
        return told_now(tx)


def told_now(tx: Transaction) -> datetime:
    """The same inside a transaction that is under way."""
    return cast("datetime", tx.rows("database_clock")[0]["now"])


def business_today(store: Store) -> date:
    """The legal entity's day, by the database's clock."""
    return business_day(database_now(store))


def business_day(at: datetime) -> date:
    """The legal entity's day at a moment."""
    return at.astimezone(connections.ZONE).date()
