"""The world's ERP files as Tryton's records, and the company they belong to."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from lxml import etree

from include.twin.erp_database import Database, Record
from include.twin.world import (
    Clock,
    Row,
    World,
    business_noon,
    parse_date,
    parse_decimal,
    parse_number,
)

COMPANY = 1
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_DIGITS = {"JPY": 0, "KRW": 0, "VND": 0}
_CURRENCIES = (
    *("SGD", "USD", "EUR", "GBP", "AUD", "HKD", "JPY", "KRW"),
    *("CNY", "INR", "IDR", "MYR", "PHP", "THB", "VND", "NZD"),
)
_PAID_IN = ("SGD", "USD", "EUR", "JPY")
_INTERVALS = {
    "week": ("weekly", 1),
    "month": ("monthly", 1),
    "quarter": ("monthly", 3),
    "half_year": ("monthly", 6),
    "year": ("yearly", 1),
}
# Columns by another name, or in another place; every other one is served under its own name.
_RENAMED = {
    "customers": {"crm_account_id": "crm_account", "parent_id": "parent"},
    "orders": {
        "customer_id": "party",
        "order_date": "sale_date",
        "status": "state",
        "opportunity_id": "reference",
        "amount": "untaxed_amount",
    },
    "invoices": {
        "customer_id": "party",
        "issue_date": "invoice_date",
        "net": "untaxed_amount",
        "tax": "tax_amount",
        "gross": "total_amount",
        "status": "state",
    },
    "credit_notes": {"customer_id": "party", "issue_date": "invoice_date"},
    "subscriptions": {"customer_id": "party", "status": "state"},
    "amendments": {"subscription_id": "subscription"},
}
_FILES = {
    "customers": ("party.party", ""),
    "orders": ("sale.sale", "order_date"),
    "invoices": ("account.invoice", "issue_date"),
    "credit_notes": ("account.invoice", "issue_date"),
    "subscriptions": ("sale.subscription", "start_date"),
    "amendments": ("sale.subscription.amendment", "effective_date"),
}
"""File -> model, and the column of the business day its records are stamped with."""


_ROLE = Path(__file__).parents[1] / "tryton_module" / "role.xml"
"""The rights of our user, as the module that Tryton has of us grants them."""


def load_database(world: World, clock: Clock) -> Database:
    database = Database(clock)
    _found(database)
    for file, (model, dated) in _FILES.items():
        for row in world.rows(f"erp/{file}"):
            record = _record(database, file, model, row)
            database.add(model, record, created=business_noon(row.get(dated, "")) or _BEGINNING)
    return database


def currency(database: Database, code: str) -> int | str | None:
    """The id of a currency; what a world calls one is one here."""
    if not code:
        return None
    found = next((one for one in database.table("currency.currency").all() if one["code"] == code), None)
    if found is None:
        found = database.add("currency.currency", {"id": code, "code": code, "name": code, "digits": 2})
    native_id: int | str = found["id"]
    return native_id


def _found(database: Database) -> None:
    """A company that sells the products PLAN (taxed) and EXPORT (not), as the real one of `make erp` does."""
    for code in _CURRENCIES:
        database.add("currency.currency", {"code": code, "name": code, "digits": _DIGITS.get(code, 2)})
    database.add("company.company", {"id": COMPANY, "currency": currency(database, "SGD")})
    role = database.add("res.group", {"name": "Tieout"})["id"]
    for granted in _granted():
        database.add("ir.model.access", {**granted, "group": role})
        database.add("ir.model", {"name": granted["model"]})
    for domain, kept in _kept():
        rule = database.add("ir.rule", {"domain": domain})["id"]
        database.add("ir.rule.group", {**kept, "global_p": False, "groups": [role], "rules": [rule]})
    user = database.add("res.user", {"name": "Tieout", "administrator": False, "groups": [role]})
    key = {"application": "rest", "state": "validated", "user": user["id"]}
    database.add("res.user.application", key)
    tax = database.add("account.tax", {"name": "GST 9%", "rate": Decimal("0.09")})
    unit = database.add("product.uom", {"name": "Unit"})
    for code, taxes in (("PLAN", [tax["id"]]), ("EXPORT", [])):
        category = database.add("product.category", {"name": code, "customer_taxes": taxes})
        template = database.add("product.template", {"name": code, "account_category": category["id"]})
        product = {"code": code, "template": template["id"], "default_uom": unit["id"]}
        database.add("product.product", product)
    for code in _PAID_IN:
        journal = {"name": f"Card {code}", "currency": currency(database, code)}
        database.add("account.payment.journal", journal)
    for word in _INTERVALS:
        _recurrence(database, word)
    database.add("sale.subscription.service", {"product": 1})


def _granted() -> Iterator[Record]:
    for said in _said("ir.model.access"):
        if "group" in said and said["group"].get("ref") == "group_tieout":
            yield {"model": said["model"].text, **_flags(said)}


def _kept() -> Iterator[tuple[str, Record]]:
    """The rules that keep our user from what others have: each one's domain, and its group."""
    domains = {said["rule_group"].get("ref"): said["domain"].get("eval", "") for said in _said("ir.rule")}
    for row in etree.parse(_ROLE).iterfind(".//record[@model='ir.rule.group']"):
        if domain := domains.get(row.get("id")):
            said = _fields(row)
            yield domain, {"name": said["name"].text, "model": said["model"].text, **_flags(said)}


