"""Records of two systems next to each other: what they say of the same thing, and where they differ."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from include.domain.entities import ENTITIES
from include.domain.money import Money

CALLED: Mapping[str, Sequence[str]] = {
    "customer": ("customer_id", "erp_customer_id"),
    "name": ("name", "payer_text"),
    "number or reference": ("number", "reference", "product"),
    "date": (
        "paid_on",
        "issue_date",
        "order_date",
        "value_date",
        "arrival_date",
        "created_on",
        "opened_on",
        "close_date",
    ),
    "due or end": ("due_date", "end_date", "renewal_date"),
    "status": ("status", "stage"),
    "tax number": ("tax_id",),
    "country": ("country",),
    "quantity": ("quantity",),
    "unit price": ("unit_price", "list_price"),
    "term (months)": ("term_months",),
    "discount (percent)": ("discount_percent",),
    "approved by": ("approval_level",),
}
"""What a reader calls it, and the canonical fields that say it; the first that has a value counts."""

COMPARED = frozenset({"amount", "currency", "customer", "tax number", "country", "quantity", "unit price"})
"""Where two records of one thing should agree; dates, states and texts are each system's own."""


@dataclass(frozen=True)
class Record:
    """A record as it was read: canonical fields, money in minor units."""

    entity: str
    native_id: str
    version: str
    place: str
    facts: Mapping[str, Any]

    @property
    def system(self) -> str:
        return ENTITIES[self.entity].system


@dataclass(frozen=True)
class Line:
    """One thing the records speak about: each one's word, and whether they contradict each other."""

    name: str
    values: Sequence[str]
    differs: bool


def side_by_side(
    records: Sequence[Record], *, say: Callable[[Money], str] = str, parts: bool = False
) -> list[Line]:
    """What any of the records says, the first one being what the others are held against.

    `say` writes an amount. `parts`: the others together make up the first one, whose amount is not theirs.
    """
    columns = [_said(record, say) for record in records]
    names = [name for name in ("amount", "currency", *CALLED) if any(name in column for column in columns)]
    compared = COMPARED - {"amount"} if parts else COMPARED
    return [_line(name, columns, compared) for name in names]


def amount_of(record: Record) -> Money | None:
    """The money a record is about, where it is about money of a known currency."""
    field = ENTITIES[record.entity].amount
    minor = record.facts.get(f"{field}_minor") if field else None
    currency = record.facts.get("currency")
    return Money(int(minor), currency) if minor is not None and currency else None


def _said(record: Record, say: Callable[[Money], str]) -> dict[str, str]:
    found: dict[str, str] = {}
    if money := amount_of(record):
        found["amount"] = say(money)
    if currency := record.facts.get("currency"):
        found["currency"] = str(currency)
    if record.entity == "customers":
        found["customer"] = record.native_id
    for name, fields in CALLED.items():
        value = next(
            (record.facts[field] for field in fields if record.facts.get(field) not in (None, "")), None
        )
        if value is not None:
            found.setdefault(name, str(value))
    return found


def _line(name: str, columns: Sequence[Mapping[str, str]], compared: frozenset[str]) -> Line:
    values = [column.get(name, "") for column in columns]
    known = {value for value in values if value}
    return Line(name, values, differs=name in compared and len(known) > 1)
