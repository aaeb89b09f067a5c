"""Vendors' records and the rows they become, as tables."""

from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from include.connectors.salesforce.translate import translate as salesforce
from include.connectors.stripe.translate import is_attempt, major_text
from include.connectors.stripe.translate import translate as stripe
from include.connectors.tryton.translate import paths, value_text
from include.connectors.tryton.translate import translate as tryton
from include.domain.entities import ENTITIES

SINGAPORE = ZoneInfo("Asia/Singapore")


@pytest.mark.parametrize("entity", [name for name, spec in ENTITIES.items() if spec.system == "payments"])
def test_stripe_rows_have_every_canonical_field(entity: str):
    assert set(stripe(entity, {}, zone=UTC)) == {field.name for field in ENTITIES[entity].fields}


@pytest.mark.parametrize(
    ("entity", "translate"),
    [
        *((name, salesforce) for name, spec in ENTITIES.items() if spec.system == "salesforce"),
        *((name, tryton) for name, spec in ENTITIES.items() if spec.system == "erp"),
    ],
)
def test_a_record_without_anything_is_a_row_of_unknowns(entity: str, translate: Any):
    row = translate(entity, {})
    assert set(row) == {field.name for field in ENTITIES[entity].received}
    assert set(row.values()) == {None}


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1050, "SGD", "10.50"),
        (-1050, "SGD", "-10.50"),
        (5, "USD", "0.05"),
        (0, "USD", "0.00"),
        (250000, "JPY", "250000"),
        (1000050, "IDR", "10000.50"),
        (12340, "KWD", "12.340"),
        (50000, "ISK", "500.00"),
        (50050, "ISK", "500.50"),  # the króna has no half: validation refuses it, not we
        (70000, "UGX", "700.00"),
        (300, "MGA", "300"),
        (10**14, "SGD", "1000000000000.00"),
        ("1,000.00", "SGD", "1,000.00"),
        (None, "SGD", None),
        (True, "SGD", "true"),
        (1050, None, "10.50"),
    ],
)
def test_stripes_integers_become_major_units_exactly(amount: Any, currency: str | None, text: Any):
    assert major_text(amount, currency) == text


CHARGE = {
    "id": "ch_1",
    "amount": 10900,
    "currency": "sgd",
    "created": 1743436799,  # 2025-03-31T15:59:59Z
    "customer": "cus_1",
    "description": "INV-2025-00123",
    "status": "succeeded",
    "amount_refunded": 10900,
    "refunded": True,
    "metadata": {"invoice_id": "I1", "payer_text": "ACME", "erp_customer": "C-17"},
    "balance_transaction": {"id": "txn_1", "fee": 371, "currency": "sgd"},
}


def test_a_charge_becomes_a_payment():
    assert stripe("payments", CHARGE, zone=SINGAPORE) == {
        "id": "ch_1",
        "customer_id": "C-17",
        "payer_text": "ACME",
        "reference": "INV-2025-00123",
        "currency": "SGD",
        "amount": "109.00",
        "fee": "3.71",
        "paid_on": "2025-03-31",
        "status": "succeeded",  # refunded since, which is the refund's story
        "invoice_id": "I1",
    }


@pytest.mark.parametrize(
    ("changed", "field", "text"),
    [
        ({"created": 1743436800}, "paid_on", "2025-04-01"),  # a second later it is April in Singapore
        ({"created": 0}, "paid_on", None),
        ({"created": 0, "metadata": {"paid_on": "2026-02-30"}}, "paid_on", "2026-02-30"),
        ({"created": 10**15}, "paid_on", None),
        ({"created": "soon"}, "paid_on", None),
        (
            {"customer": {"id": "cus_2", "object": "customer"}, "metadata": {}},
            "customer_id",
            None,
        ),  # nobody in the ERP
        ({"customer": "C-18", "metadata": {}}, "customer_id", "C-18"),
        ({"customer": None, "metadata": {}}, "customer_id", None),
        ({"balance_transaction": {"fee": 281, "currency": "usd"}}, "fee", None),
        ({"balance_transaction": None}, "fee", None),
        ({"balance_transaction": "txn_1"}, "fee", None),
        ({"metadata": None}, "payer_text", None),
        ({"currency": None}, "currency", None),
    ],
)
def test_what_a_charge_may_look_like(changed: dict[str, Any], field: str, text: Any):
    assert stripe("payments", CHARGE | changed, zone=SINGAPORE)[field] == text


