"""What follows from a document in Tryton: its totals, its number, the invoice of a sale, the end of a debt."""

from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from include.twin.erp_database import Database, Record

_STATEFUL = ("sale.sale", "account.invoice", "account.payment", "sale.subscription")
_PRICED = {"sale.sale": "sale.line", "account.invoice": "account.invoice.line"}
_RECEIVABLE, _REVENUE_JOURNAL, _REVENUE = 39, 1, 99


def defaults(model: str, company: int) -> Record:
    given: Record = {"state": "draft"} if model in _STATEFUL else {}
    if model in _STATEFUL:
        given["company"] = company
    if model == "party.party":
        given["active"], given["legal_hold"] = True, False
    if model == "sale.sale":
        given["invoice_method"] = "order"
    if model == "account.invoice":
        given["disputed"] = False
    return given


def rec_name(record: Record) -> str:
    """What people call a record: its number, and in brackets the reference."""
    number, reference = record.get("number"), record.get("reference")
    if "sequence_type_cache" in record:
        return str(number or f"({record['id']})")
    words = [str(number)] if number else []
    return " ".join([*words, f"[{reference}]"] if reference else words) or str(
        record.get("name") or f"({record['id']})"
    )


def compute(database: Database, model: str, record: Record) -> None:
    """What Tryton works out from the parts of a record."""
    if model in _PRICED:
        record |= totals(database, _PRICED[model], record)
    if model == "account.invoice":
        origins = [database.get("account.invoice.line", one)["origin"] for one in record["lines"]]
        named = [str(origin).partition(",")[2] for origin in origins if str(origin).startswith("account.inv")]
        lines = [database.get("account.invoice.line", one) for one in named]
        record["origin_invoices"] = sorted({line["invoice"] for line in lines})
    if model == "account.payment" and record["number"] is None:
        record["number"] = str(record["id"])
    if model == "party.party":
        mechanisms = [database.get("party.contact_mechanism", one) for one in record["contact_mechanisms"]]
        record["email"] = next((one["value"] for one in mechanisms if one["type"] == "email"), "")
    if model in {"party.address", "party.identifier", "party.contact_mechanism"} and record["party"]:
        party = database.get("party.party", record["party"])
        database.set("party.party", party, {})
        compute(database, "party.party", party)


def totals(database: Database, line_model: str, record: Record) -> Record:
    """Net, tax and total: every line rounded to the currency, tax on the sum of what it taxes."""
    smallest = Decimal(1).scaleb(-database.get("currency.currency", record["currency"])["digits"])
    net, taxed = Decimal(0), dict[Any, Decimal]()
    for native_id in record["lines"]:
        line = database.get(line_model, native_id)
        price, quantity = line["unit_price"] or Decimal(0), Decimal(str(line["quantity"] or 0))
        amount = (price * quantity).quantize(smallest, ROUND_HALF_EVEN)
        net += amount
        for tax in line["taxes"]:
            taxed[tax] = taxed.get(tax, Decimal(0)) + amount
    rates = {tax: database.get("account.tax", tax)["rate"] for tax in taxed}
    tax = sum((taxed[one] * rate for one, rate in rates.items()), Decimal(0))
    tax = tax.quantize(smallest, ROUND_HALF_EVEN)
    return {"untaxed_amount": net, "tax_amount": tax, "total_amount": net + tax}


def number_sale(database: Database, sale: Record) -> None:
    if not sale["number"]:
        sold = [
            one for one in database.table("sale.sale").all() if isinstance(one["id"], int) and one["number"]
        ]
        database.set("sale.sale", sale, {"number": str(len(sold) + 1)})


def process_sale(database: Database, sale: Record) -> None:
    """A confirmed sale is processed: it has a draft invoice, but where invoices are asked for."""
    if sale["invoice_method"] == "manual":
        database.set("sale.sale", sale, {"state": "processing"})
        return
    _bill(database, sale, sale["lines"])


def bill_line(database: Database, line: Record) -> None:
    """The module `tieout` makes a draft invoice of a line that has none."""
    sale = database.get("sale.sale", line["sale"])
    if sale["state"] in {"processing", "done"} and not line["invoice_lines"]:
        _bill(database, sale, [line["id"]])


