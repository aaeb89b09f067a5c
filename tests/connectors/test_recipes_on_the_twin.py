"""The recipes over real HTTP: from a deal won in Salesforce to its order and invoice in the ERP, and back."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest

from include.connectors.ledger_effects import LedgerEffects
from include.connectors.salesforce.effects import SalesforceEffects
from include.connectors.salesforce.writer import SalesforceWriter
from include.connectors.tryton.client import TrytonClient
from include.connectors.tryton.ledger import TrytonLedger
from include.connectors.tryton.wizards import TrytonWizards
from include.domain.delivery import Message, Outcome, key_of
from include.flows.collect_overdue import collect_overdue
from include.flows.create_order import Billing, create_order
from include.flows.decide_payment_status import decide_payment_status
from include.flows.deliver_outbox import deliver_outbox
from include.flows.drain_inbox import Looked
from include.flows.guard_stale import Guarded
from include.flows.land_records import land_records
from include.flows.publish_run import publish_run
from include.flows.pull_changes import pull_changes
from include.flows.reconcile import reconcile
from include.flows.tell_subscriptions import tell_subscriptions
from include.policy import load_policy
from include.ports import Away, RawRecord, Row, Uncertain
from include.store.postgres import PostgresStore
from tests.connectors.conftest import KEYS, Live, Start, Tables

POLICY = load_policy()
ACCOUNT, DEAL = "0010000000000AAAAA", "0060000000000AAAAA"
WORLD = {
    "salesforce/Account": [
        {"Id": ACCOUNT, "Name": "Acme Pte Ltd", "BillingCountryCode": "SG", "ERP_Customer_Id__c": "C1"}
    ],
    "salesforce/Opportunity": [
        {
            "Id": DEAL,
            "AccountId": ACCOUNT,
            "Name": "Acme Gold",
            "StageName": "Closed Won",
            "IsClosed": "true",
            "IsWon": "true",
            "Amount": "1200.00",
            "CurrencyIsoCode": "SGD",
            "CloseDate": "2026-06-20",
            "Term_Months__c": "12",
        }
    ],
    "erp/customers": [{"id": "C1", "name": "Acme Pte Ltd", "country": "SG", "crm_account_id": ACCOUNT}],
}


BOOK = "01s000000000001AAA"
COMPLETE = {
    "Pricebook2Id": BOOK,
    "Contract_Signed_On__c": "2026-06-18",
    "Discount_Percent__c": "25",
    "Approval_Level__c": "Director",
    "Approved_At__c": "2026-06-19T10:00:00Z",
    "Start_Date__c": "2026-06-20",
    "Last_Day__c": "2027-06-19",
    "Billing_Interval__c": "month",
    "Payment_Terms_Days__c": "30",
    "Payment_Terms_Approved__c": "false",
    "PO_Required__c": "true",
    "PO_Number__c": "PO-7",
    "Revenue_Flags__c": "agent;acceptance_clause",
}


def world(lines: list[tuple[str, str]], **changed: str) -> Tables:
    """The world with a deal of which everything is recorded; `lines`: quantity and total of each."""
    [deal] = WORLD["salesforce/Opportunity"]
    return {
        **WORLD,
        "salesforce/Opportunity": [{**deal, **COMPLETE, **changed}],
        "salesforce/Pricebook2": [{"Id": BOOK, "Name": "2026", "IsActive": "true"}],
        "salesforce/OpportunityLineItem": [
            {
                "Id": f"00k00000000000{number}AAA",
                "OpportunityId": DEAL,
                "Quantity": quantity,
                "ListPrice": "100",
                "TotalPrice": total,
                "CurrencyIsoCode": "SGD",
                "LastModifiedDate": "2026-06-19T09:00:00Z",
            }
            for number, (quantity, total) in enumerate(lines, start=1)
        ],
    }


class Platform:
    """What runs between the systems, on one database."""

    def __init__(self, store: PostgresStore, live: Live) -> None:
        self.store, self.live, self.today = store, live, date(2026, 6, 20)
        self.erp = self.writes_through(TrytonClient)
        self.crm = SalesforceEffects(SalesforceWriter(live.salesforce()._client))

    def writes_through(self, client: type[TrytonClient]) -> LedgerEffects:
        address = f"{self.live.url('erp')}/erp"
        wizards = TrytonWizards(address, user="tieout", password=KEYS.erp_key)
        ledger = TrytonLedger(client(address, key=KEYS.erp_key), wizards)
        return LedgerEffects(ledger, today=lambda: date(2026, 7, 1))

    def read(self) -> None:
        """Read what changed in both systems, as the safe lane does."""
        self.live.clock.now += timedelta(minutes=30)
        for source in (self.live.salesforce(), self.live.erp()):
            for entity in source.entities:
                pull_changes(source, self.store, entity=entity)
                land_records(source, self.store, entity=entity)

    def act(self) -> Counter[str]:
        billing = Billing(tenant="sg", organisation="00D1")
        decided = create_order(self.store, POLICY, billing, today=self.today)
        self.deliver()
        return decided

    def deliver(self) -> Counter[str]:
        pace = POLICY.delivery.pace
        return deliver_outbox(self.store, self.erp, pace=pace) + deliver_outbox(
            self.store, self.crm, pace=pace
        )

    def asked(self, soql: str) -> list[dict[str, object]]:
        return [dict(row) for row in self.live.salesforce()._client.query(soql)]


@pytest.fixture
def platform(store: PostgresStore, live: Start) -> Platform:
    return Platform(store, live(WORLD))


def test_a_won_deal_is_ordered_billed_and_told_of_its_order(platform: Platform) -> None:
    platform.read()
    assert platform.act() == {"order": 1}
    assert platform.act() == {"reference": 1, "invoice": 1}
    platform.read()
    assert platform.act() == {}
    [deal] = platform.asked(f"SELECT ERP_Order_Id__c FROM Opportunity WHERE Id = '{DEAL}'")
    with platform.store.transaction() as tx:
        [invoice] = tx.rows("invoices_of_deals", opportunities=[DEAL])
    assert deal["ERP_Order_Id__c"]
    assert invoice["gross_minor"] > 120_000, "the order's net and the tax of its customer"


def gate_of(platform: Platform) -> dict[str, str]:
    with psycopg.connect(platform.store._url) as connection:
        rows = connection.execute("SELECT name, verdict FROM delivery.gate_checks").fetchall()
    return {str(name): str(verdict) for name, verdict in rows}


def test_a_deal_of_which_everything_is_recorded_passes_every_check_and_is_billed_by_the_month(
    store: PostgresStore, live: Start
) -> None:
    platform = Platform(store, live(world([("10", "1000.00"), ("2", "200.00")])))
    platform.read()
    assert platform.act() == {"revenue flags": 1, "order": 1}
    assert set(gate_of(platform).values()) == {"passed"}
    assert platform.act() == {"reference": 1, "schedule": 1, "invoice": 1}
    platform.today = date(2026, 7, 20)
    assert platform.act() == {"invoice": 1}
    platform.read()
    assert platform.act() == {}
    with store.transaction() as tx:
        invoices = tx.rows("invoices_of_deals", opportunities=[DEAL])
    assert [invoice["gross_minor"] for invoice in invoices] == [109_00, 109_00], (
        "SGD 100.00 and 9 % tax, twice"
    )
    [deal] = platform.asked("SELECT Rev_Rec_Flag__c FROM Opportunity")
    assert deal["Rev_Rec_Flag__c"] == "acceptance_clause; agent"


@dataclass
class AnswerLost:
    """The ERP, doing what it is asked for without anybody hearing of it."""

    erp: LedgerEffects
    system: str = "erp"
    most: int = 20

    def look(self, messages: Sequence[Message]) -> Mapping[str, str]:
        return self.erp.look(messages)

    def send(self, messages: Sequence[Message]) -> Mapping[str, Outcome]:
        self.erp.send(messages)
        raise Uncertain("the answer was lost")


class Edited:
    """The deals, each of them changed since."""

    system = "salesforce"

    def look_at(self, entity: str, native_id: str) -> RawRecord | None:  # noqa: ARG002 - the protocol's
        return None

    def look_at_parts(self, entity: str, *, of: str, native_id: str) -> Sequence[RawRecord]:  # noqa: ARG002 - the protocol's
        return []

    def translate(self, entity: str, payload: Mapping[str, object]) -> Mapping[str, object]:
        raise NotImplementedError


def test_an_order_whose_answer_was_lost_is_found_though_its_deal_was_edited_and_billed_by_the_month(
    store: PostgresStore, live: Start
) -> None:
    platform = Platform(store, live(world([("10", "1000.00"), ("2", "200.00")])))
    platform.read()
    create_order(store, POLICY, Billing(tenant="sg", organisation="00D1"), today=platform.today)
    pace = POLICY.delivery.pace
    assert deliver_outbox(store, AnswerLost(platform.erp), pace=pace) == {"uncertain": 1}
    with psycopg.connect(store._url, autocommit=True) as connection:
        connection.execute("UPDATE delivery.outbox SET next_at = now()")
    assert deliver_outbox(store, Guarded(platform.erp, Edited()), pace=pace) == {"found": 1}
    assert platform.act() == {"reference": 1, "schedule": 1, "invoice": 1}, "ours, with the lines we gave it"


class Silent(TrytonClient):
    """Is not reached any more after so many writes."""

    answers = 0

    def _asked(self, *asked: Any, **content: Any) -> Any:
        return super()._asked(*asked, **content) if self.writes < self.answers else self._away()

    def _write(self, *asked: Any) -> Any:
        return super()._write(*asked) if self.writes < self.answers else self._away()

    def _away(self) -> None:
        raise Away("ERP did not answer")


@pytest.mark.parametrize("answers", [1, 2, 3])
def test_an_order_of_which_nothing_was_heard_once_it_was_written_is_found_or_written_anew_though_its_deal_was_edited(
    store: PostgresStore, live: Start, answers: int
) -> None:
    """In the ERP it is a draft after the first write, a quotation after the second, confirmed after the third."""
    platform = Platform(store, live(WORLD))
    platform.read()
    create_order(store, POLICY, Billing(tenant="sg", organisation="00D1"), today=platform.today)
    silent = platform.writes_through(type("", (Silent,), {"answers": answers}))
    pace = POLICY.delivery.pace
    assert deliver_outbox(store, silent, pace=pace) == {"uncertain": 1}
    with psycopg.connect(store._url, autocommit=True) as connection:
        connection.execute("UPDATE delivery.outbox SET next_at = now()")
    became = {"found": 1} if answers == 3 else {"stale": 1}
    assert deliver_outbox(store, Guarded(platform.erp, Edited()), pace=pace) == became


def test_a_deal_that_fails_is_one_task_that_says_why_and_neither_order_nor_invoice(
    store: PostgresStore, live: Start
) -> None:
    wrong = {"Approved_At__c": "2026-06-19T08:00:00Z", "PO_Number__c": "", "Payment_Terms_Days__c": "90"}
    platform = Platform(store, live(world([("10", "1000.00"), ("0", "199.00")], **wrong)))
    platform.read()
    platform.act()
    platform.act()
    failed = {name for name, verdict in gate_of(platform).items() if verdict == "failed"}
    assert failed == {"lines", "quantity", "approval", "payment_terms", "purchase_order"}
    [task] = platform.asked("SELECT Subject, Description, WhatId FROM Task")
    assert task["WhatId"] == DEAL
    assert "the lines come to 1199.00 SGD, the deal says 1200.00 SGD" in str(task["Description"])
    platform.read()
    with store.transaction() as tx:
        assert tx.rows("invoices_of_deals", opportunities=[DEAL]) == []


def test_an_invoice_that_is_overdue_is_its_owners_task_once(platform: Platform) -> None:
    platform.read()
    for _ in range(2):
        platform.act()
    platform.read()
    reconcile(platform.store, as_of=date(2026, 7, 1), policy=POLICY)
    publish_run(platform.store, as_of=date(2026, 7, 1))
    for _ in range(2):
        collect_overdue(platform.store, POLICY, today=date(2026, 8, 20))
        platform.deliver()
    assert len(platform.asked("SELECT Id, Subject FROM Task")) == 1


def test_sales_see_the_invoice_and_the_deal_paid(platform: Platform) -> None:
    platform.read()
    for _ in range(2):
        platform.act()
    platform.read()
    with platform.store.transaction() as tx:
        [invoice] = tx.rows("invoices_of_deals", opportunities=[DEAL])
        facts = {
            "currency": "SGD",
            "amount_minor": invoice["gross_minor"],
            "status": "succeeded",
            "invoice_id": invoice["invoice_id"],
        }
        look = {"source": "payments", "entity": "payments", "native_id": "pi_1"}
        now = tx.rows("next_look")[0]
        tx.run("keep_look", **look, **now, gone=False, facts=facts, facts_sha256="")
        decide_payment_status(tx, [Looked(**look, facts=facts)], POLICY)
    assert set(platform.deliver()) == {"confirmed"}
    [shown] = platform.asked("SELECT Payment_Status__c, Open_Amount__c FROM Invoice__c")
    assert (shown["Payment_Status__c"], shown["Open_Amount__c"]) == ("PAID", 0)
    [deal] = platform.asked(f"SELECT Payment_Status__c FROM Opportunity WHERE Id = '{DEAL}'")
    assert deal["Payment_Status__c"] == "PAID"
    [activity] = platform.asked("SELECT Status__c, Invoice__c FROM Payment_Activity__c")
    assert activity["Status__c"] == "SUCCEEDED"
    assert activity["Invoice__c"]


def message(row: Row) -> Message:
    return Message(**{name: row[name] for name in ("key", "kind", "target", "subject", "body", "based_on")})


def test_a_renewal_is_opened_once_and_its_later_steps_hang_below_it(
    store: PostgresStore, live: Start
) -> None:
    subscription = {
        "id": "S1",
        "customer_id": "C1",
        "start_date": "2025-09-30",
        "end_date": "2026-09-30",
        "currency": "SGD",
        "quantity": "10",
        "unit_price": "45.50",
        "interval": "month",
        "status": "running",
    }
    platform = Platform(store, live({**WORLD, "erp/subscriptions": [subscription]}))
    platform.read()
    renewal_key = key_of("renewal", "S1", date(2026, 9, 30), "deal")
    wanted = "Id, StageName, Type, CloseDate, AccountId, ARR__c"
    opened = f"SELECT {wanted} FROM Opportunity WHERE Renewal_Key__c = 'S1/2026-09-30'"
    for day in (date(2026, 6, 2), date(2026, 6, 3)):
        tell_subscriptions(store, POLICY, today=day)
        platform.deliver()
    [deal] = platform.asked(opened)
    assert (deal["StageName"], deal["Type"], deal["CloseDate"]) == ("Prospecting", "Renewal", "2026-09-30")
    assert (deal["AccountId"], deal["ARR__c"]) == (ACCOUNT, 5460)
    with store.transaction() as tx:
        messages = [message(row) for row in tx.rows("message_by_key", key=renewal_key)]
    assert platform.crm.look(messages) == {renewal_key: deal["Id"]}, (
        "in doubt it is found, not put back to its first stage"
    )
    platform.read()
    tell_subscriptions(store, POLICY, today=date(2026, 7, 2))
    platform.deliver()
    [task] = platform.asked("SELECT Subject, WhatId FROM Task")
    assert (task["Subject"], task["WhatId"]) == ("Subscription S1: send the quote", deal["Id"])
