"""What an invoice's payments make of it: from all facts at once, in whatever order they were told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

_ON_ITS_WAY = frozenset({"PENDING", "AUTHORISED", "ACTION_REQUIRED", "CREATED"})

Status = Literal[
    "unpaid", "pending", "failed", "part_paid", "paid", "refunded", "disputed", "credited", "void"
]


@dataclass(frozen=True, kw_only=True)
class Applied:
    """Money for one invoice: a payment's share of it, what went back of that, and whether it is contested."""

    payment_id: str
    state: str  # canonical: SUCCEEDED, PENDING, FAILED, REVERSED ...
    amount_minor: int
    returned_minor: int = 0
    disputed_minor: int = 0


@dataclass(frozen=True)
class Standing:
    """The status shown to sales, and what is still open, in minor units of the invoice's currency."""

    status: Status
    open_minor: int


_WORST_FIRST: tuple[Status, ...] = ("disputed", "failed", "refunded", "part_paid", "pending", "unpaid")


def of_deal(statuses: Sequence[Status]) -> Status:
    """The status of a deal by those of its invoices: paid when all that stand are, part paid when some are."""
    standing_ones = [status for status in statuses if status != "void"]
    open_ones = [status for status in standing_ones if status not in ("paid", "credited")]
    if not open_ones:
        return "paid" if "paid" in standing_ones else "credited" if standing_ones else "void"
    worst = min(open_ones, key=_WORST_FIRST.index)
    return "part_paid" if worst in ("pending", "unpaid") and "paid" in standing_ones else worst


def standing(*, gross_minor: int, credited_minor: int, void: bool, money: Sequence[Applied]) -> Standing:
    """The status of an invoice: what the newest knowledge of all its payments, refunds, disputes and credits says.

    A later truth takes an earlier one back: a refund, a lost dispute, a returned payment or a credit note lowers what
    was paid. Nothing is added up over time, so events may come twice and in any order.
    """
    if void:
        return Standing("void", 0)
    owed = max(0, gross_minor - credited_minor)
    settled = [one for one in money if one.state == "SUCCEEDED"]
    kept = sum(one.amount_minor - one.returned_minor - one.disputed_minor for one in settled)
    still_open = max(0, owed - kept)
    return Standing(_status(owed, kept, settled, money, gross_minor), still_open)


def _status(
    owed: int, kept: int, settled: Sequence[Applied], money: Sequence[Applied], gross_minor: int
) -> Status:
    if owed == 0 and gross_minor > 0:
        return "credited"
    if any(one.disputed_minor for one in settled):
        return "disputed"
    if kept > 0 or owed == 0:
        return "paid" if kept >= owed else "part_paid"
    states = {one.state for one in money}
    if any(one.returned_minor for one in settled) or "REVERSED" in states:
        return "refunded"
    if states & _ON_ITS_WAY:
        return "pending"
    return "failed" if "FAILED" in states else "unpaid"
