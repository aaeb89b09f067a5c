"""Payouts: what one must come to, what the platform may take of it, when it is late, what a conversion cost."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from include.domain.breaks import Level
from include.domain.business_days import Calendar
from include.domain.contracts import FixedFee
from include.domain.fx import convert, rates_to
from include.domain.money import Money
from include.domain.shown import counted, cut


@dataclass(frozen=True, kw_only=True)
class Payout:
    """A payout and the sums of its items, in minor units of its currency."""

    payout_id: str
    currency: str
    net_minor: int
    arrival_date: date
    status: str
    items: int = 0
    nets_minor: int = 0
    foreign_items: int = 0  # in another currency, and so in no sum
    strange_types: Sequence[str] = ()  # item types the policy does not know
    unread: int = 0  # items nobody could read, which may be this payout's
    charges: int = 0
    charges_minor: int = 0
    refunds_minor: int = 0
    disputes_minor: int = 0
    others_minor: int = 0  # adjustments, reserves and what else, signed
    fees_minor: int = 0
    reserves: int = 0
    reserves_minor: int = 0
    charges_without_fee: int = 0
    charged_fees_minor: int = 0  # the fees of its charges alone
    contract_percent_minor: int = 0  # what the contract's percentage makes of its charges


@dataclass(frozen=True)
class Finding:
    """What is wrong with a payout; the amount is in the payout's currency."""

    code: str
    amount_minor: int | None
    evidence: str


def net_of(*, charges: int, fees: int, refunds: int, disputes: int, others: int = 0) -> int:
    """What is paid out: charges less fees, refunds and disputes, and adjustments as they are signed."""
    return charges - fees - refunds - disputes + others


def judge(payout: Payout, *, fixed_fee: FixedFee | None) -> Iterator[Finding]:
    """What is wrong with the payout itself, whatever the bank says.

    Of a payout without any items nobody told what is in it (platforms do not when it was made by hand).
    """
    if payout.items:
        yield from _netting(payout)
    if fixed_fee:
        yield from _fee(payout, fixed_fee)
    if payout.reserves and payout.status != "CANCELLED":
        held = Money(payout.reserves_minor, payout.currency)
        yield Finding("PO06", held.minor, f"the platform moved {held} to or from its reserve in this payout")
    if payout.net_minor < 0 and payout.status != "CANCELLED":
        net = Money(payout.net_minor, payout.currency)
        yield Finding("PO07", net.minor, f"the payout takes money instead of bringing it: {net}")
    if payout.strange_types:
        words = ", ".join(repr(cut(word, 40)) for word in payout.strange_types[:5])
        evidence = (
            f"payout {payout.payout_id} has items of type {words}, which policy/payouts.yaml does not map"
        )
        yield Finding("DQ05", None, evidence)


def _netting(payout: Payout) -> Iterator[Finding]:
    components = net_of(
        charges=payout.charges_minor,
        fees=payout.fees_minor,
        refunds=payout.refunds_minor,
        disputes=payout.disputes_minor,
        others=payout.others_minor,
    )
    nets = payout.foreign_items == 0 and payout.net_minor == payout.nets_minor == components
    if nets or payout.unread:
        return
    money = {
        name: Money(minor, payout.currency)
        for name, minor in (
            ("net", payout.net_minor),
            ("components", components),
            ("stated", payout.nets_minor),
            ("charges", payout.charges_minor),
            ("fees", payout.fees_minor),
            ("refunds", payout.refunds_minor),
            ("disputes", payout.disputes_minor),
            ("others", payout.others_minor),
        )
    }
    evidence = (
        "the payout says {net}, its items ({items:,}) come to {components}: charges {charges}, fees {fees}, refunds "
        "{refunds}, disputes {disputes}, others {others}; the items' own net is {stated}"
    ).format(items=payout.items, **money)
    if payout.foreign_items:
        evidence += f"; {payout.foreign_items:,} more are in another currency"
    difference = payout.net_minor - components or payout.net_minor - payout.nets_minor
    yield Finding("PO03", difference, evidence)


def _fee(payout: Payout, fixed: FixedFee) -> Iterator[Finding]:
    if payout.charges_without_fee or not payout.charges:
        return
    contract = payout.contract_percent_minor + payout.charges * fixed.minor
    difference = payout.charged_fees_minor - contract
    if abs(difference) > payout.charges * fixed.within_minor:
        took, due = Money(payout.charged_fees_minor, payout.currency), Money(contract, payout.currency)
        each = Money(fixed.minor, payout.currency)
        evidence = (
            f"the platform took {took} for {counted(payout.charges, 'charge')}; by contract it is {due}, "
            f"with {each} for each charge ({fixed.source})"
        )
        yield Finding("PO04", difference, evidence)


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """A payout that reached the bank in another currency; rates are (from, to, rate) of the value date."""

    payout_id: str
    line_id: str
    currency: str
    net_minor: int
    received_currency: str
    received_minor: int
    value_date: date
    rates: Sequence[tuple[str, str, str]]

    @property
    def expected_minor(self) -> int | None:
        """What the payout is worth in the currency received; None when no rate of the day says so."""
        table = [(base, quote, Decimal(rate)) for base, quote, rate in self.rates]
        rate = rates_to(self.received_currency, table).get(self.currency)
        if rate is None:
            return None
        return convert(self.net_minor, rate=rate, base=self.currency, quote=self.received_currency)

    def is_near(self, *, within_percent: int) -> bool:
        """Whether what came is near enough to what it is worth to be the same money."""
        expected = self.expected_minor
        if expected is None:
            return False
        return abs(self.received_minor - expected) * 100 <= abs(expected) * within_percent

    def finding(self) -> Finding:
        """PO08 in the currency received; without a rate its amount is unknown."""
        net, got = Money(self.net_minor, self.currency), Money(self.received_minor, self.received_currency)
        told = f"the payout of {net} reached the bank as {got} (line {self.line_id} of {self.value_date})"
        expected = self.expected_minor
        if expected is None:
            return Finding(
                "PO08", None, f"{told}; there is no rate of that day to say what it should have been"
            )
        fair = Money(expected, self.received_currency)
        return Finding("PO08", got.minor - fair.minor, f"{told}; at the day's rate it is {fair}")


def missing_severity(arrival: date, *, as_of: date, grace: int, timing: int, calendar: Calendar) -> Level:
    """How bad it is that a payout is not at the bank: timing at first, an integrity break after the grace days."""
    late = calendar.between(arrival, as_of)
    if late > grace:
        return "S1"
    return "S4" if late <= timing else "S3"
