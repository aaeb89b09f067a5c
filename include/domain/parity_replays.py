"""Other rules played on our facts: what somebody would answer who follows them, to be held against their answers."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

VOID = "VOID"
"""An invoice that was never owed."""


@dataclass(frozen=True, kw_only=True)
class Owed:
    """An invoice of a customer, in minor units of one currency."""

    number: str
    issued_on: date
    gross_minor: int
    credited: tuple[tuple[date, int], ...] = ()  # by its credit notes: when, and minor units
    closed_as: str | None = None  # what its own system says of it for good, whatever was paid
    closed_on: date | None = None  # since when; None: since ever

    def credited_by(self, day: date) -> int:
        """What credit notes took off it by a day, at most all of it."""
        return min(self.gross_minor, sum(minor for on, minor in self.credited if on <= day))

    @property
    def changed_on(self) -> date:
        """When it came to what it is, but for payments."""
        return max(filter(None, (self.issued_on, self.closed_on, *(on for on, _ in self.credited))))

    def closed_by(self, day: date) -> str | None:
        """What it is for good by a day; None while it is open to payments."""
        return None if self.closed_on and self.closed_on > day else self.closed_as


@dataclass(frozen=True, kw_only=True)
class Received:
    """A payment of the customer in that currency, and what we apply it to: (invoice number, minor units)."""

    payment_id: str
    paid_on: date
    amount_minor: int
    applied: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Applied:
    """So much of a payment for an invoice."""

    payment_id: str
    number: str
    amount_minor: int
    paid_on: date


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What comes of money applied in some way: (status, paid last on) by invoice, (numbers, minor units) by payment."""

    statuses: Mapping[str, tuple[str, date | None]]
    matches: Mapping[str, tuple[str, int]]


def as_applied(payments: Iterable[Received], *, until: date) -> list[Applied]:
    """Our own applications of what was paid by a day."""
    return [
        Applied(payment_id=one.payment_id, number=number, amount_minor=minor, paid_on=one.paid_on)
        for one in payments
        if one.paid_on <= until
        for number, minor in one.applied
    ]


def oldest_first(invoices: Sequence[Owed], payments: Iterable[Received], *, until: date) -> list[Applied]:
    """Each payment, as it came, settles whatever was issued by then and has been open longest; the rest stays over."""
    taken_of: defaultdict[str, int] = defaultdict(int)
    owed = [one for one in invoices if one.closed_by(until) != VOID]
    queue = sorted(owed, key=lambda one: (one.issued_on, one.number))
    applied = []
    for payment in sorted(payments, key=lambda one: (one.paid_on, one.payment_id)):
        if payment.paid_on > until:
            break
        left = payment.amount_minor
        for invoice in queue:
            if not left or invoice.issued_on > payment.paid_on:
                break
            open_minor = invoice.gross_minor - invoice.credited_by(payment.paid_on) - taken_of[invoice.number]
            if (taken := min(left, open_minor)) > 0:
                taken_of[invoice.number] += taken
                left -= taken
                applied.append(
                    Applied(
                        payment_id=payment.payment_id,
                        number=invoice.number,
                        amount_minor=taken,
                        paid_on=payment.paid_on,
                    )
                )
    return applied


def settled(invoices: Iterable[Owed], applied: Iterable[Applied], *, until: date) -> Settled:
    """Statuses of what was issued by a day, and matches, when money is applied so."""
    of_invoice: defaultdict[str, list[Applied]] = defaultdict(list)
    of_payment: defaultdict[str, list[Applied]] = defaultdict(list)
    for one in applied:
        of_invoice[one.number].append(one)
        of_payment[one.payment_id].append(one)
    return Settled(
        statuses={
            one.number: _status(one, of_invoice[one.number], until)
            for one in invoices
            if one.issued_on <= until
        },
        matches={payment: _match(parts) for payment, parts in of_payment.items()},
    )


def _status(invoice: Owed, parts: Sequence[Applied], until: date) -> tuple[str, date | None]:
    gone = sum(one.amount_minor for one in parts) + invoice.credited_by(until)
    state = "PAID" if gone >= invoice.gross_minor else "PARTIALLY_PAID" if gone else "OPEN"
    return invoice.closed_by(until) or state, max((one.paid_on for one in parts), default=None)


def _match(parts: Sequence[Applied]) -> tuple[str, int]:
    return as_text(one.number for one in parts), sum(one.amount_minor for one in parts)


def as_text(numbers: Iterable[str]) -> str:
    """Several invoice numbers as one text: normalised, sorted, each once."""
    return " ".join(sorted({normalised(number) for number in numbers}))


def normalised(text: str) -> str:
    """Text as it is compared: compatible forms alike, no space too many, ASCII letters small (as parity.normalised)."""
    words = " ".join(unicodedata.normalize("NFKC", text).split())
    return "".join(letter.lower() if letter.isascii() else letter for letter in words)
