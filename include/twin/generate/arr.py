"""The true ARR movements of one customer by month, in the customer's currency (specification, section 3)."""

from collections import defaultdict
from datetime import date

from include.twin.generate.book import Book, Rules
from include.twin.generate.dates import add_months
from include.twin.generate.sales import Subscription


def write_arr(book: Book, contracts: list[Subscription], rules: Rules) -> None:
    """One row for each month from the first contract to as_of in which there was, is or ends revenue."""
    deltas = _deltas(contracts, rules.as_of)
    opening, was_active = 0, False
    month = min(deltas)
    while month <= rules.as_of:
        delta = deltas.get(month, 0)
        if opening or delta:
            book.add("truth/arr.csv", *_bridge(book, month, opening, delta, was_active=was_active))
        opening += delta
        was_active = was_active or opening > 0
        month = add_months(month, 1)


def _deltas(contracts: list[Subscription], as_of: date) -> dict[date, int]:
    """Net change of ARR by month (its first day). A contract counts from its start until before its end."""
    deltas: dict[date, int] = defaultdict(int)
    for contract in contracts:
        steps = [(contract.start, contract.quantity)]
        steps += [(contract.period_start(period), quantity) for period, quantity in contract.changes]
        steps.append((contract.end, 0))
        before = 0
        for day, quantity in steps:
            if day <= as_of:
                deltas[day.replace(day=1)] += contract.arr(quantity - before)
            before = quantity
    return deltas


def _bridge(book: Book, month: date, opening: int, delta: int, *, was_active: bool) -> tuple[str, ...]:
    closing = opening + delta
    moved = dict.fromkeys(("new", "expansion", "contraction", "churn", "reactivation"), 0)
    if not opening:
        moved["reactivation" if was_active else "new"] = delta
    elif not closing:
        moved["churn"] = opening
    elif delta > 0:
        moved["expansion"] = delta
    else:
        moved["contraction"] = -delta
    market = book.customer.market
    amounts = (opening, *moved.values(), closing)
    return (
        book.customer.id,
        f"{month:%Y-%m}",
        market.currency,
        *(market.money(amount) for amount in amounts),
    )
