"""May a deal that was won become an order and an invoice? Every check of the gate, with what it found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from include.domain.billing_schedule import PERIOD_MONTHS, makes_up
from include.domain.money import Money
from include.domain.renewals import whole_months

Verdict = Literal["passed", "failed", "not_recorded"]


@dataclass(frozen=True, kw_only=True)
class GateRules:
    """What a deal is held to. `optional` names checks whose facts not every CRM records: unknown there is no failure.

    `ladder`: who may approve up to which percent, lowest first. A service paid for more than `financing_months_max`
    months ahead is partly a loan.
    """

    ladder: tuple[tuple[str, Decimal], ...]
    term_months_max: int
    payment_terms_days_max: int
    financing_months_max: int
    optional: frozenset[str]
    flags_hold_invoice: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class WonDeal:
    """What the gate looks at; None is what nobody told. Amounts in minor units of `currency`.

    `today`: the business day it is looked at. `order_customer_id`, `order_amount`: of an order that stands for it and
    is not ours. `end_date` is the first day without service. `quantity` is the least of its lines', `line_currencies`
    are all of theirs. `discount_percent` is what is stated, `implied_percent` how far its lines were sold below their
    list price: no deal is discounted less than that.
    """

    opportunity_id: str
    today: date
    customer_id: str | None  # the ERP's, once R1 or a person linked the account
    amount: Money | None
    contract_signed_on: date | None = None
    price_book_active: bool | None = None
    line_count: int = 0
    line_currencies: tuple[str, ...] = ()
    lines_minor: int | None = None
    lines_without_list_price: int = 0
    quantity: Decimal | None = None
    discount_percent: Decimal | None = None
    implied_percent: Decimal | None = None
    approval_level: str | None = None
    approved_at: datetime | None = None
    prices_edited_at: datetime | None = None
    term_months: int | None = None
    start_date: date | None = None
    end_date: date | None = None
    billing_interval: str | None = None
    payment_terms_days: int | None = None
    terms_approved: bool | None = None
    po_required: bool | None = None
    po_number: str | None = None
    tax_percent: Decimal | None = (
        None  # of the customer's country on the day; None where policy does not know it
    )
    revenue_flags: Sequence[str] = ()
    order_customer_id: str | None = None
    order_amount: Money | None = None


@dataclass(frozen=True)
class Check:
    """One check's outcome, in a sentence the deal's owner understands."""

    name: str
    verdict: Verdict
    evidence: str


Found = tuple[bool | None, str]
"""Whether it is in order (None: nobody told), and what was seen."""

NOT_TOLD: Found = (None, "not recorded")


def check_deal(deal: WonDeal, rules: GateRules) -> tuple[Check, ...]:
    """Every check of the gate, in the order they are told to people."""
    found = {name: look(deal, rules) for name, look in CHECKS.items()}
    return tuple(Check(name, _verdict(name, seen, rules), seen[1]) for name, seen in found.items())


def passes(checks: Sequence[Check]) -> bool:
    """Whether nothing failed."""
    return all(check.verdict != "failed" for check in checks)


def revenue_flags(deal: WonDeal, rules: GateRules) -> tuple[str, ...]:
    """What holds revenue recognition (IFRS 15 / ASC 606): the flags people set, and those the deal's facts set."""
    found = {flag.strip().lower().replace(" ", "_") for flag in deal.revenue_flags if flag.strip()}
    months = term_of(deal)
    ahead = PERIOD_MONTHS.get(deal.billing_interval or "", months) if months else None
    if ahead and ahead > rules.financing_months_max:
        found.add("financing_component")
    if deal.line_count > 1 and deal.lines_without_list_price:
        found.add("standalone_price_missing")
    return tuple(sorted(found))


def holds_invoice(deal: WonDeal, rules: GateRules) -> tuple[str, ...]:
    """The revenue-recognition flags for which policy holds the invoice and not recognition alone."""
    return tuple(flag for flag in revenue_flags(deal, rules) if flag in rules.flags_hold_invoice)


def term_of(deal: WonDeal) -> int | None:
    """The months sold: as recorded, else the whole ones between its days."""
    if deal.term_months is not None or not (deal.start_date and deal.end_date):
        return deal.term_months
    return whole_months(deal.start_date, deal.end_date)


def _verdict(name: str, found: Found, rules: GateRules) -> Verdict:
    holds, _ = found
    if holds is None:
        return "not_recorded" if name in rules.optional else "failed"
    return "passed" if holds else "failed"


def _account(deal: WonDeal, _: GateRules) -> Found:
    return deal.customer_id is not None, f"the account is customer {deal.customer_id or 'nobody'} of the ERP"


def _order(deal: WonDeal, _: GateRules) -> Found:
    """Who ordered it by hand ordered what was sold, and for whom; what is invoiced follows from the order."""
    if deal.order_customer_id is None:
        return True, "nobody else ordered it"
    found = f"its order is for customer {deal.order_customer_id}, over {deal.order_amount}; the deal says {deal.amount}"
    return (deal.customer_id, deal.amount) == (deal.order_customer_id, deal.order_amount), found


def _contract(deal: WonDeal, _: GateRules) -> Found:
    signed = deal.contract_signed_on
    if signed is None:
        return NOT_TOLD
    return (
        signed <= deal.today,
        f"the contract is {'signed on' if signed <= deal.today else 'dated'} {signed}",
    )


def _amount(deal: WonDeal, _: GateRules) -> Found:
    return deal.amount is not None and deal.amount.minor > 0, f"the amount is {deal.amount or 'missing'}"


