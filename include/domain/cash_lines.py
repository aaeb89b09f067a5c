"""What a payment settles of an invoice."""

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class CashLine:
    """`amount_minor` in cash and `residual_minor` by its reason, in the invoice's currency; `paid_minor` is that cash
    in the payment's currency.
    """

    rule: str
    payment_id: str
    invoice_id: str
    currency: str
    amount_minor: int
    paid_currency: str
    paid_minor: int
    residual_minor: int = 0
    residual_reason: str = ""

    COLUMNS: ClassVar[tuple[str, ...]] = (
        "rule",
        "payment_id",
        "invoice_id",
        "currency",
        "amount_minor",
        "paid_currency",
        "paid_minor",
        "residual_minor",
        "residual_reason",
    )

    def row(self) -> list[Any]:
        """The values of COLUMNS."""
        return [getattr(self, column) for column in self.COLUMNS]
