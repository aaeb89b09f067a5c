"""The whole cutover, rehearsed: deals are won all the time, two paths place orders, and the writing goes to and fro.

The other path is a program of its own: it looks for won deals without an order in the ERP, orders and bills them
under keys of its own, and asks before each write whether it may still write, as whoever integrates an old path would.
Of a deal that may not be ordered it makes a task for its owner, in the words that our path uses too; and of each
payment that came in meanwhile it writes into the CRM that its invoice is paid.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from threading import Event, Lock
from time import monotonic, sleep
from typing import Any

import psycopg

from include.connectors.salesforce.client import SalesforceClient
from include.connectors.tryton.ledger import TrytonLedger
from include.connectors.tryton.wizards import TrytonWizards
from include.domain.delivery import Message, Outcome
from include.flows.allow_switch import ADMIN, Grounds
from include.flows.ask_approvals import note_person
from include.flows.create_order import create_order
from include.flows.drain_inbox import Hint
from include.flows.poll_hints import keep_hints
from include.flows.replay import By
from include.flows.switch_writer import Patience, Switched, back, begin_as, go
from include.ledger import NewOrder, OrderLine
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.policy import load_policy
from include.ports import Retryable, Target, Uncertain
from include.store.postgres import PostgresStore
from include.twin.server import running
from tests.checks import assert_checks_hold
from tests.connectors.conftest import Clock, Tables, write_world
from tests.kills.desk import KEYS, Desk
from tests.kills.world import BILLING, TODAY

FLOWS = ("orders", "invoices", "statuses", "tasks", "subscriptions", "collections")
EMERGENCY = Grounds(policy=load_policy(), emergency=True)
LEAD = By("lead@firm.example", "rehearsal")
SETTLE_S = 0.5
"""Longer than any call of the other path takes here."""
THINK_S = 0.1
"""Between the other path's look and its write: who does not ask for the token in between doubles what ours wrote."""
LOST_EVERY = 7
REFUSED_EVERY = 4
OWNER = "0050000000000AAAAA"
ACCOUNT = "0010000000000AAAAA"
PATIENCE_S = 120


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """`lost`, `doubled`: deals without an order or invoice, and with more than one; of those that may not be ordered,
    without a task, and with two or an order. Among them invoices that were paid and are not shown as paid, and payments
    shown twice. `seconds`: of each switch. `tasks_by`: how many tasks each path made.
    """

    deals: int
    lost: Sequence[str]
    doubled: Sequence[str]
    written_by: Mapping[str, int]
    tasks_by: Mapping[str, int]
    marked_by_them: int
    seconds: Sequence[float]
    waited_s: float
    broken: Sequence[str] = field(default=())


def rehearse(
    urls: DatabaseUrls, folder: Path, *, deals: int, gap_s: float, they_ask: bool = True
) -> Rehearsed:
    """Win a deal each `gap_s`; let the other path write, then ours, then the other, then ours, and count at the end.

    Unless `they_ask`, the other path writes all the time, whoever may: a mistake that must show as orders doubled.
    """
    write_world(folder / "world", world(deals))
    clock = Clock()
    twin = running(world=folder / "world", mailbox=folder / "mailbox", keys=KEYS, clock=clock)
    with scratch_database(urls) as url, twin as ports, PostgresStore(url).keeping() as store:
        note_person(store, LEAD.actor, sorted(ADMIN))
        begin_as(store, FLOWS, environment="rehearsal")
        stage = Stage(store, url, Desk(store, ports, wrap=Forgetful), clock, deals, they_ask)
        stage.desk.read()
        with stage.everybody_at_work(gap_s):
            seconds = [stage.switch(at, act) for at, act in ((0.3, go), (0.5, back), (0.8, go))]
            stage.wait_until(lambda: len(stage.won) == deals, "all deals are won")
            stage.wait_until(lambda: not stage.missing(), "all of them are ordered and billed")
            stage.wait_until(lambda: not stage.unpaid(), "every payment is shown")
        shown = Counter(str(row["Invoice__r"]["Invoice_Key__c"]) for row in stage.activities())
        found, by, tasks_by = stage.books(), stage.written_by(), stage.tasks_by()
        assert_checks_hold(url)
    return Rehearsed(
        deals=deals,
        lost=sorted(deal_id(n) for n in range(deals) if found[deal_id(n)][0] < 1 or found[deal_id(n)][1] < 1)
        + [bill_id(n) for n in range(deals) if shown[bill_id(n)] < 1],
        doubled=sorted(deal for deal, (orders, bills) in found.items() if orders > 1 or bills > 1)
        + sorted(bill for bill, many in shown.items() if many > 1),
        marked_by_them=len(stage.marked),
        written_by=by,
        tasks_by=tasks_by,
        seconds=[round(one, 3) for one in seconds],
        waited_s=SETTLE_S,
        broken=stage.broken,
    )


