"""Cash that names nothing (P4, P5, P6): what it is surely for, and why the rest is held."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import comb

from include.domain.cash_lines import CashLine
from include.domain.subset_sum import BudgetSpent, Subset, exact_subsets, is_searched_whole

EXPLANATIONS_MAX = 8
"""From this many explanations on, a payment is taken to lay claim to every invoice it could be for."""

CREDITS_MAX = 8
"""With more credit notes that name no invoice, a customer's cash cannot be told apart and is held."""

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


@dataclass(frozen=True)
class _Way:
    """One explanation of an amount: these invoices (positions), less a credit note."""

    invoices: Subset
    credit: OpenCredit | None


@dataclass(frozen=True)
class _Explained:
    """A payment with what it could be for, oldest due first, and every way found to make up its amount."""

    payment: OpenPayment
    eligible: Sequence[OpenInvoice]
    ways: Sequence[_Way]
    exhausted: bool  # more ways, or more work, than we follow
    unsearched: bool = False  # nothing found, and larger sets of so many invoices are not looked for

    @property
    def claims(self) -> set[str]:
        """Invoices, and credit notes, that this payment may be about."""
        if self.exhausted:
            return {invoice.invoice_id for invoice in self.eligible}
        found = {invoice_id for way in self.ways for invoice_id in self.ids(way)}
        return found | {way.credit.credit_note_id for way in self.ways if way.credit}

    def ids(self, way: _Way) -> tuple[str, ...]:
        return tuple(self.eligible[i].invoice_id for i in way.invoices)

    def words(self, way: _Way) -> str:
        less = f" - {way.credit.credit_note_id}" if way.credit else ""
        return " + ".join(self.ids(way)) + less


@dataclass(frozen=True)
class _Block:
    """All of one customer in one currency: payments with their explanations, and who lays claim to what."""

    explained: Sequence[_Explained]
    invoices: Sequence[OpenInvoice]
    claimants: Mapping[str, list[str]]


def settle_by_amount(
    payments: Iterable[OpenPayment],
    invoices: Iterable[OpenInvoice],
    credits: Iterable[OpenCredit] = (),
    *,
    most_invoices: int,
) -> Settled:
    """Settle what has one explanation only, of up to `most_invoices` invoices, and hold what has several.

    A payment is settled when exactly one set of open invoices (less at most one credit note) makes up its amount, no
    other payment lays claim to any of them, no two or three other payments make up one of them, and the set is too
    large a coincidence to be chance. Payments that only together make up one invoice are settled on the same terms.
    """
    found = Settled()
    for block in _blocks(payments, invoices, credits):
        for one in block.explained:
            if one.payment.names_another or not (one.ways or one.exhausted or one.unsearched):
                continue
            if why := _doubt(one, block):
                held = [invoice_id for way in one.ways for invoice_id in one.ids(way)]
                found.held[one.payment.payment_id] = Held(tuple(dict.fromkeys(held)), why)
            elif len(one.ways[0].invoices) <= most_invoices:
                found.lines += _lines(one)
                found.credits += [way.credit.credit_note_id for way in one.ways if way.credit]
        found.lines += _paid_in_parts(block)
    return found


def _blocks(
    payments: Iterable[OpenPayment], invoices: Iterable[OpenInvoice], credits: Iterable[OpenCredit]
) -> Iterator[_Block]:
    owed: defaultdict[Block, list[OpenInvoice]] = defaultdict(list)
    for invoice in invoices:
        owed[invoice.customer_id, invoice.currency].append(invoice)
    credited: defaultdict[Block, list[OpenCredit]] = defaultdict(list)
    for credit in credits:
        credited[credit.customer_id, credit.currency].append(credit)
    paid: defaultdict[Block, list[OpenPayment]] = defaultdict(list)
    for payment in payments:
        paid[payment.customer_id, payment.currency].append(payment)
    for key, ours in paid.items():
        explained = [_explained(payment, owed[key], credited[key]) for payment in ours]
        yield _Block(explained, owed[key], _claimants(explained))


def _explained(
    payment: OpenPayment, invoices: Sequence[OpenInvoice], credits: Sequence[OpenCredit]
) -> _Explained:
    most = payment.amount_minor + max((credit.left_minor for credit in credits), default=0)
    eligible = [one for one in invoices if one.open_minor <= most and one.open_on(payment.paid_on)]
    eligible.sort(key=lambda invoice: (invoice.due_date, invoice.invoice_id))
    amounts = tuple(invoice.open_minor for invoice in eligible)
    ways: list[_Way] = []
    if len(credits) > CREDITS_MAX:
        return _Explained(payment, eligible, (), exhausted=True)
    try:
        for credit in (None, *credits):
            target = payment.amount_minor + (credit.left_minor if credit else 0)
            found = exact_subsets(amounts, target=target, limit=EXPLANATIONS_MAX)
            ways += [_Way(subset, credit) for subset in found]
    except BudgetSpent:
        return _Explained(payment, eligible, (), exhausted=True)
    return _Explained(
        payment,
        eligible,
        ways[:EXPLANATIONS_MAX],
        exhausted=len(ways) >= EXPLANATIONS_MAX,
        unsearched=not ways and not is_searched_whole(amounts, target=most),
    )


