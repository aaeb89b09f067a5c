"""The ARR bridge of all currencies in one: adds up the bridges of the customers as they come, and keeps the sums."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from include.domain.arr_bridge import BridgeRow
from include.domain.arr_reporting import Valued, total, valued
from include.domain.breaks import REPORTING_CURRENCY
from include.domain.fx import rates_to
from include.domain.renewals import add_months
from include.flows.snapshot import Seen
from include.policy import Policy
from include.ports import Transaction

_COLUMNS = (
    "run_id month currency opening_minor new_minor expansion_minor contraction_minor churn_minor reactivation_minor "
    "fx_minor closing_minor gross_retention net_retention left_out"
)

Rates = Mapping[date, Mapping[str, Decimal]]


class ReportedArr:
    """The sums so far, by month, and the currencies that could not be valued in it."""

    def __init__(self, *, budget: Mapping[str, Decimal], month_ends: Rates) -> None:
        self._budget, self._month_ends = budget, month_ends
        self._sums: dict[date, Valued] = {}
        self._left_out: defaultdict[date, set[str]] = defaultdict(set)

    def add(self, rows: Iterable[tuple[str, str, BridgeRow]]) -> None:
        by_month: defaultdict[date, list[Valued]] = defaultdict(list)
        for _, currency, row in rows:
            one = valued(
                row,
                currency=currency,
                budget=self._budget,
                before=self._month_ends.get(add_months(row.month, -1), {}),
                after=self._month_ends.get(row.month, {}),
            )
            if one is None:
                self._left_out[row.month].add(currency)
            else:
                by_month[row.month].append(one)
        for month, found in by_month.items():
            before = self._sums.get(month)
            self._sums[month] = total([before, *found] if before else found)

    def keep(self, tx: Transaction, seen: Seen) -> int:
        """Store the months; how many there are."""
        return tx.copy_in("recon.arr_reported", _COLUMNS.split(), self._rows(seen))

    def _rows(self, seen: Seen) -> Iterator[Sequence[Any]]:
        for month in sorted(self._sums.keys() | self._left_out.keys()):
            empty = Valued(at_budget=BridgeRow(month=month), opening=0, closing=0)
            one = self._sums.get(month, empty)
            row, retained = one.as_reported, one.at_budget
            moved = (row.opening, row.new, row.expansion, row.contraction, row.churn, row.reactivation)
            yield (
                seen.run_id,
                month,
                REPORTING_CURRENCY,
                *moved,
                row.fx,
                row.closing,
                retained.gross_retention,
                retained.net_retention,
                sorted(self._left_out[month]),
            )


def reported_arr(tx: Transaction, seen: Seen, policy: Policy) -> ReportedArr:
    """Empty sums, with the budget's rates and the market's at every month end since the first subscription."""
    quotes: defaultdict[date, list[tuple[str, str, Decimal]]] = defaultdict(list)
    for row in tx.rows("month_end_rates", as_of=seen.as_of):
        quotes[row["month"]].append((row["from_currency"], row["to_currency"], row["rate"]))
    month_ends = {month: rates_to(REPORTING_CURRENCY, found) for month, found in quotes.items()}
    return ReportedArr(budget=policy.arr.budget.worth(), month_ends=month_ends)
