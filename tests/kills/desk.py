"""The platform as one process runs it: a store, the clients of three systems, and the four recipes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from simple_salesforce.api import Salesforce

from include.connectors.ledger_effects import LedgerEffects
from include.connectors.salesforce.client import SalesforceClient, guarded_session
from include.connectors.salesforce.effects import SalesforceEffects
from include.connectors.salesforce.source import SalesforceSource
from include.connectors.salesforce.writer import COLLECTION_ROWS_MAX, SalesforceWriter
from include.connectors.stripe.client import StripePayments
from include.connectors.stripe.effects import StripeEffects
from include.connectors.stripe.lookup import StripeLookup
from include.connectors.stripe.source import StripeSource
from include.connectors.tryton.client import TrytonClient
from include.connectors.tryton.ledger import TrytonLedger
from include.connectors.tryton.source import TrytonSource
from include.connectors.tryton.wizards import TrytonWizards
from include.flows.collect_failed import collect_failed
from include.flows.collect_overdue import collect_overdue
from include.flows.create_order import create_order
from include.flows.decide_payment_status import decide_payment_status
from include.flows.deliver_outbox import deliver_outbox
from include.flows.drain_inbox import Drain, Looked, drain_inbox
from include.flows.guard_gate import Gated
from include.flows.guard_paid import Unpaid
from include.flows.guard_stale import Guarded
from include.flows.guard_writer import Fenced, InCalls
from include.flows.land_records import land_records
from include.flows.poll_hints import keep_hints
from include.flows.pull_changes import pull_changes
from include.flows.tell_subscriptions import tell_subscriptions
from include.policy import Policy, load_policy
from include.ports import Source, Store, Target, Transaction
from include.twin.server import TwinKeys, TwinPorts
from tests.kills.world import BILLING, HINTS, NOW, TODAY

KEYS = TwinKeys("the-client", "the-secret", "the-erp-key", "sk_test_twin")
POLICY = load_policy()
ZONE = ZoneInfo("Asia/Singapore")

Deliver = Callable[..., Any]


@dataclass
class Desk:
    """`store` and `deliver` may be watched or defective ones; everything else is as in production."""

    store: Store
    ports: TwinPorts
    deliver_outbox: Deliver = deliver_outbox
    wrap: Callable[[Target], Target] = lambda target: target
    policy: Policy = POLICY

    @cached_property
    def crm(self) -> SalesforceClient:
        session = guarded_session(self._url("salesforce"))
        log_in = {"consumer_key": KEYS.salesforce_client_id, "consumer_secret": KEYS.salesforce_client_secret}
        return SalesforceClient(lambda: Salesforce(**log_in, domain="twin.my", session=session))

    @cached_property
    def erp(self) -> TrytonClient:
        return TrytonClient(f"{self._url('erp')}/erp", key=KEYS.erp_key)

    @cached_property
    def payments(self) -> StripePayments:
        return StripePayments(KEYS.payments_key, address=self._url("payments"))

    @cached_property
    def sources(self) -> list[Source]:
        return [
            SalesforceSource(self.crm),
            TrytonSource(self.erp),
            StripeSource(self.payments, zone=ZONE),
        ]

    @cached_property
    def targets(self) -> Mapping[str, Target]:
        wizards = TrytonWizards(self.erp.address, user="tieout", password=KEYS.erp_key)
        ledger = LedgerEffects(TrytonLedger(self.erp, wizards), today=lambda: TODAY)
        gated = Gated(self._fenced(ledger), self.store, self.policy, today=lambda: TODAY)
        targets: list[Target] = [
            InCalls(Guarded(gated, SalesforceSource(self.crm)), at_once=1),
            self._unpaid(SalesforceEffects(SalesforceWriter(self.crm)), at_once=COLLECTION_ROWS_MAX),
            self._unpaid(StripeEffects(self.payments), at_once=1),
        ]
        return {target.system: target for target in targets}

    def _unpaid(self, target: Target, *, at_once: int) -> Target:
        unpaid = Unpaid(self._fenced(target), self.store, self.policy, now=lambda: NOW)
        return InCalls(unpaid, at_once=at_once)

    def _fenced(self, target: Target) -> Target:
        return Fenced(self.wrap(target), self.store)

    def read(self, *only: str) -> None:
        """Read what changed of these entities, or of all, as the safe lane does."""
        for source in self.sources:
            for entity in (name for name in source.entities if not only or name in only):
                pull_changes(source, self.store, entity=entity)
                land_records(source, self.store, entity=entity)

    def deliver(self, *systems: str) -> int:
        """Deliver what is due at these systems; how many messages came to something."""
        pace = self.policy.delivery.pace
        return sum(
            sum(self.deliver_outbox(self.store, self.targets[name], pace=pace).values()) for name in systems
        )

    def drain(self) -> int:
        """Answer the hints that are due; how many objects were looked at."""

        def decide(tx: Transaction, looks: Sequence[Looked]) -> None:
            decide_payment_status(tx, looks, self.policy)

        lookups = {"payments": StripeLookup(self.payments, zone=ZONE)}
        return sum(drain_inbox(Drain(self.store, lookups, decide, self.policy.delivery.pace)).values())

    def _url(self, system: str) -> str:
        return f"http://127.0.0.1:{getattr(self.ports, system)}"


def closed_won(desk: Desk) -> int:
    """A won deal becomes an order, its reference and an invoice; one the gate refuses becomes its owner's task."""
    decided = sum(create_order(desk.store, desk.policy, BILLING, today=TODAY).values())
    return decided + desk.deliver("erp", "salesforce")


def payment_status(desk: Desk) -> int:
    """What the payments platform hints at is looked at, decided about and shown to sales."""
    kept = 0
    for hint in HINTS:  # a hint whose receipt was not confirmed is sent again
        with desk.store.transaction() as tx:
            kept += len(keep_hints(tx, [hint]))
    return kept + desk.drain() + desk.deliver("salesforce")


def payment_failure(desk: Desk) -> int:
    """Declines lead to another try or to a task, overdue invoices to a task."""
    decided = collect_failed(desk.store, desk.policy, now=NOW) + collect_overdue(
        desk.store, desk.policy, today=TODAY
    )
    return sum(decided.values()) + desk.deliver("payments", "salesforce")


def subscription_change(desk: Desk) -> int:
    """A subscription that was amended is shown to sales, and its renewal asks for a step."""
    told = tell_subscriptions(desk.store, desk.policy, today=TODAY)
    return sum(told.values()) + desk.deliver("salesforce")


RECIPES: Mapping[str, Callable[[Desk], int]] = {
    recipe.__name__: recipe for recipe in (closed_won, payment_status, payment_failure, subscription_change)
}
