"""Tryton's models, field names and JSON values in ours. The only place that knows them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import zip_longest
from typing import Any

from include.connectors.wire import as_text, plain
from include.domain.entities import ENTITIES
from include.domain.money import AMOUNT
from include.ports import Translated

STAMP = "last_modified_at"
"""When a record was written last, or created; on PostgreSQL the start of that transaction.

`write_date` alone is null until a record is changed for the first time (seen on Tryton 8.2).
"""

Pick = Callable[[Sequence[str]], str | None]


def _only(found: Sequence[str]) -> str | None:
    """The value, where there are not several: one of them would be a guess."""
    return found[0] if len(set(found)) == 1 else None


def _first(found: Sequence[str]) -> str | None:
    return found[0] if found else None


def _last(found: Sequence[str]) -> str | None:
    """The latest day: an invoice payable in parts is due as a whole with the last."""
    return max(found, default=None)


@dataclass(frozen=True)
class At:
    """Where a canonical field is: the path to it, and which of several values found there is meant."""

    path: str
    pick: Pick = _only


@dataclass(frozen=True)
class Reading:
    """Which records of a model are the entity's. `by_company`: each belongs to one company of the database."""

    model: str
    fields: Mapping[str, At]
    domain: Sequence[Any] = field(default=())
    by_company: bool = True


def _posted(kind: str) -> list[Any]:
    """Customer invoices that have a number: drafts are nobody's debt yet. Tryton's word for the kind is stored."""
    return [["type", "=", "out"], ["number", "!=", None], ["sequence_type_cache", "=", kind]]


_DOCUMENT = {
    "number": At("number"),
    "customer_id": At("party"),
    "issue_date": At("invoice_date"),
    "currency": At("currency.code"),
    "gross": At("total_amount"),
}
_PRICED = "lines.consumption_recurrence.rules"

READINGS = {
    "customers": Reading(
        "party.party",
        {
            "name": At("name"),
            "country": At("addresses.country.code", _first),
            "currency": At("customer_currency.code"),
            "tax_id": At("tax_identifier.code"),
            "email": At("email"),
            "crm_account_id": At("crm_account"),
            "parent_id": At("parent"),
            "legal_hold": At("legal_hold"),
        },
        domain=[["replaced_by", "=", None]],  # merged into another, which has its documents now
        by_company=False,
    ),
    "orders": Reading(
        "sale.sale",
        {
            "number": At("number"),
            "customer_id": At("party"),
            "order_date": At("sale_date"),
            "currency": At("currency.code"),
            "amount": At("untaxed_amount"),  # a deal is closed without tax
            "status": At("state"),
            "opportunity_id": At("reference"),
        },
        domain=[["number", "!=", None], ["sale_date", "!=", None]],  # not what is still being drafted
    ),
    "invoices": Reading(
        "account.invoice",
        {
            **_DOCUMENT,
            "order_id": At("sales"),
            "due_date": At("lines_to_pay.maturity_date", _last),
            "net": At("untaxed_amount"),
            "tax": At("tax_amount"),
            "open": At("amount_to_pay"),
            "status": At("state"),
            "disputed": At("disputed"),
            "promised_until": At("promised_until"),
        },
        domain=_posted("invoice"),
    ),
    "credit_notes": Reading(
        "account.invoice",
        {**_DOCUMENT, "invoice_id": At("origin_invoices")},
        domain=_posted("credit_note"),
    ),
    "subscriptions": Reading(
        "sale.subscription",
        {
            "customer_id": At("party"),
            "start_date": At("start_date"),
            "end_date": At("end_date"),
            "currency": At("currency.code"),
            "quantity": At("lines.quantity"),
            "unit_price": At("lines.unit_price"),
            "interval": At(f"{_PRICED}.freq"),
            "status": At("state"),
            "renewal_date": At("renewal_date"),
            "arr": At("arr"),
        },
        domain=[["number", "!=", None]],
    ),
    "amendments": Reading(
        "sale.subscription.amendment",
        {
            "subscription_id": At("subscription"),
            "sequence": At("sequence"),
            "type": At("type"),
            "effective_date": At("effective_date"),
            "quantity": At("quantity"),
            "unit_price": At("unit_price"),
        },
        by_company=False,
    ),
}
"""Entity -> what it is in Tryton."""

