"""Tryton's models, field names and JSON values in ours. The only place that knows them."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from include.connectors.wire import as_text, plain
from include.domain.entities import ENTITIES
from include.ports import Translated

MODELS = {
    "customers": "party.party",
    "orders": "sale.sale",
    "invoices": "account.invoice",
    "credit_notes": "account.credit_note",
    "subscriptions": "sale.subscription",
    "amendments": "sale.subscription.amendment",
}
"""Entity -> model."""

STAMP = "write_date"
"""Set at creation too; on PostgreSQL the start of the writing transaction."""

_FIELDS = {
    "customers": {"tax_identifier": "tax_id", "crm_account": "crm_account_id", "parent": "parent_id"},
    "orders": {
        "party": "customer_id",
        "sale_date": "order_date",
        "total_amount": "amount",
        "state": "status",
        "reference": "opportunity_id",
    },
    "invoices": {
        "party": "customer_id",
        "sale": "order_id",
        "invoice_date": "issue_date",
        "untaxed_amount": "net",
        "tax_amount": "tax",
        "total_amount": "gross",
        "state": "status",
    },
    "credit_notes": {
        "party": "customer_id",
        "invoice": "invoice_id",
        "invoice_date": "issue_date",
        "total_amount": "gross",
    },
    "subscriptions": {"party": "customer_id", "state": "status"},
    "amendments": {"subscription": "subscription_id"},
}
"""Entity -> Tryton field -> canonical field, where the two differ."""


def fields(entity: str) -> dict[str, str]:
    """Canonical field -> Tryton field."""
    renamed = {ours: theirs for theirs, ours in _FIELDS[entity].items()}
    return {field.name: renamed.get(field.name, field.name) for field in ENTITIES[entity].fields}


def translate(entity: str, payload: Mapping[str, Any]) -> Translated:
    """A record in canonical names."""
    return {ours: value_text(payload.get(theirs)) for ours, theirs in fields(entity).items()}


def value_text(value: Any) -> str | None:
    """A value as Tryton's JSON writes it, as text; what only looks like one is passed on as it came."""
    if not isinstance(value, dict):
        return as_text(value)
    parts = {name: part for name, part in value.items() if name != "__class__"}
    try:
        match value.get("__class__"):
            case "Decimal":
                return plain(parts["decimal"])
            case "date":
                return date(**parts).isoformat()
            case "datetime":
                return datetime(**parts, tzinfo=UTC).isoformat()
    except (KeyError, TypeError, ValueError):
        pass
    return as_text(value)


def instant_value(instant: datetime) -> dict[str, Any]:
    """An instant as a domain compares it: UTC without a zone."""
    at = instant.astimezone(UTC)
    parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__class__": "datetime"} | {part: getattr(at, part) for part in parts}
