"""Business days: what is left of a calendar without weekends and holidays."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from zoneinfo import ZoneInfo

_WEEK = 7


@dataclass(frozen=True)
class Calendar:
    """One country's business days. Weekday 0 is Monday."""

    weekend: frozenset[int]
    holidays: frozenset[date] = frozenset()

    def is_business_day(self, day: date) -> bool:
        """Whether people work on it."""
        return day.weekday() not in self.weekend and day not in self.holidays

    def between(self, since: date, until: date) -> int:
        """How many business days passed: those after `since` up to `until` included. 0 for a day not yet over."""
        if until <= since:
            return 0
        weeks, rest = divmod((until - since).days, _WEEK)
        tail = (until - timedelta(days=n) for n in range(rest))
        worked = weeks * (_WEEK - len(self.weekend)) + sum(d.weekday() not in self.weekend for d in tail)
        return worked - sum(
            since < day <= until and day.weekday() not in self.weekend for day in self.holidays
        )

    def after(self, day: date, business_days: int) -> date:
        """The day that many business days later; with 0, this one if it is a business day, else the next that is."""
        while not self.is_business_day(day):
            day += timedelta(days=1)
        for _ in range(business_days):
            day += timedelta(days=1)
            while not self.is_business_day(day):
                day += timedelta(days=1)
        return day

    def before(self, day: date, business_days: int) -> date:
        """The latest day from which so many business days have passed until `day`."""
        first = day
        while self.between(first, day) < business_days:
            first -= timedelta(days=1)
        return first


@dataclass(frozen=True)
class Entity:
    """The legal entity whose days these are."""

    country: str
    zone: ZoneInfo


@dataclass(frozen=True, kw_only=True)
class Calendars:
    """The calendars of policy/calendars.yaml, by country."""

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, never changed

    entity: Entity
    weekend: frozenset[int]
    weekends: Mapping[str, frozenset[int]] = field(default_factory=dict)
    holidays: Mapping[str, frozenset[date]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if any(not days < frozenset(range(_WEEK)) for days in (self.weekend, *self.weekends.values())):
            raise ValueError("a weekend is some of the weekdays 0 to 6, and not all of them")

    def of(self, country: str) -> Calendar:
        """A country's calendar; weekends only where its holidays are not listed."""
        return Calendar(self.weekends.get(country, self.weekend), self.holidays.get(country, frozenset()))

    @property
    def own(self) -> Calendar:
        """The legal entity's."""
        return self.of(self.entity.country)
