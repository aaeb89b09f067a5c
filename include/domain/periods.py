"""Calendar weeks and months: whole, so that no day, no payment and no break is in none of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Edition = Literal["weekly", "month_end"]

_WEEK = 7


@dataclass(frozen=True)
class Period:
    """From `since` to `until`, both included."""

    edition: Edition
    since: date
    until: date


def periods_over(day: date) -> Iterator[Period]:
    """The last week (Monday to Sunday) and the last month (first to last day) that are over when `day` is."""
    sunday = day - timedelta(days=(day.weekday() + 1) % _WEEK)
    yield Period("weekly", sunday - timedelta(days=_WEEK - 1), sunday)
    tomorrow = day + timedelta(days=1)
    last = tomorrow.replace(day=1) - timedelta(days=1)
    yield Period("month_end", last.replace(day=1), last)
