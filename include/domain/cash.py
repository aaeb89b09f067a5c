"""Cash that names nothing (P4, P5, P6): what it is surely for, and why the rest is held."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import comb

from include.domain.cash_lines import CashLine, cash_line
from include.domain.explanations import (
    Block,
    Explained,
    OpenCredit,
    OpenInvoice,
    OpenPayment,
    Way,
    blocks,
    could_be_chance,
)
from include.domain.parts import paid_in_parts
from include.domain.residuals import Settings
from include.domain.subset_sum import BudgetSpent, exact_subsets


@dataclass(frozen=True)
class Held:
    """A payment held back: the invoices it may be for, oldest due first, and why none is sure."""

    candidates: tuple[str, ...]
    why: str


@dataclass
class Settled:
    """Lines to post, payments held by id, and the credit notes that were deducted."""

    lines: list[CashLine] = field(default_factory=list)
    held: dict[str, Held] = field(default_factory=dict)
    credits: list[str] = field(default_factory=list)


def settle_by_amount(
    payments: Iterable[OpenPayment],
    invoices: Iterable[OpenInvoice],
    credits: Iterable[OpenCredit] = (),
    *,
    most_invoices: int,
    settings: Settings,
) -> Settled:
    """Settle what has one explanation only, of up to `most_invoices` invoices, and hold what has several.

    A payment is settled when exactly one set of open invoices (less at most one credit note) makes up its amount, no
    other payment lays claim to any of them, no two or three other payments make up one of them, and the set is too
    large a coincidence to be chance. Payments that only together make up one invoice are settled on the same terms.
    """
    found = Settled()
    for block in blocks(payments, invoices, credits, settings):
        for one in block.explained:
            if one.payment.names_another or one.unexplained:
                continue
            if why := _doubt(one, block):
                held = [*(invoice_id for way in one.ways for invoice_id in one.ids(way)), *one.deducted]
                found.held[one.payment.payment_id] = Held(tuple(dict.fromkeys(held)), why)
            elif len(one.ways[0].invoices) <= most_invoices:
                found.lines += _lines(one)
                found.credits += [way.credit.credit_note_id for way in one.ways if way.credit]
        found.lines += paid_in_parts(block)
    return found


def _doubt(one: Explained, block: Block) -> str:
    """Why this payment's explanation is not the only one, or "" when it is."""
    if one.payment.unread_count:
        return f"{one.payment.unread_count:,} rows of this customer are in quarantine and might explain it"
    if one.payment.foreign_payer:
        return "it came in another name than its customer's"
    if one.deducted:
        ways = [f"{invoice_id} less {what}" for invoice_id, what in one.deducted.items()]
        return f"{' or '.join(ways[:2])} makes up this amount"
    if len(one.ways) != 1:
        return _no_single_way(one)
    [way] = one.ways
    if way.credit and (why := _claimed(one, way.credit.credit_note_id, block)):
        return why
    rivals = (_rival(one, one.eligible[position], block) for position in way.invoices)
    return next(filter(None, rivals), "") or _chance(one, way)


def _no_single_way(one: Explained) -> str:
    if one.ways:
        return f"{' or '.join(map(one.words, one.ways[:2]))} make up this amount"
    if one.exhausted:
        return f"{len(one.eligible):,} open invoices could be meant, too many to tell"
    return f"no three of {len(one.eligible):,} open invoices make up this amount, and of so many more are not tried"


def _rival(one: Explained, invoice: OpenInvoice, block: Block) -> str:
    """What else speaks for an invoice of this explanation, or "" when nothing does."""
    if not invoice.postable:
        return f"{invoice.invoice_id} fits, but its status is unknown or its newest version unreadable"
    if invoice.named_by:
        return f"{invoice.named_by} names {invoice.invoice_id}"
    return _claimed(one, invoice.invoice_id, block) or _several_payments(one, invoice, block.explained)


def _claimed(one: Explained, document_id: str, block: Block) -> str:
    others = [payment for payment in block.claimants[document_id] if payment != one.payment.payment_id]
    return f"{others[0]} could be for {document_id} too" if others else ""


def _several_payments(one: Explained, invoice: OpenInvoice, block: Sequence[Explained]) -> str:
    """Which other payments together make up an invoice of this explanation, or "" when none do."""
    others = [
        other.payment
        for other in block
        if other is not one
        and other.payment.amount_minor < invoice.open_minor
        and invoice.open_on(other.payment.paid_on)
    ]
    amounts = tuple(payment.amount_minor for payment in others)
    try:
        found = exact_subsets(amounts, target=invoice.open_minor, limit=1)
    except BudgetSpent:
        return f"{len(others):,} other payments could make up {invoice.invoice_id}, too many to tell"
    if not found:
        return ""
    return f"{' + '.join(others[i].payment_id for i in found[0])} (payments) make up {invoice.invoice_id} too"


def _chance(one: Explained, way: Way) -> str:
    """That so many sets could be formed that one of them fits by accident, or "" (match golden M16)."""
    items, size = len(one.eligible), len(way.invoices)
    largest = max(invoice.open_minor for invoice in one.eligible)
    if size > 1 and could_be_chance(items, size, range_minor=largest):
        return f"one of {comb(items, size):,} possible sets: it could add up by chance"
    return ""


def _lines(one: Explained) -> Iterator[CashLine]:
    [way] = one.ways
    credit = way.credit.left_minor if way.credit else 0
    rule = "P6" if credit else "P4" if len(way.invoices) == 1 else "P5"
    left = one.payment.amount_minor
    for position in way.invoices:
        invoice = one.eligible[position]
        cash = min(left, invoice.open_minor)
        left -= cash
        residual = invoice.open_minor - cash
        reason = "credit_on_account" if residual else ""
        yield cash_line(rule, one.payment, invoice, cash, residual=residual, reason=reason)
