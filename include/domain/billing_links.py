"""Which order a subscription was sold by, told from how it was billed: neither names the other.

Within one customer and currency. What fits one order only, which fits no other subscription, is sure; what does not is
given with all it could be. A subscription decided by one rule, surely or not, never comes to a weaker one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

Bills = tuple[tuple[date, int | None], ...]
"""Days and net amounts (None: not stated), oldest first."""

CANDIDATES_SHOWN = 5

MAJORITY = 2  # of an order's bills, at least one in so many must have the amount expected


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """What a subscription should have been billed so far; `value_minor` is what was sold over its first term."""

    subscription_id: str
    start_on: date
    value_minor: int | None
    bills: Bills


@dataclass(frozen=True, kw_only=True)
class BilledOrder:
    """An order and the invoices that name it."""

    order_id: str
    amount_minor: int
    bills: Bills


@dataclass(frozen=True, kw_only=True)
class Sold:
    """A subscription and the order it was sold by, or, where not `sure`, one it may have been sold by."""

    rule: str
    subscription_id: str
    order_id: str
    sure: bool


Key = tuple[object, ...] | None
"""What both sides of a pair must share; None fits nothing."""


def sold_by(
    schedules: Iterable[Schedule], orders: Iterable[BilledOrder], *, rules: Sequence[tuple[str, str]]
) -> list[Sold]:
    """The pairs found by `rules`, (name of the pass, rule) in order. Raises KeyError on a rule we do not have."""
    open_schedules = {one.subscription_id: one for one in schedules}
    open_orders = {one.order_id: one for one in orders}
    found: list[Sold] = []
    for name, rule in rules:
        convinces = RULES[rule][2]
        for alike, candidates in _groups(open_schedules.values(), open_orders.values(), rule):
            sure = len(alike) == len(candidates) == 1 and convinces(alike[0], candidates[0])
            found += [
                Sold(rule=name, subscription_id=one.subscription_id, order_id=order.order_id, sure=sure)
                for one in alike
                for order in candidates[:CANDIDATES_SHOWN]
            ]
            for one in alike:
                del open_schedules[one.subscription_id]
            for order in candidates:
                del open_orders[order.order_id]
    return found


def _groups(
    schedules: Iterable[Schedule], orders: Iterable[BilledOrder], rule: str
) -> list[tuple[list[Schedule], list[BilledOrder]]]:
    """The schedules and orders that share a key."""
    key_of_schedule, key_of_order, _ = RULES[rule]
    alike: defaultdict[Key, list[Schedule]] = defaultdict(list)
    candidates: defaultdict[Key, list[BilledOrder]] = defaultdict(list)
    for one in schedules:
        alike[key_of_schedule(one)].append(one)
    for order in orders:
        candidates[key_of_order(order)].append(order)
    return [(alike[key], candidates[key]) for key in alike if key is not None and key in candidates]


def _bills(one: Schedule | BilledOrder) -> Key:
    return one.bills or None


def _days(one: Schedule | BilledOrder) -> Key:
    return tuple(day for day, _ in one.bills) or None


def _sold_for(one: Schedule) -> Key:
    return None if one.value_minor is None else (one.start_on, one.value_minor)


def _ordered_for(one: BilledOrder) -> Key:
    return (one.bills[0][0], one.amount_minor) if one.bills else None


def _always(_schedule: Schedule, _order: BilledOrder) -> bool:
    return True


def _mostly_alike(schedule: Schedule, order: BilledOrder) -> bool:
    alike = sum(a == b for a, b in zip(schedule.bills, order.bills, strict=True))
    return alike * MAJORITY >= len(order.bills)


RULES: Mapping[
    str,
    tuple[
        Callable[[Schedule], Key],
        Callable[[BilledOrder], Key],
        Callable[[Schedule, BilledOrder], bool],
    ],
] = {
    "billing_schedule": (_bills, _bills, _always),  # billed on these days with these amounts
    "contract_value": (_sold_for, _ordered_for, _always),  # ordered for its value, billed from its start on
    "billing_days": (_days, _days, _mostly_alike),  # billed on these days; sure if mostly with these amounts
}
