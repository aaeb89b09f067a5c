"""Why a payment with a reference differs from what it names: the residuals finance explains without asking anyone."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

SCALES = (10, 100, 1000)
"""Ratios that two systems with another idea of minor units produce (CA20); never a tolerance."""

_CENTURY = Decimal(100)


@dataclass(frozen=True, kw_only=True)
class ResidualRules:
    """Caps and rates, from policy/residuals.yaml. Percentages as whole or decimal numbers, amounts in minor units.

    `rounding_minor` is per line, by currency. `withholding_percent` is by the customer's country, of the NET amount.
    A fee is at most `fee_percent` of gross and `fee_cap_sgd_minor`; in another currency the cap is widened by
    `fee_cap_headroom_percent`, because banks charge in their own currency and rates move. An incomplete payment is a
    part of one for `partial_grace_days`, unless it leaves less than `deduction_percent` of gross: then it is short.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, never changed

    rounding_minor: Mapping[str, int]
    rounding_minor_default: int
    withholding_percent: Mapping[str, tuple[Decimal, ...]]
    fee_percent: Decimal
    fee_cap_sgd_minor: int
    fee_cap_headroom_percent: int
    discount_percent: Decimal
    discount_days: int
    fx_tolerance_percent: Decimal
    fx_rate_days: int
    partial_grace_days: int
    deduction_percent: Decimal

    def rounding(self, currency: str, *, lines: int) -> int:
        """The largest difference that is rounding, in minor units."""
        return self.rounding_minor.get(currency, self.rounding_minor_default) * lines


@dataclass(frozen=True, kw_only=True)
class Shortfall:
    """What is missing of what was named. Amounts in minor units of `currency`; `net_minor` None where not known.

    `fee_cap_minor` is the fee cap of the day in this currency, None where no rate is known. `days_after_issue` counts
    from the newest invoice named.
    """

    missing_minor: int
    gross_minor: int
    net_minor: int | None
    currency: str
    country: str | None
    days_after_issue: int
    lines: int
    fee_cap_minor: int | None


def explain(short: Shortfall, rules: ResidualRules) -> str | None:
    """The reason code that explains the whole shortfall, most specific first, or None.

    CA10 rounding, CA08 withholding tax (exactly a configured rate of net), CA17 early-payment discount (exactly), CA07
    bank fee (within its caps).
    """
    if short.missing_minor <= rules.rounding(short.currency, lines=short.lines):
        return "CA10"
    if is_withheld(short.missing_minor, net_minor=short.net_minor, country=short.country, rules=rules):
        return "CA08"
    if short.days_after_issue <= rules.discount_days and short.missing_minor == percent_of(
        short.gross_minor, rules.discount_percent
    ):
        return "CA17"
    if short.fee_cap_minor is not None and short.missing_minor <= fee_limit(
        short.gross_minor, fee_cap_minor=short.fee_cap_minor, rules=rules
    ):
        return "CA07"
    return None


def is_withheld(
    missing_minor: int, *, net_minor: int | None, country: str | None, rules: ResidualRules
) -> bool:
    """Whether what is missing is exactly what a withholding rate of the customer's country takes of net."""
    rates = rules.withholding_percent.get(country or "", ())
    return net_minor is not None and any(missing_minor == percent_of(net_minor, rate) for rate in rates)


def fee_cap(currency: str, *, per_sgd: Decimal | None, rules: ResidualRules) -> int | None:
    """The fee cap in minor units of `currency`; `per_sgd` are its minor units for one SGD minor unit, None unknown."""
    if currency == "SGD":
        return rules.fee_cap_sgd_minor
    if per_sgd is None:
        return None
    widened = rules.fee_cap_sgd_minor * per_sgd * (100 + rules.fee_cap_headroom_percent) / _CENTURY
    return int(widened)


def fee_limit(gross_minor: int, *, fee_cap_minor: int, rules: ResidualRules) -> int:
    """The largest difference that is a bank fee, in minor units; `fee_cap_minor` is the cap of the day."""
    return min(fee_cap_minor, max(1, int(gross_minor * rules.fee_percent / _CENTURY)))


def within_fx_tolerance(paid_minor: int, *, expected_minor: int, rules: ResidualRules) -> bool:
    """Whether the difference is what rates of the day differ by."""
    return abs(paid_minor - expected_minor) * _CENTURY <= expected_minor * rules.fx_tolerance_percent


def is_scale_error(paid_minor: int, owed_minor: int) -> bool:
    """Whether one amount is exactly 10, 100 or 1,000 times the other."""
    least, most = sorted((paid_minor, owed_minor))
    return least > 0 and any(least * scale == most for scale in SCALES)


def is_short(left_minor: int, *, gross_minor: int, waited_days: int, rules: ResidualRules) -> bool:
    """Whether an invoice paid in part is short (CA03): nothing follows, or less is left than a part would leave."""
    deducted = left_minor * 100 < gross_minor * rules.deduction_percent
    return deducted or waited_days > rules.partial_grace_days


def percent_of(amount_minor: int, percent: Decimal) -> int:
    """A percentage of an amount, rounded half up to the minor unit."""
    return int((amount_minor * percent / _CENTURY).quantize(Decimal(1), rounding=ROUND_HALF_UP))
