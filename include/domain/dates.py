"""Spans of days: half-open inside, whatever a system writes."""

from dataclasses import dataclass
from datetime import date, timedelta

_DAY = timedelta(days=1)


def is_month_end(day: date) -> bool:
    """Whether it is the last day of its month."""
    return (day + _DAY).month != day.month


@dataclass(frozen=True, order=True)
class Period:
    """From `start` until the day before `end`; `end` None is open. Raises ValueError when it holds no day."""

    start: date
    end: date | None = None

    def __post_init__(self) -> None:
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"a period from {self.start} must end later, not on {self.end}")

    @classmethod
    def through(cls, start: date, last: date) -> "Period":
        """The period of a system that states the last day (Salesforce's EndDate) instead of the one after."""
        return cls(start, last + _DAY)

    @property
    def last(self) -> date | None:
        """Its last day, as such systems write it."""
        return self.end - _DAY if self.end else None

    @property
    def days(self) -> int | None:
        """How many days it holds, None when it is open."""
        return (self.end - self.start).days if self.end else None

    def __contains__(self, day: date) -> bool:
        return self.start <= day and (self.end is None or day < self.end)

    def overlaps(self, other: "Period") -> bool:
        """Whether a day is in both."""
        return self.start < (other.end or date.max) and other.start < (self.end or date.max)
