"""Money as systems put it on the wire: integers whose unit differs by system and currency. Exact, or refused.

ISO 4217 says how many decimals a currency has; a system's factor says how many of its units make one of the currency.
The two disagree: 150000000 of Stripe's IDR are the 1500000 of Midtrans.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from include.domain.money import InexactAmount, exponent


@dataclass(frozen=True, kw_only=True)
class WireRules:
    """How one system counts. `factors` name the currencies that differ from `factor`, None meaning ISO's own unit.

    `multiples`: what an amount on the wire must be divisible by, by currency.
    """

    system: str
    factor: int | None
    factors: dict[str, int] = field(default_factory=dict)
    multiples: dict[str, int] = field(default_factory=dict)

    def units_per_major(self, currency: str) -> int:
        """How many units on the wire make one of the currency. Raises UnknownCurrency where ISO must say."""
        stated = self.factors.get(currency, self.factor)
        return int(10 ** exponent(currency)) if stated is None else stated

    def major(self, units: int, *, currency: str) -> Decimal:
        """The amount in major units, whether or not the currency can express it. Raises UnknownCurrency."""
        digits = len(str(self.units_per_major(currency))) - 1
        return Decimal(units).scaleb(-digits)

    def to_minor(self, units: int, *, currency: str) -> int:
        """Minor units of what is on the wire. Raises UnknownCurrency; InexactAmount where there is no such amount."""
        self._refuse_uneven(units, currency)
        scaled = units * 10 ** exponent(currency)
        minor, rest = divmod(scaled, self.units_per_major(currency))
        if rest:
            raise InexactAmount(f"{self.system} states {units} {currency}, which is finer than {currency} is")
        return int(minor)

    def to_units(self, minor: int, *, currency: str) -> int:
        """What to put on the wire. Raises UnknownCurrency; InexactAmount where the system cannot say it."""
        units, rest = divmod(minor * self.units_per_major(currency), int(10 ** exponent(currency)))
        if rest:
            raise InexactAmount(f"{minor} minor units of {currency} are finer than {self.system} counts")
        self._refuse_uneven(units, currency)
        return int(units)

    def _refuse_uneven(self, units: int, currency: str) -> None:
        step = self.multiples.get(currency, 1)
        if units % step:
            raise InexactAmount(f"{self.system} counts {currency} in multiples of {step}, not {units}")


_WHOLE = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
_THOUSANDTHS = "BHD JOD KWD OMR TND"

# https://docs.stripe.com/currencies: hundredths, except for these. ISK and UGX are counted in hundredths although they
# have no smaller unit; MGA is counted in ariary although ISO gives it two decimals; thousandths end in 0.
STRIPE = WireRules(
    system="stripe",
    factor=100,
    factors=dict.fromkeys(_WHOLE.split(), 1) | dict.fromkeys(_THOUSANDTHS.split(), 1000),
    multiples={"ISK": 100, "UGX": 100} | dict.fromkeys(_THOUSANDTHS.split(), 10),
)

MIDTRANS = WireRules(system="midtrans", factor=None, factors={"IDR": 1})
"""Whole rupiah, where ISO and Stripe count hundredths."""

ISO = WireRules(system="iso", factor=None)
"""Minor units as the standard gives them."""
