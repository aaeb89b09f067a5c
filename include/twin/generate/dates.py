"""Dates: months with their ends clamped, and banking days (weekdays)."""

from calendar import monthrange
from datetime import date, timedelta

SATURDAY = 5


def add_months(anchor: date, months: int) -> date:
    """`months` after `anchor`, counted from it: the 31st becomes a shorter month's last day."""
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    return date(year, month + 1, min(anchor.day, monthrange(year, month + 1)[1]))


def month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def days_after(day: date, days: int) -> date:
    return day + timedelta(days=days)


def banking_day(day: date, *, forward: bool = True) -> date:
    """`day`, or the nearest weekday after it (before it when not `forward`)."""
    over = day.weekday() - SATURDAY
    if over < 0:
        return day
    return day + timedelta(days=2 - over if forward else -1 - over)
