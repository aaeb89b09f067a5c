"""The gate between a won deal and its order: each check alone, and what nobody recorded."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from include.domain.closed_won import WonDeal, check_deal, holds_invoice, passes
from include.domain.money import Money
from include.policy import load_policy

POLICY = load_policy()
RULES = POLICY.closed_won.rules(POLICY.orders)

GOOD = WonDeal(
    opportunity_id="006A",
    customer_id="C1",
    amount=Money(1_200_000, "SGD"),
    contract_signed=True,
    price_book_active=True,
    price_book_currency="SGD",
    lines_minor=1_200_000,
    quantity=Decimal(50),
    discount_percent=Decimal(15),
    approval_level="Manager",
    approved_at=datetime(2026, 3, 2, tzinfo=UTC),
    prices_edited_at=datetime(2026, 3, 1, tzinfo=UTC),
    term_months=12,
    start_date=date(2026, 4, 1),
    end_date=date(2027, 4, 1),
    payment_terms_days=30,
    po_required=True,
    po_number="PO-7",
    tax_percent=Decimal(9),
)


def failed(**changes: Any) -> list[str]:
    return [check.name for check in check_deal(replace(GOOD, **changes), RULES) if check.verdict == "failed"]


def test_a_deal_in_order_passes_every_check() -> None:
    checks = check_deal(GOOD, RULES)
    assert passes(checks)
    assert {check.verdict for check in checks} == {"passed"}
    assert all(check.evidence for check in checks)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("account", {"customer_id": None}),
        ("contract", {"contract_signed": False}),
        ("amount", {"amount": Money(0, "SGD"), "lines_minor": 0}),
        ("price_book", {"price_book_active": False}),
        ("price_book", {"price_book_currency": "USD"}),
        ("lines", {"lines_minor": 1_199_999}),
        ("quantity", {"quantity": Decimal(0)}),
        ("discount", {"approval_level": "rep"}),
        ("discount", {"approval_level": None}),
        ("discount", {"approved_at": datetime(2026, 3, 1, tzinfo=UTC)}),
        ("discount", {"approved_at": None}),
        ("discount", {"discount_percent": Decimal("100.5"), "approval_level": "cfo"}),
        ("term", {"term_months": 61}),
        ("term", {"term_months": 0}),
        ("term", {"end_date": date(2026, 4, 1)}),
        ("term", {"term_months": None}),
        ("payment_terms", {"payment_terms_days": 61}),
        ("purchase_order", {"po_number": ""}),
        ("tax", {"tax_percent": None}),
        ("revenue", {"revenue_flags": ("side_letter",)}),
    ],
)
def test_what_is_wrong_fails_its_own_check_alone(name: str, changes: dict[str, Any]) -> None:
    assert failed(**changes) == [name]


def test_what_a_crm_does_not_record_does_not_fail() -> None:
    bare = WonDeal(
        opportunity_id="006A",
        customer_id="C1",
        amount=Money(100, "SGD"),
        term_months=12,
        tax_percent=Decimal(9),
    )
    verdicts = {check.name: check.verdict for check in check_deal(bare, RULES)}
    assert verdicts["contract"] == verdicts["discount"] == "not_recorded"
    assert "failed" not in verdicts.values()


@pytest.mark.parametrize(("percent", "level"), [(10, None), (20, "manager"), (30, "director"), (31, "cfo")])
def test_the_ladder_grants_up_to_and_with_its_rungs(percent: int, level: str | None) -> None:
    assert failed(discount_percent=Decimal(percent), approval_level=level) == []


def test_longer_terms_pass_when_they_were_approved() -> None:
    assert failed(payment_terms_days=90, terms_approved=True) == []


def test_a_flag_may_hold_recognition_and_not_the_invoice() -> None:
    deal = replace(GOOD, revenue_flags=("financing_component", "side_letter"))
    assert holds_invoice(deal, RULES) == ("side_letter",)
    assert failed(revenue_flags=("financing_component",)) == []
