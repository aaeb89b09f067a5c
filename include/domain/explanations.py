"""What an open payment that names nothing could be for: every set of open invoices that makes it up."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import comb
from typing import TypeVar

from include.domain.residuals import Settings, is_withheld
from include.domain.subset_sum import BudgetSpent, Subset, exact_subsets, is_searched_whole

EXPLANATIONS_MAX = 8
"""From this many explanations on, a payment is taken to lay claim to every invoice it could be for."""

CREDITS_MAX = 8
"""With more credit notes that name no invoice, a customer's cash cannot be told apart and is held."""


@dataclass(frozen=True, kw_only=True)
class OpenPayment:
    """A received payment no pass has posted yet.

    `names_another`: it names a document (or must not be posted at all), so it is not posted by amount, but it keeps
    its claim to what it fits. `unread_count`: invoices and payments of its payer in quarantine, any of which might
    explain the money. `foreign_payer`: the bank names somebody else than the customer. `not_for`: invoices that
    people parted it from.
    """

    payment_id: str
    customer_id: str
    currency: str
    amount_minor: int
    paid_on: date
    names_another: bool
    unread_count: int
    foreign_payer: bool
    not_for: Sequence[str] = ()


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
    net_minor: int | None
    country: str | None

    def open_on(self, day: date) -> bool:
        """Whether a payment of that day could be for it."""
        return self.from_date <= day <= self.to_date


@dataclass(frozen=True, kw_only=True)
class OpenCredit:
    """A credit note that names no invoice: a payer may have deducted it from any."""

    credit_note_id: str
    customer_id: str
    currency: str
    left_minor: int
    issue_date: date


_Item = TypeVar("_Item", OpenPayment, OpenInvoice, OpenCredit)


@dataclass(frozen=True)
class Way:
    """One explanation of an amount: these invoices (positions), less a credit note."""

    invoices: Subset
    credit: OpenCredit | None


@dataclass(frozen=True)
class Explained:
    """A payment with what it could be for, oldest due first, and every way found to make up its amount."""

    payment: OpenPayment
    eligible: Sequence[OpenInvoice]
    ways: Sequence[Way]
    exhausted: bool  # more ways, or more work, than we follow
    unsearched: bool = False  # nothing found, and larger sets of so many invoices are not looked for
    deducted: Mapping[str, str] = field(default_factory=dict)
    """Single invoices that make up the amount less withholding tax at a rate of theirs or a bank fee, and which."""

    @property
    def unexplained(self) -> bool:
        """Whether nothing at all was found that it could be for, and everything was tried."""
        return not (self.ways or self.exhausted or self.unsearched or self.deducted)

    @property
    def claims(self) -> set[str]:
        """Invoices, and credit notes, that this payment may be about."""
        if self.exhausted:
            return {invoice.invoice_id for invoice in self.eligible}
        found = {invoice_id for way in self.ways for invoice_id in self.ids(way)} | set(self.deducted)
        return found | {way.credit.credit_note_id for way in self.ways if way.credit}

    def ids(self, way: Way) -> tuple[str, ...]:
        return tuple(self.eligible[i].invoice_id for i in way.invoices)

    def words(self, way: Way) -> str:
        less = f" - {way.credit.credit_note_id}" if way.credit else ""
        return " + ".join(self.ids(way)) + less


@dataclass(frozen=True)
class Block:
    """All of one customer in one currency: payments with their explanations, and who lays claim to what."""

    explained: Sequence[Explained]
    invoices: Sequence[OpenInvoice]
    claimants: Mapping[str, list[str]]


def blocks(
    payments: Iterable[OpenPayment],
    invoices: Iterable[OpenInvoice],
    credits: Iterable[OpenCredit],
    settings: Settings,
) -> Iterator[Block]:
    """The customers' cash, currency by currency: money never crosses either."""
    owed, credited = _grouped(invoices), _grouped(credits)
    for key, ours in _grouped(payments).items():
        explained = [_explained(payment, owed[key], credited[key], settings) for payment in ours]
        yield Block(explained, owed[key], _claimants(explained))


def _grouped(items: Iterable[_Item]) -> defaultdict[tuple[str, str], list[_Item]]:
    found: defaultdict[tuple[str, str], list[_Item]] = defaultdict(list)
    for item in items:
        found[item.customer_id, item.currency].append(item)
    return found


def _explained(
    payment: OpenPayment,
    invoices: Sequence[OpenInvoice],
    credits: Sequence[OpenCredit],
    settings: Settings,
) -> Explained:
    credits = [credit for credit in credits if credit.issue_date <= payment.paid_on]
    most = payment.amount_minor + max((credit.left_minor for credit in credits), default=0)
    invoices = [one for one in invoices if one.invoice_id not in payment.not_for]
    eligible = [one for one in invoices if one.open_minor <= most and one.open_on(payment.paid_on)]
    eligible.sort(key=lambda invoice: (invoice.due_date, invoice.invoice_id))
    amounts = tuple(invoice.open_minor for invoice in eligible)
    ways: list[Way] = []
    if len(credits) > CREDITS_MAX:
        return Explained(payment, eligible, (), exhausted=True)
    try:
        for credit in (None, *credits):
            target = payment.amount_minor + (credit.left_minor if credit else 0)
            found = exact_subsets(amounts, target=target, limit=EXPLANATIONS_MAX)
            ways += [Way(subset, credit) for subset in found]
    except BudgetSpent:
        return Explained(payment, eligible, (), exhausted=True)
    return Explained(
        payment,
        eligible,
        ways[:EXPLANATIONS_MAX],
        exhausted=len(ways) >= EXPLANATIONS_MAX,
        unsearched=not ways and not is_searched_whole(amounts, target=most),
        deducted={one.invoice_id: why for one in invoices if (why := _deduction(payment, one, settings))},
    )


def _deduction(payment: OpenPayment, invoice: OpenInvoice, settings: Settings) -> str:
    """What could have been deducted from the invoice to make this payment, or "" when nothing could."""
    missing = invoice.open_minor - payment.amount_minor
    if missing <= 0 or not invoice.open_on(payment.paid_on):
        return ""
    if is_withheld(missing, net_minor=invoice.net_minor, country=invoice.country, rules=settings.rules):
        return "withholding tax"
    gross, day = invoice.open_minor, payment.paid_on
    fee = settings.rules.fee_is_rival and settings.is_fee(
        missing, gross_minor=gross, currency=payment.currency, on=day
    )
    return "a bank fee" if fee else ""


def _claimants(block: Sequence[Explained]) -> Mapping[str, list[str]]:
    """Invoice or credit note -> the payments that lay claim to it."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in block:
        for claimed in one.claims:
            found[claimed].append(one.payment.payment_id)
    return found


def could_be_chance(items: int, size: int, *, range_minor: int, window_minor: int = 1) -> bool:
    """Whether at least one set in a hundred is expected to fit by accident.

    The expected number of accidental sets is C(items, size) x window over the range of amounts, in minor units.
    """
    return comb(items, size) * window_minor * 100 >= range_minor
