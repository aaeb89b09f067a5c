"""What a document is in Tryton's fields. Its API fills in nothing a form would: taxes, accounts and addresses are said.

Each function is given `one(model, domain, fields)`, which reads the record a document names, or raises Rejected.
"""

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from include.connectors.tryton.client import Record
from include.connectors.tryton.translate import texts, value_text
from include.ledger import NewCreditNote, NewCustomer, NewOrder, NewPayment, OrderLine
from include.ports import Rejected

One = Callable[[str, Sequence[Any], Sequence[str]], Record]

LINE_BY_LINE, AS_A_WHOLE = "manual", "order"
"""How a sale is invoiced, in Tryton's words: when somebody asks for it, or once it is processed."""


def party(one: One, new: NewCustomer) -> Record:
    address: dict[str, Any] = {}
    if new.country:
        address["country"] = one("country.country", [["code", "=", new.country]], ("code",))["id"]
    email = [{"type": "email", "value": new.email}] if new.email else []
    return {
        "name": new.name,
        "addresses": [["create", [address]]],
        "contact_mechanisms": [["create", email]] if email else [],
    }


def sale(one: One, new: NewOrder) -> Record:
    customer = one(
        "party.party",
        [["id", "=", native(new.customer_id)]],
        ("addresses", "replaced_by", "customer_payment_term"),
    )
    if customer["replaced_by"] is not None:
        raise Rejected(f"customer {new.customer_id} was merged into {customer['replaced_by']}")
    if not customer["addresses"]:
        raise Rejected(f"customer {new.customer_id} has no address to send an invoice to")
    address = customer["addresses"][0]
    return {
        "party": native(new.customer_id),
        "invoice_address": address,
        "shipment_address": address,
        "payment_term": customer["customer_payment_term"],
        "reference": new.opportunity_id,
        "currency": one("currency.currency", [["code", "=", new.currency]], ("code",))["id"],
        "sale_date": day(new.ordered_on),
        "description": f"PO {new.po_number}" if new.po_number else "",
        "invoice_method": LINE_BY_LINE if new.line_by_line else AS_A_WHOLE,
        "lines": [["create", [_sale_line(one, line) for line in new.lines]]],
    }


def _sale_line(one: One, line: OrderLine) -> Record:
    product = one(
        "product.product",
        [["code", "=", line.product]],
        ("default_uom", "template.account_category.customer_taxes"),
    )
    taxes = [native(tax) for tax in texts(product, "template.account_category.customer_taxes")]
    return {
        "product": product["id"],
        "unit": product["default_uom"],
        "quantity": _quantity(line.quantity),
        "unit_price": money(line.unit_price),
        "description": line.text,
        "taxes": [["add", taxes]] if taxes else [],
    }


def payment(one: One, new: NewPayment) -> Record:
    invoice = one(
        "account.invoice",
        [["id", "=", native(new.invoice_id)]],
        ("party", "currency", "lines_to_pay.reconciliation"),
    )
    unpaid = [line["id"] for line in invoice["lines_to_pay"] if line["reconciliation"] is None]
    if not unpaid:
        raise Rejected(f"ERP account.invoice/{new.invoice_id} has nothing left to pay")
    journal = one("account.payment.journal", [["currency", "=", invoice["currency"]]], ("name",))
    return {
        "journal": journal["id"],
        "kind": "receivable",
        "party": invoice["party"],
        "line": unpaid[0],
        "amount": money(new.amount),
        "date": day(new.paid_on),
        "reference": new.reference,
    }


def credit_note(one: One, new: NewCreditNote) -> Record:
    same = ("party", "account", "journal", "payment_term", "invoice_address", "currency")
    priced = ("account", "taxes", "product", "quantity", "unit", "unit_price")
    invoice = one(
        "account.invoice",
        [["id", "=", native(new.invoice_id)], ["state", "in", ["posted", "paid"]]],
        (*same, *(f"lines.{name}" for name in priced)),
    )
    lines = [_line_back(line, invoice["currency"]) for line in invoice["lines"]]
    if new.net is not None:
        # A part is given back as one piece, taxed as the first line was.
        lines = [{**lines[0], "quantity": -1, "unit_price": money(new.net)}]
    return {
        "type": "out",
        **{name: invoice[name] for name in same},
        "invoice_date": day(new.credited_on),
        "lines": [["create", lines]],
    }


def _line_back(line: Record, currency: Any) -> dict[str, Any]:
    return {
        "type": "line",
        "currency": currency,
        "origin": f"account.invoice.line,{line['id']}",
        "account": line["account"],
        "product": line["product"],
        "unit": line["unit"],
        "quantity": _quantity(-Decimal(str(line["quantity"]))),
        "unit_price": line["unit_price"],
        "description": "",
        "taxes": [["add", line["taxes"]]] if line["taxes"] else [],
    }


def native(native_id: str) -> int | str:
    """An id as Tryton writes it: a whole number."""
    return int(native_id) if native_id.isdecimal() else native_id


def day(on: date) -> Record:
    return {"__class__": "date", "year": on.year, "month": on.month, "day": on.day}


def money(amount: Decimal) -> Record:
    return {"__class__": "Decimal", "decimal": f"{amount:f}"}


def amount(value: Any) -> Decimal:
    return Decimal(value_text(value) or 0)


def priced(lines: Sequence[Record]) -> list[tuple[Decimal, Decimal]]:
    """Quantity and unit price of a sale's lines, sorted; lines that only hold text have neither."""
    sold = [line for line in lines if line["unit_price"] is not None]
    return sorted((Decimal(str(line["quantity"])), amount(line["unit_price"])) for line in sold)


def _quantity(number: Decimal) -> int | float:
    # Tryton's quantities are floats; whole ones stay exact.
    return int(number) if number == number.to_integral_value() else float(number)
