"""The parameters of R2, as policy/orders.yaml has them."""

from datetime import date
from decimal import Decimal

from pydantic import Field

from include.policy.strict import Strict


class Rung(Strict):
    """Who may grant a discount up to a percentage."""

    approver: str
    up_to_percent: Decimal


class Discounts(Strict):
    """The ladder of approvals, lowest first, and what goes unremarked where no approvals are recorded."""

    ladder: tuple[Rung, ...] = Field(min_length=1)
    unrecorded_up_to_percent: Decimal


class TaxRate(Strict):
    """Percent of net from a day on."""

    valid_from: date = Field(alias="from")
    percent: Decimal


class Orders(Strict):
    """What deals, orders and invoices are held to."""

    order_timing_days: int
    invoice_due_days: int
    term_months_max: int
    discounts: Discounts
    taxes: dict[str, tuple[TaxRate, ...]]
