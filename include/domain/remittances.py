"""Remittances: payments that name invoices, and those of them that are settled only together (P7)."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from include.domain.cash_lines import CashLine

COMPONENT_MAX = 12
"""Payments and invoices that are settled together at most."""


@dataclass(frozen=True, kw_only=True)
class NamedInvoice:
    """An invoice that a payment names. `open_minor` is what no earlier pass has settled or credited."""

    invoice_id: str
    number: str
    customer_id: str
    country: str | None
    currency: str
    net_minor: int | None
    gross_minor: int
    open_minor: int
    issue_date: date
    due_date: date
    postable: bool


@dataclass(frozen=True, kw_only=True)
class NamedCredit:
    """A credit note of the payer that names no invoice, in the payment's currency, and that a payment names."""

    credit_note_id: str
    number: str
    left_minor: int


@dataclass(frozen=True, kw_only=True)
class Remittance:
    """A payment and the invoices it names, of one currency, and the credit notes it names beside them. `doubt`: why
    nothing but their exact sum is applied.
    """

    payment_id: str
    currency: str
    amount_minor: int
    paid_on: date
    invoice_ids: tuple[str, ...]
    doubt: str
    credits: tuple[NamedCredit, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What is noteworthy about a payment, posted or not: a break keyed by it."""

    code: str
    payment_id: str
    currency: str
    amount_minor: int
    since: date
    evidence: str


@dataclass
class Applied:
    """Lines to post, lines only suggested, and the differences found; payments in `held` are not posted. `last_parts`:
    invoice paid in part -> the last part. `credits`: credit notes that were deducted.
    """

    posted: list[CashLine] = field(default_factory=list)
    suggested: list[CashLine] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)
    held: set[str] = field(default_factory=set)
    last_parts: dict[str, Remittance] = field(default_factory=dict)
    credits: list[str] = field(default_factory=list)


def settled_together(
    remittances: Sequence[Remittance], invoices: Mapping[str, NamedInvoice]
) -> dict[str, Sequence[Remittance]]:
    """Payment -> its component: two or more payments that share invoices they name, and add up to all of them."""
    naming: defaultdict[str, list[Remittance]] = defaultdict(list)
    for one in remittances:
        for invoice_id in one.invoice_ids:
            naming[invoice_id].append(one)
    found: dict[str, Sequence[Remittance]] = {}
    for one in remittances:
        if len(one.invoice_ids) > 1 and one.payment_id not in found:
            component = _reachable(one, naming)
            if _adds_up(component, invoices):
                component.sort(key=lambda other: (other.paid_on, other.amount_minor, other.payment_id))
                found.update((other.payment_id, component) for other in component)
    return found


def _reachable(one: Remittance, naming: Mapping[str, Sequence[Remittance]]) -> list[Remittance]:
    """The remittances connected to one by invoices both name, itself among them; none when there are too many."""
    found = {one.payment_id: one}
    waiting = [one]
    while waiting:
        for invoice_id in waiting.pop().invoice_ids:
            new = [other for other in naming[invoice_id] if other.payment_id not in found]
            if len(found) + len(new) > COMPONENT_MAX:
                return []
            found.update((other.payment_id, other) for other in new)
            waiting += new
    return list(found.values())


def _adds_up(component: Sequence[Remittance], invoices: Mapping[str, NamedInvoice]) -> bool:
    named = {i: invoices[i] for one in component for i in one.invoice_ids}
    currencies = {one.currency for one in component} | {invoice.currency for invoice in named.values()}
    return (
        len(component) > 1
        and len(component) + len(named) <= COMPONENT_MAX
        and len(currencies) == 1
        and not any(one.doubt for one in component)
        and all(invoice.postable for invoice in named.values())
        and sum(one.amount_minor for one in component)
        == sum(invoice.open_minor for invoice in named.values())
    )
