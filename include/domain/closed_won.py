"""May a deal that was won become an order and an invoice? Every check of the gate, with what it found."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from include.domain.money import Money

Verdict = Literal["passed", "failed", "not_recorded"]


@dataclass(frozen=True, kw_only=True)
class GateRules:
    """What a deal is held to. `optional` names checks whose facts not every CRM records: unknown there is no failure.

    `ladder`: who may approve up to which percent, lowest first.
    """

    ladder: tuple[tuple[str, Decimal], ...]
    term_months_max: int
    payment_terms_days_max: int
    optional: frozenset[str]
    flags_hold_invoice: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class WonDeal:
    """What the gate looks at; None is what nobody told. Amounts in minor units of `currency`."""

    opportunity_id: str
    customer_id: str | None  # the ERP's, once R1 or a person linked the account
    amount: Money | None
    contract_signed: bool | None = None
    price_book_active: bool | None = None
    price_book_currency: str | None = None
    lines_minor: int | None = None
    quantity: Decimal | None = None
    discount_percent: Decimal | None = None
    approval_level: str | None = None
    approved_at: datetime | None = None
    prices_edited_at: datetime | None = None
    term_months: int | None = None
    start_date: date | None = None
    end_date: date | None = None
    payment_terms_days: int | None = None
    terms_approved: bool | None = None
    po_required: bool | None = None
    po_number: str | None = None
    tax_percent: Decimal | None = (
        None  # of the customer's country on the day; None where policy does not know it
    )
    revenue_flags: Sequence[str] = ()


@dataclass(frozen=True)
class Check:
    """One check's outcome, in a sentence the deal's owner understands."""

    name: str
    verdict: Verdict
    evidence: str


Found = tuple[bool | None, str]
"""Whether it is in order (None: nobody told), and what was seen."""


def check_deal(deal: WonDeal, rules: GateRules) -> tuple[Check, ...]:
    """Every check of the gate, in the order they are told to people."""
    return tuple(Check(name, _verdict(name, found, rules), found[1]) for name, found in _found(deal, rules))


def passes(checks: Sequence[Check]) -> bool:
    """Whether nothing failed."""
    return all(check.verdict != "failed" for check in checks)


def holds_invoice(deal: WonDeal, rules: GateRules) -> tuple[str, ...]:
    """The revenue-recognition flags for which policy holds the invoice and not recognition alone."""
    return tuple(flag for flag in deal.revenue_flags if flag in rules.flags_hold_invoice)


def _verdict(name: str, found: Found, rules: GateRules) -> Verdict:
    holds, _ = found
    if holds is None:
        return "not_recorded" if name in rules.optional else "failed"
    return "passed" if holds else "failed"


def _found(deal: WonDeal, rules: GateRules) -> Iterator[tuple[str, Found]]:
    yield (
        "account",
        (deal.customer_id is not None, f"the account is customer {deal.customer_id or 'nobody'} of the ERP"),
    )
    yield "contract", _contract(deal)
    yield (
        "amount",
        (deal.amount is not None and deal.amount.minor > 0, f"the amount is {deal.amount or 'missing'}"),
    )
    yield "price_book", _price_book(deal)
    yield "lines", _lines(deal)
    yield "quantity", _quantity(deal)
    yield "discount", _discount(deal, rules)
    yield "term", _term(deal, rules)
    yield "payment_terms", _payment_terms(deal, rules)
    yield "purchase_order", _purchase_order(deal)
    yield (
        "tax",
        (
            deal.tax_percent is not None,
            "policy knows no tax for the customer's country"
            if deal.tax_percent is None
            else f"tax is {deal.tax_percent} %",
        ),
    )
    held = holds_invoice(deal, rules)
    yield (
        "revenue",
        (not held, f"flagged {', '.join(held)}: finance decides" if held else "no flag holds the invoice"),
    )


def _contract(deal: WonDeal) -> Found:
    signed = deal.contract_signed
    return signed, "not recorded" if signed is None else f"the contract is {'' if signed else 'not '}signed"


def _price_book(deal: WonDeal) -> Found:
    if deal.price_book_active is None or deal.price_book_currency is None or deal.amount is None:
        return None, "not recorded"
    same = deal.price_book_currency == deal.amount.currency
    active = "active" if deal.price_book_active else "not active"
    return deal.price_book_active and same, f"the price book is {active}, in {deal.price_book_currency}"


def _lines(deal: WonDeal) -> Found:
    if deal.lines_minor is None or deal.amount is None:
        return None, "not recorded"
    lines = Money(deal.lines_minor, deal.amount.currency)
    return lines == deal.amount, f"the lines come to {lines}, the deal says {deal.amount}"


def _quantity(deal: WonDeal) -> Found:
    if deal.quantity is None:
        return None, "not recorded"
    return deal.quantity > 0, f"the quantity is {deal.quantity}"


def _discount(deal: WonDeal, rules: GateRules) -> Found:
    """Granted high enough, and after the prices were last touched: an approval is of the prices it saw."""
    if deal.discount_percent is None:
        return None, "not recorded"
    grantors = [name for name, _ in rules.ladder]
    needed = next((name for name, most in rules.ladder if deal.discount_percent <= most), None)
    if needed is None:
        return False, f"{deal.discount_percent} % is more than anybody may grant"
    if needed == grantors[0]:
        return True, f"{deal.discount_percent} % needs nobody's approval"
    approver = (deal.approval_level or "").strip().lower()
    if approver not in grantors or grantors.index(approver) < grantors.index(needed):
        return False, f"{deal.discount_percent} % needs the {needed}; approved by {approver or 'nobody'}"
    if deal.prices_edited_at and (deal.approved_at is None or deal.approved_at <= deal.prices_edited_at):
        return (
            False,
            f"approved by {approver}, but the prices were edited afterwards ({deal.prices_edited_at:%Y-%m-%d})",
        )
    return True, f"{deal.discount_percent} % approved by {approver}"


def _term(deal: WonDeal, rules: GateRules) -> Found:
    if deal.start_date and deal.end_date and deal.end_date <= deal.start_date:
        return False, f"it ends on {deal.end_date}, not after its start on {deal.start_date}"
    if deal.term_months is None:
        return None, "not recorded"
    return 1 <= deal.term_months <= rules.term_months_max, f"the term is {deal.term_months} months"


def _payment_terms(deal: WonDeal, rules: GateRules) -> Found:
    if deal.payment_terms_days is None:
        return None, "not recorded"
    granted = deal.payment_terms_days <= rules.payment_terms_days_max or bool(deal.terms_approved)
    return (
        granted,
        f"payable within {deal.payment_terms_days} days{' (approved)' if deal.terms_approved else ''}",
    )


def _purchase_order(deal: WonDeal) -> Found:
    if deal.po_required is None:
        return None, "not recorded"
    if not deal.po_required:
        return True, "no purchase order is required"
    return bool(deal.po_number), f"purchase order {deal.po_number or 'missing'}"