def _said(model: str) -> Iterator[dict[str, etree._Element]]:
    """What the role's file says of a model's records, field by field."""
    for row in etree.parse(_ROLE).iterfind(f".//record[@model='{model}']"):
        yield _fields(row)


def _fields(row: etree._Element) -> dict[str, etree._Element]:
    return {field.get("name", ""): field for field in row.iter("field")}


def _flags(said: dict[str, etree._Element]) -> Record:
    return {name: said[name].get("eval") == "True" for name in said if name.startswith("perm_")}


def _record(database: Database, file: str, model: str, row: Row) -> Record:
    fields, renamed = database.table(model).fields, _RENAMED[file]
    record: Record = {}
    for column, text in row.items():
        name = renamed.get(column, column)
        known = fields.get(name)
        if known is None:
            database.table(model).fields[name] = database.table("party.party").fields["name"]
        elif known.many or (known.target and name == "currency"):
            continue
        # A surplus column that happens to bear a field's name must not hide the field.
        record.setdefault(name, value(str if known is None or known.target else known.kind, text))
    record["id"] = row.get("id") or ""
    if "company" in fields:
        record["company"] = COMPANY
    return record | _PLACED[file](database, row)


def _customer(database: Database, row: Row) -> Record:
    placed: Record = {"active": True, "customer_currency": currency(database, row.get("currency", ""))}
    if code := row.get("country"):
        country = database.find("country.country", code)
        country = country or database.add("country.country", {"id": code, "code": code, "name": code})
        placed["addresses"] = [database.add("party.address", {"country": country["id"]})["id"]]
    if code := row.get("tax_id"):
        placed["tax_identifier"] = database.add("party.identifier", {"code": code})["id"]
    return placed


def _order(database: Database, row: Row) -> Record:
    # No number means a draft, and drafts are left alone; a world's row without one is a mistake to be seen.
    return {
        "currency": currency(database, row.get("currency", "")),
        "number": row.get("number") or "",
        "sale_date": value(date, row.get("order_date", "")) or "",
        "total_amount": value(Decimal, row.get("amount", "")),
    }


def _invoice(database: Database, row: Row) -> Record:
    placed = _posted(database, row) | {"sequence_type_cache": "invoice"}
    if due := value(date, row.get("due_date", "")):
        placed["lines_to_pay"] = [database.add("account.move.line", {"maturity_date": due})["id"]]
    if order := row.get("order_id"):
        placed["sales"] = [order]
    return placed


def _credit_note(database: Database, row: Row) -> Record:
    gross = value(Decimal, row.get("gross", ""))
    placed = _posted(database, row) | {"sequence_type_cache": "credit_note", "state": "posted"}
    placed["total_amount"] = gross.copy_negate() if isinstance(gross, Decimal) else gross
    if invoice := row.get("invoice_id"):
        placed["origin_invoices"] = [invoice]
    return placed


def _posted(database: Database, row: Row) -> Record:
    return {
        "currency": currency(database, row.get("currency", "")),
        "number": row.get("number") or "",
        "type": "out",
    }


def _subscription(database: Database, row: Row) -> Record:
    line = {
        "quantity": value(float, row.get("quantity", "")),
        "unit_price": value(Decimal, row.get("unit_price", "")),
        "consumption_recurrence": _recurrence(database, row.get("interval", "")),
    }
    return {
        "currency": currency(database, row.get("currency", "")),
        "number": row.get("id") or "",
        "lines": [database.add("sale.subscription.line", line)["id"]],
    }


def _recurrence(database: Database, word: str) -> Any:
    if not word:
        return None
    table = database.table("sale.subscription.recurrence.rule.set")
    known = next((one for one in table.all() if one["name"] == word), None)
    if known is None:
        frequency, interval = _INTERVALS.get(word, (word, 1))
        rule = database.add("sale.subscription.recurrence.rule", {"freq": frequency, "interval": interval})
        known = database.add(table.name, {"name": word, "rules": [rule["id"]]})
    return known["id"]


def _amendment(_database: Database, _row: Row) -> Record:
    return {}


_PLACED: dict[str, Callable[[Database, Row], Record]] = {
    "customers": _customer,
    "orders": _order,
    "invoices": _invoice,
    "credit_notes": _credit_note,
    "subscriptions": _subscription,
    "amendments": _amendment,
}


def value(kind: type, text: str) -> Any:
    """A world's text as a field's value; what does not look like one stays text."""
    if not text:
        return None
    read = _READ[kind](text)
    return text if read is None else read


def _whole(text: str) -> int | None:
    number = parse_number(text)
    return number if isinstance(number, int) else None


def _float(text: str) -> float | None:
    number = parse_number(text)
    return None if number is None else float(number)


_READ: dict[type, Callable[[str], Any]] = {
    str: str,
    bool: lambda text: {"true": True, "false": False}.get(text.lower()),
    date: parse_date,
    int: _whole,
    float: _float,
    Decimal: parse_decimal,
}
