"""Annual recurring revenue of a price: net of tax and recurring discounts, in minor units of its currency.

The unit price is rounded first, to what the currency can express; then times quantity, then times periods a year.
Halves are rounded up. One-time charges, usage and trials are no recurring revenue and never come here.
"""

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache

from include.domain.money import exponent
from include.domain.renewals import whole_months

PERIODS_A_YEAR = {"month": 12, "quarter": 4, "half_year": 2, "year": 1, "week": 52}
"""Billing interval -> how many of them make a year."""

DAYS_A_YEAR = 365  # in leap years too
MONTHS_A_YEAR = 12

ARR_BELOW = 10**17
"""Minor units that no subscription reaches: more is a slip of the pen, and sums of it could not be kept."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """What one unit costs each interval, in major units. `discount` recurs; `tax_included` is the rate inside it."""

    unit_price: Decimal
    quantity: Decimal
    interval: str
    currency: str
    discount: Decimal = Decimal(0)
    tax_included: Decimal = Decimal(0)


def is_held(price: Price) -> bool:
    """Whether what it recurs to, were it billed each week, is an amount that can be kept and added up.

    Raises UnknownCurrency.
    """
    weekly = abs(price.unit_price * price.quantity) * PERIODS_A_YEAR["week"]
    return weekly.scaleb(exponent(price.currency)) < ARR_BELOW


@dataclass(frozen=True, kw_only=True)
class ProratedInvoice:
    """The invoice for what is added within a term, for the days that are left of it."""

    days_remaining: int
    days_in_term: int
    net_minor: int
    tax_minor: int

    @property
    def total_minor(self) -> int:
        return self.net_minor + self.tax_minor


@lru_cache(maxsize=65_536)
def unit_minor(price: Price) -> int:
    """One unit, net of tax and discount, rounded. Raises UnknownCurrency."""
    net = price.unit_price * (1 - price.discount) / (1 + price.tax_included)
    return _rounded(net * Decimal(10) ** exponent(price.currency))


@lru_cache(maxsize=65_536)
def period_minor(price: Price) -> int:
    """What one interval costs, net."""
    return _rounded(unit_minor(price) * price.quantity)


@lru_cache(maxsize=65_536)
def annualised(price: Price) -> int:
    """ARR of a price."""
    return _rounded(unit_minor(price) * price.quantity * PERIODS_A_YEAR[price.interval])


def annualised_months(total_minor: int, *, months: int) -> int:
    """ARR of a price agreed for a term of whole months."""
    return _rounded(Decimal(total_minor * MONTHS_A_YEAR) / months)


def annualised_days(total_minor: int, *, start: date, end: date) -> int:
    """ARR of a price agreed for an odd term, which ends before `end`."""
    return _rounded(Decimal(total_minor * DAYS_A_YEAR) / (end - start).days)


def uplifted(unit_price: Decimal, *, rate: Decimal, currency: str) -> Decimal:
    """A unit price after an uplift, rounded to what the currency can express, in major units."""
    scale = Decimal(10) ** exponent(currency)
    return _rounded(unit_price * (1 + rate) * scale) / scale


def tax_inside(gross_minor: int, *, net_minor: int) -> int:
    """The tax in a price that includes it: what the rounded net price leaves, so that both add up."""
    return gross_minor - net_minor


def prorated_invoice(
    price: Price, *, added: Decimal, on: date, term_start: date, term_end: date, tax_rate: Decimal
) -> ProratedInvoice:
    """The invoice for `added` units of `price` from a day to the term's end, so that all renews together."""
    days, whole = (term_end - on).days, (term_end - term_start).days
    months = whole_months(term_start, term_end)
    years = Decimal(months) / MONTHS_A_YEAR if months else Decimal(whole) / DAYS_A_YEAR
    net = _rounded(unit_minor(price) * added * PERIODS_A_YEAR[price.interval] * years * days / whole)
    return ProratedInvoice(
        days_remaining=days, days_in_term=whole, net_minor=net, tax_minor=_rounded(net * tax_rate)
    )


def _rounded(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))
