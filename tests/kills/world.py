"""One small world in which each of the four recipes has something to do, beside neighbours to be left alone."""

from datetime import UTC, date, datetime

from include.flows.create_order import Billing
from include.flows.drain_inbox import Hint

BILLING = Billing(tenant="sg", organisation="00D1")
TODAY = date(2026, 7, 1)
NOW = datetime(2026, 7, 1, tzinfo=UTC)

ACCOUNT, OWNER = "0010000000000AAAAA", "0050000000000AAAAA"
WON, REFUSED, BILLED = "0060000000000AAAAA", "0060000000000BBBBA", "0060000000000CCCCA"


def _deal(native_id: str, name: str, **facts: str) -> dict[str, str]:
    return {
        "Id": native_id,
        "AccountId": ACCOUNT,
        "OwnerId": OWNER,
        "Name": name,
        "StageName": "Closed Won",
        "IsClosed": "true",
        "IsWon": "true",
        "Amount": "1200.00",
        "CurrencyIsoCode": "SGD",
        "CloseDate": "2026-06-20",
        "Term_Months__c": "12",
        **facts,
    }


def _invoice(number: int, due: str, **facts: str) -> dict[str, str]:
    return {
        "id": f"I{number}",
        "number": f"INV-2026-{number:06}",
        "customer_id": "C1",
        "issue_date": "2026-05-01",
        "due_date": due,
        "currency": "SGD",
        "net": "100.00",
        "tax": "9.00",
        "gross": "109.00",
        "status": "posted",
        **facts,
    }


def _payment(native_id: str, status: str, invoice: int, paid_on: str = "2026-06-20") -> dict[str, str]:
    return {
        "id": native_id,
        "customer_id": "C1",
        "reference": f"INV-2026-{invoice:06}",
        "currency": "SGD",
        "amount": "109.00",
        "paid_on": paid_on,
        "status": status,
        "invoice_id": f"I{invoice}",
    }


def _declined(native_id: str, payment: str, invoice: int, number: int, day: str) -> dict[str, str]:
    return {
        "id": native_id,
        "payment_id": payment,
        "invoice_id": f"I{invoice}",
        "attempt_no": str(number),
        "outcome": "failed",
        "decline_code": "insufficient_funds",
        "occurred_at": f"{day}T09:00:00Z",
    }


def _subscription(native_id: str, end: str) -> dict[str, str]:
    return {
        "id": native_id,
        "customer_id": "C1",
        "start_date": "2025-09-01",
        "end_date": end,
        "currency": "SGD",
        "quantity": "10",
        "unit_price": "45.50",
        "interval": "month",
        "status": "active",
    }


def _amendment(native_id: str, subscription: str) -> dict[str, str]:
    return {
        "id": native_id,
        "subscription_id": subscription,
        "sequence": "1",
        "type": "QTY",
        "effective_date": "2026-06-01",
        "quantity": "25",
    }


FAR = "2026-12-31"
WORLD: dict[str, list[dict[str, str]]] = {
    "salesforce/Account": [
        {
            "Id": ACCOUNT,
            "Name": "Acme Pte Ltd",
            "BillingCountryCode": "SG",
            "ERP_Customer_Id__c": "C1",
            "OwnerId": OWNER,
        }
    ],
    "salesforce/Opportunity": [
        _deal(WON, "Acme Gold"),
        _deal(REFUSED, "Acme Silver", Term_Months__c="999"),
        _deal(BILLED, "Acme Bronze", ERP_Order_Id__c="O3", Amount="109.00"),
    ],
    "erp/customers": [{"id": "C1", "name": "Acme Pte Ltd", "country": "SG", "crm_account_id": ACCOUNT}],
    "erp/orders": [
        {
            "id": "O3",
            "number": "SO-3",
            "customer_id": "C1",
            "order_date": "2026-05-01",
            "currency": "SGD",
            "amount": "109.00",
            "status": "processing",
            "opportunity_id": BILLED,
        }
    ],
    "erp/invoices": [
        _invoice(3, FAR, order_id="O3"),
        _invoice(4, FAR),
        _invoice(5, FAR),
        _invoice(6, "2026-06-20"),
    ],
    "erp/subscriptions": [_subscription("S1", "2026-09-01"), _subscription("S2", "2028-09-01")],
    "erp/amendments": [_amendment("A1", "S1"), _amendment("A2", "S2")],
    "payments/payments": [
        _payment("ch_paid", "succeeded", 3),
        *[_payment(f"ch_failed_{number}", "failed", 4) for number in (1, 2, 3)],
        _payment("ch_failed_once", "failed", 5),
    ],
    "payments/refunds": [
        {
            "id": "re_part",
            "payment_id": "ch_paid",
            "currency": "SGD",
            "amount": "30.00",
            "created_on": "2026-06-25",
            "status": "succeeded",
        }
    ],
    "payments/attempts": [
        *[_declined(f"evt_{n}", f"ch_failed_{n}", 4, n, f"2026-06-{19 + 3 * n}") for n in (1, 2, 3)],
        _declined("evt_once", "ch_failed_once", 5, 1, "2026-06-20"),
    ],
    "fx/rates": [],
}


LATER = {
    **WORLD,
    "salesforce/Opportunity": [
        *[
            {**one, "Amount": "1300.00"} if one["Id"] == WON else one
            for one in WORLD["salesforce/Opportunity"]
        ][:2],
        _deal("0060000000000DDDDA", "Acme Tin"),
    ],
    "erp/invoices": [{**one, "due_date": FAR} for one in WORLD["erp/invoices"][1:]] + [_invoice(7, FAR)],
    "payments/payments": [*WORLD["payments/payments"], _payment("ch_late", "succeeded", 5)],
}
"""What nobody told of since: rows that are gone, are others under the stamp they had, and came behind the window."""


def _hint(event: str, entity: str, native_id: str, kind: str) -> Hint:
    return Hint(
        source="payments", event_id=event, entity=entity, native_id=native_id, kind=kind, sequence=event
    )


HINTS = [
    _hint("evt_paid", "payments", "ch_paid", "charge.succeeded"),
    _hint("evt_refunded", "refunds", "re_part", "refund.created"),
]
"""What the payments platform tells of the one invoice that is paid, and of what was given back."""
