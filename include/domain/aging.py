"""How late an open item is."""

from datetime import date


def days_past_due(due_on: date, *, as_of: date) -> int:
    """Calendar days since the due date; 0 while it is not yet past."""
    return max(0, (as_of - due_on).days)


def bucket(days: int) -> str:
    """The aging bucket of `days` past due: current, 1-30, 31-60, 61-90, over-90."""
    if days <= 0:
        return "current"
    return next(
        (name for limit, name in ((30, "1-30"), (60, "31-60"), (90, "61-90")) if days <= limit), "over-90"
    )
