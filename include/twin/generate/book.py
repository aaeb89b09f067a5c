"""What one customer leaves in the systems' files and in the truth. Amounts in minor units."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from include.twin.generate.faults import Profile
from include.twin.generate.files import Rows
from include.twin.generate.markets import Market
from include.twin.generate.names import Company


@dataclass(frozen=True, slots=True)
class Rules:
    """What a whole world is made by."""

    seed: int
    as_of: date
    profile: Profile
    first_day: date  # two years before as_of
    rates: dict[str, list[int]]  # SGD for one major unit x RATE_SCALE, for each day from first_day on


@dataclass(frozen=True, slots=True)
class Customer:
    index: int
    id: str  # in the ERP
    account_id: str  # in Salesforce
    company: Company
    market: Market
    terms_days: int
    pays_by_card: bool
    invoice_count: int

    @property
    def parent_id(self) -> str:
        return f"{self.id}P"


class Invoice(NamedTuple):
    id: str
    number: str
    order_id: str
    issued: date
    due: date
    net: int
    gross: int


class Payment(NamedTuple):
    id: str
    amount: int
    market: Market  # of the payment, which need not be the invoice's
    paid_on: date
    reference: str
    payer: str  # the text that comes with the money
    card: bool


class Return(NamedTuple):
    """Money that goes back to the payer: a refund, or a dispute that was lost."""

    id: str
    payment: Payment
    kind: str
    amount: int
    on: date


@dataclass(slots=True)
class Book:
    customer: Customer
    rows: Rows = field(default_factory=lambda: defaultdict(list))
    settled: dict[str, int] = field(
        default_factory=lambda: defaultdict(int)
    )  # invoice id: closed by evidence
    last_paid: dict[str, date] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    disputed: set[str] = field(default_factory=set)
    blind: list[Payment] = field(default_factory=list)  # without a reference
    received: list[Payment] = field(default_factory=list)
    returned: list[Return] = field(default_factory=list)
    has_parent: bool = False

    def add(self, path: str, *cells: str) -> None:
        self.rows[path].append(cells)

    def fault(self, recon: str, kind: str, key: str) -> None:
        self.add("truth/faults.csv", recon, kind, key)

    def link(self, recon: str, side_a: str, side_b: str, amount: str) -> None:
        self.add("truth/links.csv", recon, side_a, side_b, amount)

    def breaks(self, recon: str, code: str, key: str, amount: str = "") -> None:
        self.add("truth/breaks.csv", recon, code, key, amount)

    def hold(self, side_id: str, reason: str) -> None:
        self.add("truth/unmatchable.csv", "R3", side_id, reason)