def _claimants(block: Sequence[_Explained]) -> Mapping[str, list[str]]:
    """Invoice or credit note -> the payments that lay claim to it."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in block:
        for claimed in one.claims:
            found[claimed].append(one.payment.payment_id)
    return found


def _doubt(one: _Explained, block: _Block) -> str:
    """Why this payment's explanation is not the only one, or "" when it is."""
    if one.payment.unread_rows:
        return f"{one.payment.unread_rows} rows of this customer are in quarantine and might explain it"
    if len(one.ways) != 1:
        return _no_single_way(one)
    [way] = one.ways
    if way.credit and (why := _claimed(one, way.credit.credit_note_id, block)):
        return why
    rivals = (_rival(one, one.eligible[position], block) for position in way.invoices)
    return next(filter(None, rivals), "") or _chance(one, way)


def _no_single_way(one: _Explained) -> str:
    if one.ways:
        return f"{' or '.join(map(one.words, one.ways[:2]))} make up this amount"
    if one.exhausted:
        return f"{len(one.eligible)} open invoices could be meant, too many to tell"
    return f"no three of {len(one.eligible)} open invoices make up this amount, and of so many more are not tried"


def _rival(one: _Explained, invoice: OpenInvoice, block: _Block) -> str:
    """What else speaks for an invoice of this explanation, or "" when nothing does."""
    if not invoice.postable:
        return f"{invoice.invoice_id} fits, but its status is unknown or its newest version unreadable"
    if invoice.named_by:
        return f"{invoice.named_by} names {invoice.invoice_id}"
    return _claimed(one, invoice.invoice_id, block) or _several_payments(one, invoice, block.explained)


def _claimed(one: _Explained, document_id: str, block: _Block) -> str:
    others = [payment for payment in block.claimants[document_id] if payment != one.payment.payment_id]
    return f"{others[0]} could be for {document_id} too" if others else ""


def _several_payments(one: _Explained, invoice: OpenInvoice, block: Sequence[_Explained]) -> str:
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
        return f"{len(others)} other payments could make up {invoice.invoice_id}, too many to tell"
    if not found:
        return ""
    return f"{' + '.join(others[i].payment_id for i in found[0])} (payments) make up {invoice.invoice_id} too"


def _chance(one: _Explained, way: _Way) -> str:
    """That so many sets could be formed that one of them fits by accident, or "" (match golden M16)."""
    items, size = len(one.eligible), len(way.invoices)
    largest = max(invoice.open_minor for invoice in one.eligible)
    if size > 1 and could_be_chance(items, size, range_minor=largest):
        return f"one of {comb(items, size):,} possible sets: it could add up by chance"
    return ""


def could_be_chance(items: int, size: int, *, range_minor: int, window_minor: int = 1) -> bool:
    """Whether at least one set in a hundred is expected to fit by accident.

    The expected number of accidental sets is C(items, size) x window over the range of amounts, in minor units.
    """
    return comb(items, size) * window_minor * 100 >= range_minor


def _lines(one: _Explained) -> Iterator[CashLine]:
    [way] = one.ways
    credit = way.credit.left_minor if way.credit else 0
    rule = "P6" if credit else "P4" if len(way.invoices) == 1 else "P5"
    left = one.payment.amount_minor
    for position in way.invoices:
        invoice = one.eligible[position]
        cash = min(left, invoice.open_minor)
        left -= cash
        yield _line(rule, one.payment, invoice, cash, residual=invoice.open_minor - cash)


def _line(rule: str, payment: OpenPayment, invoice: OpenInvoice, cash: int, *, residual: int = 0) -> CashLine:
    return CashLine(
        rule=rule,
        payment_id=payment.payment_id,
        invoice_id=invoice.invoice_id,
        currency=invoice.currency,
        amount_minor=cash,
        paid_currency=payment.currency,
        paid_minor=cash,
        residual_minor=residual,
        residual_reason="credit_on_account" if residual else "",
    )


def _paid_in_parts(block: _Block) -> Iterator[CashLine]:
    """P5, 1:N: payments nothing else explains that are the only ones to make up one invoice together."""
    others = [one.payment for one in block.explained if not (one.ways or one.exhausted or one.unsearched)]
    if len(others) < 2 or any(payment.unread_rows for payment in others):  # noqa: PLR2004 - parts are at least two
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
                yield _line("P5", others[position], invoice, others[position].amount_minor)


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
    block: _Block,
    invoice: OpenInvoice,
) -> bool:
    """Whether each payment of the set can be a part of nothing else, and nothing else speaks for the invoice."""
    alone = all(len(parts[payments[i].payment_id]) == 1 and not payments[i].names_another for i in subset)
    free = invoice.postable and not invoice.named_by and not block.claimants.get(invoice.invoice_id)
    return alone and free and not could_be_chance(len(payments), len(subset), range_minor=invoice.open_minor)
