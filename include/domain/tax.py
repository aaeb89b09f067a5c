"""Value-added tax: which rate holds in a country on which days."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, kw_only=True)
class TaxPeriod:
    """A rate of a country, from `valid_from` until the day before `valid_until`."""

    country: str
    valid_from: date
    valid_until: date | None
    percent: Decimal


def tax_periods(rates: Mapping[str, Iterable[tuple[date, Decimal]]]) -> list[TaxPeriod]:
    """Half-open periods of rates that are each given by their first day: one holds until the next one does."""
    periods = []
    for country, steps in sorted(rates.items()):
        ordered = sorted(steps)
        ends = [start for start, _ in ordered[1:]]
        for (start, percent), end in zip(ordered, [*ends, None], strict=True):
            periods.append(TaxPeriod(country=country, valid_from=start, valid_until=end, percent=percent))
    return periods
