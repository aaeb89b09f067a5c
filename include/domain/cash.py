"""Cash application (R3): which payment that names nothing is surely for which invoice, and why the rest is held."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from include.domain.money import Money
from include.domain.subset_sum import BudgetSpent, small_subsets

CANDIDATES_SHOWN = 5

NOT_OWED = ("DRAFT", "CREDITED", "WRITTEN_OFF", "VOID")
"""Invoice statuses nobody pays on purpose."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A payment and an open invoice of its payer, currency and amount (minor units), near enough in time.

    `names_another`: the payment's reference names a document, so it may not be posted by amount, but it is a rival.
    """

    payment_id: str
    invoice_id: str
    customer_id: str
    currency: str
    amount_minor: int
    paid_on: date
    names_another: bool


@dataclass(frozen=True, kw_only=True)
class OpenItem:
    """An open invoice or payment of a block, and the days on which it could settle or be settled."""

    side: str  # invoice or payment
    item_id: str
    customer_id: str
    currency: str
    amount_minor: int
    from_date: date
    to_date: date


@dataclass(frozen=True)
class Held:
    """A payment held back: the invoices it may be for, oldest due first, and why none is sure."""

    candidates: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Finding:
    """What is the matter with a payment nobody could post."""

    code: str
    evidence: str


def sure_pairs(pairs: Sequence[Pair], items: Sequence[OpenItem]) -> tuple[list[Pair], dict[str, Held]]:
    """Split pairs of equal amount into those that are the only explanation, and the held payments by id.

    A pair is sure when the payment fits one invoice, the invoice is fitted by one payment, and no two or three other
    open items make up the same money on either side.
    """
    invoices, payments = _grouped(pairs)
    blocks = _blocks(items)
    sure, held = [], {}
    for pair in (pair for pair in pairs if not pair.names_another):
        rivals = payments[pair.invoice_id]
        candidates = tuple(other.invoice_id for other in invoices[pair.payment_id])
        if len(candidates) > 1:
            held[pair.payment_id] = Held(candidates, f"{len(candidates)} open invoices have this amount")
        elif len(rivals) > 1:
            held[pair.payment_id] = Held(candidates, f"{len(rivals)} payments have this invoice's amount")
        elif why := _other_explanation(pair, blocks):
            held[pair.payment_id] = Held(candidates, why)
        else:
            sure.append(pair)
    return sure, held


def _grouped(pairs: Sequence[Pair]) -> tuple[Mapping[str, list[Pair]], Mapping[str, list[Pair]]]:
    by_payment, by_invoice = defaultdict(list), defaultdict(list)
    for pair in pairs:
        by_payment[pair.payment_id].append(pair)
        by_invoice[pair.invoice_id].append(pair)
    return by_payment, by_invoice


def _blocks(items: Sequence[OpenItem]) -> Mapping[tuple[str, str, str], list[OpenItem]]:
    blocks = defaultdict(list)
    for item in items:
        blocks[item.side, item.customer_id, item.currency].append(item)
    return blocks


def _other_explanation(pair: Pair, blocks: Mapping[tuple[str, str, str], list[OpenItem]]) -> str:
    """Why another set of items explains the same money, or "" when none does."""
    invoices = blocks["invoice", pair.customer_id, pair.currency]
    payments = blocks["payment", pair.customer_id, pair.currency]
    invoice = next(item for item in invoices if item.item_id == pair.invoice_id)
    smaller = {
        "invoices": [item for item in invoices if item.from_date <= pair.paid_on <= item.to_date],
        "payments": [item for item in payments if invoice.from_date <= item.from_date <= invoice.to_date],
    }
    for word, nearby in smaller.items():
        items = [item for item in nearby if item.amount_minor < pair.amount_minor]
        try:
            found = small_subsets([item.amount_minor for item in items], target=pair.amount_minor, limit=1)
        except BudgetSpent:
            return f"the customer has {len(items)} smaller open {word}, too many to rule out that some add up to it"
        if found:
            return f"{' + '.join(items[i].item_id for i in found[0])} ({word}) add up to the same amount"
    return ""


def unposted(payment: Mapping[str, Any], held: Held | None) -> Finding:
    """The break for a payment no pass could post.

    `payment` has payment_id, customer_id, currency, amount_minor, names_a_document, reference, and `named`: the
    invoices its reference names, each with invoice_id, number, key, currency, gross_minor, status, settled_by.
    """
    if held:
        shown = ", ".join(held.candidates[:CANDIDATES_SHOWN])
        return Finding("CA16", f"{held.why}: {shown}; a reference naming the invoice would decide")
    if payment["named"]:
        return _named_but_unposted(payment, payment["named"])
    if payment["names_a_document"]:
        return Finding(
            "CA01", f"the reference {payment['reference']!r:.80} names no invoice of this customer we know"
        )
    if payment["customer_id"] is None:
        return Finding("CA02", "no customer and no reference; ask the payer or the bank")
    return Finding("CA01", "no open invoice of this customer has this amount; a reference would decide")


def _named_but_unposted(payment: Mapping[str, Any], named: Sequence[Mapping[str, Any]]) -> Finding:
    numbers = ", ".join(invoice["number"] for invoice in named[:CANDIDATES_SHOWN])
    if any(invoice["currency"] != payment["currency"] for invoice in named):
        return Finding("CA01", f"names {numbers}, which is in another currency than the payment")
    if closed := [invoice for invoice in named if invoice["status"] in NOT_OWED]:
        return Finding("CA19", f"names {closed[0]['number']}, which is {closed[0]['status'].lower()}")
    if len({invoice["key"] for invoice in named}) < len(named):
        alike = ", ".join(invoice["invoice_id"] for invoice in named[:CANDIDATES_SHOWN])
        return Finding(
            "CA16", f"names {numbers}, which several invoices are called: {alike}; the customer would decide"
        )
    total = sum(invoice["gross_minor"] for invoice in named)
    if settled := sorted({invoice["settled_by"] for invoice in named if invoice["settled_by"]}):
        code = "CA05" if payment["amount_minor"] == total else "CA01"
        return Finding(code, f"names {numbers}, which {', '.join(settled)} settled already")
    return _wrong_amount(payment, total, numbers)


def _wrong_amount(payment: Mapping[str, Any], total: int, numbers: str) -> Finding:
    difference = Money(abs(payment["amount_minor"] - total), payment["currency"])
    if difference.minor == 0:
        return Finding(
            "CA16", f"names {numbers}, and so does another payment; which came first for all would decide"
        )
    if payment["amount_minor"] < total:
        return Finding("CA03", f"names {numbers} and is {difference} short")
    return Finding("CA04", f"names {numbers} and is {difference} over")


def payers(pairs: Collection[Pair]) -> list[str]:
    """The customers whose blocks must be looked at before these pairs are sure."""
    return sorted({pair.customer_id for pair in pairs})