_STATE = "state"
"""Of a credit note: one that was cancelled keeps its number and its total, and gives nothing back."""

_TIMES = f"{_PRICED}.interval"
_INTERVALS = {
    ("weekly", "1"): "week",
    ("monthly", "1"): "month",
    ("monthly", "3"): "quarter",
    ("monthly", "6"): "half_year",
    ("monthly", "12"): "year",
    ("yearly", "1"): "year",
}


def paths(entity: str, *, of: Sequence[str] | None = None) -> list[str]:
    """What to ask Tryton for: everything, or the canonical fields named."""
    known = READINGS[entity].fields
    wanted = [at.path for name, at in known.items() if of is None or name in of]
    if entity == "credit_notes":
        wanted.append(_STATE)
    return [*wanted, _TIMES] if "interval" in known and of is None else wanted


def column(entity: str, field: str) -> str:
    """What Tryton calls a canonical field."""
    at = READINGS[entity].fields.get(field)
    return at.path if at else field


def personal(entity: str) -> frozenset[str]:
    """The fields that hold personal data."""
    return frozenset(column(entity, field.name) for field in ENTITIES[entity].personal)


def translate(entity: str, payload: Mapping[str, Any]) -> Translated:
    """A record in canonical names."""
    known = READINGS[entity].fields
    row = {name: at.pick(texts(payload, at.path)) for name, at in known.items()}
    row["id"] = value_text(payload.get("id"))
    if entity == "credit_notes":
        row["gross"] = "0" if payload.get(_STATE) == "cancelled" else _turned(row["gross"])
    if entity == "subscriptions":
        row |= _terms(payload)
    return {one.name: row.get(one.name) for one in ENTITIES[entity].received}


def texts(payload: Any, path: str) -> list[str]:
    """The values at a path, as text: through records nested in one another, and lists of them."""
    here, _, rest = path.partition(".")
    found = payload.get(here) if isinstance(payload, Mapping) else None
    parts = found if isinstance(found, list) else [found]
    if rest:
        return [text for part in parts for text in texts(part, rest)]
    return [text for part in parts if (text := value_text(part)) is not None]


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
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    return as_text(value)


def instant_value(instant: datetime) -> dict[str, Any]:
    """An instant as a domain compares it: UTC without a zone."""
    at = instant.astimezone(UTC)
    parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
    return {"__class__": "datetime"} | {part: getattr(at, part) for part in parts}


def _turned(amount: str | None) -> str | None:
    """A credit note is an invoice below zero there, and what is given back here."""
    if not amount or not AMOUNT.fullmatch(amount):
        return amount
    exact = Decimal(amount)
    return f"{exact.copy_negate() if exact else exact.copy_abs():f}"


def _terms(payload: Mapping[str, Any]) -> dict[str, str | None]:
    """Quantity and price; several lines of one interval are one whole at their total, as our module logs it."""
    lines = payload.get("lines")
    terms: dict[str, str | None] = {"interval": _interval(payload)}
    if isinstance(lines, list) and len(lines) > 1:
        pairs = [(_first(texts(line, "quantity")), _first(texts(line, "unit_price"))) for line in lines]
        if all(_is_number(quantity) and _is_number(price) for quantity, price in pairs):
            total = sum(
                (Decimal(quantity or 0) * Decimal(price or 0) for quantity, price in pairs), Decimal(0)
            )
            terms |= {"quantity": "1", "unit_price": f"{total:f}"}
    return terms


def _is_number(text: str | None) -> bool:
    return bool(text and AMOUNT.fullmatch(text))


def _interval(payload: Mapping[str, Any]) -> str | None:
    """How often the price falls due; a word of its own is passed on."""
    every = zip_longest(texts(payload, f"{_PRICED}.freq"), texts(payload, _TIMES), fillvalue="1")
    return _only([_INTERVALS.get(pair, pair[0]) for pair in every])
