"""What an ERP must let us do in it: the acts, what each needs to know, and what comes back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class NewCustomer:
    """A customer to be. `crm_account` is its key: the CRM account has one customer, however often this is asked."""

    crm_account: str
    name: str
    country: str | None = None  # ISO 3166-1, two letters
    email: str | None = None


@dataclass(frozen=True, kw_only=True)
class OrderLine:
    """`product` is the ERP's code; `unit_price` in major units of the order's currency, without tax."""

    product: str
    quantity: Decimal
    unit_price: Decimal
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class NewOrder:
    """An order to be. `key` is made of facts; `opportunity_id` is what people find it by.

    `line_by_line`: each line is invoiced for itself, when it is asked for; else the order is invoiced as a whole.
    """

    key: str
    customer_id: str
    opportunity_id: str
    currency: str
    ordered_on: date
    lines: Sequence[OrderLine]
    po_number: str = ""
    line_by_line: bool = False


@dataclass(frozen=True, kw_only=True)
class NewPayment:
    """Money received for one invoice, in the invoice's currency and major units."""

    key: str
    invoice_id: str
    amount: Decimal
    paid_on: date
    reference: str = ""


@dataclass(frozen=True, kw_only=True)
class NewCreditNote:
    """What is given back of one invoice: `net` in its currency and major units, None for all of it."""

    key: str
    invoice_id: str
    credited_on: date
    net: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Booked:
    """A record of the ERP: `state` in its own word. `number` is empty until it has one; `key` where we made it."""

    native_id: str
    number: str
    state: str
    key: str = ""


class Ledger(Protocol):
    """An ERP we write to. Every act has a key; repeated with the same key, by whomever, it is done once.

    All raise Rejected (a rule of the ERP, with its words), Retryable, Uncertain and Fatal, and may be repeated
    after any of them: they look before they write, and go on from where the last attempt ended.
    """

    def customer(self, new: NewCustomer) -> Booked:
        """The customer of a CRM account, made when there is none."""

    def order(self, new: NewOrder) -> Booked:
        """The order of this key, made when there is none, and confirmed. One over another amount is Rejected."""

    def order_placed(self, new: NewOrder) -> Booked | None:
        """The order of this key as it stands, None when there is none. Raises Rejected when it says something else."""

    def order_of(self, opportunity_id: str) -> Booked | None:
        """The first order that stands for a deal, whoever placed it."""

    def invoice(self, order_id: str, *, issued_on: date) -> Sequence[Booked]:
        """The invoices of an order, those in draft posted with this date."""

    def invoice_line(self, order_id: str, *, line: int, key: str, issued_on: date) -> Booked:
        """The invoice of this key for one line, counted from 1, of an order billed line by line; posted."""

    def payment(self, new: NewPayment) -> Booked:
        """The payment of this key, made when there is none, and booked as received."""

    def credit_note(self, new: NewCreditNote) -> Booked:
        """The credit note of this key, made when there is none, and posted."""
