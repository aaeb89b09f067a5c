"""Exchange rates: what one unit of a currency is worth in another, directly or through one shared base."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from include.domain.money import exponent

Quote = tuple[str, str, Decimal]
"""From, to, rate: 1 from = rate to."""


def rates_to(target: str, rates: Iterable[Quote]) -> dict[str, Decimal]:
    """Currency -> units of `target` for one of it, from (from, to, rate) rows where 1 from = rate to.

    A direct rate wins over an inverse one, and that over a cross through a base that quotes both (the ECB's EUR).
    """
    known: Mapping[tuple[str, str], Decimal] = {
        (base, quote): rate for base, quote, rate in rates if rate > 0
    }
    crosses = {
        quote: known[base, target] / rate
        for (base, quote), rate in sorted(known.items(), reverse=True)
        if (base, target) in known
    }
    inverses = {quote: 1 / rate for (base, quote), rate in known.items() if base == target}
    direct = {base: rate for (base, quote), rate in known.items() if quote == target}
    return {**crosses, **inverses, **direct}


class DailyRates:
    """Rates by day. A day without a quotation has no rate; it is never made up."""

    def __init__(self, rows: Iterable[tuple[date, str, str, Decimal]]) -> None:
        """`rows`: day, from, to, rate; where a pair is quoted twice a day, the last row counts."""
        self._quotes: defaultdict[date, list[Quote]] = defaultdict(list)
        for day, base, quote, rate in rows:
            self._quotes[day].append((base, quote, rate))
        self._days = sorted(self._quotes)
        self._known: dict[tuple[date, str], dict[str, Decimal]] = {}

    def near(self, base: str, quote: str, *, on: date, within_days: int) -> Iterator[tuple[date, Decimal]]:
        """The rates of the days around `on`, nearest first (of two as near, the earlier); 1 base = rate quote."""
        start = bisect_left(self._days, date.fromordinal(on.toordinal() - within_days))
        nearby = [
            day
            for day in self._days[start : start + 2 * within_days + 1]
            if abs((day - on).days) <= within_days
        ]
        for day in sorted(nearby, key=lambda day: (abs((day - on).days), day)):
            rate = self._to(day, quote).get(base)
            if rate is not None:
                yield day, rate

    def _to(self, day: date, quote: str) -> dict[str, Decimal]:
        if (day, quote) not in self._known:
            self._known[day, quote] = rates_to(quote, self._quotes[day])
        return self._known[day, quote]


def convert(amount_minor: int, *, rate: Decimal, base: str, quote: str) -> int:
    """Minor units of `quote` for `amount_minor` of `base` at 1 base = rate quote, rounded half up."""
    scale = Decimal(10) ** (exponent(quote) - exponent(base))
    return int((amount_minor * rate * scale).quantize(Decimal(1), rounding=ROUND_HALF_UP))
