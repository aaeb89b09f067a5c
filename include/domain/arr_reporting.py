"""The ARR bridge of all currencies in one: at budget rates, and as reported, with what rates did as a line of its own.

Each group's amount is rounded by itself at the unrounded cross rate, so that a total is the sum of what it lists. What
the movements of a month lose to rounding is in the FX line too: there is no other residual.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from decimal import Decimal

from include.domain.arr_bridge import BridgeRow
from include.domain.breaks import in_reporting_currency

Rates = Mapping[str, Decimal]
"""Currency -> units of the reporting currency for one of it."""

_AMOUNTS = tuple(one.name for one in fields(BridgeRow) if one.name != "month")
_ENDS = ("opening", "closing")


@dataclass(frozen=True, kw_only=True)
class Valued:
    """One group's month in the reporting currency: all of it at budget rates, its ends at the rates of their days."""

    at_budget: BridgeRow
    opening: int
    closing: int

    @property
    def month(self) -> date:
        return self.at_budget.month

    @property
    def as_reported(self) -> BridgeRow:
        reported = replace(self.at_budget, opening=self.opening, closing=self.closing, fx=0)
        return replace(reported, fx=reported.residual)


def valued(row: BridgeRow, *, currency: str, budget: Rates, before: Rates, after: Rates) -> Valued | None:
    """A month of one currency, with the rates of the budget and of both its ends; None where one is unknown."""
    # What did not move, as most rows, has one value at budget rates.
    moving = _AMOUNTS if row.opening != row.closing or row.moved else _ENDS
    at_budget = {name: _value(getattr(row, name), currency, budget) for name in moving}
    opening, closing = _value(row.opening, currency, before), _value(row.closing, currency, after)
    known = {name: amount for name, amount in at_budget.items() if amount is not None}
    if opening is None or closing is None or len(known) < len(at_budget):
        return None
    return Valued(at_budget=BridgeRow(month=row.month, **known), opening=opening, closing=closing)


def total(rows: Sequence[Valued]) -> Valued:
    """The sum of groups of one month. Raises IndexError without any."""
    sums = {name: sum(getattr(row.at_budget, name) for row in rows) for name in _AMOUNTS}
    return Valued(
        at_budget=BridgeRow(month=rows[0].month, **sums),
        opening=sum(row.opening for row in rows),
        closing=sum(row.closing for row in rows),
    )


def _value(minor: int, currency: str, rates: Rates) -> int | None:
    return in_reporting_currency(minor, currency=currency, rates=rates) if minor else 0
