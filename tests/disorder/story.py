"""What customers do with many invoices in half an hour: they pay, fail to, pay twice, ask for money back, dispute."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from include.connectors.stripe.client import StripePayments
from include.ports import Stop
from tests.connectors.conftest import Tables

BEGIN = datetime(2026, 7, 1, tzinfo=UTC)
MINUTES = 30
NET, GROSS_MINOR = "100.00", 10_900
ACCOUNT = "0010000000000AAAAA"


@dataclass(frozen=True, order=True)
class Act:
    """Something a customer does at a moment. `number` keeps apart what happens at once."""

    at: datetime
    number: int
    invoice: str
    what: str


WAYS = (
    ("pay",),
    ("decline", "pay"),
    ("decline", "decline", "decline"),
    ("part", "part"),
    ("pay", "refund part"),
    ("pay", "refund"),
    ("pay", "pay", "refund last"),
    ("dispute",),
    ("dispute", "win"),
    ("dispute", "lose"),
    ("part", "dispute", "win", "refund part"),
)
"""What may become of an invoice, act by act."""


def world(invoices: int) -> Tables:
    """So many open invoices; two of them share a deal."""
    deals = range((invoices + 1) // 2)
    return {
        "salesforce/Account": [{"Id": ACCOUNT, "Name": "Acme", "BillingCountryCode": "SG"}],
        "salesforce/Opportunity": [
            {
                "Id": deal_id(deal),
                "AccountId": ACCOUNT,
                "Name": f"Deal {deal}",
                "StageName": "Closed Won",
                "IsClosed": "true",
                "IsWon": "true",
                "CloseDate": "2026-06-01",
            }
            for deal in deals
        ],
        "erp/customers": [{"id": "C1", "name": "Acme", "country": "SG", "crm_account_id": ACCOUNT}],
        "erp/orders": [
            {
                "id": f"O{deal}",
                "number": f"SO-{deal}",
                "customer_id": "C1",
                "order_date": "2026-06-01",
                "currency": "SGD",
                "amount": "200.00",
                "status": "processing",
                "opportunity_id": deal_id(deal),
            }
            for deal in deals
        ],
        "erp/invoices": [
            {
                "id": f"I{number}",
                "number": f"INV-{number:06}",
                "customer_id": "C1",
                "order_id": f"O{number // 2}",
                "issue_date": "2026-06-01",
                "due_date": "2026-07-31",
                "currency": "SGD",
                "net": NET,
                "tax": "9.00",
                "gross": "109.00",
                "status": "posted",
            }
            for number in range(invoices)
        ],
    }


def deal_id(number: int) -> str:
    return f"006{number:012}AAA"


def acts(invoices: int, dice: random.Random) -> list[Act]:
    """Everybody's acts, in the order of time; each invoice's in its own."""
    return sorted(_acts(invoices, dice))


def _acts(invoices: int, dice: random.Random) -> Iterator[Act]:
    numbers = count()
    for invoice in range(invoices):
        way = WAYS[invoice] if invoice < len(WAYS) else dice.choice(WAYS)
        moments = sorted(dice.uniform(0, MINUTES * 60) for _ in way)
        for what, moment in zip(way, moments, strict=True):
            yield Act(BEGIN + timedelta(seconds=moment), next(numbers), f"I{invoice}", what)


class Customers:
    """Acts upon the payments platform, as its customers and their banks do."""

    def __init__(self, client: StripePayments) -> None:
        self._client = client
        self._paid: dict[str, list[str]] = {}
        self._disputed: dict[str, str] = {}

    def do(self, act: Act) -> None:
        """Raises Stop when the platform does not let them, but for a decline."""
        name, _, how = act.what.partition(" ")
        if name in ("pay", "part", "dispute", "decline"):
            self._pay(act, name)
        elif name == "refund":
            charge = self._paid[act.invoice][-1 if how == "last" else 0]
            amount = {"amount": GROSS_MINOR // 3} if how == "part" else {}
            self._client.create("refunds", {"charge": charge, **amount}, key=f"act {act.number}")
        else:
            self._decide(act, f"{name}ning_evidence" if name == "win" else "losing_evidence")

    def _pay(self, act: Act, name: str) -> None:
        method = {"dispute": "pm_card_createDispute", "decline": "pm_card_chargeDeclinedInsufficientFunds"}
        params: dict[str, Any] = {
            "amount": GROSS_MINOR // 2 if name == "part" else GROSS_MINOR,
            "currency": "sgd",
            "payment_method": method.get(name, "pm_card_visa"),
            "confirm": True,
            "metadata": {"invoice_id": act.invoice},
        }
        try:
            made = self._client.create("payment_intents", params, key=f"act {act.number}")
        except Stop:
            if name != "decline":
                raise
            return
        self._paid.setdefault(act.invoice, []).append(made["latest_charge"])
        if name == "dispute":
            [dispute] = self._client.objects("disputes", charge=made["latest_charge"])
            self._disputed[act.invoice] = dispute["id"]

    def _decide(self, act: Act, evidence: str) -> None:
        told = {"evidence": {"uncategorized_text": evidence}}
        self._client._stripe.v1.disputes.update(self._disputed[act.invoice], told)
