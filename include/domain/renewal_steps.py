"""What a contract's end asks of people beforehand, and what keeps it from being renewed."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class RenewalStep:
    """Something to do so many days before the renewal date."""

    name: str
    days_before: int


@dataclass(frozen=True, kw_only=True)
class RenewalRules:
    """The steps, earliest first; a customer overdue for longer than `overdue_days_max` is not renewed."""

    steps: tuple[RenewalStep, ...]
    overdue_days_max: int


def due_renewal_step(
    renewal_on: date, *, today: date, overdue_days: int, rules: RenewalRules
) -> RenewalStep | None:
    """The latest step that is due; one that was missed is not made up for. None before the first and after the date.

    A customer who is overdue too long is first asked to pay: then no step is due but the last.
    """
    left = (renewal_on - today).days
    due = [step for step in rules.steps if left <= step.days_before] if left >= 0 else []
    if overdue_days > rules.overdue_days_max:
        due = [step for step in due if step is rules.steps[-1]]
    return due[-1] if due else None
