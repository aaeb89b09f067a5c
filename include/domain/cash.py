"""Cash application (R3): which invoices a payment that names nothing is surely for, and why the rest is held."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import comb
from typing import Any

from include.domain.money import Money
from include.domain.subset_sum import BudgetSpent, Subset, exact_subsets

CANDIDATES_SHOWN = 5

EXPLANATIONS_MAX = 8
"""From this many explanations on, a payment is taken to lay claim to every invoice it could be for."""

NOT_OWED = ("DRAFT", "CREDITED", "WRITTEN_OFF", "VOID")
"""Invoice statuses nobody pays on purpose."""

Block = tuple[str, str]
"""Customer and currency: money never crosses either."""


@dataclass(frozen=True, kw_only=True)
class OpenPayment:
    """A received payment no pass has posted yet.

    `names_another`: it names a document (or must not be posted at all), so it is not posted by amount, but it keeps
    its claim to what it fits. `unread_rows`: invoices and payments of its payer in quarantine, any of which might
    explain the money.
    """

    payment_id: str
    customer_id: str
    currency: str
    amount_minor: int
    paid_on: date
    names_another: bool
    unread_rows: int


@dataclass(frozen=True, kw_only=True)
class OpenInvoice:
    """An invoice no pass has settled yet, and the days on which a payment could settle it.

    `named_by`: an unposted payment, of whatever payer and amount, that names it. Not `postable`: nothing may be posted
    against it, but it is owed and so may explain money.
    """

    invoice_id: str
    customer_id: str
    currency: str
    open_minor: int
    due_date: date
    from_date: date
    to_date: date
    named_by: str | None
    postable: bool

    def could_be_paid_by(self, payment: OpenPayment) -> bool:
        """By amount and date alone."""
        return self.open_minor <= payment.amount_minor and self.from_date <= payment.paid_on <= self.to_date


@dataclass(frozen=True)
class Settlement:
    """A payment and the invoices that are the only explanation of its amount."""

    payment_id: str
    invoice_ids: tuple[str, ...]


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


@dataclass(frozen=True)
class _Explained:
    """A payment with what it could be for, oldest due first, and every way found to make up its amount."""

    payment: OpenPayment
    eligible: Sequence[OpenInvoice]
    ways: Sequence[Subset]
    exhausted: bool  # more ways, or more work, than we follow

    @property
    def claims(self) -> set[str]:
        found = self.eligible if self.exhausted else [self.eligible[i] for way in self.ways for i in way]
        return {invoice.invoice_id for invoice in found}

    def ids(self, way: Subset) -> tuple[str, ...]:
        return tuple(self.eligible[i].invoice_id for i in way)


def settle_by_amount(
    payments: Iterable[OpenPayment], invoices: Iterable[OpenInvoice], *, most_invoices: int
) -> tuple[list[Settlement], dict[str, Held]]:
    """Settle what has one explanation only, of up to `most_invoices` invoices; the payments held, by id.

    A payment is settled when exactly one set of open invoices makes up its amount, no other payment lays claim to any
    of them, no two or three other payments make up one of them, and the set is too large a coincidence to be chance.
    """
    by_block: defaultdict[Block, list[OpenInvoice]] = defaultdict(list)
    for invoice in invoices:
        by_block[invoice.customer_id, invoice.currency].append(invoice)
    blocks: defaultdict[Block, list[_Explained]] = defaultdict(list)
    for payment in payments:
        block = payment.customer_id, payment.currency
        blocks[block].append(_explained(payment, by_block[block]))
    settled: list[Settlement] = []
    held: dict[str, Held] = {}
    for explained in blocks.values():
        claimants = _claimants(explained)
        for one in explained:
            if one.payment.names_another or not (one.ways or one.exhausted):
                continue
            if why := _doubt(one, explained, claimants):
                held[one.payment.payment_id] = Held(_candidates(one), why)
            elif len(one.ways[0]) <= most_invoices:
                settled.append(Settlement(one.payment.payment_id, one.ids(one.ways[0])))
    return settled, held


def _explained(payment: OpenPayment, invoices: Sequence[OpenInvoice]) -> _Explained:
    eligible = [invoice for invoice in invoices if invoice.could_be_paid_by(payment)]
    eligible.sort(key=lambda invoice: (invoice.due_date, invoice.invoice_id))
    amounts = tuple(invoice.open_minor for invoice in eligible)
    try:
        ways = exact_subsets(amounts, target=payment.amount_minor, limit=EXPLANATIONS_MAX)
    except BudgetSpent:
        return _Explained(payment, eligible, (), exhausted=True)
    return _Explained(payment, eligible, ways, exhausted=len(ways) == EXPLANATIONS_MAX)


def _claimants(block: Sequence[_Explained]) -> Mapping[str, list[str]]:
    """Invoice -> the payments that lay claim to it."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in block:
        for invoice_id in one.claims:
            found[invoice_id].append(one.payment.payment_id)
    return found


