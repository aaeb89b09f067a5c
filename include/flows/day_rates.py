"""What currencies are worth on a day."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from include.domain.breaks import REPORTING_CURRENCY
from include.domain.fx import rates_to
from include.ports import Row, Transaction


def rates_of_the_day(tx: Transaction) -> dict[str, Decimal]:
    """Currency -> units of the reporting currency for one of it, at the newest rates the run knows."""
    return _worth(tx.rows("rates_as_of"))


def rates_of(tx: Transaction, day: date) -> dict[str, Decimal]:
    """The same at the newest rates landed for a day, outside a run."""
    return _worth(tx.rows("rates_of_day", day=day))


def _worth(rows: Iterable[Row]) -> dict[str, Decimal]:
    return rates_to(REPORTING_CURRENCY, [(r["from_currency"], r["to_currency"], r["rate"]) for r in rows])
