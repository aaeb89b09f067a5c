"""The whole cutover, rehearsed: deals are won all the time, two paths place orders, and the writing goes to and fro.

The other path is a program of its own: it looks for won deals without an order in the ERP, orders and bills them under
keys of its own, and asks before each write whether it may still write, as whoever integrates an old path would.
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

import psycopg

from include.connectors.salesforce.client import SalesforceClient
from include.connectors.tryton.ledger import TrytonLedger
from include.connectors.tryton.wizards import TrytonWizards
from include.domain.delivery import Message, Outcome
from include.flows.ask_approvals import note_person
from include.flows.create_order import create_order
from include.flows.replay import By
from include.flows.switch_writer import ADMIN, Patience, Switched, back, begin_as, go
from include.ledger import NewOrder, OrderLine
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.ports import Retryable, Target, Uncertain
from include.store.postgres import PostgresStore
from include.twin.server import running
from tests.checks import assert_checks_hold
from tests.connectors.conftest import Clock, Tables, write_world
from tests.kills.desk import KEYS, Desk
from tests.kills.world import BILLING, TODAY

FLOWS = ("orders", "invoices", "statuses", "tasks", "subscriptions", "collections")
LEAD = By("lead@firm.example", "rehearsal")
SETTLE_S = 0.5
"""Longer than any call of the other path takes here."""
THINK_S = 0.1
"""Between the other path's look and its write: who does not ask for the token in between doubles what ours wrote."""
LOST_EVERY = 7
ACCOUNT = "0010000000000AAAAA"
PATIENCE_S = 120


@dataclass(frozen=True, kw_only=True)
class Rehearsed:
    """`lost`, `doubled`: deals without an order or invoice, and with more than one. `seconds`: of each switch."""

    deals: int
    lost: Sequence[str]
    doubled: Sequence[str]
    written_by: Mapping[str, int]
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
        found, by = stage.books(), stage.written_by()
        assert_checks_hold(url)
    return Rehearsed(
        deals=deals,
        lost=sorted(deal_id(n) for n in range(deals) if found[deal_id(n)][0] < 1 or found[deal_id(n)][1] < 1),
        doubled=sorted(deal for deal, (orders, bills) in found.items() if orders > 1 or bills > 1),
        written_by=by,
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
            self.won.append(deal)

    def _ours(self) -> None:
        """Read, decide, deliver, as the lanes do, whoever writes."""
        self.clock.now += timedelta(minutes=10)
        with psycopg.connect(self.url) as connection:  # time passes
            connection.execute("UPDATE delivery.outbox SET next_at = now() WHERE state = 'uncertain'")
        self.desk.read("opportunities", "orders", "invoices")
        create_order(self.store, self.desk.policy, BILLING, today=TODAY)
        self.desk.deliver("erp", "salesforce")

    def _theirs(self) -> None:
        """What the other path does for every won deal it finds no order for, as long as it may write."""
        token = self._token()
        for deal in list(self.won) if token else ():
            if self._their_ledger.order_of(deal) is not None:
                continue
            sleep(THINK_S)
            if self._token() != token:
                return
            order = self._their_ledger.order(_new_order(deal))
            self._their_ledger.invoice(order.native_id, issued_on=TODAY)

    def _token(self) -> int | None:
        if not self.they_ask:
            return 1
        with psycopg.connect(self.url) as connection:
            query = "SELECT token FROM ops.writers WHERE flow = 'orders' AND writer = 'theirs'"
            found = connection.execute(query).fetchone()
        return int(found[0]) if found else None

    def switch(self, at: float, act: Callable[..., list[Switched]]) -> float:
        """Switch once so many of the deals are won; the seconds it took, without what it gave the other path."""
        self.wait_until(lambda: len(self.won) >= at * self.deals, f"{at:.0%} of the deals are won")
        going = act is go
        told = {"emergency": True} if going else {"trigger": "drill"}
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
        """Deal -> how many orders stand for it in the ERP, and how many invoices."""
        sales = self.desk.erp.search(
            "sale.sale",
            domain=[["state", "!=", "cancelled"]],
            fields=("reference", "invoices"),
            order=["id"],
            size=10 * self.deals,
        )
        orders = Counter(str(sale["reference"]) for sale in sales)
        bills = Counter(str(sale["reference"]) for sale in sales for _ in sale["invoices"])
        return {deal_id(n): (orders[deal_id(n)], bills[deal_id(n)]) for n in range(self.deals)}

    def written_by(self) -> dict[str, int]:
        """How many orders each path placed, by whose key they have."""
        sales = self.desk.erp.search(
            "sale.sale", domain=[], fields=("tieout_key",), order=["id"], size=10 * self.deals
        )
        theirs = sum(str(sale["tieout_key"]).startswith("theirs") for sale in sales)
        return {"ours": len(sales) - theirs, "theirs": theirs}

    @property
    def _crm(self) -> SalesforceClient:
        return self._of_customers.crm

    def __post_init__(self) -> None:
        # Clients of their own: threads share none.
        self._of_customers = replace(self.desk)
        erp = replace(self.desk).erp
        wizards = TrytonWizards(erp.address, user="tieout", password=KEYS.erp_key)
        self._their_ledger = TrytonLedger(erp, wizards)


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
                "Term_Months__c": "12",
            }
            for number in range(deals)
        ],
        "erp/customers": [{"id": "C1", "name": "Acme", "country": "SG", "crm_account_id": ACCOUNT}],
    }