def test_an_event_becomes_an_attempt():
    event: dict[str, Any] = {
        "id": "evt_1",
        "type": "charge.failed",
        "created": 1743436800,
        "data": {
            "object": {
                "id": "ch_1",
                "status": "failed",
                "outcome": {
                    "reason": "do_not_honor",
                    "network_decline_code": "05",
                    "network_advice_code": "03",
                    "advice_code": "do_not_try_again",
                },
                "payment_method_details": {
                    "card": {"brand": "mastercard", "fingerprint": "Xt5EWLLDS7FJjR1c"}
                },
                "metadata": {"attempt_no": "2", "invoice_id": "I1"},
            }
        },
    }
    assert is_attempt(event)
    assert stripe("attempts", event, zone=SINGAPORE) == {
        "id": "evt_1",
        "payment_id": "ch_1",
        "invoice_id": "I1",
        "attempt_no": "2",
        "outcome": "failed",
        "decline_code": "do_not_honor",
        "occurred_at": "2025-03-31T16:00:00+00:00",
        "network_code": "05",
        "advice_code": "MAC03",
        "scheme": "mastercard",
        "card": "Xt5EWLLDS7FJjR1c",
    }
    charge = event["data"]["object"]
    charge["payment_method_details"]["card"]["brand"] = "visa"
    assert stripe("attempts", event, zone=SINGAPORE)["advice_code"] == "do_not_try_again"


@pytest.mark.parametrize(
    "kind", ["charge.refunded", "charge.updated", "charge.dispute.created", "payout.paid"]
)
def test_other_events_are_no_attempts(kind: str):
    assert not is_attempt({"type": kind})


def test_a_balance_transaction_becomes_a_payout_item():
    item = {"id": "txn_1", "payout": "po_1", "source": "ch_1", "type": "charge", "currency": "sgd"}
    assert stripe("payout_items", item | {"amount": 32700, "fee": 1263, "net": 31437}, zone=UTC) == {
        "payout_id": "po_1",
        "payment_id": "ch_1",
        "type": "charge",
        "currency": "SGD",
        "gross": "327.00",
        "fee": "12.63",
        "net": "314.37",
    }


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"__class__": "Decimal", "decimal": "1.00"}, "1.00"),
        ({"__class__": "Decimal", "decimal": "1E+3"}, "1000"),
        ({"__class__": "Decimal", "decimal": "NaN"}, "NaN"),
        ({"__class__": "date", "year": 2026, "month": 1, "day": 5}, "2026-01-05"),
        ({"__class__": "date", "day": 30}, '{"__class__": "date", "day": 30}'),
        ("1,000.00", "1,000.00"),
        (17, "17"),
        (True, "true"),
        (None, None),
    ],
)
def test_trytons_values_become_text(value: Any, text: Any):
    assert value_text(value) == text


def test_a_tryton_instant_keeps_its_microseconds():
    parts = {"year": 2026, "month": 1, "day": 5, "hour": 4, "minute": 0, "second": 0, "microsecond": 7}
    assert value_text({"__class__": "datetime"} | parts) == "2026-01-05T04:00:00.000007+00:00"


def test_tryton_is_asked_for_its_own_names():
    assert paths("credit_notes") == [
        "number",
        "party",
        "invoice_date",
        "currency.code",
        "total_amount",
        "origin_invoices",
        "state",
    ]
    assert paths("credit_notes", of=["gross"]) == ["total_amount", "state"]


