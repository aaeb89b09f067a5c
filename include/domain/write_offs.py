"""Which explained residuals are written off without asking: each within its cap, and few in a customer's month."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any
from uuid import UUID

from include.domain.residuals import ResidualRules, fee_limit, within_fx_tolerance

CustomerMonth = tuple[str, date]
"""The customer, and the first day of the month."""


@dataclass(frozen=True)
class WriteOffRules:
    """Codes written off by themselves, and what those of one customer and month may come to (SGD minor units)."""

    codes: tuple[str, ...]
    customer_month_codes: tuple[str, ...]
    customer_month_sgd_minor: int


@dataclass(frozen=True, kw_only=True)
class Residual:
    """The residual of a posted payment. `gross_minor` is of the invoices it settles, `lines` how many they are.

    `paid_minor` is the payment. Amounts are in minor units of `currency`; `amount_sgd_minor` is None where no rate is
    known.
    """

    break_id: UUID
    version: int
    code: str
    payment_id: str
    customer_id: str
    paid_on: date
    currency: str
    amount_minor: int
    amount_sgd_minor: int | None
    gross_minor: int
    paid_minor: int
    lines: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Residual":
        """From a row that has its columns, and maybe more."""
        return cls(**{field.name: row[field.name] for field in fields(cls)})

    @property
    def customer_month(self) -> CustomerMonth:
        return self.customer_id, self.paid_on.replace(day=1)


@dataclass(frozen=True)
class Judged:
    """What became of a residual. `refused` says why it stays open; `before_sgd_minor` was written off before it."""

    residual: Residual
    counts: bool
    before_sgd_minor: int
    refused: str = ""


@dataclass(frozen=True)
class Caps:
    """What a write-off is judged by. `fees`: currency -> the fee cap of the day, absent where no rate is known."""

    rules: WriteOffRules
    residuals: ResidualRules
    fees: Mapping[str, int]


def judge(
    residuals: Iterable[Residual], caps: Caps, *, spent: Mapping[CustomerMonth, int]
) -> Iterator[Judged]:
    """Take residuals in the order of payment (date, id); `spent` was written off of customers' months before.

    One that does not fit any more stays open, and a smaller one after it may still fit.
    """
    written = dict(spent)
    for one in sorted(residuals, key=lambda one: (one.paid_on, one.payment_id, one.code)):
        counts = one.code in caps.rules.customer_month_codes
        before = written.get(one.customer_month, 0)
        if one.amount_sgd_minor is None:
            yield Judged(one, counts, before, "value_unknown")
        elif not within_cap(one, caps):
            yield Judged(one, counts, before, "over_cap")
        elif counts and before + abs(one.amount_sgd_minor) > caps.rules.customer_month_sgd_minor:
            yield Judged(one, counts, before, "over_customer_month")
        else:
            written[one.customer_month] = before + (abs(one.amount_sgd_minor) if counts else 0)
            yield Judged(one, counts, before)


def within_cap(one: Residual, caps: Caps) -> bool:
    """Whether it is as small as its code allows; the same caps by which it was recognised."""
    size = abs(one.amount_minor)
    if one.code == "CA10":
        return size <= caps.residuals.rounding(one.currency, lines=one.lines)
    if one.code == "CA07":
        cap = caps.fees.get(one.currency)
        return cap is not None and size <= fee_limit(one.gross_minor, fee_cap_minor=cap, rules=caps.residuals)
    if one.code == "CA09":
        return within_fx_tolerance(
            one.paid_minor, expected_minor=one.paid_minor - one.amount_minor, rules=caps.residuals
        )
    return False
