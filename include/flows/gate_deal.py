"""What the Closed-Won gate says of a deal as it is now, kept check by check."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal

from include.domain.canonical_json import sha256
from include.domain.closed_won import Check, WonDeal, check_deal
from include.domain.money import Money, major
from include.domain.tax import tax_periods
from include.policy import Policy
from include.ports import Row, Transaction

FLAGS_APART = ";"  # how the CRM writes several words in one field

_AS_READ = (
    "opportunity_id",
    "customer_id",
    "order_customer_id",
    "contract_signed_on",
    "price_book_active",
    "line_count",
    "lines_minor",
    "lines_without_list_price",
    "quantity",
    "discount_percent",
    "approval_level",
    "approved_at",
    "term_months",
    "start_date",
    "billing_interval",
    "payment_terms_days",
    "po_required",
    "po_number",
)


def won_deal(deal: Row, policy: Policy, *, today: date) -> WonDeal:
    """A row of `deals_to_bill` as the gate looks at it."""
    known = deal["amount_minor"] is not None and deal["currency"]
    return WonDeal(
        **{name: deal[name] for name in _AS_READ},
        today=today,
        amount=Money(deal["amount_minor"], deal["currency"]) if known else None,
        order_amount=deal["order_customer_id"] and Money(deal["order_minor"], deal["order_currency"]),
        line_currencies=tuple(deal["line_currencies"]),
        implied_percent=_below_list_price(deal),
        # Lines say when they were edited. That counts only where approvals have a time to hold it against.
        prices_edited_at=deal["prices_edited_at"]
        or (deal["lines_edited_at"] if deal["approved_at"] else None),
        end_date=deal["last_day"] and deal["last_day"] + timedelta(days=1),
        terms_approved=deal["payment_terms_approved"],
        tax_percent=_tax_percent(policy, deal["country"], deal["close_date"]),
        revenue_flags=(deal["revenue_flags"] or "").split(FLAGS_APART),
    )


def gate_deal(tx: Transaction, deal: Row, won: WonDeal, policy: Policy) -> tuple[tuple[Check, ...], str]:
    """Every check's outcome, kept once for each state of things; and that state."""
    checks = check_deal(won, policy.closed_won.rules(policy.orders))
    state = f"{deal['row_hash']}/{_told(checks)}"
    tx.run(
        "keep_gate_checks",
        opportunity_id=deal["opportunity_id"],
        win=deal["win"],
        based_on=state,
        names=[check.name for check in checks],
        verdicts=[check.verdict for check in checks],
        evidences=[check.evidence for check in checks],
        rules=policy.sha256,
    )
    return checks, state


def _told(checks: Sequence[Check]) -> str:
    return sha256([[check.name, check.verdict, check.evidence] for check in checks])


def _below_list_price(deal: Row) -> Decimal | None:
    """Percent that its lines were surely sold below their list price; None at or above it, or where it has none."""
    if not deal["listed_price"]:
        return None
    rounded = deal["listed_minor"] + deal["line_count"]  # each may have been rounded down to a minor unit
    sold = Decimal(major(rounded, currency=deal["currency"]))
    percent = (100 - 100 * sold / deal["listed_price"]).quantize(Decimal("0.01"), rounding=ROUND_DOWN)
    return percent if percent > 0 else None


def _tax_percent(policy: Policy, country: str | None, day: date | None) -> Decimal | None:
    """The rate of the customer's country on the day the deal was won; None where policy has none."""
    rates = {
        name: [(rate.valid_from, rate.percent) for rate in steps]
        for name, steps in policy.orders.taxes.items()
    }
    for period in tax_periods({country: rates[country]} if country in rates else {}):
        if day and period.valid_from <= day and (period.valid_until is None or day < period.valid_until):
            return period.percent
    return None
