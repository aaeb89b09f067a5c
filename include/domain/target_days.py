"""The days on which the ECB states its reference rates: TARGET's business days.

Source: https://www.ecb.europa.eu/ecb/contacts/working-hours: closed on weekends, 1 January, Good Friday, Easter Monday,
1 May, 25 and 26 December, since 2002.
"""

from collections.abc import Iterator
from datetime import date, timedelta

FEED = "ECB euro reference rates"
"""The source of rates that must come every one of these days."""

_SATURDAY = 5
_FIXED = frozenset({(1, 1), (5, 1), (12, 25), (12, 26)})
_GOOD_FRIDAY, _EASTER_MONDAY = timedelta(days=-2), timedelta(days=1)


def is_target_day(day: date) -> bool:
    """Whether rates are stated on it."""
    easter = easter_sunday(day.year)
    moving = (easter + _GOOD_FRIDAY, easter + _EASTER_MONDAY)
    return day.weekday() < _SATURDAY and (day.month, day.day) not in _FIXED and day not in moving


def target_days(first: date, last: date) -> Iterator[date]:
    """Those from `first` to `last`, both included."""
    for ordinal in range(first.toordinal(), last.toordinal() + 1):
        day = date.fromordinal(ordinal)
        if is_target_day(day):
            yield day


def easter_sunday(year: int) -> date:
    """Western Easter, by the anonymous Gregorian computus (Meeus, Astronomical Algorithms, chapter 8)."""
    golden = year % 19
    century, of_century = divmod(year, 100)
    leaps, rest = divmod(century, 4)
    moon = (19 * golden + century - leaps - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * rest + 2 * (of_century // 4) - moon - of_century % 4) % 7
    month, day = divmod(moon + weekday - 7 * ((golden + 11 * moon + 22 * weekday) // 451) + 114, 31)
    return date(year, month, day + 1)
