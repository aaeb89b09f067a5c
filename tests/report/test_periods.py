import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from include.domain.currencies import EXPONENTS
from include.domain.periods import Period, periods_over
from include.flows.period_facts import figures_of
from include.report import charts
from include.report.period_facts import Deals, PeriodFacts, Resolved
from include.report.render_period import render_period
from tests.report.samples import MONTH


@pytest.mark.parametrize(
    ("day", "week", "month"),
    [
        (date(2026, 6, 26), (date(2026, 6, 15), date(2026, 6, 21)), (date(2026, 5, 1), date(2026, 5, 31))),
        (date(2026, 6, 28), (date(2026, 6, 22), date(2026, 6, 28)), (date(2026, 5, 1), date(2026, 5, 31))),
        (date(2026, 6, 30), (date(2026, 6, 22), date(2026, 6, 28)), (date(2026, 6, 1), date(2026, 6, 30))),
        (date(2026, 1, 1), (date(2025, 12, 22), date(2025, 12, 28)), (date(2025, 12, 1), date(2025, 12, 31))),
    ],
)
def test_weeks_and_months_are_whole(day: date, week: tuple[date, date], month: tuple[date, date]):
    assert list(periods_over(day)) == [Period("weekly", *week), Period("month_end", *month)]


def test_every_day_is_in_one_week_and_in_one_month():
    for edition in ("weekly", "month_end"):
        days = [date(2026, 1, 1) + timedelta(days) for days in range(400)]
        periods = sorted(
            {period for day in days for period in periods_over(day) if period.edition == edition},
            key=lambda period: period.since,
        )
        assert all(next_one.since == one.until + timedelta(days=1) for one, next_one in pairwise(periods))


