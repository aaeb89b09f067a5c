"""The countries a world sells in, and the list prices. Money is in minor units of the market's currency."""

from dataclasses import dataclass
from datetime import date

from include.twin.generate.draws import Weighted

RATE_SCALE = 10**10
GST_RAISES = ((date(2024, 1, 1), 9), (date(2023, 1, 1), 8))  # Singapore: 7 percent before


@dataclass(frozen=True, slots=True)
class Market:
    country: str
    currency: str
    exponent: int  # ISO 4217
    share: int  # of customers, per thousand
    unit_minor: int  # minor units of one list-price unit
    tax_percent: int
    withholding: tuple[int, ...]  # percent of net that local customers may hold back
    sgd_rate: int  # SGD for one major unit, times RATE_SCALE

    def money(self, minor: int) -> str:
        """The amount in major units, as a world file has it."""
        if not self.exponent:
            return str(minor)
        whole, part = divmod(abs(minor), 100)
        return f"{'-' if minor < 0 else ''}{whole}.{part:02d}"

    def from_sgd(self, cents: int) -> int:
        """Minor units worth about `cents` Singapore cents at the long-run rate, at least one."""
        minor: int = cents * 10**self.exponent * RATE_SCALE // (100 * self.sgd_rate)
        return max(1, minor)

    def tax(self, net: int, *, on: date) -> int:
        """Value-added tax on `net`, rounded half up."""
        percent = self.tax_percent
        if self.country == "SG":
            percent = next((rate for start, rate in GST_RAISES if on >= start), 7)
        return (net * percent * 2 + 100) // 200


MARKETS = (
    Market("SG", "SGD", 2, 300, 100, 9, (), RATE_SCALE),
    Market("US", "USD", 2, 250, 100, 0, (), 13_400_000_000),
    Market("AU", "AUD", 2, 90, 100, 10, (), 8_800_000_000),
    Market("JP", "JPY", 0, 80, 100, 10, (), 90_000_000),
    Market("IN", "INR", 2, 70, 5_000, 18, (2, 10), 157_000_000),
    Market("MY", "MYR", 2, 60, 300, 8, (8, 10), 3_000_000_000),
    Market("ID", "IDR", 2, 50, 1_000_000, 11, (2, 10), 830_000),
    Market("HK", "HKD", 2, 30, 500, 0, (), 1_720_000_000),
    Market("TH", "THB", 2, 25, 2_500, 7, (3,), 385_000_000),
    Market("PH", "PHP", 2, 15, 4_000, 12, (2, 5, 10), 235_000_000),
    Market("KR", "KRW", 0, 15, 1_000, 10, (), 9_700_000),
    Market("VN", "VND", 0, 10, 18_000, 10, (5, 10), 530_000),
    Market("CN", "CNY", 2, 5, 500, 6, (), 1_850_000_000),
)
MARKET_SHARES = Weighted.of({market: market.share for market in MARKETS})
HOME = MARKETS[0]


@dataclass(frozen=True, slots=True)
class Product:
    name: str
    list_price: int  # for one seat and month, in list-price units


PRODUCTS = Weighted.of(
    {
        Product("Starter", 49): 25,
        Product("Team", 99): 30,
        Product("Business", 199): 25,
        Product("Enterprise", 490): 14,
        Product("Platform", 990): 6,
    }
)
ANNUAL_MONTHS = 10  # an annual seat costs ten months