def _price_book(deal: WonDeal, _: GateRules) -> Found:
    if deal.price_book_active is False:
        return False, "the price book is not active"
    foreign = sorted(set(deal.line_currencies) - {deal.amount.currency if deal.amount else ""})
    if deal.amount and foreign:
        return False, f"prices are in {', '.join(foreign)}, the deal is in {deal.amount.currency}"
    if deal.price_book_active is None or deal.amount is None or not deal.line_currencies:
        return NOT_TOLD
    return True, f"the price book is active, in {deal.amount.currency}"


def _lines(deal: WonDeal, _: GateRules) -> Found:
    if deal.lines_minor is None or deal.amount is None:
        return NOT_TOLD
    lines = Money(deal.lines_minor, deal.amount.currency)
    return lines == deal.amount, f"the lines come to {lines}, the deal says {deal.amount}"


def _quantity(deal: WonDeal, _: GateRules) -> Found:
    if deal.quantity is None:
        return NOT_TOLD
    return deal.quantity > 0, f"the {'least ' if deal.line_count > 1 else ''}quantity is {deal.quantity}"


def _discount(deal: WonDeal, rules: GateRules) -> Found:
    """Granted high enough, stated or at least so high by the list price (as OR08 holds it afterwards)."""
    percent = _percent(deal)
    if percent is None:
        return NOT_TOLD
    said = f"{percent} %" if percent == deal.discount_percent else f"{percent} % by the list price"
    needed = _grantor(deal, rules)
    if needed is None:
        return False, f"{said} is more than anybody may grant"
    if not _needs_approval(deal, rules):
        return True, f"{said} needs nobody's approval"
    grantors = [name for name, _ in rules.ladder]
    approver = (deal.approval_level or "").strip().lower()
    if approver not in grantors or grantors.index(approver) < grantors.index(needed):
        return False, f"{said} needs the {needed}; approved by {approver or 'nobody'}"
    return True, f"{said} approved by {approver}"


def _percent(deal: WonDeal) -> Decimal | None:
    told = [one for one in (deal.discount_percent, deal.implied_percent) if one is not None]
    return max(told, default=None)


def _approval(deal: WonDeal, rules: GateRules) -> Found:
    """After the prices were last touched: an approval is of the prices it saw."""
    if _percent(deal) is None:
        return NOT_TOLD
    if not _needs_approval(deal, rules) or not deal.approval_level:
        return True, "there is no approval to date"
    if deal.prices_edited_at is None or deal.approved_at is None:
        return NOT_TOLD
    later = deal.approved_at > deal.prices_edited_at
    return later, (
        f"approved {deal.approved_at:%Y-%m-%d %H:%M} UTC, prices last edited {deal.prices_edited_at:%Y-%m-%d %H:%M} UTC"
    )


def _grantor(deal: WonDeal, rules: GateRules) -> str | None:
    percent = _percent(deal) or Decimal(0)
    return next((name for name, most in rules.ladder if percent <= most), None)


def _needs_approval(deal: WonDeal, rules: GateRules) -> bool:
    return _grantor(deal, rules) != rules.ladder[0][0]


def _term(deal: WonDeal, rules: GateRules) -> Found:
    if deal.start_date and deal.end_date and deal.end_date <= deal.start_date:
        return False, f"it ends on {deal.end_date}, not after its start on {deal.start_date}"
    months = term_of(deal)
    if months is None:
        return NOT_TOLD
    return 1 <= months <= rules.term_months_max, f"the term is {months} months"


def _billing(deal: WonDeal, _: GateRules) -> Found:
    months, interval = term_of(deal), deal.billing_interval
    if interval is None:
        return None, "not recorded: one invoice for all of it"
    return (
        months is not None and makes_up(interval, months),
        f"billed by the {interval} over {months or 'an unknown number of'} months",
    )


def _payment_terms(deal: WonDeal, rules: GateRules) -> Found:
    if deal.payment_terms_days is None:
        return NOT_TOLD
    granted = deal.payment_terms_days <= rules.payment_terms_days_max or bool(deal.terms_approved)
    approved = " (approved)" if deal.terms_approved else ""
    return granted, f"payable within {deal.payment_terms_days} days{approved}"


def _purchase_order(deal: WonDeal, _: GateRules) -> Found:
    if deal.po_required is None:
        return NOT_TOLD
    if not deal.po_required:
        return True, "no purchase order is required"
    return bool((deal.po_number or "").strip()), f"purchase order {deal.po_number or 'missing'}"


def _tax(deal: WonDeal, _: GateRules) -> Found:
    if deal.tax_percent is None:
        return None, "policy knows no tax for the customer's country"
    return True, f"tax is {deal.tax_percent} %"


def _revenue(deal: WonDeal, rules: GateRules) -> Found:
    flags, held = revenue_flags(deal, rules), holds_invoice(deal, rules)
    if held:
        return False, f"flagged {', '.join(held)}: finance decides"
    return (
        True,
        f"recognition is held ({', '.join(flags)}), the invoice is not" if flags else "nothing is flagged",
    )


CHECKS: dict[str, Callable[[WonDeal, GateRules], Found]] = {
    "account": _account,
    "order": _order,
    "contract": _contract,
    "amount": _amount,
    "price_book": _price_book,
    "lines": _lines,
    "quantity": _quantity,
    "discount": _discount,
    "approval": _approval,
    "term": _term,
    "billing": _billing,
    "payment_terms": _payment_terms,
    "purchase_order": _purchase_order,
    "tax": _tax,
    "revenue": _revenue,
}
"""Every check by its name, in the order they are told to people."""
