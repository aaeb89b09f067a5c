"""How two paths are compared, and what must hold before it is signed: the shape of parity.yaml."""

from decimal import Decimal
from functools import cached_property
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from include.domain.parity import Class, Kind
from include.policy.strict import Strict

Metric = Literal[
    "keys_in_ours",
    "keys_in_theirs",
    "keys_in_both",
    "money",
    "status",
    "text",
    "totals",
    "duplicates",
    "unreadable",
    "unexplained",
    "reruns",
    "status_latency_s",
    "invoice_latency_percent",
    "doubled_tasks",
]
Drill = Literal["replay", "payout_failure"]


class Limit(Strict):
    """How a figure passes; one that is not measured passes where it is not required. The database compares."""

    at_least: Decimal | None = None
    at_most: Decimal | None = None
    required: bool = True

    @model_validator(mode="after")
    def _limits_something(self) -> "Limit":
        if self.at_least is None and self.at_most is None:
            raise ValueError("a limit needs at_least or at_most")
        return self

    def keeps(self, value: Decimal | None) -> bool:
        """Whether a figure passes, as the database judges it."""
        if value is None:
            return not self.required
        low = self.at_least is None or value >= self.at_least
        return low and (self.at_most is None or value <= self.at_most)


class ParityWindow(Strict):
    """The days in a row that are signed, and the last business days of them that must be green."""

    days: int = Field(ge=14)
    judged_business_days: int = Field(ge=5)
    drills: tuple[Drill, ...]


class Parity(Strict):
    """The whole of parity.yaml."""

    settle_days: int = Field(ge=0)
    settle_minutes: int = Field(ge=0)
    retried_within_minutes: int = Field(ge=0)
    zones: tuple[ZoneInfo, ...]
    excused: frozenset[Class]
    accepted_days_max: int = Field(ge=1, le=92)
    window: ParityWindow
    limits: dict[Metric, Limit]
    words: dict[Kind, dict[str, tuple[str, ...]]]

    @model_validator(mode="after")
    def _is_whole(self) -> "Parity":
        if not self.excused <= {"timing", "legacy_error"}:
            raise ValueError(
                "only timing and errors of the old path can be excused; the rest is accepted one by one"
            )
        if missing := set(Metric.__args__) - self.limits.keys():  # type: ignore[attr-defined]
            raise ValueError(f"no limit for {', '.join(sorted(missing))}")
        return self

    @cached_property
    def status_of(self) -> dict[Kind, dict[str, str]]:
        """Kind -> the old path's word in lower case -> canonical status."""
        return {
            kind: {word: status for status, words in statuses.items() for word in words}
            for kind, statuses in self.words.items()
        }
