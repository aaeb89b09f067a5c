"""Laws of recurring revenue: the bridge closes, the order of rows means nothing, and a merge moves nothing."""

from datetime import date, timedelta
from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from include.domain.arr import Price
from include.domain.arr_bridge import View, bridge, movements
from include.domain.arr_reporting import valued
from include.domain.billing_links import BilledOrder, Schedule, sold_by
from include.domain.renewals import add_months, next_renewal, whole_months
from include.domain.subscriptions import AMENDMENT_TYPES, Amendment, ArrRules, Step, Subscription, life_of

TODAY = date(2026, 6, 30)
days = st.dates(date(2024, 1, 1), TODAY)
amounts = st.decimals(Decimal("0.005"), Decimal(5000), places=4)
rules = st.builds(
    ArrRules, kept_pause_days=st.sampled_from([0, 90]), renewal_grace_days=st.sampled_from([0, 30])
)
views: st.SearchStrategy[View] = st.sampled_from(["NET", "GROSS"])


@st.composite
def subscriptions(draw: st.DrawFn) -> Subscription:
    start = draw(days)
    price = Price(
        unit_price=draw(amounts),
        quantity=Decimal(draw(st.integers(0, 50))),
        interval=draw(st.sampled_from(["month", "quarter", "half_year", "year", "week"])),
        currency=draw(st.sampled_from(["SGD", "JPY", "KWD"])),
    )
    term = draw(st.none() | st.integers(1, 36))
    odd = draw(st.integers(0, 3))
    end = None if term is None else add_months(start, term) + timedelta(days=odd)
    return Subscription(subscription_id="S", start_on=start, end_on=end, price=price)


@st.composite
def amended(draw: st.DrawFn) -> list[Amendment]:
    return [
        Amendment(
            amendment_id=str(number),
            sequence=draw(st.integers(1, 3)),
            type=draw(st.sampled_from(sorted(AMENDMENT_TYPES))),
            effective_on=draw(days),
            quantity=draw(st.none() | st.integers(0, 50).map(Decimal)),
            unit_price=draw(st.none() | amounts),
        )
        for number in range(draw(st.integers(0, 6)))
    ]


books = st.lists(st.tuples(subscriptions(), amended()), max_size=4)


def steps_of(book: list[tuple[Subscription, list[Amendment]]], policy: ArrRules) -> list[Step]:
    return [
        step
        for subscription, amendments in book
        for step in life_of(subscription, amendments, rules=policy, as_of=TODAY).steps()
    ]


@given(books, rules, views)
def test_a_bridge_closes_every_month_where_the_next_one_opens_and_ends_at_the_arr_of_the_day(
    book: list[tuple[Subscription, list[Amendment]]], policy: ArrRules, view: View
) -> None:
    steps = steps_of(book, policy)
    opening = 0
    for row in bridge(movements(steps, view=view), through=TODAY):
        assert (row.residual, row.opening) == (0, opening)
        opening = row.closing
    assert opening == sum(
        life_of(one, amendments, rules=policy, as_of=TODAY).arr_on(TODAY) for one, amendments in book
    )


@given(subscriptions(), amended(), rules, st.randoms(use_true_random=False))
def test_the_order_of_amendment_rows_means_nothing(
    subscription: Subscription, amendments: list[Amendment], policy: ArrRules, chance: Random
) -> None:
    shuffled = chance.sample(amendments, len(amendments))
    assert life_of(subscription, shuffled, rules=policy, as_of=TODAY) == life_of(
        subscription, amendments, rules=policy, as_of=TODAY
    )


@given(books, books, rules)
def test_a_merge_moves_nothing(
    ours: list[tuple[Subscription, list[Amendment]]],
    theirs: list[tuple[Subscription, list[Amendment]]],
    policy: ArrRules,
) -> None:
    """The merged account closes every month at what both had: history restated, no movement for the merge."""
    x, y = steps_of(ours, policy), steps_of(theirs, policy)
    closing: dict[date, int] = {}
    for steps in (x, y):
        for row in bridge(movements(steps), through=TODAY):
            closing[row.month] = closing.get(row.month, 0) + row.closing
    merged = {row.month: row.closing for row in bridge(movements([*y, *x]), through=TODAY)}
    assert {month: arr for month, arr in merged.items() if arr} == {
        month: arr for month, arr in closing.items() if arr
    }


@given(subscriptions(), amended())
def test_steps_add_up_to_the_arr_of_every_day(
    subscription: Subscription, amendments: list[Amendment]
) -> None:
    life = life_of(subscription, amendments, rules=ArrRules(), as_of=TODAY)
    arr = 0
    for step in life.steps():
        arr += step.delta_minor
        assert life.arr_on(step.on) == arr >= 0


@given(
    books,
    st.decimals(Decimal("0.0001"), Decimal(200), places=4),
    st.decimals(Decimal("0.0001"), Decimal(200), places=4),
)
def test_what_rates_do_is_all_that_is_left_between_budget_and_reported(
    book: list[tuple[Subscription, list[Amendment]]], budget: Decimal, market: Decimal
) -> None:
    for row in bridge(movements(steps_of(book, ArrRules())), through=TODAY):
        rates = {"budget": {"USD": budget}, "before": {"USD": market}, "after": {"USD": market}}
        one = valued(row, currency="USD", **rates)
        assert one is not None
        assert one.as_reported.residual == 0
        assert valued(row, currency="USD", budget={}, before={}, after={}) is None


@given(days, st.integers(1, 60), st.integers(0, 800))
def test_the_next_renewal_is_a_whole_number_of_terms_after_the_anchor(
    anchor: date, term_months: int, later: int
) -> None:
    after = anchor + timedelta(days=later)
    found = next_renewal(anchor, term_months=term_months, after=after)
    months = whole_months(anchor, found)
    assert found > after
    assert months is not None
    assert months % term_months == 0
    assert add_months(anchor, months - term_months) <= after


bills = st.lists(
    st.tuples(st.sampled_from([date(2025, month, 1) for month in (1, 2, 3)]), st.integers(1, 3)), max_size=3
)
RULES = (("S1", "billing_schedule"), ("S2", "contract_value"), ("S3", "billing_days"))


@given(st.lists(bills, max_size=5), st.lists(bills, max_size=5), st.randoms(use_true_random=False))
def test_an_order_surely_sold_one_subscription_at_most_whatever_the_order_of_rows(
    billed_by_terms: list[list[tuple[date, int]]],
    billed_by_order: list[list[tuple[date, int]]],
    chance: Random,
) -> None:
    schedules = [
        Schedule(subscription_id=f"S{i}", start_on=date(2025, 1, 1), value_minor=2, bills=tuple(sorted(one)))
        for i, one in enumerate(billed_by_terms)
    ]
    orders = [
        BilledOrder(order_id=f"O{i}", amount_minor=2, bills=tuple(sorted(one)))
        for i, one in enumerate(billed_by_order)
    ]
    found = sold_by(schedules, orders, rules=RULES)
    sure = [one for one in found if one.sure]
    assert len({one.order_id for one in sure}) == len({one.subscription_id for one in sure}) == len(sure)
    shuffled = chance.sample(schedules, len(schedules)), chance.sample(orders, len(orders))
    again = sold_by(*shuffled, rules=RULES)
    assert {one for one in again if one.sure} == set(sure)
