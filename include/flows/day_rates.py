"""What currencies are worth on the day asked for."""

from decimal import Decimal

from include.domain.breaks import REPORTING_CURRENCY
from include.domain.fx import rates_to
from include.ports import Transaction


def rates_of_the_day(tx: Transaction) -> dict[str, Decimal]:
    """Currency -> units of the reporting currency for one of it, at the newest rates known."""
    rows = tx.rows("rates_as_of")
    return rates_to(REPORTING_CURRENCY, [(r["from_currency"], r["to_currency"], r["rate"]) for r in rows])
