"""Records of two systems next to each other: what they say of the same thing, and where they differ."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from include.domain.entities import ENTITIES
from include.domain.money import InexactAmount, Money, UnknownCurrency

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
        "effective_date",
    ),
    "start": ("start_date",),
    "due or end": ("due_date", "end_date", "last_day"),
    "renewal": ("renewal_date",),
    "status": ("status", "stage"),
    "tax number": ("tax_id",),
    "country": ("country",),
    "quantity": ("quantity",),
    "unit price": ("unit_price",),
    "list price": ("list_price",),
    "billed every": ("interval", "billing_interval"),
    "term (months)": ("term_months",),
    "discount (percent)": ("discount_percent",),
    "approved by": ("approval_level",),
}
"""What a reader calls it, and the canonical fields that say it; the first that has a value counts."""

MONEY: Mapping[str, str] = {"tax in it": "tax_minor", "ARR": "arr_minor"}
"""What a reader calls it, and the field in minor units that says it, beside the amount a record is about."""

PRICES = ("unit price", "list price")
"""Money of one, which may have more decimals than money has."""
NUMBERS = (*PRICES, "quantity")

COMPARED = frozenset({"currency", "customer", "tax number", "country", "quantity", "unit price"})
"""Where two records of one thing should agree; dates, states and texts are each system's own."""

DEALS = frozenset({"opportunities", "orders"})
PAID_OUT = frozenset({"payouts", "bank_lines"})
OWED = frozenset({"invoices", "credit_notes", "payments", "refunds", "disputes", "bank_lines"})
"""Records of one of these state one amount where they are about the same thing. An order is net and for its whole term,
an invoice gross and for a part of it; a payout is the sum of many."""


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
    held = COMPARED - {"customer"} if _are_of_several(records) else COMPARED
    alike = frozenset() if parts else _of_one_amount(records)
    return [
        _line(name, columns, [name in held or (name == "amount" and one.entity in alike) for one in records])
        for name in ("amount", *MONEY, "currency", *CALLED)
        if any(name in column for column in columns)
    ]


def amount_of(record: Record) -> Money | None:
    """The money a record is about, where it is about money of a known currency."""
    field = ENTITIES[record.entity].amount
    return _money(record, f"{field}_minor") if field else None


def _money(record: Record, field: str) -> Money | None:
    minor, currency = record.facts.get(field), record.facts.get("currency")
    return Money(int(minor), currency) if minor is not None and currency else None


def _are_of_several(records: Sequence[Record]) -> bool:
    """Whether customers themselves are compared: that each has its own id is no difference."""
    return sum(record.entity == "customers" for record in records) > 1


def _of_one_amount(records: Sequence[Record]) -> frozenset[str]:
    """The entities whose records should state the amount that the first record does."""
    entities = [record.entity for record in records]
    if not entities or entities[0] in DEALS | {"subscriptions"}:
        return DEALS
    return PAID_OUT if entities[0] in PAID_OUT and "payouts" in entities else OWED


def _said(record: Record, say: Callable[[Money], str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for called, money in (
        ("amount", amount_of(record)),
        *((called, _money(record, field)) for called, field in MONEY.items()),
    ):
        if money:
            found[called] = say(money)
    if currency := record.facts.get("currency"):
        found["currency"] = str(currency)
    if record.entity == "customers":
        found["customer"] = record.native_id
    for name, fields in CALLED.items():
        value = next(
            (record.facts[field] for field in fields if record.facts.get(field) not in (None, "")), None
        )
        if value is not None:
            found.setdefault(name, _written(name, value, currency, say))
    return found


def _written(name: str, value: object, currency: str | None, say: Callable[[Money], str]) -> str:
    """A price as money where it is money to the minor unit, a number without zeros that say nothing, else as it is."""
    if name in PRICES:
        with suppress(UnknownCurrency, InexactAmount):
            return say(Money.parse(str(value), currency or ""))
    return f"{Decimal(str(value)).normalize():,f}" if name in NUMBERS else str(value)


def _line(name: str, columns: Sequence[Mapping[str, str]], compared: Sequence[bool]) -> Line:
    """`compared`: which of the columns are held against each other."""
    values = [column.get(name, "") for column in columns]
    known = {value for value, counts in zip(values, compared, strict=True) if counts and value}
    return Line(name, values, differs=len(known) > 1)
