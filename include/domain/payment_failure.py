"""What a declined payment leads to: another try, a wait, or a task for the account's owner."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Class = Literal["hard", "soft"]
Next = Literal["retry", "task", "wait"]


@dataclass(frozen=True)
class Cap:
    """A card scheme lets the same card be tried so often within so long."""

    most: int
    within: timedelta


@dataclass(frozen=True, kw_only=True)
class FailureRules:
    """`hard` codes end it at once; `retry_days` after each soft decline; a task once `task_after` have failed."""

    hard: frozenset[str]
    retry_days: tuple[int, ...]
    task_after: int
    caps: dict[str, tuple[Cap, ...]]  # by scheme; what is not listed has none


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try at an invoice, as its source tells it."""

    event_id: str
    occurred_at: datetime
    succeeded: bool
    decline_code: str = ""


@dataclass(frozen=True)
class Decision:
    """What is next. `failures` is counted from the source's events, never kept as a counter of ours."""

    next: Next
    failures: int
    retry_at: datetime | None
    why: str


def decline_class(code: str, rules: FailureRules) -> Class:
    """Hard when the issuer says never again; what nobody lists is soft, for a retry harms less than silence."""
    word = code.strip().upper().replace(" ", "_").replace("-", "_")
    return "hard" if word in rules.hard else "soft"


def decide(attempts: Sequence[Attempt], *, scheme: str, now: datetime, rules: FailureRules) -> Decision:
    """What follows from the attempts of one invoice since it was last paid or changed, in whatever order they came.

    An event told twice counts once. After the last retry of the schedule, and from `task_after` failures on, it is
    somebody's task; whether that task exists already is the outbox's to know.
    """
    told = sorted(
        {one.event_id: one for one in attempts}.values(), key=lambda one: (one.occurred_at, one.event_id)
    )
    since = max((place for place, one in enumerate(told) if one.succeeded), default=-1)
    failed = told[since + 1 :]
    if not failed:
        return Decision("wait", 0, None, "nothing has failed since it was last paid")
    last = failed[-1]
    if any(decline_class(one.decline_code, rules) == "hard" for one in failed):
        return Decision("task", len(failed), None, "the issuer says not to try this card again")
    if len(failed) >= rules.task_after:
        return Decision("task", len(failed), None, f"{len(failed)} attempts failed")
    if len(failed) > len(rules.retry_days):
        return Decision("task", len(failed), None, "the schedule of retries is used up")
    due = last.occurred_at + timedelta(days=rules.retry_days[len(failed) - 1])
    due = max(due, _allowed_from([one.occurred_at for one in told], scheme, rules))
    if due > now:
        return Decision("wait", len(failed), due, f"the next attempt is due {due:%Y-%m-%d %H:%M}")
    return Decision("retry", len(failed), due, f"attempt {len(failed) + 1} is due")


def _allowed_from(tries: Sequence[datetime], scheme: str, rules: FailureRules) -> datetime:
    """The first moment at which one more try keeps within every cap of the scheme."""
    first = datetime.min.replace(tzinfo=tries[0].tzinfo)
    for cap in rules.caps.get(scheme, ()):
        if len(tries) >= cap.most:
            first = max(first, sorted(tries)[-cap.most] + cap.within)
    return first
