"""Refunds and credit notes: money that went back, and whether a document says why (CA12, CA13)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, kw_only=True)
class Refund:
    """Money given back of a payment; `invoice_ids` are those the payment settled."""

    refund_id: str
    payment_id: str
    currency: str
    amount_minor: int
    created_on: date
    invoice_ids: tuple[str, ...]


@dataclass(kw_only=True)
class Credit:
    """A credit note, with what no invoice has used of it."""

    credit_note_id: str
    invoice_id: str | None
    currency: str
    left_minor: int
    issue_date: date


@dataclass
class Returned:
    """What refunds are explained by. `uncovered`: refund -> minor units that neither unapplied cash nor a credit
    note explains; `of_cash`: payment -> unapplied minor units that went back.
    """

    uncovered: dict[str, int] = field(default_factory=dict)
    of_cash: dict[str, int] = field(default_factory=dict)


def explain_refunds(
    refunds: Iterable[Refund], *, unapplied: Mapping[str, int], credits_of: Mapping[str, Sequence[Credit]]
) -> Returned:
    """Explain each refund, oldest first: by cash of the payment that settled nothing, then by credit notes of the
    invoices it settled, which are used up.

    `unapplied`: payment -> minor units; `credits_of`: invoice -> its credit notes.
    """
    found, cash = Returned(), dict(unapplied)
    for refund in sorted(refunds, key=lambda one: (one.created_on, one.refund_id)):
        rest = refund.amount_minor
        from_cash = min(rest, cash.get(refund.payment_id, 0))
        if from_cash:
            cash[refund.payment_id] -= from_cash
            found.of_cash[refund.payment_id] = found.of_cash.get(refund.payment_id, 0) + from_cash
        rest -= from_cash
        for invoice_id in refund.invoice_ids:
            for credit in credits_of.get(invoice_id, ()):
                used = min(rest, credit.left_minor)
                credit.left_minor -= used
                rest -= used
        if rest:
            found.uncovered[refund.refund_id] = rest
    return found
