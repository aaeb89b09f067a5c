"""What a contract's end asks of people beforehand, and what keeps it from being renewed."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

Deal = Literal["open", "won", "lost"] | None
"""How the deal that renews a subscription stands; None while there is none."""


@dataclass(frozen=True)
class RenewalStep:
    """Something to do so many days before the renewal date; `opens`: the deal that renews, made without asking."""

    name: str
    days_before: int
    opens: bool = False


@dataclass(frozen=True, kw_only=True)
class RenewalRules:
    """The steps, earliest first; a customer overdue for longer than `overdue_days_max` is not renewed."""

    steps: tuple[RenewalStep, ...]
    overdue_days_max: int


def due_renewal_step(
    renewal_on: date, *, today: date, overdue_days: int, rules: RenewalRules, deal: Deal = None
) -> RenewalStep | None:
    """The latest step that is due; a task that was missed is not made up for. None before the first and after the date.

    `deal`: how the deal that renews it stands. Won, nothing is left to ask for; lost, and for a customer who is overdue
    too long and is first asked to pay, no step is due but the last.
    """
    left = (renewal_on - today).days
    due = [step for step in rules.steps if left <= step.days_before] if left >= 0 and deal != "won" else []
    if overdue_days > rules.overdue_days_max or deal == "lost":
        due = [step for step in due if step is rules.steps[-1]]
    return due[-1] if due else None


def must_be_open(
    renewal_on: date, *, today: date, overdue_days: int, rules: RenewalRules, deal: Deal = None
) -> bool:
    """Whether the deal that renews it must be made: there is none, and its day has come, today or long ago."""
    left = (renewal_on - today).days
    opens = any(step.opens and 0 <= left <= step.days_before for step in rules.steps)
    return opens and deal is None and overdue_days <= rules.overdue_days_max