INVOICE = {
    "id": 7,
    "number": "INV-2026-00001",
    "party": 2,
    "sales": [5],
    "invoice_date": {"__class__": "date", "year": 2026, "month": 1, "day": 5},
    "lines_to_pay": [
        {"id": 1, "maturity_date": {"__class__": "date", "year": 2026, "month": 2, "day": 4}},
        {"id": 2, "maturity_date": {"__class__": "date", "year": 2026, "month": 3, "day": 6}},
    ],
    "currency": {"id": 1, "code": "SGD"},
    "untaxed_amount": {"__class__": "Decimal", "decimal": "200.10"},
    "tax_amount": {"__class__": "Decimal", "decimal": "18.01"},
    "total_amount": {"__class__": "Decimal", "decimal": "218.11"},
    "amount_to_pay": {"__class__": "Decimal", "decimal": "18.11"},
    "state": "posted",
    "disputed": False,
}


def test_an_invoice_is_due_with_its_last_part():
    assert tryton("invoices", INVOICE) == {
        "id": "7",
        "number": "INV-2026-00001",
        "customer_id": "2",
        "order_id": "5",
        "issue_date": "2026-01-05",
        "due_date": "2026-03-06",
        "currency": "SGD",
        "net": "200.10",
        "tax": "18.01",
        "open": "18.11",
        "gross": "218.11",
        "status": "posted",
        "disputed": "false",
        "promised_until": None,
    }


def test_an_invoice_of_several_orders_names_none():
    assert tryton("invoices", INVOICE | {"sales": [5, 6]})["order_id"] is None


@pytest.mark.parametrize(
    ("total", "gross"),
    [
        ({"__class__": "Decimal", "decimal": "-109.05"}, "109.05"),
        ({"__class__": "Decimal", "decimal": "0.00"}, "0.00"),
        ("1,000.00", "1,000.00"),
        (None, None),
    ],
)
def test_what_a_credit_note_gives_back_is_above_zero(total: Any, gross: Any):
    assert tryton("credit_notes", {"total_amount": total})["gross"] == gross


@pytest.mark.parametrize(("state", "gross"), [("posted", "109.05"), ("paid", "109.05"), ("cancelled", "0")])
def test_a_credit_note_that_was_cancelled_gives_nothing_back(state: str, gross: str):
    total = {"__class__": "Decimal", "decimal": "-109.05"}
    assert tryton("credit_notes", {"total_amount": total, "state": state})["gross"] == gross


def line(quantity: float, price: str, frequency: str, interval: int | None) -> dict[str, Any]:
    rules = [{"id": 1, "freq": frequency, "interval": interval}]
    return {
        "quantity": quantity,
        "unit_price": {"__class__": "Decimal", "decimal": price},
        "consumption_recurrence": {"id": 1, "rules": rules},
    }


@pytest.mark.parametrize(
    ("lines", "quantity", "unit_price", "interval"),
    [
        ([line(3, "10.50", "monthly", 1)], "3", "10.50", "month"),
        ([line(3, "10.50", "monthly", 3)], "3", "10.50", "quarter"),
        ([line(1, "10", "yearly", 1)], "1", "10", "year"),
        ([line(1, "10", "fortnightly", None)], "1", "10", "fortnightly"),
        ([line(3, "10.50", "monthly", 1), line(1, "5", "monthly", 1)], "1", "36.50", "month"),
        ([line(3, "10.50", "monthly", 1), line(1, "5", "yearly", 1)], "1", "36.50", None),
        ([], None, None, None),
    ],
)
def test_the_terms_of_a_subscription_are_those_of_its_lines(
    lines: Any, quantity: str, unit_price: str, interval: str
):
    row = tryton("subscriptions", {"lines": lines})
    assert (row["quantity"], row["unit_price"], row["interval"]) == (quantity, unit_price, interval)
