"""Money is an integer number of minor units with a currency; text becomes money exactly or not at all."""

import re
from dataclasses import dataclass

from include.domain.currencies import EXPONENTS
from include.domain.shown import cut

AMOUNT = re.compile(r"(-?)([0-9]{1,15})(?:\.([0-9]{1,10}))?")
"""A decimal amount as WORLD files and systems write it: no grouping, no exponent, no sign but minus."""


class UnknownCurrency(ValueError):
    """The code is no ISO 4217 currency that is in use, or was until lately."""


class InexactAmount(ValueError):
    """The text is not an amount this currency can express exactly."""


@dataclass(frozen=True, order=True)
class Money:
    """`minor` is in the currency's smallest unit: 1050 SGD minor = 10.50 dollars, 1050 JPY minor = 1,050 yen."""

    minor: int
    currency: str

    @classmethod
    def parse(cls, text: str, currency: str) -> "Money":
        """Raises UnknownCurrency; InexactAmount on "1.005" SGD, "1,000.00", "NaN" and the like."""
        return cls(to_minor(text, currency=currency), currency)

    def __str__(self) -> str:
        return f"{major(self.minor, currency=self.currency)} {self.currency}"


def exponent(currency: str) -> int:
    """Decimals of the currency. Raises UnknownCurrency."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise UnknownCurrency(f"{currency!r} is not an active ISO 4217 currency") from None


def to_minor(text: str, *, currency: str) -> int:
    """Minor units of a decimal text in major units. Raises UnknownCurrency, InexactAmount."""
    decimals = exponent(currency)
    parts = AMOUNT.fullmatch(text)
    if parts is None:
        raise InexactAmount(f"{cut(text, 40)!r} is not a plain decimal number")
    sign, whole, fraction = parts.groups("")
    fraction = fraction.rstrip("0")
    if len(fraction) > decimals:
        raise InexactAmount(f"{text} has more decimals than {currency} has ({decimals})")
    return int(sign + whole + fraction.ljust(decimals, "0"))


def major(minor: int, *, currency: str) -> str:
    """The decimal text of minor units: 1050 SGD -> "10.50". Raises UnknownCurrency."""
    decimals = exponent(currency)
    digits = f"{abs(minor):0{decimals + 1}d}"
    text = f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
    return f"-{text}" if minor < 0 else text
