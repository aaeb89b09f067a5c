"""Why a payment with a reference differs from what it names: the residuals finance explains without asking anyone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from include.domain.breaks import REPORTING_CURRENCY
from include.domain.fx import DailyRates
from include.domain.money import exponent

SCALES = (10, 100, 1000)
"""Ratios that two systems with another idea of minor units produce (CA20); never a tolerance."""

_CENTURY = Decimal(100)


@dataclass(frozen=True, kw_only=True)
class ResidualRules:
    """Caps and rates, from policy/residuals.yaml. Percentages as whole or decimal numbers, amounts in minor units.

    `rounding_minor` is per line, by currency. `withholding_percent` is by the customer's country, of the NET amount.
    A fee is at most `fee_percent` of gross and `fee_cap_sgd_minor`; in another currency the cap is widened by
    `fee_cap_headroom_percent`, because banks charge in their own currency and rates move, at the nearest rate within
    `fee_rate_days` of the payment. Where `fee_is_rival`, an invoice less a possible fee speaks against another invoice
    of a payment that names none. An incomplete payment is a part of one for `partial_grace_days`, unless it leaves
    less than `deduction_percent` of gross: then it is short.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012 - read by pydantic, never changed

    rounding_minor: Mapping[str, int]
    rounding_minor_default: int
    withholding_percent: Mapping[str, tuple[Decimal, ...]]
    fee_percent: Decimal
    fee_cap_sgd_minor: int
    fee_cap_headroom_percent: int
    fee_rate_days: int
    fee_is_rival: bool
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
class Settings:
    """What the rules need besides the documents."""

    rules: ResidualRules
    rates: DailyRates

    def fee_cap(self, currency: str, *, on: date) -> int | None:
        """The fee cap of a day in minor units of the currency; None where no rate is known."""
        scale = Decimal(10) ** (exponent(currency) - exponent(REPORTING_CURRENCY))
        near = self.rates.near(currency, REPORTING_CURRENCY, on=on, within_days=self.rules.fee_rate_days)
        rate = next((rate for _, rate in near), None)
        return fee_cap(currency, per_sgd=scale / rate if rate else None, rules=self.rules)

    def is_fee(self, missing_minor: int, *, gross_minor: int, currency: str, on: date) -> bool:
        """Whether what is missing of a payment of that day is within what a bank may have taken."""
        if missing_minor > max(1, int(gross_minor * self.rules.fee_percent / _CENTURY)):
            return False
        cap = self.fee_cap(currency, on=on)
        return cap is not None and missing_minor <= cap


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
    for code in exact_reasons(short, rules):
        return code
    if short.fee_cap_minor is not None and short.missing_minor <= fee_limit(
        short.gross_minor, fee_cap_minor=short.fee_cap_minor, rules=rules
    ):
        return "CA07"
    return None


def exact_reasons(short: Shortfall, rules: ResidualRules) -> Iterator[str]:
    """The reasons that give the shortfall to the minor unit: tax before the discount, because Tax needs a certificate
    where AR only looks up the terms. A fee is no such reason: almost anything small is within its cap.
    """
    if is_withheld(short.missing_minor, net_minor=short.net_minor, country=short.country, rules=rules):
        yield "CA08"
    if short.days_after_issue <= rules.discount_days and short.missing_minor == percent_of(
        short.gross_minor, rules.discount_percent
    ):
        yield "CA17"


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
