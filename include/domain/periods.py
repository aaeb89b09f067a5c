"""Weeks and months of business days: which of them end with a day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from include.domain.business_days import Calendar

Edition = Literal["weekly", "month_end"]


@dataclass(frozen=True)
class Period:
    """From `since` to `until`, both included."""

    edition: Edition
    since: date
    until: date


def periods_ending(day: date, *, calendar: Calendar) -> Iterator[Period]:
    """The week (from Monday) and the month of which `day` is the last business day; neither on a day off."""
    if not calendar.is_business_day(day):
        return
    following = calendar.after(day + timedelta(days=1), 0)
    monday = day - timedelta(days=day.weekday())
    if following >= monday + timedelta(days=7):
        yield Period("weekly", monday, day)
    if (following.year, following.month) != (day.year, day.month):
        yield Period("month_end", day.replace(day=1), day)
