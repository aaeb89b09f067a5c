"""The world's ERP files as Tryton's models: field names, typed values, write dates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from include.twin.world import Row, World, business_noon, parse_date, parse_decimal, parse_number

Record = dict[str, Any]

# model: (file, column of the business date, columns). Other columns are served too, under their own names.
_MODELS = {
    "party.party": ("customers", "", "id name code country currency tax_id email crm_account_id parent_id"),
    "sale.sale": (
        "orders",
        "order_date",
        "id number customer_id order_date currency amount status opportunity_id",
    ),
    "account.invoice": (
        "invoices",
        "issue_date",
        "id number customer_id order_id issue_date due_date currency net tax gross status disputed",
    ),
    "account.credit_note": (
        "credit_notes",
        "issue_date",
        "id number customer_id invoice_id issue_date currency gross",
    ),
    "sale.subscription": (
        "subscriptions",
        "start_date",
        "id customer_id start_date end_date currency quantity unit_price interval status renewal_date arr",
    ),
    "sale.subscription.amendment": (
        "amendments",
        "effective_date",
        "id subscription_id sequence type effective_date quantity unit_price",
    ),
}
_FIELDS = {
    "tax_id": "tax_identifier",
    "crm_account_id": "crm_account",
    "parent_id": "parent",
    "customer_id": "party",
    "order_id": "sale",
    "invoice_id": "invoice",
    "subscription_id": "subscription",
    "opportunity_id": "reference",
    "order_date": "sale_date",
    "issue_date": "invoice_date",
    "amount": "total_amount",
    "gross": "total_amount",
    "net": "untaxed_amount",
    "tax": "tax_amount",
    "status": "state",
}
_NUMERIC = {"total_amount", "untaxed_amount", "tax_amount", "quantity", "unit_price", "arr"}
_CONSTANTS = {"account.invoice": {"type": "out"}}
_DATETIME_PARTS = ("year", "month", "day", "hour", "minute", "second", "microsecond")
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Model:
    """`fields`: the Python type of each field's values; a value that does not look right stays text."""

    name: str
    fields: Mapping[str, type]
    records: Sequence[Record]
    by_id: Mapping[str, Record]


def load_models(world: World) -> dict[str, Model]:
    return {
        name: _model(name, world.rows(f"erp/{file}"), business_date, columns.split())
        for name, (file, business_date, columns) in _MODELS.items()
    }


def to_json(value: Any) -> Any:
    """A value as Tryton's REST API writes it."""
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": str(value)}
    if isinstance(value, date):
        names = _DATETIME_PARTS if isinstance(value, datetime) else _DATETIME_PARTS[:3]
        return {"__class__": type(value).__name__} | {name: getattr(value, name) for name in names}
    return value


def from_json(value: Any) -> Any:
    """The reverse of to_json. Raises TypeError, ValueError or ArithmeticError on what is no such value."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    kind, parts = value.get("__class__"), {name: part for name, part in value.items() if name != "__class__"}
    if kind == "Decimal":
        return Decimal(parts.get("decimal", ""))
    if kind == "date":
        return date(**parts)
    if kind == "datetime":
        return datetime(**parts, tzinfo=UTC)
    raise ValueError(f"no value is written as {value!r}")


def _model(name: str, rows: Sequence[Row], business_date: str, columns: Sequence[str]) -> Model:
    columns = list(dict.fromkeys([*columns, *(column for row in rows for column in row if column)]))
    constants = _CONSTANTS.get(name, {})
    records = [_record(row, columns, business_date) | constants for row in rows]
    fields = {_FIELDS.get(column, column): _field_type(_FIELDS.get(column, column)) for column in columns}
    by_id = {str(record["id"]): record for record in reversed(records)}
    return Model(name, fields | dict.fromkeys(constants, str) | {"write_date": datetime}, records, by_id)


def _record(row: Row, columns: Sequence[str], business_date: str) -> Record:
    record: Record = {}
    for column in columns:
        field = _FIELDS.get(column, column)
        # A surplus column that happens to bear a field's name must not hide the field.
        record.setdefault(field, _value(_field_type(field), row.get(column, "")))
    record["write_date"] = business_noon(row.get(business_date, "")) or _BEGINNING
    return record


def _field_type(field: str) -> type:
    if field in _NUMERIC:
        return Decimal
    if field.endswith("_date"):
        return date
    return {"disputed": bool, "sequence": int}.get(field, str)


def _value(kind: type, text: str) -> Any:
    if not text:
        return None
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    if kind is date:
        return parse_date(text) or text
    if kind is int:
        number = parse_number(text)
        return number if isinstance(number, int) else text
    if kind is Decimal:
        amount = parse_decimal(text)
        return text if amount is None else amount
    return text