class Forgetful:
    """A target whose answer is lost now and then, after it did what it was asked for."""

    _calls = count(1)

    def __init__(self, target: Target) -> None:
        self._target, self.system, self.most = target, target.system, target.most

    def look(self, messages: Sequence[Message]) -> Mapping[str, str]:
        return self._target.look(messages)

    def standing(self, messages: Sequence[Message]) -> Mapping[str, str]:
        return self._target.standing(messages)  # type: ignore[attr-defined, no-any-return]

    def send(self, messages: Sequence[Message]) -> Mapping[str, Outcome]:
        told = self._target.send(messages)
        if next(self._calls) % LOST_EVERY == 0:
            raise Uncertain("the answer was lost")
        return told


@dataclass
class Stage:
    """Both paths, the customers and the switch, each at work in a thread of its own."""

    store: PostgresStore
    url: str
    desk: Desk
    clock: Clock
    deals: int
    they_ask: bool = True
    won: list[str] = field(default_factory=list)
    marked: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    over: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    @contextmanager
    def everybody_at_work(self, gap_s: float) -> Iterator[None]:
        with ThreadPoolExecutor(3) as pool:
            for work, pause_s in ((self._win, gap_s), (self._ours, 0.02), (self._theirs, 0.02)):
                pool.submit(self._again_and_again, work, pause_s)
            try:
                yield
            finally:
                self.over.set()

    def _again_and_again(self, work: Callable[[], None], pause_s: float) -> None:
        while not self.over.wait(pause_s):
            try:
                work()
            except Retryable:
                continue
            except Exception as wrong:  # noqa: BLE001 - told at the end, with everything else
                self.broken.append(f"{work.__name__}: {wrong!r}"[:500])
                self.over.set()

    def _win(self) -> None:
        if len(self.won) < self.deals:
            deal = deal_id(len(self.won))
            told = {"StageName": "Closed Won"}
            self._crm.call("PATCH", f"sobjects/Opportunity/{deal}", sure=False, json=told)
            with self.store.transaction() as tx:
                keep_hints(tx, [paid(len(self.won))])
            self.won.append(deal)

    def _ours(self) -> None:
        """Read, decide, deliver, as the lanes do, whoever writes."""
        self.clock.now += timedelta(minutes=10)
        with psycopg.connect(self.url) as connection:  # time passes
            connection.execute("UPDATE delivery.outbox SET next_at = now() WHERE state = 'uncertain'")
        self.desk.read("opportunities", "orders", "invoices")
        create_order(self.store, self.desk.policy, BILLING, today=TODAY)
        self.desk.drain()
        self.desk.deliver("erp", "salesforce")

    def _theirs(self) -> None:
        """What the other path does for every won deal and payment it finds nothing for, as long as it may write."""
        tokens = {flow: self._token(flow) for flow in ("orders", "tasks", "statuses")}
        for number, deal in enumerate(list(self.won)):
            self._mark_paid(bill_id(number), tokens["statuses"])
            flow = "tasks" if is_refused(deal) else "orders"
            token = tokens[flow]
            if token is None or (self._asked_for(deal) if is_refused(deal) else self._ordered(deal)):
                continue
            sleep(THINK_S)
            if self._token(flow) != token:
                return
            if is_refused(deal):
                told = {"Subject": title(deal), "WhatId": deal, "OwnerId": OWNER, "Priority": "High"}
                self._their_crm.call("POST", "sobjects/Task", sure=False, json=told)
                continue
            order = self._their_ledger.order(_new_order(deal))
            self._their_ledger.invoice(order.native_id, issued_on=TODAY)

    def _mark_paid(self, bill: str, token: int | None) -> None:
        if token is None or bill in self.marked:
            return
        sleep(THINK_S / 10)
        if self._token("statuses") == token:
            told = {"Payment_Status__c": "PAID", "Name": bill, "Account__c": ACCOUNT}
            path = f"sobjects/Invoice__c/Invoice_Key__c/{bill}"
            self._their_crm.call("PATCH", path, sure=False, json=told)
            self.marked.append(bill)

    def unpaid(self) -> list[str]:
        """Invoices that were paid and are not shown as paid, and those whose payment is not shown."""
        rows = self.desk.crm.query("SELECT Invoice_Key__c FROM Invoice__c WHERE Payment_Status__c = 'PAID'")
        both = {row["Invoice_Key__c"] for row in rows} & {
            row["Invoice__r"]["Invoice_Key__c"] for row in self.activities()
        }
        return [bill_id(n) for n in range(len(self.won)) if bill_id(n) not in both]

    def activities(self) -> Sequence[Mapping[str, Any]]:
        """The payments that the CRM shows, with their invoices."""
        return self.desk.crm.query("SELECT Id, Invoice__r.Invoice_Key__c FROM Payment_Activity__c")

    def _ordered(self, deal: str) -> bool:
        return self._their_ledger.order_of(deal) is not None

    def _asked_for(self, deal: str) -> bool:
        return bool(self._their_crm.query(f"SELECT Id FROM Task WHERE WhatId = '{deal}'"))

    def _token(self, flow: str) -> int | None:
        if not self.they_ask:
            return 1
        with psycopg.connect(self.url) as connection:
            query = "SELECT token FROM ops.writers WHERE flow = %s AND writer = 'theirs'"
            found = connection.execute(query, (flow,)).fetchone()
        return int(found[0]) if found else None

    def switch(self, at: float, act: Callable[..., list[Switched]]) -> float:
        """Switch once so many of the deals are won and who writes has placed an order, however slow the machine.

        The seconds it took, without what it gave the other path.
        """
        going = act is go
        writer = "theirs" if going else "ours"
        self.wait_until(lambda: len(self.won) >= at * self.deals, f"{at:.0%} of the deals are won")
        self.wait_until(lambda: self.written_by()[writer] > 0, f"an order is {writer}")
        told: dict[str, Any] = {"grounds": EMERGENCY} if going else {"trigger": "drill"}
        began = monotonic()
        act(self.store, FLOWS, LEAD, patience=Patience(settle_s=SETTLE_S, calls_s=30), **told)
        return monotonic() - began - (SETTLE_S if going else 0)

    def wait_until(self, is_so: Callable[[], bool], what: str) -> None:
        until = monotonic() + PATIENCE_S
        while not is_so():
            assert not self.broken, self.broken
            assert monotonic() < until, f"waited in vain until {what}: {self.missing()}"
            sleep(0.05)

    def missing(self) -> list[str]:
        """Deals that are not ordered and billed yet, or whose messages are under way."""
        books = self.books()
        lacking = [deal for deal in self.won if books[deal][0] < 1 or books[deal][1] < 1]
        with psycopg.connect(self.url) as connection:
            query = "SELECT subject FROM delivery.outbox WHERE state IN ('queued', 'called', 'uncertain')"
            return lacking + [row[0] for row in connection.execute(query).fetchall()]

    def books(self) -> Mapping[str, tuple[int, int]]:
        """Deal -> how many orders stand for it in the ERP, and how many invoices; if it is refused, how many tasks."""
        sales = self.desk.erp.search(
            "sale.sale",
            domain=[["state", "!=", "cancelled"]],
            fields=("reference", "invoices"),
            order=["id"],
            size=10 * self.deals,
        )
        orders = Counter(str(sale["reference"]) for sale in sales)
        bills = Counter(str(sale["reference"]) for sale in sales for _ in sale["invoices"])
        tasks = Counter(str(row["WhatId"]) for row in self._tasks())
        deals = [deal_id(n) for n in range(self.deals)]
        return {
            deal: (tasks[deal] + 2 * orders[deal], tasks[deal])
            if is_refused(deal)
            else (orders[deal], bills[deal])
            for deal in deals
        }

    def written_by(self) -> dict[str, int]:
        """How many orders each path placed, by whose key they have."""
        sales = self.desk.erp.search(
            "sale.sale", domain=[], fields=("tieout_key",), order=["id"], size=10 * self.deals
        )
        theirs = sum(str(sale["tieout_key"]).startswith("theirs") for sale in sales)
        return {"ours": len(sales) - theirs, "theirs": theirs}

    def tasks_by(self) -> dict[str, int]:
        """How many tasks each path made, by whether they have a key of ours."""
        tasks = self._tasks()
        ours = sum(row["Sync_Key__c"] is not None for row in tasks)
        return {"ours": ours, "theirs": len(tasks) - ours}

    def _tasks(self) -> Sequence[Mapping[str, object]]:
        return self.desk.crm.query("SELECT Id, WhatId, Sync_Key__c FROM Task WHERE WhatId != null")

    @property
    def _crm(self) -> SalesforceClient:
        return self._of_customers.crm

    def __post_init__(self) -> None:
        # Clients of their own: threads share none.
        self._of_customers = replace(self.desk)
        erp = replace(self.desk).erp
        wizards = TrytonWizards(erp.address, user="tieout", password=KEYS.erp_key)
        self._their_ledger = TrytonLedger(erp, wizards)
        self._their_crm = replace(self.desk).crm


