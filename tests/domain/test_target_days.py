"""The days on which the ECB states its rates."""

import csv
from datetime import date

from include.domain.target_days import easter_sunday, is_target_day, target_days
from tests.shared import shared


def test_weekends_and_the_six_closing_days_are_no_banking_days() -> None:
    closed = "2026-01-01 2026-04-03 2026-04-06 2026-05-01 2026-12-25 2026-06-27 2026-06-28"
    assert not any(is_target_day(date.fromisoformat(day)) for day in closed.split())
    assert list(target_days(date(2026, 4, 2), date(2026, 4, 8))) == [
        date(2026, 4, 2),
        date(2026, 4, 7),
        date(2026, 4, 8),
    ]


def test_easter_falls_on_its_earliest_and_latest_days() -> None:
    assert [easter_sunday(year) for year in (1818, 1943, 2000, 2038)] == [
        date(1818, 3, 22),
        date(1943, 4, 25),
        date(2000, 4, 23),
        date(2038, 4, 25),
    ]


def test_the_ecbs_whole_history_since_2002_is_quoted_on_exactly_these_days() -> None:
    with shared("data/ecb/eurofxref-hist.csv").open() as lines:
        quoted = {date.fromisoformat(row["Date"]) for row in csv.DictReader(lines)}
    first, last = date(2002, 1, 1), max(quoted)
    assert set(target_days(first, last)) == {day for day in quoted if day >= first}
