"""What a declined payment leads to: another try, a wait, or a task for the account's owner."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Class = Literal["hard", "soft"]
Next = Literal["retry", "wait", "give_up"]


@dataclass(frozen=True)
class Cap:
    """A card scheme lets the same card be tried so often within so long."""

    most: int
    within: timedelta


@dataclass(frozen=True, kw_only=True)
class FailureRules:
    """`hard` codes end it at once; `retry_days` after each soft decline; a task, too, once `task_after` have failed.

    `waits`: advice of a scheme not to try before so long.
    """

    hard: frozenset[str]
    waits: dict[str, timedelta]
    retry_days: tuple[int, ...]
    task_after: int
    caps: dict[str, tuple[Cap, ...]]  # by scheme; what is not listed has none


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One try at an invoice, as its source tells it. `codes`: what the platform, the issuer and the scheme say.

    `card`: one card, whatever it paid; empty where nobody tells.
    """

    event_id: str
    occurred_at: datetime
    succeeded: bool
    codes: tuple[str, ...] = ()
    card: str = ""


@dataclass(frozen=True)
class Decision:
    """What is next. `failures` is counted from the source's events, never kept as a counter of ours.

    `task`: why it is somebody's task by now, empty while it is nobody's.
    """

    next: Next
    failures: int
    retry_at: datetime | None = None
    task: str = ""


def decline_class(codes: Iterable[str], rules: FailureRules) -> Class:
    """Hard when anybody says never again; what nobody lists is soft, for a retry harms less than silence."""
    return "hard" if any(_word(code) in rules.hard for code in codes) else "soft"


def decide(
    attempts: Sequence[Attempt],
    *,
    scheme: str,
    now: datetime,
    rules: FailureRules,
    of_card: Sequence[Attempt] = (),
) -> Decision:
    """What follows from the attempts of one invoice since it was last paid or changed, in whatever order they came.

    An event told twice counts once. From `task_after` failures on it is somebody's task, beside what is left of the
    schedule of retries; whether that task exists already is the outbox's to know. `of_card`: tries of the same card for
    whatever else, which its scheme counts too, and of which its issuer may have said that there are to be no more.
    """
    told, told_of_card = _in_order(attempts), _in_order(of_card)
    failed = failed_since(told)
    if not failed:
        return Decision("wait", 0)
    last = failed[-1]
    same = [one for one in failed if not (one.card and last.card) or one.card == last.card]
    declines = [*same, *failed_since(told_of_card)]
    if final := next((one for one in declines if decline_class(one.codes, rules) == "hard"), None):
        said = ", ".join([*filter(None, final.codes), *([] if final in failed else [final.event_id])])
        task = f"the issuer says not to try this card again ({said})"
        return Decision("give_up", len(failed), task=task)
    if len(failed) > len(rules.retry_days):
        return Decision("give_up", len(failed), task="the schedule of retries is used up")
    due = last.occurred_at + timedelta(days=rules.retry_days[len(failed) - 1])
    tries = {one.event_id: one.occurred_at for one in (*told, *told_of_card)}
    due = max(due, _advised(last, rules), _allowed_from(sorted(tries.values()), scheme, rules))
    task = f"{len(failed)} attempts failed" if len(failed) >= rules.task_after else ""
    return Decision("wait" if due > now else "retry", len(failed), due, task)


def failed_since(told: Sequence[Attempt]) -> Sequence[Attempt]:
    """The attempts since the last one that succeeded. `told`: oldest first."""
    since = max((place for place, one in enumerate(told) if one.succeeded), default=-1)
    return told[since + 1 :]


def _in_order(attempts: Iterable[Attempt]) -> list[Attempt]:
    once = {one.event_id: one for one in attempts}.values()
    return sorted(once, key=lambda one: (one.occurred_at, one.event_id))


def _allowed_from(tries: Sequence[datetime], scheme: str, rules: FailureRules) -> datetime:
    """The first moment at which one more try keeps within every cap of the scheme. `tries`: oldest first."""
    first = datetime.min.replace(tzinfo=tries[0].tzinfo)
    for cap in rules.caps.get(scheme.lower(), ()):
        if len(tries) >= cap.most:
            first = max(first, tries[-cap.most] + cap.within)
    return first


def _advised(last: Attempt, rules: FailureRules) -> datetime:
    """The first moment the scheme advises after a decline."""
    waits = [rules.waits[word] for code in last.codes if (word := _word(code)) in rules.waits]
    return last.occurred_at + max(waits, default=timedelta())


def _word(code: str) -> str:
    return code.strip().upper().replace(" ", "_").replace("-", "_")