@pytest.mark.parametrize(
    "fact",
    [
        "2026-06-01",
        "Unapplied cash",
        "98.3\N{NO-BREAK SPACE}%",
        "609.7 of 618.8 hours avoided",
        "38 deals won, 35 invoiced, 3 waiting",
        "With those that still wait it is at least 2.1 days",
        "the longest for 9 days",
        "too early to hold against the baseline",
        "SGD 7,150,675.00",
        "told with the run",
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


def test_figures_that_came_back_say_when_they_were_told_before():
    told = replace(MONTH, corrects=MONTH.run_id, again_as=datetime(2026, 7, 1, 9, 30, tzinfo=UTC))
    for report, said in ((render_period(told), True), (render_period(replace(told, again_as=None)), False)):
        for body in (report.text, report.html):
            assert ("figures are again those that you were mailed on 2026-07-01 09:30." in body) is said


def test_a_figure_that_a_later_release_adds_makes_no_edition_another_while_there_is_none_of_it():
    @dataclass(frozen=True, kw_only=True)
    class Grown(PeriodFacts):
        added: int = 0

    assert figures_of(Grown(**vars(MONTH))) == figures_of(MONTH)
    assert figures_of(Grown(**vars(MONTH), added=1)) != figures_of(MONTH)


@pytest.mark.parametrize(
    ("changed", "alike"),
    [
        ({"locale": "de_DE", "told_with": date(2026, 7, 3), "certificate_sha256": "other"}, True),
        ({"unfollowed": 2}, False),
        ({"first_ever": date(2026, 6, 3)}, False),
        ({"causes": MONTH.causes[1:]}, False),
        ({"causes": [replace(one, name="said otherwise") for one in MONTH.causes]}, True),
        ({"deals": replace(MONTH.deals, longest_waiting_days=10)}, False),
    ],
)
def test_figures_are_others_where_what_is_told_is(*, changed: dict[str, Any], alike: bool):
    assert (figures_of(replace(MONTH, **changed)) == figures_of(MONTH)) is alike


def test_the_trend_in_words_is_figured_as_its_reader_writes_numbers():
    many = [replace(day, breaks=12_345) for day in MONTH.days]
    assert (
        "breaks went from 12.345 to 12.345, " in render_period(replace(MONTH, days=many, locale="de_DE")).html
    )


def test_the_axis_of_the_trend_is_figured_as_its_reader_writes_numbers(monkeypatch: pytest.MonkeyPatch):
    many = [replace(day, breaks=12_345) for day in MONTH.days]
    assert figured_on_axis(many, "de_DE", monkeypatch) >= {"0", "12.000"}
    assert figured_on_axis(many, "en_SG", monkeypatch) >= {"0", "12,000"}


def figured_on_axis(days: Sequence[Any], locale: str, patch: pytest.MonkeyPatch) -> set[str]:
    """What stands beside the lines of the trend."""
    drawn: list[Any] = []
    patch.setattr(charts, "_drawn", lambda figure, alt: drawn.append(figure) or charts.Chart(b"", alt))
    render_period(replace(MONTH, days=days, locale=locale))
    drawn[0].canvas.draw()
    return {one.get_text() for one in drawn[0].axes[0].get_yticklabels()}


def test_a_period_in_which_nothing_happened_says_so():
    none = Deals(won=0, invoiced=0, median_days=None, mean_days=None)
    report = render_period(replace(MONTH, days=[], causes=[], resolved=[], received=[], deals=none))
    assert report.subject == "Month to 2026-06-30: no payment received"
    for words in ("No day was published", "Nothing new broke", "No break was closed", "No deal was won"):
        assert words in report.text
        assert words in report.html


def test_where_policy_closed_all_nothing_is_said_of_how_long_people_take():
    of_others = "half within 1 day, nine in ten within 6"
    assert (
        f"AR: 760 closed, 640 of them by policy\n   of the others {of_others}\n" in render_period(MONTH).text
    )
    by_policy = Resolved(owner="GL", breaks=31, by_policy=31, median_days=None, most_days=None)
    told = render_period(replace(MONTH, resolved=[by_policy])).text
    assert "GL: 31 closed, 31 of them by policy\n" in told
    assert "of the others" not in told


@pytest.mark.parametrize(
    ("invoiced", "least", "said"),
    [
        (10, "2.0", "That is \N{MINUS SIGN}60.0\N{NO-BREAK SPACE}% against the baseline."),
        (
            0,
            "2.0",
            "With those that still wait it is at least 2.0 days: too early to hold against the baseline.",
        ),
        (
            9,
            "5.0",
            "With those that still wait it is at least 5.0 days: too early to hold against the baseline.",
        ),
        (9, "6.0", "it is at least 6.0 days: at least +20.0\N{NO-BREAK SPACE}% against the baseline."),
    ],
)
def test_nothing_is_saved_while_a_deal_may_still_wait_for_longer(invoiced: int, least: str, said: str):
    waiting = {} if invoiced == 10 else {"longest_waiting_days": 2}
    mean = Decimal(least) if invoiced else None
    deals = Deals(
        won=10, invoiced=invoiced, median_days=mean, mean_days=mean, least_mean_days=Decimal(least), **waiting
    )
    report = render_period(replace(MONTH, deals=deals))
    for body in (report.text, report.html):
        assert said.replace("\N{NO-BREAK SPACE}", " ") in " ".join(body.split())


def test_an_edition_of_many_currencies_is_not_cut_off():
    currencies = sorted(EXPONENTS)[:120]
    received = [
        replace(MONTH.received[0], currency=currency, received_worth_minor=None, received=1_000 - place)
        for place, currency in enumerate(currencies)
    ]
    report = render_period(replace(MONTH, received=received))
    # Its picture is a part of its own when it is mailed.
    assert len(re.sub(r'src="data:[^"]+"', 'src="cid:1.0"', report.html).encode()) < 60_000
    for body in (report.text, report.html):
        assert "Of 112 more currencies, with fewer payments, nothing is shown here." in body
        assert "and 108 more currencies" in " ".join(body.split())
        assert sum(f"{currency}:" in report.text for currency in currencies) == 8


def test_work_that_nobody_could_follow_is_said_to_be_missing():
    for unfollowed in (0, 2):
        report = render_period(replace(MONTH, unfollowed=unfollowed))
        for body in (report.text, report.html):
            assert ("At least so much" in body) is bool(unfollowed)
