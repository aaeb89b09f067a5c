"""Payments that only together make up one invoice (P5, 1:N)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from include.domain.cash_lines import CashLine, cash_line
from include.domain.explanations import EXPLANATIONS_MAX, Block, OpenInvoice, OpenPayment, could_be_chance
from include.domain.subset_sum import BudgetSpent, Subset, exact_subsets


def paid_in_parts(block: Block) -> Iterator[CashLine]:
    """P5, 1:N: payments nothing else explains that are the only ones to make up one invoice together."""
    others = [one.payment for one in block.explained if one.unexplained]
    if len(others) < 2 or any(payment.unread_count or payment.foreign_payer for payment in others):  # noqa: PLR2004 - parts are at least two
        return
    parts: defaultdict[str, list[tuple[OpenInvoice, Subset]]] = defaultdict(list)
    for invoice in block.invoices:
        for subset in _subsets_making(invoice, others):
            for position in subset:
                parts[others[position].payment_id].append((invoice, subset))
    for payment_id, found in parts.items():
        invoice, subset = found[0]
        if payment_id == others[subset[0]].payment_id and _is_only(subset, others, parts, block, invoice):
            for position in subset:
                yield cash_line("P5", others[position], invoice, others[position].amount_minor)


def _subsets_making(invoice: OpenInvoice, payments: Sequence[OpenPayment]) -> Sequence[Subset]:
    """Sets of two or more payments that make up an invoice; positions in `payments`."""
    fitting = [
        place
        for place, payment in enumerate(payments)
        if payment.amount_minor < invoice.open_minor and invoice.open_on(payment.paid_on)
    ]
    amounts = tuple(payments[place].amount_minor for place in fitting)
    try:
        found = exact_subsets(amounts, target=invoice.open_minor, limit=EXPLANATIONS_MAX)
    except BudgetSpent:
        return [tuple(fitting)] * 2  # unknown is as good as ambiguous
    return [tuple(fitting[i] for i in subset) for subset in found]


def _is_only(
    subset: Subset,
    payments: Sequence[OpenPayment],
    parts: Mapping[str, list[tuple[OpenInvoice, Subset]]],
    block: Block,
    invoice: OpenInvoice,
) -> bool:
    """Whether each payment of the set can be a part of nothing else, and nothing else speaks for the invoice."""
    alone = all(len(parts[payments[i].payment_id]) == 1 and not payments[i].names_another for i in subset)
    free = invoice.postable and not invoice.named_by and not block.claimants.get(invoice.invoice_id)
    return alone and free and not could_be_chance(len(payments), len(subset), range_minor=invoice.open_minor)