def _bill(database: Database, sale: Record, lines: list[Any]) -> None:
    same = ("company", "party", "currency", "invoice_address", "payment_term")
    invoice = database.add(
        "account.invoice",
        {
            **defaults("account.invoice", sale["company"]),
            **{name: sale[name] for name in same},
            "type": "out",
            "account": _RECEIVABLE,
            "journal": _REVENUE_JOURNAL,
            "sales": [sale["id"]],
        },
    )
    for native_id in lines:
        line = database.get("sale.line", native_id)
        copied = ("product", "unit", "quantity", "unit_price", "description", "taxes")
        billed = {name: line[name] for name in copied} | {
            "invoice": invoice["id"],
            "type": "line",
            "account": _REVENUE,
            "origin": f"sale.line,{native_id}",
            "currency": sale["currency"],
        }
        made = database.add("account.invoice.line", billed)["id"]
        invoice["lines"] = [*invoice["lines"], made]
        database.set("sale.line", line, {"invoice_lines": [*line["invoice_lines"], made]})
    compute(database, "account.invoice", invoice)
    invoices = [*sale["invoices"], invoice["id"]]
    database.set("sale.sale", sale, {"state": "processing", "invoices": invoices})


def kind_of(invoice: Record) -> str:
    return "credit_note" if invoice["total_amount"] < 0 else "invoice"


def why_not_numbered(database: Database, invoice: Record) -> str:
    """Tryton's words when the day is before the last one numbered: numbers follow the days."""
    day, prefix = invoice["invoice_date"], _prefix(invoice)
    numbered = [one for one in _numbered(database, prefix) if day and one["invoice_date"] > day]
    if not numbered:
        return ""
    last = max(numbered, key=lambda one: str(one["number"]))
    return (
        f'To number the invoice "{rec_name(invoice)}", you must set an invoice date after "{day:%m/%d/%Y}" because '
        f'the sequence "{prefix}" has already been used for invoice "{last["number"]}".'
    )


def post(database: Database, invoice: Record) -> None:
    """Number it, and owe it in thirty days."""
    day = invoice["invoice_date"] or invoice["create_date"].date()
    invoice["invoice_date"] = day
    prefix = _prefix(invoice)
    number = f"{prefix}{len(_numbered(database, prefix)) + 1:05}"
    days = 30 if invoice["payment_term"] is not None else 0
    due = {"maturity_date": day + timedelta(days=days), "payment_amount": invoice["total_amount"]}
    posted = {
        "number": number,
        "sequence_type_cache": kind_of(invoice),
        "amount_to_pay": invoice["total_amount"],
        "lines_to_pay": [database.add("account.move.line", due)["id"]],
    }
    database.set("account.invoice", invoice, posted)


def owed_beside(database: Database, payment: Record) -> Decimal | None:
    """What other payments leave of the line a payment is for."""
    line = payment["line"] and database.get("account.move.line", payment["line"])
    return line["payment_amount"] if line else None


def settle(database: Database, payment: Record) -> None:
    """A payment that succeeded lessens the debt; the last one ends it."""
    if payment["line"] is None:
        return
    line = database.get("account.move.line", payment["line"])
    left = line["payment_amount"] - payment["amount"]
    database.set("account.move.line", line, {"payment_amount": left})
    for invoice in database.table("account.invoice").all():
        if payment["line"] in invoice["lines_to_pay"]:
            # The invoice itself is written only when the debt ends.
            invoice["amount_to_pay"] = left
            if left == 0 and payment["amount"] == invoice["total_amount"]:
                database.set("account.move.line", line, {"reconciliation": payment["id"]})
                database.set("account.invoice", invoice, {"state": "paid", "reconciled": payment["date"]})
            return


def number_subscription(database: Database, subscription: Record) -> None:
    if not subscription["number"]:
        database.set("sale.subscription", subscription, {"number": str(subscription["id"])})


def log_amendment(database: Database, subscription: Record) -> None:
    """The module `tieout` writes down the terms a subscription runs with, when they are others than before."""
    lines = [database.get("sale.subscription.line", one) for one in subscription["lines"]]
    terms = [(Decimal(str(line["quantity"] or 0)), line["unit_price"] or Decimal(0)) for line in lines]
    if len(terms) != 1:
        terms = [(Decimal(1), sum((quantity * price for quantity, price in terms), Decimal(0)))]
    [(quantity, unit_price)] = terms
    model = "sale.subscription.amendment"
    log = [one for one in database.table(model).all() if one["subscription"] == subscription["id"]]
    if log and (log[-1]["quantity"], log[-1]["unit_price"]) == (quantity, unit_price):
        return
    today = subscription["write_date"].date()
    amendment = {
        "subscription": subscription["id"],
        "sequence": len(log),
        "type": "change" if log else "new",
        "effective_date": max(today, subscription["start_date"]) if log else subscription["start_date"],
        "quantity": quantity,
        "unit_price": unit_price,
    }
    database.add(model, amendment)


def _numbered(database: Database, prefix: str) -> list[Record]:
    rows = database.table("account.invoice").all()
    return [one for one in rows if isinstance(one["id"], int) and str(one["number"] or "").startswith(prefix)]


def _prefix(invoice: Record) -> str:
    day = invoice["invoice_date"] or invoice["create_date"].date()
    return f"{'CN' if kind_of(invoice) == 'credit_note' else 'INV'}-{day.year}-"
