"""What a report says: counts, and money in minor units of its currency."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from include.domain.proofs import ControlTotal


@dataclass(frozen=True, kw_only=True)
class AppliedTotal:
    """Payments applied by one pass; `rule` is its name in policy/matching.yaml."""

    rule: str
    currency: str
    payments: int


@dataclass(frozen=True, kw_only=True)
class BreakTotal:
    """All breaks of one code in one currency. `holds_payment`: each of them is a payment that was not applied."""

    code: str
    name: str
    holds_payment: bool
    currency: str | None
    breaks: int
    amount_minor: int | None


@dataclass(frozen=True, kw_only=True)
class OpenBreak:
    """One break that needs somebody."""

    code: str
    name: str
    key: str
    currency: str | None
    amount_minor: int | None
    severity: str
    age_days: int
    owner: str
    action: str
    evidence: str


@dataclass(frozen=True, kw_only=True)
class AmbiguousTotal:
    """Payments held as ambiguous, by the number of invoices each could be for: 0, 1, or 2 for several."""

    candidates: int
    payments: int


@dataclass(frozen=True, kw_only=True)
class AgingTotal:
    """Open invoices of one currency in one aging bucket."""

    currency: str
    bucket: str
    invoices: int
    open_minor: int


@dataclass(frozen=True, kw_only=True)
class ReportFacts:
    """One run. `top` and `quarantined` are the first of many; the totals count all."""

    run_id: UUID
    as_of: date
    certificate_sha256: str
    totals: Sequence[ControlTotal]
    applied: Sequence[AppliedTotal]
    ambiguous: Sequence[AmbiguousTotal]
    breaks: Sequence[BreakTotal]
    top: Sequence[OpenBreak]
    aging: Sequence[AgingTotal]
    quarantined: Sequence[str]
