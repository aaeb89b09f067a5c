"""How long a break may wait: deadlines by severity, ageing, and who hears of it when they pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from include.domain.breaks import Level
from include.domain.business_days import Calendar

BUCKETS = ((1, "0-1"), (5, "2-5"), (10, "6-10"), (30, "11-30"))
OLDEST_BUCKET = "over-30"


@dataclass(frozen=True)
class ServiceLevel:
    """Either hours on the clock or business days."""

    hours: int = 0
    business_days: int = 0

    def __post_init__(self) -> None:
        if (self.hours > 0) == (self.business_days > 0):
            raise ValueError("a service level is some hours or some business days, and not both")


@dataclass(frozen=True)
class Timing:
    """Codes that only need time: of one severity for so many business days, and of another from then on."""

    codes: tuple[str, ...]
    severity: Level
    business_days: int
    then: Level


@dataclass(frozen=True)
class Waiting:
    """What waiting has come to: the next deadline, how many were missed, and who is to hear of it."""

    due_at: datetime
    missed: int
    escalated_to: str


@dataclass(frozen=True)
class Passed:
    """Of several that are late: when the last deadline passed that is news, and how far the worst of them has come."""

    newest_at: datetime
    escalated_to: str


@dataclass(frozen=True)
class Desk:
    """Where deadlines are kept: the entity's calendar and zone, the levels, and the ladder of escalation."""

    calendar: Calendar
    zone: ZoneInfo
    levels: Mapping[Level, ServiceLevel]
    ladder: Sequence[str]

    def waiting(self, severity: Level, *, opened_at: datetime, now: datetime) -> Waiting:
        """Deadlines follow each other while nobody closes the break; the ladder ends with its last step."""
        missed = 0
        while (
            missed < len(self.ladder) - 1
            and self.deadline(severity, opened_at=opened_at, times=missed + 1) <= now
        ):
            missed += 1
        due_at = self.deadline(severity, opened_at=opened_at, times=missed + 1)
        return Waiting(due_at, missed, self.ladder[missed])

    def opened_by(self, severity: Level, *, now: datetime) -> datetime:
        """The latest moment at which what was opened then has missed its first deadline by now."""
        level = self.levels[severity]
        if level.hours:
            return now - timedelta(hours=level.hours)
        here = now.astimezone(self.zone)
        day = here.date()
        if self.calendar.is_business_day(day):
            opened_on, at = self._business_day_before(day, level.business_days), here.timetz()
        else:  # all that was due on the last day that people worked is late, at whatever hour it came
            last = self._business_day_before(day, 1)
            opened_on, at = (
                self._business_day_before(last, level.business_days),
                time.max.replace(tzinfo=self.zone),
            )
        return datetime.combine(opened_on, at).astimezone(now.tzinfo)

    def passed(self, opened: Mapping[Level, tuple[datetime, datetime]], *, now: datetime) -> Passed:
        """What has passed of late ones: by severity, when the oldest and the newest of them were opened.

        News is the first deadline of the newest, and each further one of the oldest, with which somebody more hears.
        """
        passed, worst = [], (0, "")
        for severity, (oldest, newest) in opened.items():
            waiting = self.waiting(severity, opened_at=oldest, now=now)
            passed.append(self.deadline(severity, opened_at=newest))
            passed.append(self.deadline(severity, opened_at=oldest, times=max(waiting.missed, 1)))
            worst = max(worst, (waiting.missed, waiting.escalated_to))
        return Passed(max(passed), worst[1])

    def deadline(self, severity: Level, *, opened_at: datetime, times: int = 1) -> datetime:
        """When what was opened then has waited for so many service levels."""
        level = self.levels[severity]
        if level.hours:
            return opened_at + timedelta(hours=level.hours * times)
        here = opened_at.astimezone(self.zone)
        begins = (
            here.date() if self.calendar.is_business_day(here.date()) else self.calendar.after(here.date(), 0)
        )
        at = here.timetz() if begins == here.date() else time(tzinfo=self.zone)
        day = self.calendar.after(begins, level.business_days * times)
        return datetime.combine(day, at).astimezone(opened_at.tzinfo)

    def _business_day_before(self, day: date, count: int) -> date:
        while count:
            day -= timedelta(days=1)
            count -= self.calendar.is_business_day(day)
        return day


def age_bucket(business_days: int) -> str:
    """The ageing bucket: 0-1, 2-5, 6-10, 11-30, over-30 business days."""
    return next((name for most, name in BUCKETS if business_days <= most), OLDEST_BUCKET)


def overdue_since(timing: Timing, *, calendar: Calendar, as_of: date) -> date:
    """Timing breaks of facts before this day have needed more time than they may."""
    return calendar.before(as_of, timing.business_days + 1) + timedelta(days=1)
