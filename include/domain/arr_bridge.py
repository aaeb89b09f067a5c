"""The ARR bridge: what moved recurring revenue from month to month, per account group and in one currency.

opening + new + expansion - contraction - churn + reactivation = closing. In one currency there is no exchange rate in
it; include/domain/arr_reporting.py brings currencies together, with an FX line.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from include.domain.renewals import add_months
from include.domain.subscriptions import Step

View = Literal["NET", "GROSS"]
"""NET: one movement a month, of its net change. GROSS: one a day, so that leaving and coming back both show."""

Kind = Literal["new", "expansion", "contraction", "churn", "reactivation"]

PERCENT = Decimal("0.01")


@dataclass(frozen=True, kw_only=True)
class Movement:
    """One change of a group's ARR; `amount_minor` is positive, `whys` are what happened, in order."""

    on: date  # in the NET view the first day of its month
    kind: Kind
    amount_minor: int
    whys: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BridgeRow:
    """One month, named by its first day. `fx` is zero at constant rates."""

    month: date
    opening: int = 0
    new: int = 0
    expansion: int = 0
    contraction: int = 0
    churn: int = 0
    reactivation: int = 0
    fx: int = 0
    closing: int = 0

    @property
    def moved(self) -> bool:
        return bool(self.new or self.expansion or self.contraction or self.churn or self.reactivation)

    @property
    def residual(self) -> int:
        """What the movements do not explain; zero, always."""
        gained = self.new + self.expansion + self.reactivation - self.contraction - self.churn + self.fx
        return self.closing - self.opening - gained

    @property
    def gross_retention(self) -> Decimal | None:
        """Percent of the opening that neither left nor shrank."""
        return _percent(self.opening - self.contraction - self.churn, self.opening)

    @property
    def net_retention(self) -> Decimal | None:
        """The same with what customers added; neither new ones nor returning ones count."""
        return _percent(self.opening + self.expansion - self.contraction - self.churn, self.opening)


def movements(steps: Iterable[Step], *, view: View = "NET", since: date | None = None) -> list[Movement]:
    """The movements of one group in one currency, from the steps of all its subscriptions in any order.

    `since`: books that begin with that month know nothing of earlier customers, so what runs by then is new in it.
    """
    changes: defaultdict[date, list[Step]] = defaultdict(list)
    for step in steps:
        on = step.on if since is None else max(step.on, since)
        changes[on if view == "GROSS" else on.replace(day=1)].append(step)
    found, arr, was_active = [], 0, False
    for on in sorted(changes):
        delta = sum(step.delta_minor for step in changes[on])
        if delta:
            kind = _kind(arr, delta, was_active=was_active)
            whys = tuple(step.why for step in sorted(changes[on]) if step.why)
            found.append(Movement(on=on, kind=kind, amount_minor=abs(delta), whys=whys))
        arr += delta
        was_active = was_active or arr > 0
    return found


def _kind(arr: int, delta: int, *, was_active: bool) -> Kind:
    if delta > 0:
        return "expansion" if arr else "reactivation" if was_active else "new"
    return "contraction" if arr + delta else "churn"


def bridge(moved: Iterable[Movement], *, through: date) -> Iterator[BridgeRow]:
    """A row for each month up to that of `through` in which the group has revenue, or had or gains some."""
    by_month: defaultdict[date, list[Movement]] = defaultdict(list)
    for one in moved:
        by_month[one.on.replace(day=1)].append(one)
    if not by_month:
        return
    opening, month = 0, min(by_month)
    while month <= through:
        if opening or by_month.get(month):
            row = _row(month, opening, by_month.get(month, ()))
            yield row
            opening = row.closing
        month = add_months(month, 1)


def _row(month: date, opening: int, moved: Sequence[Movement]) -> BridgeRow:
    sums: dict[str, int] = dict.fromkeys(("new", "expansion", "contraction", "churn", "reactivation"), 0)
    for one in moved:
        sums[one.kind] += one.amount_minor
    gained = sums["new"] + sums["expansion"] + sums["reactivation"] - sums["contraction"] - sums["churn"]
    return BridgeRow(month=month, opening=opening, closing=opening + gained, **sums)


def _percent(part: int, whole: int) -> Decimal | None:
    if not whole:
        return None
    return (Decimal(part * 100) / whole).quantize(PERCENT, rounding=ROUND_HALF_UP)