def _new_order(deal: str) -> NewOrder:
    line = OrderLine(product="PLAN", quantity=Decimal(1), unit_price=Decimal("1200.00"), text="by hand")
    return NewOrder(
        key=f"theirs-{deal}",
        customer_id="C1",
        opportunity_id=deal,
        currency="SGD",
        ordered_on=TODAY,
        lines=[line],
    )


def deal_id(number: int) -> str:
    return f"006{number:012}AAA"


def bill_id(number: int) -> str:
    return f"P{number}"


def paid(number: int) -> Hint:
    """That an invoice of long ago is paid."""
    return Hint(
        source="payments",
        event_id=f"evt_{number}",
        entity="payments",
        native_id=f"ch_{number}",
        kind="charge.succeeded",
        sequence=f"evt_{number}",
    )


def is_refused(deal: str) -> bool:
    """Whether a deal may not be ordered: its term is missing."""
    return int(deal[3:15]) % REFUSED_EVERY == 1


def title(deal: str) -> str:
    """What its owner is asked."""
    return f"Deal {int(deal[3:15])} cannot be ordered: term"


def world(deals: int) -> Tables:
    """One customer with so many deals that are about to be won."""
    return {
        "salesforce/Account": [
            {"Id": ACCOUNT, "Name": "Acme", "BillingCountryCode": "SG", "ERP_Customer_Id__c": "C1"}
        ],
        "salesforce/Opportunity": [
            {
                "Id": deal_id(number),
                "AccountId": ACCOUNT,
                "Name": f"Deal {number}",
                "StageName": "Negotiation",
                "IsClosed": "false",
                "IsWon": "false",
                "Amount": "1200.00",
                "CurrencyIsoCode": "SGD",
                "CloseDate": "2026-06-20",
                "OwnerId": OWNER,
                "Term_Months__c": "" if is_refused(deal_id(number)) else "12",
            }
            for number in range(deals)
        ],
        "erp/invoices": [
            {
                "id": bill_id(number),
                "number": f"INV-2025-{number:06}",
                "customer_id": "C1",
                "issue_date": "2026-05-01",
                "due_date": "2026-12-31",
                "currency": "SGD",
                "net": "100.00",
                "tax": "9.00",
                "gross": "109.00",
                "status": "posted",
            }
            for number in range(deals)
        ],
        "payments/payments": [
            {
                "id": f"ch_{number}",
                "customer_id": "C1",
                "reference": f"INV-2025-{number:06}",
                "currency": "SGD",
                "amount": "109.00",
                "paid_on": "2026-06-20",
                "status": "succeeded",
                "invoice_id": bill_id(number),
            }
            for number in range(deals)
        ],
        "erp/customers": [{"id": "C1", "name": "Acme", "country": "SG", "crm_account_id": ACCOUNT}],
    }
