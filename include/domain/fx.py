"""Exchange rates: what one unit of a currency is worth in another, directly or through one shared base."""

from collections.abc import Iterable, Mapping
from decimal import Decimal


def rates_to(target: str, rates: Iterable[tuple[str, str, Decimal]]) -> dict[str, Decimal]:
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
