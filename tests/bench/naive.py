"""What people try first, on the same rows: three rules that always answer. Each payment gets at most one invoice."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from typing import NamedTuple

import psycopg

from tests.bench.truth import Posted, Results, money

WINDOW_DAYS = (5, 90)
NEAREST = 5
"""Invoices of one amount that best-score looks at for a payment: those due nearest."""

NAMED, OF_PAYER, IN_WINDOW = 4, 2, 1


class Invoice(NamedTuple):
    id: str
    number: str
    customer: str
    issued: date
    due: date
    currency: str
    amount: int


class Payment(NamedTuple):
    id: str
    customer: str
    reference: str
    currency: str
    amount: int
    paid_on: date


Pairs = Iterator[tuple[Payment, Invoice]]
Rule = Callable[[Sequence[Payment], Sequence[Invoice]], Pairs]


def read_open(url: str, as_of: date) -> tuple[list[Payment], list[Invoice]]:
    """Payments received and invoices owed up to the day, from the plain tables."""
    with psycopg.connect(url) as connection:
        payments = connection.execute(
            "SELECT id, coalesce(customer_id, ''), coalesce(reference, ''), currency, amount_minor, paid_on "
            "FROM plain.payments WHERE paid_on <= %s AND coalesce(status, 'succeeded') = 'succeeded' ORDER BY id",
            (as_of,),
        ).fetchall()
        invoices = connection.execute(
            "SELECT id, number, customer_id, issue_date, due_date, currency, gross_minor "
            "FROM plain.invoices WHERE issue_date <= %s AND coalesce(status, '') NOT IN ('cancelled', 'draft') "
            "ORDER BY id",
            (as_of,),
        ).fetchall()
    return [Payment(*row) for row in payments], [Invoice(*row) for row in invoices]


def results_of(rule: Rule, payments: Sequence[Payment], invoices: Sequence[Invoice], as_of: date) -> Results:
    """What a rule posts, for the scorer."""
    posted = [
        Posted(
            "R3",
            rule.__name__,
            payment.id,
            invoice.id,
            payment.currency,
            money(invoice.amount, payment.currency),
        )
        for payment, invoice in rule(payments, invoices)
    ]
    return Results(posted, {}, as_of)


def first_fit(payments: Sequence[Payment], invoices: Sequence[Invoice]) -> Pairs:
    """The payer's first open invoice, by id, of exactly this amount."""
    waiting: dict[tuple[str, str, int], list[Invoice]] = defaultdict(list)
    for invoice in sorted(invoices, reverse=True):
        waiting[invoice.customer, invoice.currency, invoice.amount].append(invoice)
    for payment in sorted(payments):
        if fitting := waiting.get((payment.customer, payment.currency, payment.amount)):
            yield payment, fitting.pop()


def amount_only(payments: Sequence[Payment], invoices: Sequence[Invoice]) -> Pairs:
    """Whoever pays: the open invoice of this amount that falls due first."""
    waiting: dict[tuple[str, int], list[Invoice]] = defaultdict(list)
    for invoice in sorted(invoices, key=lambda one: (one.due, one.id), reverse=True):
        waiting[invoice.currency, invoice.amount].append(invoice)
    for payment in sorted(payments, key=lambda one: (one.paid_on, one.id)):
        if fitting := waiting.get((payment.currency, payment.amount)):
            yield payment, fitting.pop()


def best_score(payments: Sequence[Payment], invoices: Sequence[Invoice]) -> Pairs:
    """Scores every payment against invoices it names and of its amount; the best pairs are taken first."""
    by_number = {invoice.number: invoice for invoice in invoices}
    of_amount: dict[tuple[str, int], list[tuple[date, Invoice]]] = defaultdict(list)
    for invoice in invoices:
        of_amount[invoice.currency, invoice.amount].append((invoice.due, invoice))
    of_payer: dict[tuple[str, str, int], list[tuple[date, Invoice]]] = defaultdict(list)
    for (currency, amount), some in of_amount.items():
        some.sort()
        for due, invoice in some:
            of_payer[invoice.customer, currency, amount].append((due, invoice))
    scored = []
    for payment in payments:
        candidates = {
            *_nearest(
                of_payer.get((payment.customer, payment.currency, payment.amount), []), payment.paid_on
            ),
            *_nearest(of_amount.get((payment.currency, payment.amount), []), payment.paid_on),
            *(by_number[word] for word in payment.reference.split() if word in by_number),
        }
        scored += [(-_score(payment, one), _days_off(payment, one), payment, one) for one in candidates]
    yield from _greedy(sorted(scored))


def _greedy(scored: Iterable[tuple[int, int, Payment, Invoice]]) -> Pairs:
    taken: set[str] = set()
    for _, _, payment, invoice in scored:
        if payment.id not in taken and invoice.id not in taken:
            taken |= {payment.id, invoice.id}
            yield payment, invoice


def _nearest(by_due: list[tuple[date, Invoice]], day: date) -> list[Invoice]:
    place = bisect_left(by_due, day, key=lambda one: one[0])
    around = by_due[max(0, place - NEAREST) : place + NEAREST]
    return [invoice for _, invoice in sorted(around, key=lambda one: abs((one[0] - day).days))[:NEAREST]]


def _score(payment: Payment, invoice: Invoice) -> int:
    before, after = WINDOW_DAYS
    in_window = (
        invoice.issued.toordinal() - before <= payment.paid_on.toordinal() <= invoice.due.toordinal() + after
    )
    return (
        NAMED * (invoice.number in payment.reference)
        + OF_PAYER * (invoice.customer == payment.customer)
        + IN_WINDOW * in_window
        + (invoice.amount == payment.amount)
    )


def _days_off(payment: Payment, invoice: Invoice) -> int:
    return abs((payment.paid_on - invoice.due).days)


RULES: dict[str, Rule] = {
    "first fit by id": first_fit,
    "best score, greedy": best_score,
    "amount only": amount_only,
}
