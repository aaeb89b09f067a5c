"""What a person may match by hand: which money settles which invoices, and why not; and what a run carries out of it.

The same reasons refuse a proposal, its approval, and the run that would carry it out: facts may change in between.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from include.domain.cash_lines import CashLine, cash_line
from include.domain.money import Money

BY_HAND = "manual"
"""The rule under which a run posts what people matched."""

ItemType = Literal["payment", "credit_note"]
SAID: Mapping[ItemType, str] = {"payment": "payment", "credit_note": "credit note"}

Allocation = Mapping[str, int]
"""Invoice id -> minor units of the item that are for it, in the order given."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """Money that could settle something. `used_for`: the invoices it settles already; `ruled_by`: whose match by hand
    stands for it; `usable`: it is money, whole, and nothing about it is unreadable. Amounts are in minor units.
    """

    item_id: str
    item_type: ItemType
    customer_id: str | None
    group_id: str | None
    currency: str
    amount_minor: int
    usable: bool = True
    used_for: tuple[str, ...] = ()
    ruled_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class Debt:
    """An invoice as it could be settled. `promised_minor` of what is open is matched by hand and not carried out yet.

    `settled_by`: a payment that settled of it; `owed`: its status says that somebody owes it, and it can be read.
    """

    invoice_id: str
    number: str
    customer_id: str
    group_id: str
    currency: str
    open_minor: int
    promised_minor: int = 0
    settled_by: str | None = None
    owed: bool = True


@dataclass(frozen=True, kw_only=True)
class ByHand:
    """A match by hand that stands: its number, who proposed and who approved it, and what it joins."""

    ruling_no: int
    item_id: str
    currency: str
    allocation: Allocation
    maker: str
    checkers: tuple[str, ...]

    @property
    def people(self) -> str:
        """Who decided, in words."""
        return people(self.maker, self.checkers)


@dataclass
class CarriedOut:
    """`lines` to post; of matches not carried out, why, by item; invoice -> what is open of it, if settled in part."""

    lines: list[CashLine] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    in_part: dict[str, int] = field(default_factory=dict)


def people(maker: str, checkers: Sequence[str]) -> str:
    """Who proposed and who approved, in words."""
    return f"{maker}, approved by {' and '.join(checkers)}" if checkers else maker


def spread(debts: Sequence[Debt], *, money_minor: int) -> dict[str, int]:
    """Money over invoices in their order: each gets what is open of it, as long as there is some."""
    left, found = money_minor, {}
    for debt in debts:
        part = max(0, min(left, debt.open_minor - debt.promised_minor))
        found[debt.invoice_id] = part
        left -= part
    return found


def refusal(item: Item, debts: Mapping[str, Debt], allocation: Allocation) -> str:
    """Why the item may not be matched so; empty when it may. `debts` has the invoices there are, by id."""
    return _unusable(item) or _unsettled(item, debts, allocation) or _too_much(item, allocation)


def carry_out(rulings: Iterable[ByHand], items: Mapping[str, Item], debts: Mapping[str, Debt]) -> CarriedOut:
    """Post each match by hand, in the order of decision, as far as facts still allow it: whole or not at all."""
    found, left = CarriedOut(), dict(debts)
    for one in sorted(rulings, key=lambda ruling: ruling.ruling_no):
        item = items.get(one.item_id)
        why = _is_gone(one) if item is None else _changed(one, item) or refusal(item, left, one.allocation)
        if why or item is None:
            found.refused[one.item_id] = f"{_said(one, debts)} is not carried out: {why}"
            continue
        for invoice_id, minor in one.allocation.items():
            debt = left[invoice_id]
            found.lines.append(cash_line(BY_HAND, _Paying(item.item_id, item.currency), debt, minor))
            left[invoice_id] = replace(debt, open_minor=debt.open_minor - minor, settled_by=item.item_id)
            found.in_part[invoice_id] = debt.open_minor - minor
    found.in_part = {invoice_id: minor for invoice_id, minor in found.in_part.items() if minor}
    return found


def parted_words(numbers: Sequence[str], decided: str) -> str:
    """What is said of a payment that somebody parted from what it was matched with."""
    return (
        f"was parted from {', '.join(numbers)} by {decided}, and the rules do not pair them again; "
        "which invoice it pays would decide"
    )


@dataclass(frozen=True)
class _Paying:
    payment_id: str
    currency: str


def _unusable(item: Item) -> str:
    said = f"{SAID[item.item_type]} {item.item_id}"
    if item.ruled_by:
        return f"{said} is matched by hand already, by {item.ruled_by}"
    if item.used_for:
        return f"the money of {said} is used already, for {', '.join(item.used_for)}: unmatch that first"
    if not item.usable and item.item_type == "credit_note":
        return f"part of {said} is used already: only a whole one is matched by hand"
    if not item.usable:
        return f"{said} cannot be used: it failed, went back, or cannot be read"
    return ""


def _unsettled(item: Item, debts: Mapping[str, Debt], allocation: Allocation) -> str:
    if not allocation:
        return "say which invoices it is for"
    if missing := [one for one in allocation if one not in debts]:
        return f"the newest published day knows no invoice {missing[0]}"
    wanted = [debts[one] for one in allocation]
    if strangers := [one for one in wanted if not _may_pay(item, one)]:
        return f"{strangers[0].number} is customer {strangers[0].customer_id}'s: {_whose(item)}"
    if len({one.group_id for one in wanted}) > 1:
        return "the invoices are of customers that do not belong together, and nobody is known to have paid for all"
    return next(filter(None, (_unsettled_one(item, one, allocation[one.invoice_id]) for one in wanted)), "")


def _unsettled_one(item: Item, debt: Debt, minor: int) -> str:
    if debt.currency != item.currency:
        return (
            f"{debt.number} is in {debt.currency} and the {SAID[item.item_type]} in {item.currency}: "
            "one currency is matched by hand"
        )
    if not debt.owed:
        return f"{debt.number} is not owed, or cannot be read"
    free = debt.open_minor - debt.promised_minor
    if debt.open_minor <= 0:
        return f"{debt.number} is settled already" + (f", by {debt.settled_by}" if debt.settled_by else "")
    if minor <= 0 and free > 0:
        return f"nothing is left for {debt.number}: say less for the others, or leave it out"
    if minor > free or minor <= 0:
        promised = (
            f", of which {Money(debt.promised_minor, debt.currency)} is matched by hand to others"
            if debt.promised_minor
            else ""
        )
        wanted = f", and {Money(minor, debt.currency)} is more" if minor > 0 else ""
        return f"of {debt.number} {Money(debt.open_minor, debt.currency)} is open{promised}{wanted}"
    return ""


def _too_much(item: Item, allocation: Allocation) -> str:
    total = sum(allocation.values())
    if total > item.amount_minor:
        given, whole = Money(total, item.currency), Money(item.amount_minor, item.currency)
        return f"{given} is more than the {SAID[item.item_type]} of {whole}"
    return ""


def _may_pay(item: Item, debt: Debt) -> bool:
    """A credit note is its customer's own; money of nobody known may be anybody's, and a group pays for its own."""
    if item.item_type == "credit_note":
        return item.customer_id == debt.customer_id
    return item.customer_id is None or item.group_id == debt.group_id


def _whose(item: Item) -> str:
    said = SAID[item.item_type]
    if item.item_type == "credit_note":
        return f"the {said} is customer {item.customer_id}'s"
    return f"the {said} is customer {item.customer_id}'s, and the two are of no common group"


def _is_gone(one: ByHand) -> str:
    return f"payment {one.item_id} cannot be used: it failed, went back, or cannot be read"


def _changed(one: ByHand, item: Item) -> str:
    if item.currency != one.currency:
        return f"the payment is in {item.currency} now, and was matched in {one.currency}"
    return ""


def _said(one: ByHand, debts: Mapping[str, Debt]) -> str:
    numbers = [debts[i].number if i in debts else i for i in one.allocation]
    return f"the match by hand with {', '.join(numbers)} ({one.people})"
