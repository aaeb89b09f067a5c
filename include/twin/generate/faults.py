"""What goes wrong, how often, per profile. Shares are weights; each table's shares add up to its total.

The kinds and the shares of the default profile are those of the specification, section 6.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from functools import cache
from typing import Literal, TypeVar

from include.twin.generate.draws import Weighted

Kind = TypeVar("Kind", bound=str)
ProfileName = Literal["clean", "default", "hostile"]


class Cash(StrEnum):
    """R3: what happens when a customer pays."""

    EXACT = auto()
    NOISY = auto()
    NO_REFERENCE = auto()
    MANY_INVOICES = auto()
    PARTIALS = auto()
    MANY_TO_MANY = auto()
    BANK_FEE = auto()
    WITHHOLDING = auto()
    FX = auto()
    AFFILIATE = auto()
    CREDIT_NOTE = auto()
    OVERPAYMENT = auto()
    REFUND = auto()
    DUPLICATE = auto()
    UNIDENTIFIED = auto()
    ROUNDING = auto()
    DISCOUNT = auto()
    FAILED_AFTER_SUCCESS = auto()
    CHARGEBACK = auto()
    VOID_INVOICE = auto()
    SCALE = auto()
    UNEXPLAINED = auto()


CASH = {
    Cash.EXACT: 5600,
    Cash.NOISY: 1400,
    Cash.NO_REFERENCE: 600,
    Cash.MANY_INVOICES: 800,
    Cash.PARTIALS: 350,
    Cash.MANY_TO_MANY: 50,
    Cash.BANK_FEE: 250,
    Cash.WITHHOLDING: 200,
    Cash.FX: 150,
    Cash.AFFILIATE: 120,
    Cash.CREDIT_NOTE: 120,
    Cash.OVERPAYMENT: 80,
    Cash.REFUND: 70,
    Cash.DUPLICATE: 40,
    Cash.UNIDENTIFIED: 40,
    Cash.ROUNDING: 40,
    Cash.DISCOUNT: 30,
    Cash.FAILED_AFTER_SUCCESS: 25,
    Cash.CHARGEBACK: 15,
    Cash.VOID_INVOICE: 10,
    Cash.SCALE: 5,
    Cash.UNEXPLAINED: 5,
}
GROUP_SIZES = Weighted.of({2: 60, 3: 22, 4: 11, 5: 5, 6: 2})

IDENTITY = {
    "strong_id": 620,
    "name_and_domain": 180,
    "variant": 100,
    "branch": 40,
    "duplicate": 30,
    "missing": 25,
    "wrong_link": 3,
    "id_typo": 2,
}
ORDERS = {
    "clean": 930,
    "amount": 12,
    "partial_billing": 11,
    "not_invoiced": 8,
    "line": 8,
    "term": 7,
    "discount": 6,
    "tax": 6,
    "no_order": 5,
    "duplicate": 4,
    "reverted": 2,
    "currency": 1,
}
PAYOUTS = {
    "clean": 965,
    "timing": 15,
    "fee": 6,
    "negative": 5,
    "missing": 3,
    "reserve": 3,
    "failed": 2,
    "fx": 1,
}
SUBSCRIPTIONS = {
    "clean": 950,
    "amendment_lost": 20,
    "arr": 8,
    "date": 8,
    "status": 6,
    "missing": 4,
    "fx": 2,
    "time_zone": 2,
}
# Right, or merely a habit: the hostile profile does not multiply these.
NO_FAULT: frozenset[str] = frozenset(
    {
        "clean",
        "strong_id",
        "name_and_domain",
        Cash.EXACT,
        Cash.NOISY,
        Cash.MANY_INVOICES,
        Cash.PARTIALS,
        Cash.MANY_TO_MANY,
    }
)
HOSTILE_FAULTS = 3
FACTORS: dict[str, int] = {Cash.NO_REFERENCE: 5}

# The part of all cases (or contracts) that could be of a kind at all, in percent, measured on size 100,000:
# a withholding market; abroad; a second invoice near enough to be paid together; a contract that still runs;
# one that runs and was invoiced often enough to have changed. Shares are divided by it, so that each kind
# reaches its share of the whole world.
ELIGIBLE: dict[str, int] = {
    Cash.WITHHOLDING: 23,
    Cash.FX: 70,
    Cash.MANY_INVOICES: 70,
    Cash.MANY_TO_MANY: 70,
    "date": 56,
    "time_zone": 56,
    "amendment_lost": 25,
}


@dataclass(frozen=True, slots=True)
class Profile:
    name: ProfileName
    quantities: tuple[int, ...]  # seats sold; five products and these make the price points
    discounts: bool
    cash: dict[Cash, int]
    identity: Weighted
    orders: Weighted
    payouts: Weighted
    subscriptions: dict[str, int]

    @property
    def clean(self) -> bool:
        return self.name == "clean"


@cache
def cash_kinds(profile: ProfileName, *, withholding: bool, abroad: bool, grouped: bool) -> Weighted:
    """The kinds a case can be of, weighted so that over all customers each kind has its share."""
    possible = {
        Cash.WITHHOLDING: withholding,
        Cash.FX: abroad,
        Cash.MANY_INVOICES: grouped,
        Cash.MANY_TO_MANY: grouped,
    }
    return _adjusted(PROFILES[profile].cash, possible)


@cache
def subscription_kinds(profile: ProfileName, *, runs: bool, changeable: bool) -> Weighted:
    """What can be wrong with a contract on record, weighted likewise."""
    possible = {"date": runs, "time_zone": runs, "amendment_lost": changeable}
    return _adjusted(PROFILES[profile].subscriptions, possible)


def _adjusted(shares: Mapping[Kind, int], possible: Mapping[Kind, bool]) -> Weighted:
    """Shares of impossible kinds go to the right kind (the first), which gives to those that are possible."""
    adjusted = dict(shares)
    right = next(iter(adjusted))
    for kind, can_be in possible.items():
        share = adjusted.get(kind, 0)
        raised = share * 100 // ELIGIBLE[kind] if can_be else 0
        adjusted[kind] = raised
        adjusted[right] -= raised - share
    return Weighted.of(adjusted)


def _hostile(shares: Mapping[Kind, int]) -> dict[Kind, int]:
    """Faults three times as often, taken from the right kind (the first)."""
    raised = {
        kind: share if kind in NO_FAULT else share * FACTORS.get(kind, HOSTILE_FAULTS)
        for kind, share in shares.items()
    }
    raised[next(iter(shares))] -= sum(raised.values()) - sum(shares.values())
    return raised


PROFILES: dict[str, Profile] = {
    "clean": Profile(
        name="clean",
        quantities=(1, 2, 5, 10),
        discounts=True,
        cash={Cash.EXACT: 1},
        identity=Weighted.of({"strong_id": 1}),
        orders=Weighted.of({"clean": 1}),
        payouts=Weighted.of({"clean": 1}),
        subscriptions={"clean": 1},
    ),
    "default": Profile(
        name="default",
        quantities=(1, 2, 5, 10),
        discounts=True,
        cash=CASH,
        identity=Weighted.of(IDENTITY),
        orders=Weighted.of(ORDERS),
        payouts=Weighted.of(PAYOUTS),
        subscriptions=SUBSCRIPTIONS,
    ),
    "hostile": Profile(
        name="hostile",
        quantities=(1, 5),
        discounts=False,
        cash=_hostile(CASH),
        identity=Weighted.of(_hostile(IDENTITY)),
        orders=Weighted.of(_hostile(ORDERS)),
        payouts=Weighted.of(_hostile(PAYOUTS)),
        subscriptions=_hostile(SUBSCRIPTIONS),
    ),
}
