"""What must be true at rest, asked of the three systems themselves, which know everything, and of our tables."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote_plus

import requests

from include.connectors.stripe.effects import KEY
from include.flows import create_order as orders
from include.flows import tell_landed as landed_telling
from include.flows.sweep_entity import sweep_entity
from tests.checks import found_by_checks
from tests.disorder.story import GROSS_MINOR, deal_id
from tests.kills.desk import POLICY
from tests.kills.world import BILLING, TODAY
from tests.simulation.machine import Machine
from tests.simulation.story import DEALS, FIRST_DEAL, Change
from tests.simulation.wire import TwinInside, json_body
from tests.simulation.workers import READ, Platform, read

REFUSED = DEALS - 1
_DEAL = re.compile(r"\b006[0-9A-Za-z]{15}\b")

LOST_DISPUTES = {"needs_response", "under_review", "lost"}
KINDS_OF_ATTEMPTS = ("retry_payment", "task")
"""Follow from attempts, which only reading tells of."""


@dataclass
class Eye:
    """Sees what workers ask and what really is, as nobody inside can."""

    twin: TwinInside
    machine: Machine
    is_outside: bool = False
    complaints: list[str] = field(default_factory=list)
    wins: Counter[int] = field(default_factory=Counter)
    _looked: dict[tuple[str, str], datetime] = field(default_factory=dict)
    _amounts: dict[str, list[tuple[datetime, Decimal]]] = field(default_factory=lambda: defaultdict(list))

    @contextmanager
    def outside(self) -> Iterator[None]:
        """What is asked inside is asked by the world."""
        self.is_outside = True
        try:
            yield
        finally:
            self.is_outside = False

    def changed(self, change: Change) -> None:
        """A change of deals is visible from now on."""
        for name, value in change.values:
            if name == "IsWon" and value:
                self.wins.update(change.deals)
            if name == "Amount":
                for deal in change.deals:
                    self._amounts[deal_id(FIRST_DEAL + deal)].append((self.machine.now, Decimal(str(value))))

    def asked(self, system: str, request: requests.PreparedRequest) -> None:
        """A worker is about to be answered."""
        worker, path = self.machine.current, unquote_plus(str(request.url))
        name = worker.name if worker else "rest"
        if system == "salesforce" and "FROM Opportunity " in path:
            self._looked |= {(name, deal): self.machine.now for deal in _DEAL.findall(path)}
        if system == "erp" and request.method == "POST" and path.partition("?")[0].endswith("/sale.sale"):
            self._ordered(name, json_body(request))

    def _ordered(self, worker: str, order: Mapping[str, Any]) -> None:
        """An order must be for an amount its deal had when the worker last looked, or has had since."""
        deal = str(order.get("reference"))
        text = json.dumps(order)
        known = self._amounts[deal]
        since = self._looked.get((worker, deal), self.machine.now)
        before = [amount for at, amount in known if at <= since]
        first = [before[-1]] if before else [_begun(deal)]
        allowed = first + [amount for at, amount in known if at > since]
        if not any(f'"{amount:.2f}"' in text for amount in allowed):
            self.complaints.append(f"an order of {deal} for what it no longer was")

    def shorten(self, answer: requests.Response) -> None:
        """A row of a list is lost on the way; what the answer says of how many there are is not."""
        body = json.loads(answer.content)
        if isinstance(body, dict) and len(body.get("records") or ()) > 1:
            body["records"].pop()
            answer._content = json.dumps(body).encode()


def _begun(deal: str) -> Decimal:
    number = int(deal[3:15]) - FIRST_DEAL
    return Decimal(1000 + number)


def violations(platform: Platform, twin: TwinInside, eye: Eye) -> list[str]:
    """What does not hold, in a sentence each. First as the lane alone left it, then beside everything read anew."""
    wrong = [*eye.complaints, *_deals(twin, eye), *_money(twin), *_once(twin), *_tables(platform)]
    return wrong or _reread(platform)


def _deals(twin: TwinInside, eye: Eye) -> Iterator[str]:
    sales, invoices = _rows(twin, "sale.sale"), _rows(twin, "account.invoice")
    deals = {str(row["Id"]): row for row in twin.org.sobjects["opportunity"].records}
    tasks = Counter(str(row["WhatId"]) for row in twin.org.sobjects["task"].records)
    for number in range(DEALS):
        deal = deal_id(FIRST_DEAL + number)
        placed = [sale for sale in sales if sale["reference"] == deal]
        won = deals[deal]["IsWon"] is True
        if number == REFUSED:
            if placed or not won <= tasks[deal] <= eye.wins[number]:
                yield f"deal {number} is refused and has {len(placed)} orders, {tasks[deal]} tasks"
            continue
        if len(placed) != won:
            yield f"deal {number} has {len(placed)} orders"
            continue
        if not won:
            continue
        [order] = placed
        billed = [one for one in invoices if order["id"] in _sales_of(one)]
        if len(billed) != 1:
            yield f"the order of deal {number} has {len(billed)} invoices"
        if deals[deal].get("ERP_Order_Id__c") != str(order["id"]):
            yield f"deal {number} does not name its order"


def _money(twin: TwinInside) -> Iterator[str]:
    """How every invoice stands by the payments platform, and how Salesforce shows it."""
    kept: Counter[str] = Counter()
    things: dict[str, str] = {}
    for charge in _of(twin, "charges"):
        invoice = (charge.get("metadata") or {}).get("invoice_id")
        if not invoice:
            continue
        things[f"payments/{charge['id']}/{invoice}"] = invoice
        kept[invoice] += charge["amount"] if charge["status"] == "succeeded" else 0
        for refund in _of(twin, "refunds"):
            if refund["charge"] == charge["id"]:
                things[f"refunds/{refund['id']}/{invoice}"] = invoice
                kept[invoice] -= refund["amount"] if refund["status"] == "succeeded" else 0
        for dispute in _of(twin, "disputes"):
            if dispute["charge"] == charge["id"]:
                things[f"disputes/{dispute['id']}/{invoice}"] = invoice
                kept[invoice] -= dispute["amount"] if dispute["status"] in LOST_DISPUTES else 0
    shown = {str(row["Invoice_Key__c"]): row for row in twin.org.sobjects["invoice__c"].records}
    for invoice in sorted(set(things.values())):
        left = max(0, GROSS_MINOR - kept[invoice])
        status = "OPEN" if kept[invoice] <= 0 else "PARTIALLY_PAID" if left else "PAID"
        row = shown.get(invoice) or {}
        found = (row.get("Payment_Status__c"), Decimal(str(row.get("Open_Amount__c") or 0)))
        if found != (status, Decimal(left) / 100):
            yield f"invoice {invoice} is {status} with {left / 100} open, and shows {found[0]} with {found[1]}"
    activities = Counter(
        str(row["Activity_Key__c"]) for row in twin.org.sobjects["payment_activity__c"].records
    )
    yield from (f"{key} shows {activities[key]} times" for key in things if activities[key] != 1)
    yield from (f"{key} shows and never was" for key in activities.keys() - things.keys())


def _once(twin: TwinInside) -> Iterator[str]:
    keys = {
        "task": [row.get("Sync_Key__c") for row in twin.org.sobjects["task"].records],
        "try to charge": [(intent.get("metadata") or {}).get(KEY) for intent in _of(twin, "payment_intents")],
    }
    for kind, made in keys.items():
        yield from (f"a {kind} was made {n} times" for key, n in Counter(made).items() if key and n > 1)


def _tables(platform: Platform) -> Iterator[str]:
    connection = platform.store.connection
    for row in connection.execute(
        "SELECT kind, state, reason, detail FROM delivery.outbox WHERE state NOT IN ('confirmed', 'superseded')"
    ).fetchall():
        yield f"a message is left: {row['kind']} {row['state']} {row['reason']} {row['detail']}"[:200]
    for row in connection.execute(
        "SELECT entity, state, reason FROM delivery.inbox WHERE state <> 'done'"
    ).fetchall():
        yield f"a hint is left: {row['entity']} {row['state']} {row['reason']}"[:200]
    for row in connection.execute("SELECT key FROM delivery.key_conflicts").fetchall():
        yield f"the key {row['key'][:8]} says two things"
    yield from (f"the check {name} finds something" for name in found_by_checks(connection))


def _reread(platform: Platform) -> list[str]:
    """Read everything and compare it row by row: nothing may have been missed, and nothing unsaid may follow."""
    desk, connection = platform.desk(), platform.store.connection
    read(desk)
    wrong = []
    for source in desk.sources:
        for entity in (name for name in source.entities if name in READ):
            found = sweep_entity(source, desk.store, entity=entity)
            if found.rows and (found.rows.repaired or found.rows.gone or found.rows.refreshed):
                wrong.append(f"{entity}: {found}")
    [last] = connection.execute("SELECT coalesce(max(message_id), 0) AS id FROM delivery.outbox").fetchall()
    while landed_telling.tell_landed(desk.store, POLICY):
        pass
    orders.create_order(desk.store, POLICY, BILLING, today=TODAY)
    unsaid = connection.execute(
        "SELECT kind, subject FROM delivery.outbox WHERE message_id > %s AND kind <> ALL (%s)",
        (last["id"], list(KINDS_OF_ATTEMPTS)),
    ).fetchall()
    return wrong + [f"only reading everything led to {row['kind']} of {row['subject']}" for row in unsaid]


def _rows(twin: TwinInside, model: str) -> list[Mapping[str, Any]]:
    return list(twin.database.tables[model].all())


def _sales_of(invoice: Mapping[str, Any]) -> set[Any]:
    told = invoice.get("sales")
    return set(told) if isinstance(told, list | tuple | set) else {told}


def _of(twin: TwinInside, collection: str) -> list[Mapping[str, Any]]:
    return [one.body for one in twin.listings[collection].items]
