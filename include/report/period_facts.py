"""What the report of a week or a month says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from include.domain.recipients import HOME_LOCALE, Scope


@dataclass(frozen=True, kw_only=True)
class DayPoint:
    """One published day: its breaks that still needed somebody, the critical ones of them, and the payments held.

    `held_worth_minor` is what of payments is left to a person, in SGD minor units.
    """

    as_of: date
    breaks: int
    critical: int
    held: int
    held_worth_minor: int


@dataclass(frozen=True, kw_only=True)
class Cause:
    """Breaks of one kind first seen in the period, those of them closed by now, and their worth in SGD minor units."""

    code: str
    name: str
    breaks: int
    closed: int
    worth_minor: int | None


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """Breaks of one owner that were closed in the period. `by_policy` of them were accepted by it at once; the others
    after so many days, None where there are none.
    """

    owner: str
    breaks: int
    by_policy: int
    median_days: int | None
    most_days: int | None  # of nine in ten


@dataclass(frozen=True, kw_only=True)
class Received:
    """Payments of the period in one currency, and those of them of which the rules applied every cent.

    `applied_minor` is what they applied of all, also of those of which something is left to a person. Their worth is in
    SGD minor units, None where no rate is known.
    """

    currency: str
    received: int
    received_minor: int
    applied: int
    applied_minor: int
    received_worth_minor: int | None = None
    applied_worth_minor: int | None = None


@dataclass(frozen=True, kw_only=True)
class Deals:
    """Deals won in the period, those with an invoice, and the days from one to the other.

    `least_mean_days` counts those that wait with the days they waited so far: the mean will be no less.
    """

    won: int
    invoiced: int
    median_days: Decimal | None
    mean_days: Decimal | None
    least_mean_days: Decimal | None = None
    longest_waiting_days: int | None = None


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What it was before, and what was promised, in percent saved."""

    minutes_per_payment: int
    minutes_per_write_off: int
    won_to_invoice_days: int
    manual_work_claim: int
    won_to_invoice_claim: int


@dataclass(frozen=True, kw_only=True)
class PeriodFacts:
    """A `weekly` or `month_end` edition from `since` to `until`, told with the run of `told_with`, for one `scope`.

    `unrated`: currencies of its breaks that no rate values, so that no worth has them. `first_ever`: the day of it
    that no published one came before.
    `unfollowed` of its days were told after later ones, so that nobody followed what became of their breaks.
    `corrects`: the run whose edition the reader was mailed, with other figures; `again_as`: when they were mailed
    these before that.
    `entities`: names that policy has for parts of the books.
    """

    edition: str
    run_id: UUID
    certificate_sha256: str
    since: date
    until: date
    told_with: date
    days: Sequence[DayPoint]
    causes: Sequence[Cause]
    resolved: Sequence[Resolved]
    received: Sequence[Received]
    deals: Deals
    baseline: Baseline
    unrated: Sequence[str] = ()
    first_ever: date | None = None
    unfollowed: int = 0
    corrects: UUID | None = None
    again_as: datetime | None = None
    scope: Scope = field(default_factory=Scope)
    entities: Mapping[str, frozenset[str]] = field(default_factory=dict)
    locale: str = HOME_LOCALE
