"""Selling something to somebody, in a line each, for the tests of any ERP."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

from include.ledger import Booked, NewCreditNote, NewCustomer, NewOrder, NewPayment, OrderLine
from tests.contract.erp.conftest import Erp

NUMBERS = count(1)
TODAY = date(2026, 11, 20)


def money(text: str) -> dict[str, str]:
    return {"__class__": "Decimal", "decimal": text}


def day(on: date) -> dict[str, Any]:
    return {"__class__": "date", "year": on.year, "month": on.month, "day": on.day}


def a_day(value: Mapping[str, Any]) -> date:
    return date(value["year"], value["month"], value["day"])


def customer(erp: Erp, **changed: Any) -> Booked:
    given = {"crm_account": f"001-{next(NUMBERS)}", "name": "Acme Pte Ltd", "email": "ap@acme.example"}
    return erp.ledger().customer(NewCustomer(**given | changed))


def line(price: str, *, quantity: int = 2, product: str = "PLAN") -> OrderLine:
    return OrderLine(product=product, quantity=Decimal(quantity), unit_price=Decimal(price), text="Gold")


def order(erp: Erp, **changed: Any) -> NewOrder:
    number = next(NUMBERS)
    given: dict[str, Any] = {
        "key": f"order/v1|{number}",
        "customer_id": "",
        "opportunity_id": f"006-{number}",
        "currency": "SGD",
        "ordered_on": TODAY,
        "lines": [line("100.05")],
    } | changed
    return NewOrder(**given | {"customer_id": given["customer_id"] or customer(erp).native_id})


def invoiced(erp: Erp, *, on: date | None = None, **changed: Any) -> Booked:
    sold = erp.ledger().order(order(erp, **changed))
    [invoice] = erp.ledger().invoice(sold.native_id, issued_on=on or latest(erp))
    return invoice


def paid(erp: Erp, invoice: Booked, amount: str, *, key: str = "") -> Booked:
    key = key or f"payment/v1|{next(NUMBERS)}"
    new = NewPayment(key=key, invoice_id=invoice.native_id, amount=Decimal(amount), paid_on=latest(erp))
    return erp.ledger().payment(new)


def credited(erp: Erp, invoice: Booked, net: str | None = None) -> Booked:
    key = f"credit/v1|{next(NUMBERS)}"
    back = None if net is None else Decimal(net)
    new = NewCreditNote(key=key, invoice_id=invoice.native_id, credited_on=latest(erp), net=back)
    return erp.ledger().credit_note(new)


def latest(erp: Erp) -> date:
    """The day from which on an invoice may be numbered now."""
    rows = erp.rows("account.invoice", [["number", "!=", None]], ["invoice_date"])
    return max([TODAY, *(a_day(row["invoice_date"]) for row in rows)])
