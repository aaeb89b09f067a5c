"""What the card platform takes of a charge: the fixed part in each currency, and what the fees themselves imply."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from include.domain.breaks import REPORTING_CURRENCY
from include.domain.fx import convert
from include.domain.money import Money

BPS = 10_000
"""Hundredths of a percent in the whole."""

MOST_BPS = 1_000
"""No platform takes more than ten percent."""


@dataclass(frozen=True)
class FixedFee:
    """The fixed part of the contract in one currency; what is `within_minor` of it is no difference."""

    minor: int
    within_minor: int
    source: str


@dataclass(frozen=True)
class FeeVote:
    """So many charges of a currency were charged this much beyond the percentage."""

    currency: str
    fixed_minor: int
    votes: int
    all_votes: int


@dataclass(frozen=True, kw_only=True)
class ChargedFee:
    """So many charges of an amount were charged this fee."""

    currency: str
    amount_minor: int
    fee_minor: int
    charges: int


@dataclass(frozen=True)
class Rate:
    """A percentage and a fixed part of every charge; `charges` of those looked at were charged exactly so."""

    percent_bps: int
    fixed_minor: int
    charges: int

    def words(self, currency: str) -> str:
        """As a contract would state it."""
        return f"{Decimal(self.percent_bps) / 100} % and {Money(self.fixed_minor, currency)}"


def fixed_fees(
    votes: Iterable[FeeVote],
    *,
    contract: Mapping[str, int],
    in_reporting: Mapping[str, Decimal],
    within_percent: int,
    least_charges: int,
) -> dict[str, FixedFee]:
    """Currency -> the fixed part of a charge's fee, as far as it can be known.

    By contract where it lists the currency; else what most charges were charged, near the equivalent of the contract's
    part in the reporting currency (`in_reporting`: units of that for one of the currency); else the equivalent itself.
    """
    by_currency: dict[str, list[FeeVote]] = {}
    for vote in votes:
        by_currency.setdefault(vote.currency, []).append(vote)
    known = {}
    for currency, cast in sorted(by_currency.items()):
        listed = contract.get(currency)
        if listed is not None:
            known[currency] = FixedFee(listed, 0, "as the contract lists it")
            continue
        equivalent = _equivalent(contract.get(REPORTING_CURRENCY), currency, in_reporting)
        within = None if equivalent is None else max(1, equivalent * within_percent // 100)
        usual = _usual(cast, equivalent=equivalent, within=within, least_charges=least_charges)
        if usual is not None:
            known[currency] = FixedFee(usual, 0, "as most charges in the currency have it")
        elif equivalent is not None and within is not None:
            known[currency] = FixedFee(equivalent, within, "about the equivalent of the contract's")
    return known


def _equivalent(
    reporting_minor: int | None, currency: str, in_reporting: Mapping[str, Decimal]
) -> int | None:
    rate = in_reporting.get(currency)
    if reporting_minor is None or not rate:
        return None
    return max(1, convert(reporting_minor, rate=1 / rate, base=REPORTING_CURRENCY, quote=currency))


def _usual(
    votes: Sequence[FeeVote], *, equivalent: int | None, within: int | None, least_charges: int
) -> int | None:
    """What more than half of the charges agree on: of those near the equivalent, or of all if no rate tells it."""
    if equivalent is None or within is None:
        near, of_all = list(votes), votes[0].all_votes
    else:
        near = [vote for vote in votes if abs(vote.fixed_minor - equivalent) <= within]
        of_all, least_charges = sum(vote.votes for vote in near), 1
    best = max(near, key=lambda vote: (vote.votes, -vote.fixed_minor), default=None)
    if best is None or best.votes < least_charges or best.votes * 2 <= of_all:
        return None
    return best.fixed_minor


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """A currency in which the platform charges by another contract than policy has. `rate`: by which, if one fits."""

    currency: str
    percent_bps: int
    fixed: FixedFee
    payouts: int
    fees: Sequence[ChargedFee]
    rate: Rate | None

    def evidence(self) -> str:
        """What policy says, what was charged, and how many payouts differ."""
        by_policy = Rate(self.percent_bps, self.fixed.minor, 0).words(self.currency)
        charges = sum(one.charges for one in self.fees)
        if self.rate:
            implied = (
                f"{self.rate.charges} of {charges} charges were charged {self.rate.words(self.currency)}"
            )
        else:
            took = sum(one.fee_minor * one.charges for one in self.fees)
            of = sum(one.amount_minor * one.charges for one in self.fees)
            share = (Decimal(took * 100) / of).quantize(Decimal("0.01"))
            implied = f"no one percentage and fixed part fits most charges; together they are {share} %"
        return f"the contract in policy ({by_policy}) does not fit {self.payouts} payouts in {self.currency}: {implied}"


def misfits(judged: Mapping[str, int], differing: Mapping[str, int], *, least_payouts: int) -> list[str]:
    """The currencies whose contract is not the platform's: more than half of several payouts differ from it."""
    return sorted(
        currency
        for currency, payouts in differing.items()
        if payouts >= least_payouts and payouts * 2 > judged[currency]
    )


def implied_rate(fees: Sequence[ChargedFee]) -> Rate | None:
    """The one percentage and fixed part that more than half of the charges were charged, None when there is none.

    Every percentage a platform might ask for is tried; of those that fit as many, the roundest. Charges of one amount
    tell none.
    """
    if len({one.amount_minor for one in fees}) < 2:  # noqa: PLR2004 - a slope needs two points
        return None
    found = [rate for bps in range(MOST_BPS + 1) if (rate := _rate(fees, bps)).fixed_minor >= 0]
    if not found:
        return None
    best = max(found, key=lambda rate: (rate.charges, _roundness(rate.percent_bps), -rate.percent_bps))
    return best if best.charges * 2 > sum(one.charges for one in fees) else None


def _roundness(bps: int) -> int:
    return sum(bps % step == 0 for step in (5, 10, 50, 100))


def _rate(fees: Sequence[ChargedFee], bps: int) -> Rate:
    fixed: Counter[int] = Counter()
    for one in fees:
        fixed[one.fee_minor - (one.amount_minor * bps + BPS // 2) // BPS] += one.charges
    minor, charges = max(fixed.items(), key=lambda item: (item[1], -item[0]))
    return Rate(bps, minor, charges)
