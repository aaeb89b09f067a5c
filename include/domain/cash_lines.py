"""What a payment settles of an invoice."""

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol


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


class Paying(Protocol):
    """What pays: a payment however it was read."""

    @property
    def payment_id(self) -> str: ...
    @property
    def currency(self) -> str: ...


class Owed(Protocol):
    """What is paid: an invoice however it was read."""

    @property
    def invoice_id(self) -> str: ...
    @property
    def currency(self) -> str: ...


def cash_line(
    rule: str,
    payment: Paying,
    invoice: Owed,
    cash: int,
    *,
    paid_minor: int | None = None,
    residual: int = 0,
    reason: str = "",
) -> CashLine:
    """So much cash of a payment for an invoice; `paid_minor` where the payment is in another currency."""
    return CashLine(
        rule=rule,
        payment_id=payment.payment_id,
        invoice_id=invoice.invoice_id,
        currency=invoice.currency,
        amount_minor=cash,
        paid_currency=payment.currency,
        paid_minor=cash if paid_minor is None else paid_minor,
        residual_minor=residual,
        residual_reason=reason,
    )
