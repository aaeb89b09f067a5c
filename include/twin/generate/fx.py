"""Exchange rates to Singapore dollars: a slow walk around the long-run rate, on banking days."""

from datetime import date

from include.twin.generate.dates import SATURDAY, days_after
from include.twin.generate.draws import Stream, draws, pick
from include.twin.generate.markets import HOME, MARKETS, RATE_SCALE

STEP = 300  # largest daily move, in hundred-thousandths
PULL = 64  # a day closes one 64th of the way back to the long-run rate


def rates(seed: int, first_day: date, days: int) -> dict[str, list[int]]:
    """SGD for one major unit of each currency, times RATE_SCALE, for `days` days from `first_day` on."""
    return {market.currency: _walk(seed, place, first_day, days) for place, market in enumerate(MARKETS)}


def _walk(seed: int, place: int, first_day: date, days: int) -> list[int]:
    market = MARKETS[place]
    if market is HOME:
        return [RATE_SCALE] * days
    moves = draws(seed, Stream.RATE, place, days)
    rate, walk = market.sgd_rate, []
    for day in range(days):
        if days_after(first_day, day).weekday() < SATURDAY:
            rate += (
                rate * (pick(moves[day], 2 * STEP + 1) - STEP) // 100_000 + (market.sgd_rate - rate) // PULL
            )
        walk.append(rate)
    return walk


def rate_rows(table: dict[str, list[int]], first_day: date, days: int) -> list[tuple[str, ...]]:
    """Rows of fx/rates.csv up to `days` days after `first_day`."""
    return [
        (days_after(first_day, day).isoformat(), currency, HOME.currency, _text(walk[day]), "twin-bank")
        for day in range(days)
        if days_after(first_day, day).weekday() < SATURDAY
        for currency, walk in table.items()
        if currency != HOME.currency
    ]


def _text(rate: int) -> str:
    return f"{rate // RATE_SCALE}.{rate % RATE_SCALE:010d}"
