"""R5: recalculates every subscription's ARR, bridges it month by month, and says what is wrong on record.

Rows stream through the domain functions bucket by bucket: what recurs, renews and moves is one set of rules, tested by
itself, and SQL only fetches and joins. See include/domain/subscriptions.py.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from include.domain.arr import Price
from include.domain.arr_bridge import BridgeRow, bridge, movements
from include.domain.billing_links import BilledOrder, Bills, Schedule, Sold, sold_by
from include.domain.breaks import Break
from include.domain.shown import cut
from include.domain.subscription_review import Case, OnRecord, said_on_the_day
from include.domain.subscriptions import (
    AMENDMENT_TYPES,
    NOT_SOLD,
    Amendment,
    Life,
    Subscription,
    contract_value,
    life_of,
    unusable,
)
from include.flows.report_arr import reported_arr
from include.flows.snapshot import Seen
from include.policy import Policy
from include.ports import Row, Transaction

BUCKET_CUSTOMERS = 5_000
"""Customers held in memory at once."""

_BRIDGE = (
    "run_id customer_id month currency opening_minor new_minor expansion_minor contraction_minor churn_minor "
    "reactivation_minor closing_minor"
)
_ORDERS = "rule subscription_id order_id sure recalculated_minor"


class _Days(NamedTuple):
    """The day asked for, and the last day something we know is dated, if that is later: what has no date is of then."""

    as_of: date
    today: date | None


@dataclass(frozen=True, kw_only=True)
class _Read:
    """A subscription as read, and what became of it."""

    row: Row
    subscription: Subscription
    amendments: Sequence[Amendment]
    life: Life
    due: Bills  # what should have been billed so far
    today: Life | None  # on a later day that the record is of, as far as we know one
    unusable: Sequence[Amendment]  # amendments of which nobody can tell what they make of it

    @property
    def arr_minor(self) -> int:
        return 0 if self.row["state"] in NOT_SOLD else self.life.arr_on(self.life.as_of)

    @property
    def judged(self) -> bool:
        return bool(self.row["readable"]) and not self.unusable


@dataclass
class _Found:
    """What a bucket of customers gave."""

    bridge: list[tuple[str, str, BridgeRow]] = field(default_factory=list)
    sold: list[tuple[Sold, int]] = field(default_factory=list)
    breaks: list[Break] = field(default_factory=list)


def recalculate_arr(tx: Transaction, seen: Seen, policy: Policy) -> list[Break]:
    """Keep the bridge and the links to deals, and return a break for everything wrong with a subscription on record."""
    _fill(tx)
    breaks: list[Break] = []
    totals = reported_arr(tx, seen, policy)
    today = tx.rows("last_known_day")[0]["day"]
    days = _Days(seen.as_of, today if today and today > seen.as_of else None)
    for bucket in tx.rows("arr_buckets"):
        found = _bucket(tx, days, policy, bucket["bucket"])
        tx.copy_in("recon.arr_bridge", _BRIDGE.split(), _bridge_rows(seen, found))
        tx.copy_in("subscription_orders", _ORDERS.split(), _order_rows(found))
        totals.add(found.bridge)
        breaks += found.breaks
    totals.keep(tx, seen)
    tx.run("analyse_subscription_orders")
    tx.run("create_subscription_deals")
    tx.run("keep_subscription_matches", run_id=seen.run_id)
    return breaks + [_without_deal(row) for row in tx.rows("subscriptions_without_deal")]


def _fill(tx: Transaction) -> None:
    for table in (
        "arr_customers",
        "run_subscriptions",
        "run_amendments",
        "billed_orders",
        "subscription_orders",
    ):
        tx.run(f"create_{table}")
    tx.run("fill_arr_customers", customers=BUCKET_CUSTOMERS)
    for table in ("run_subscriptions", "run_amendments", "billed_orders"):
        tx.run(f"fill_{table}")
    tx.run("index_arr_tables")


def _bucket(tx: Transaction, days: _Days, policy: Policy, bucket: int) -> _Found:
    amendments: defaultdict[str, list[Amendment]] = defaultdict(list)
    for row in tx.rows("amendments_of", bucket=bucket):
        amendments[row.pop("subscription_id")].append(stated_amendment(row))
    orders: defaultdict[tuple[str, str], list[BilledOrder]] = defaultdict(list)
    for row in tx.rows("billed_orders_of", bucket=bucket):
        orders[_block(row)].append(_order(row))
    found = _Found()
    for block, rows in groupby(tx.rows("subscriptions_of", bucket=bucket), key=_block):
        read = [_read(row, amendments[row["subscription_id"]], days, policy) for row in rows]
        _block_found(found, block, read, orders[block], policy)
    return found


_block = itemgetter("customer_id", "currency")


def _block_found(
    found: _Found,
    block: tuple[str, str],
    read: Sequence[_Read],
    orders: Sequence[BilledOrder],
    policy: Policy,
) -> None:
    """What one customer's subscriptions of one currency give."""
    steps = [step for one in read if one.row["state"] not in NOT_SOLD for step in one.life.steps()]
    moved = movements(steps, view=policy.arr.bridge_view)
    if read:
        through = read[0].life.as_of
        found.bridge += [(*block, row) for row in bridge(moved, through=through)]
    sold = sold_by(
        [_schedule(one) for one in read],
        orders,
        rules=[(step.name, step.rule) for step in policy.matching["R5"]],
    )
    by_id = {one.row["subscription_id"]: one for one in read}
    found.sold += [(one, by_id[one.subscription_id].arr_minor) for one in sold]
    bills_of = {order.order_id: order.bills for order in orders}
    billed = {one.subscription_id: bills_of[one.order_id] for one in sold if one.sure}
    for one in read:
        found.breaks += _breaks(one, billed.get(one.row["subscription_id"], ()), policy)


