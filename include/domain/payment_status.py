"""What an invoice's payments make of it: from all facts at once, in whatever order they were told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Status = Literal["OPEN", "PAYMENT_PENDING", "PARTIALLY_PAID", "PAID", "CREDITED", "WRITTEN_OFF", "VOID"]
"""The canonical statuses of an invoice, as the CRM shows them."""

ON_ITS_WAY = frozenset({"PENDING", "AUTHORISED", "ACTION_REQUIRED", "CREATED"})


@dataclass(frozen=True, kw_only=True)
class Applied:
    """Money for one invoice: a payment's share of it in minor units, and what went back or is contested of that."""

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


def lost_of_share(
    lost_minor: int, *, paid_minor: int, shares: Sequence[tuple[str, int]], invoice_id: str
) -> int:
    """What an invoice loses of its share of a payment of which `lost_minor` went back; of all its invoices no more.

    What the payment left on no invoice goes back first, then the shares from the last to the first. `shares`: invoice
    and minor units, in their order.
    """
    left = max(0, lost_minor - max(0, paid_minor - sum(minor for _, minor in shares)))
    for other, minor in reversed(shares):
        taken = min(left, max(0, minor))
        if other == invoice_id:
            return taken
        left -= taken
    return 0


def unsettled(lost_minor: int, *, share_minor: int, settled_minor: int, same_currency: bool) -> int:
    """What is no longer settled of an invoice, once so much of its share of a payment went back.

    With all of the share goes what it settled: a fee taken over with it too, or another currency's worth, of which a
    part goes with a part.
    """
    if lost_minor >= share_minor:
        return settled_minor
    if same_currency:
        return lost_minor
    return (2 * settled_minor * lost_minor + share_minor) // (2 * share_minor)


def standing(
    *,
    gross_minor: int,
    credited_minor: int,
    void: bool,
    money: Sequence[Applied],
    settled_as: Literal["PAID", "WRITTEN_OFF"] | None = None,
) -> Standing:
    """The status of an invoice by all that is known of its payments, refunds, disputes and credits.

    A later truth takes an earlier one back: a refund, a dispute, a returned payment lowers what was paid. Nothing is
    added up over time, so events may come twice and in any order. `settled_as`: what the ERP says, which knows of money
    that came by other ways, and of that which never will; money that went back counts more than its word.
    """
    if void:
        return Standing("VOID", 0)
    owed = max(0, gross_minor - credited_minor)
    settled = [one for one in money if one.state == "SUCCEEDED"]
    kept = sum(one.amount_minor - one.returned_minor - one.disputed_minor for one in settled)
    still_open = max(0, owed - kept)
    if owed == 0 and gross_minor > 0:
        return Standing("CREDITED", 0)
    if settled_as and still_open and not any(map(_went_back, money)):
        return Standing(settled_as, 0)
    if kept > 0 or owed == 0:
        return Standing("PARTIALLY_PAID" if still_open else "PAID", still_open)
    return Standing(
        "PAYMENT_PENDING" if any(one.state in ON_ITS_WAY for one in money) else "OPEN", still_open
    )


def _went_back(one: Applied) -> bool:
    return one.state == "REVERSED" or one.returned_minor > 0 or one.disputed_minor > 0


def of_deal(statuses: Sequence[Status]) -> Status:
    """The status of a deal by those of its invoices: paid when all that count are, part paid when some are."""
    counted = {status for status in statuses if status != "VOID"}
    settled = counted & {"PAID", "CREDITED", "WRITTEN_OFF"}
    if not counted:
        return "VOID"
    if counted == settled:
        return "PAID" if "PAID" in settled else "CREDITED" if "CREDITED" in settled else "WRITTEN_OFF"
    if "PAID" in settled or "PARTIALLY_PAID" in counted:
        return "PARTIALLY_PAID"
    return "PAYMENT_PENDING" if "PAYMENT_PENDING" in counted else "OPEN"
