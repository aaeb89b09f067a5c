from dataclasses import replace
from datetime import date

import pytest

from include.domain.periods import Period, periods_ending
from include.policy import load_policy
from include.report.period_facts import Deals
from include.report.render_period import render_period
from tests.report.samples import MONTH

CALENDAR = load_policy().calendars.own


@pytest.mark.parametrize(
    ("day", "editions"),
    [
        (date(2026, 6, 25), []),
        (date(2026, 6, 26), [Period("weekly", date(2026, 6, 22), date(2026, 6, 26))]),
        (date(2026, 6, 27), []),  # a Saturday
        (date(2026, 6, 30), [Period("month_end", date(2026, 6, 1), date(2026, 6, 30))]),
        (date(2026, 4, 2), [Period("weekly", date(2026, 3, 30), date(2026, 4, 2))]),  # before Good Friday
        (date(2026, 4, 3), []),
        (
            date(2026, 7, 31),
            [
                Period("weekly", date(2026, 7, 27), date(2026, 7, 31)),
                Period("month_end", date(2026, 7, 1), date(2026, 7, 31)),
            ],
        ),
    ],
)
def test_a_week_and_a_month_end_with_their_last_business_day(day: date, editions: list[Period]):
    assert list(periods_ending(day, calendar=CALENDAR)) == editions


@pytest.mark.parametrize(
    "fact",
    [
        "2026-06-01",
        "Unapplied cash",
        "98.3\N{NO-BREAK SPACE}%",
        "609.7 of 618.8 hours avoided",
        "38 deals won, 35 invoiced, 3 waiting",
        "\N{MINUS SIGN}72.0\N{NO-BREAK SPACE}% against the baseline",
        "6 minutes a payment",
    ],
)
def test_the_editions_text_and_page_tell_the_same(fact: str):
    report = render_period(MONTH)
    assert fact in report.text
    assert fact in report.html


def test_the_subject_is_what_the_month_came_to():
    assert render_period(MONTH).subject == (
        "Month to 2026-06-30: 98.2\N{NO-BREAK SPACE}% of 5,121 payments applied by rule, 53 breaks open, "
        "609.7 hours of work avoided"
    )


def test_a_period_in_which_nothing_happened_says_so():
    none = Deals(won=0, invoiced=0, median_days=None, mean_days=None)
    report = render_period(replace(MONTH, days=[], causes=[], resolved=[], received=[], deals=none))
    assert report.subject == "Month to 2026-06-30: no payment received"
    for words in ("No day was published", "Nothing new broke", "No break was closed", "No deal was won"):
        assert words in report.text
        assert words in report.html
