"""Which payments without a reference have one explanation only. Amounts in minor units of one currency.

A payment is told apart only if one set of open invoices adds up to it, and no other such payment could claim
any invoice of that set. Sets of up to three invoices are always searched, of up to six among 26 or fewer.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import combinations
from typing import NamedTuple

EARLY_DAYS, LATE_DAYS = 5, 90  # a payment falls into [issue - 5, due + 90]
SMALL, DEEP_LIMIT = 3, 26
ENOUGH = 16  # explanations after which a payment is hopeless anyway


class Open(NamedTuple):
    """An invoice, or what evidence has left open of it."""

    id: str
    issued: date
    due: date
    amount: int


class Blind(NamedTuple):
    """A payment without a reference."""

    id: str
    paid_on: date
    amount: int


def ambiguous(payments: Sequence[Blind], invoices: Sequence[Open]) -> set[str]:
    """Ids of the payments that a right engine must hold."""
    found = {payment.id: explanations(payment, invoices) for payment in payments}
    claimants: dict[str, set[str]] = defaultdict(set)
    for payment_id, sets in found.items():
        for invoice_id in set().union(*sets):
            claimants[invoice_id].add(payment_id)
    return {
        payment_id
        for payment_id, sets in found.items()
        if len(sets) != 1 or any(len(claimants[invoice_id]) > 1 for invoice_id in sets[0])
    }


def explanations(payment: Blind, invoices: Sequence[Open]) -> list[frozenset[str]]:
    """Sets of invoices that add up to the payment and fit its date; no more are sought after ENOUGH."""
    fitting = [
        invoice
        for invoice in invoices
        if 0 < invoice.amount <= payment.amount
        and (invoice.issued - payment.paid_on).days <= EARLY_DAYS
        and (payment.paid_on - invoice.due).days <= LATE_DAYS
    ]
    found = {frozenset([invoice.id]) for invoice in fitting if invoice.amount == payment.amount}
    for sets in (_pairs_and_triples(payment.amount, fitting), _deep(payment.amount, fitting)):
        for one in sets:
            if len(found) >= ENOUGH:
                break
            found.add(one)
    return list(found)


def _pairs_and_triples(total: int, invoices: Sequence[Open]) -> Iterable[frozenset[str]]:
    places: dict[int, list[int]] = defaultdict(list)
    for place, invoice in enumerate(invoices):
        places[invoice.amount].append(place)
    for one, invoice in enumerate(invoices):
        for two in places.get(total - invoice.amount, ()):
            if two > one:
                yield frozenset([invoice.id, invoices[two].id])
    for one, two in combinations(range(len(invoices)), 2):
        for three in places.get(total - invoices[one].amount - invoices[two].amount, ()):
            if three > two:
                yield frozenset([invoices[one].id, invoices[two].id, invoices[three].id])


def _deep(total: int, invoices: Sequence[Open]) -> Iterable[frozenset[str]]:
    """Sets of four to six: a triple and a disjoint set of one to three that together give the total."""
    if not SMALL < len(invoices) <= DEEP_LIMIT:
        return
    masks: dict[int, list[int]] = defaultdict(list)
    triples = []
    for size in range(1, SMALL + 1):
        for places in combinations(range(len(invoices)), size):
            amount = sum(invoices[place].amount for place in places)
            mask = sum(1 << place for place in places)
            if amount < total:
                masks[amount].append(mask)
                if size == SMALL:
                    triples.append((amount, mask))
    for amount, mask in triples:
        for other in masks.get(total - amount, ()):
            if not mask & other:
                yield frozenset(
                    invoice.id for place, invoice in enumerate(invoices) if (mask | other) >> place & 1
                )
