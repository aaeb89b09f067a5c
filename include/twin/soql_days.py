"""SOQL's days by name (TODAY, LAST_N_DAYS:30): each stands for the days from a first to a last, in UTC."""

import re
from datetime import date, timedelta

_NAMED = re.compile(
    r"(TODAY|YESTERDAY|TOMORROW|(?:LAST_N_DAYS|NEXT_N_DAYS|N_DAYS_AGO):(\d{1,5}))", re.IGNORECASE
)
_SPAN = re.compile(r"(THIS|LAST|NEXT)_(MONTH|YEAR)", re.IGNORECASE)
_DECEMBER = 12


def is_day_name(text: str) -> bool:
    """Whether the text names days."""
    return bool(_NAMED.fullmatch(text) or _SPAN.fullmatch(text))


def named_days(text: str, *, today: date) -> tuple[date, date]:
    """The first and the last day meant."""
    if span := _SPAN.fullmatch(text):
        return _span(span[1].upper(), span[2].upper(), today)
    word, count = text.upper().partition(":")[0], int(text.partition(":")[2] or 0)
    return {
        "TODAY": (today, today),
        "YESTERDAY": (today - timedelta(days=1),) * 2,
        "TOMORROW": (today + timedelta(days=1),) * 2,
        "LAST_N_DAYS": (today - timedelta(days=count), today),
        "NEXT_N_DAYS": (today + timedelta(days=1), today + timedelta(days=count)),
        "N_DAYS_AGO": (today - timedelta(days=count),) * 2,
    }[word]


def _span(which: str, unit: str, today: date) -> tuple[date, date]:
    step = {"LAST": -1, "THIS": 0, "NEXT": 1}[which]
    if unit == "YEAR":
        year = today.year + step
        return date(year, 1, 1), date(year, _DECEMBER, 31)
    months = today.year * 12 + today.month - 1 + step
    first, after = (date(number // 12, number % 12 + 1, 1) for number in (months, months + 1))
    return first, after - timedelta(days=1)