def _doubt(one: _Explained, block: Sequence[_Explained], claimants: Mapping[str, list[str]]) -> str:
    """Why this payment's explanation is not the only one, or "" when it is."""
    if one.payment.unread_rows:
        return f"{one.payment.unread_rows} rows of this customer are in quarantine and might explain it"
    if not one.ways:
        return f"{len(one.eligible)} open invoices could be meant, too many to tell"
    if len(one.ways) > 1:
        return f"{' or '.join(' + '.join(one.ids(way)) for way in one.ways[:2])} make up this amount"
    [way] = one.ways
    for position in way:
        if why := _rival(one, one.eligible[position], block, claimants):
            return why
    if _could_be_chance(one, way):
        return f"one of {comb(len(one.eligible), len(way)):,} possible sets: it could add up by chance"
    return ""


def _rival(
    one: _Explained, invoice: OpenInvoice, block: Sequence[_Explained], claimants: Mapping[str, list[str]]
) -> str:
    """What else speaks for an invoice of this explanation, or "" when nothing does."""
    if not invoice.postable:
        return f"{invoice.invoice_id} fits, but its status is unknown or its newest version unreadable"
    if invoice.named_by:
        return f"{invoice.named_by} names {invoice.invoice_id}"
    others = [payment for payment in claimants[invoice.invoice_id] if payment != one.payment.payment_id]
    if others:
        return f"{others[0]} could be for {invoice.invoice_id} too"
    return _several_payments(one, invoice, block)


def _several_payments(one: _Explained, invoice: OpenInvoice, block: Sequence[_Explained]) -> str:
    """Which other payments together make up an invoice of this explanation, or "" when none do."""
    others = [
        other.payment
        for other in block
        if other is not one
        and other.payment.amount_minor < invoice.open_minor
        and invoice.from_date <= other.payment.paid_on <= invoice.to_date
    ]
    amounts = tuple(payment.amount_minor for payment in others)
    try:
        found = exact_subsets(amounts, target=invoice.open_minor, limit=1)
    except BudgetSpent:
        return f"{len(others)} other payments could make up {invoice.invoice_id}, too many to tell"
    if not found:
        return ""
    return f"{' + '.join(others[i].payment_id for i in found[0])} (payments) make up {invoice.invoice_id} too"


def _could_be_chance(one: _Explained, way: Subset) -> bool:
    """Whether so many sets could be formed that one of them fits by accident: expected number at least 1 in 100.

    The expected number of accidental sets is C(n, k) over the range of amounts, in minor units.
    """
    if len(way) == 1:
        return False
    largest = max(invoice.open_minor for invoice in one.eligible)
    return comb(len(one.eligible), len(way)) * 100 >= largest


def _candidates(one: _Explained) -> tuple[str, ...]:
    found = [invoice_id for way in one.ways for invoice_id in one.ids(way)]
    return tuple(dict.fromkeys(found))


def unposted(payment: Mapping[str, Any], held: Held | None) -> Finding:
    """The break for a payment no pass could post.

    `payment` has payment_id, customer_id, currency, amount_minor, names_a_document, postable, reference, and `named`:
    the invoices it names, each with invoice_id, number, key, customer_id, currency, gross_minor, status, settled_by.
    """
    if held:
        shown = ", ".join(held.candidates[:CANDIDATES_SHOWN])
        return Finding("CA16", f"{held.why}: {shown}; a reference naming the invoice would decide")
    if not payment["postable"]:
        return Finding(
            "CA01", "its status is unknown or a newer version unreadable; see its DQ05 or DQ01 break"
        )
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
    if unknown := [invoice for invoice in named if invoice["status"] == "UNKNOWN"]:
        return Finding("CA01", f"names {unknown[0]['number']}, whose status no rule maps; see its DQ05 break")
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
    return _open_but_unposted(payment, named, total, numbers)


def _open_but_unposted(
    payment: Mapping[str, Any], named: Sequence[Mapping[str, Any]], total: int, numbers: str
) -> Finding:
    difference = Money(abs(payment["amount_minor"] - total), payment["currency"])
    if payment["amount_minor"] < total:
        return Finding("CA03", f"names {numbers} and is {difference} short")
    if payment["amount_minor"] > total:
        return Finding("CA04", f"names {numbers} and is {difference} over")
    if any(invoice["customer_id"] != payment["customer_id"] for invoice in named):
        return Finding("CA01", f"names {numbers} of another customer; who paid for whom would decide")
    return Finding(
        "CA16", f"names {numbers}, but not as plainly as posting asks; a clear reference would decide"
    )
