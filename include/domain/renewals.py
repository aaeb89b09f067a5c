"""Renewal dates: counted in months from the anchor, with month ends clamped; business dates of a zone."""

from calendar import monthrange
from datetime import date, datetime, timedelta, tzinfo


def add_months(anchor: date, months: int) -> date:
    """`months` after the anchor: the 31st becomes the last day of a shorter month, and the 29th of February too."""
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    if anchor.day <= 28:  # noqa: PLR2004  every month has a 28th
        return date(year, month + 1, anchor.day)
    return date(year, month + 1, min(anchor.day, monthrange(year, month + 1)[1]))


def renewal(anchor: date, *, number: int, term_months: int) -> date:
    """The renewal of this number, from the anchor and never from the renewal before: a clamped day would stick."""
    return add_months(anchor, number * term_months)


def next_renewal(anchor: date, *, term_months: int, after: date) -> date:
    """The first renewal later than `after`."""
    months = (after.year - anchor.year) * 12 + after.month - anchor.month
    number = max(0, months // term_months)
    while renewal(anchor, number=number, term_months=term_months) <= after:
        number += 1
    return renewal(anchor, number=number, term_months=term_months)


def whole_months(start: date, end: date) -> int | None:
    """The months from `start` to `end` where they are whole ones, else None."""
    months = (end.year - start.year) * 12 + end.month - start.month
    return months if months > 0 and add_months(start, months) == end else None


def inclusive_end(end: date) -> date:
    """The last day of service, which is what Salesforce calls the end date, where ours is the first day without."""
    return end - timedelta(days=1)


def business_date(instant: datetime, *, zone: tzinfo) -> date:
    """The date an instant falls on where the books are kept."""
    return instant.astimezone(zone).date()
