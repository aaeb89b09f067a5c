"""When a sold term is billed: in advance, period by period, to the last minor unit of what was sold."""

from dataclasses import dataclass
from datetime import date

from include.domain.renewals import add_months, renewal

PERIOD_MONTHS = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}
"""The intervals in which a term may be billed, in months."""


@dataclass(frozen=True)
class ScheduleLine:
    """One invoice to be: numbered from 1, for the days from `start` until before `end`, due to be made on `start`."""

    number: int
    start: date
    end: date
    amount_minor: int


def makes_up(interval: str, months: int) -> bool:
    """Whether whole periods of the interval make up a term."""
    each = PERIOD_MONTHS.get(interval)
    return each is not None and months >= each and months % each == 0


def schedule(start: date, *, months: int, interval: str, amount_minor: int) -> tuple[ScheduleLine, ...]:
    """The term's periods from its first day, whose amounts add up to all of it.

    Periods are counted from the first day, never from the one before: a month end stays one. What does not divide is
    spread, so that no two differ by more than one minor unit. Raises ValueError where the periods do not make up the
    term.
    """
    if not makes_up(interval, months):
        raise ValueError(f"{months} months are not made up of periods of a {interval}")
    each = PERIOD_MONTHS[interval]
    periods = months // each
    return tuple(
        ScheduleLine(
            number=number,
            start=renewal(start, number=number - 1, term_months=each),
            end=add_months(start, number * each),
            amount_minor=_share(amount_minor, number, periods) - _share(amount_minor, number - 1, periods),
        )
        for number in range(1, periods + 1)
    )


def _share(amount_minor: int, periods: int, of: int) -> int:
    """What the first so many periods come to, rounded half up."""
    return (2 * amount_minor * periods + of) // (2 * of)
