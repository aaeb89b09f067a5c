"""When a term is billed: by the calendar, from its first day, and to the last cent."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.billing_schedule import PERIOD_MONTHS, makes_up, schedule
from include.domain.renewals import add_months


def test_a_year_by_the_quarter_is_four_invoices() -> None:
    lines = schedule(date(2026, 1, 15), months=12, interval="quarter", amount_minor=100_00)
    assert [(line.number, line.start, line.amount_minor) for line in lines] == [
        (1, date(2026, 1, 15), 25_00),
        (2, date(2026, 4, 15), 25_00),
        (3, date(2026, 7, 15), 25_00),
        (4, date(2026, 10, 15), 25_00),
    ]


def test_a_term_from_a_month_end_stays_at_month_ends_through_a_leap_year() -> None:
    lines = schedule(date(2028, 1, 31), months=4, interval="month", amount_minor=400)
    assert [line.start for line in lines] == [
        date(2028, 1, 31), date(2028, 2, 29), date(2028, 3, 31), date(2028, 4, 30),
    ]  # fmt: skip
    assert lines[-1].end == date(2028, 5, 31)
    leap = schedule(date(2028, 2, 29), months=24, interval="year", amount_minor=2)
    assert [line.start for line in leap] == [date(2028, 2, 29), date(2029, 2, 28)]


def test_cents_that_do_not_divide_are_spread() -> None:
    lines = schedule(date(2026, 1, 1), months=12, interval="month", amount_minor=100_00)
    assert sum(line.amount_minor for line in lines) == 100_00
    assert {line.amount_minor for line in lines} == {833, 834}


@given(
    st.dates(date(2020, 1, 1), date(2040, 1, 1)),
    st.integers(1, 60),
    st.sampled_from(sorted(PERIOD_MONTHS)),
    st.integers(1, 10**12),
)
def test_periods_follow_one_another_and_come_to_what_was_sold(
    start: date, months: int, interval: str, amount_minor: int
) -> None:
    if not makes_up(interval, months):
        with pytest.raises(ValueError, match="not made up"):
            schedule(start, months=months, interval=interval, amount_minor=amount_minor)
        return
    lines = schedule(start, months=months, interval=interval, amount_minor=amount_minor)
    assert (lines[0].start, lines[-1].end) == (start, add_months(start, months))
    assert all(earlier.end == later.start for earlier, later in pairwise(lines))
    amounts = [line.amount_minor for line in lines]
    assert sum(amounts) == amount_minor
    assert max(amounts) - min(amounts) <= 1