def _read(row: Row, amendments: Sequence[Amendment], days: _Days, policy: Policy) -> _Read:
    subscription = subscription_of(row)
    left_out = unusable(subscription, amendments)
    known = [one for one in amendments if one not in left_out]
    life = life_of(subscription, known, rules=policy.arr.rules, as_of=days.as_of)
    today = life_of(subscription, known, rules=policy.arr.rules, as_of=days.today) if days.today else None
    return _Read(
        row=row,
        subscription=subscription,
        amendments=known,
        life=life,
        due=life.bills(subscription),
        today=today,
        unusable=left_out,
    )


def subscription_of(row: Row) -> Subscription:
    """A row of canonical.subscriptions as the rules read it."""
    price = Price(
        unit_price=row["unit_price"],
        quantity=row["quantity"],
        interval=row["interval"],
        currency=row["currency"],
    )
    return Subscription(
        subscription_id=row["subscription_id"],
        start_on=row["start_date"],
        end_on=row["end_date"],
        price=price,
    )


def amendment_of(told: Mapping[str, Any]) -> Amendment:
    """An amendment in the JSON of a query, as the rules read it."""
    return Amendment(
        amendment_id=told["amendment_id"],
        sequence=told["sequence"],
        type=told["type"],
        effective_on=date.fromisoformat(told["effective_on"]),
        quantity=_decimal(told["quantity"]),
        unit_price=_decimal(told["unit_price"]),
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def stated_amendment(row: Row) -> Amendment:
    """The amendment in a row of canonical.amendments."""
    return Amendment(
        amendment_id=row["amendment_id"],
        sequence=row["sequence"],
        type=row["type"].upper(),
        effective_on=row["effective_date"],
        quantity=row["quantity"],
        unit_price=row["unit_price"],
    )


def _order(row: Row) -> BilledOrder:
    bills: Bills = tuple(zip(row["days"], row["nets"], strict=True))
    return BilledOrder(order_id=row["order_id"], amount_minor=row["amount_minor"], bills=bills)


def _schedule(one: _Read) -> Schedule:
    return Schedule(
        subscription_id=one.subscription.subscription_id,
        start_on=one.subscription.start_on,
        value_minor=contract_value(one.subscription),
        bills=one.due,
    )


def _breaks(one: _Read, billed: Bills, policy: Policy) -> Iterator[Break]:
    row = one.row
    yield from map(_unusable, one.unusable)
    if not one.judged:
        return
    case = Case(
        subscription=one.subscription,
        amendments=one.amendments,
        life=one.life,
        record=OnRecord(status=row["state"], renewal_on=row["renewal_date"], arr_minor=row["arr_minor"]),
        rules=policy.arr.rules,
        due=one.due,
        billed=billed,
    )
    today = replace(case, life=one.today) if one.today else None
    for difference in said_on_the_day(case, today):
        yield Break(
            recon="R5",
            code=difference.code,
            key=row["subscription_id"],
            evidence=difference.evidence,
            currency=row["currency"],
            amount_minor=difference.amount_minor,
            since=difference.since,
        )


def _unusable(amendment: Amendment) -> Break:
    key = f"amendment {amendment.amendment_id}"
    if amendment.type in AMENDMENT_TYPES:
        said = (
            f"{key}: quantity times unit price makes more than revenue can be; its subscription is not judged"
        )
        return Break(recon="all", code="DQ01", key=key, evidence=said)
    said = f"{key} is of the type {cut(repr(amendment.type), 80)}, which we do not know"
    return Break(recon="all", code="DQ05", key=key, evidence=said)


def _without_deal(row: Mapping[str, Any]) -> Break:
    said = f"sold by order {row['order_number']}, which names no opportunity we know and none names it"
    return Break(
        recon="R5",
        code="SU03",
        key=row["subscription_id"],
        evidence=said,
        currency=row["currency"],
        since=row["start_date"],
    )


def _bridge_rows(seen: Seen, found: _Found) -> Iterator[Sequence[Any]]:
    for customer_id, currency, row in found.bridge:
        moved = (row.new, row.expansion, row.contraction, row.churn, row.reactivation)
        yield (seen.run_id, customer_id, row.month, currency, row.opening, *moved, row.closing)


def _order_rows(found: _Found) -> Iterator[Sequence[Any]]:
    for one, arr_minor in found.sold:
        yield (one.rule, one.subscription_id, one.order_id, one.sure, arr_minor)
