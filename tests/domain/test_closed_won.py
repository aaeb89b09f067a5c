"""The gate between a won deal and its order: each check alone, and what nobody recorded."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from include.domain.closed_won import CHECKS, WonDeal, check_deal, holds_invoice, passes, revenue_flags
from include.domain.money import Money
from include.policy import load_policy

POLICY = load_policy()
RULES = POLICY.closed_won.rules(POLICY.orders)

GOOD = WonDeal(
    opportunity_id="006A",
    today=date(2026, 3, 31),
    customer_id="C1",
    amount=Money(1_200_000, "SGD"),
    contract_signed_on=date(2026, 3, 31),
    price_book_active=True,
    line_count=2,
    line_currencies=("SGD",),
    lines_minor=1_200_000,
    quantity=Decimal(50),
    discount_percent=Decimal(15),
    approval_level="Manager",
    approved_at=datetime(2026, 3, 2, tzinfo=UTC),
    prices_edited_at=datetime(2026, 3, 1, tzinfo=UTC),
    term_months=12,
    start_date=date(2026, 4, 1),
    end_date=date(2027, 4, 1),
    billing_interval="quarter",
    payment_terms_days=30,
    po_required=True,
    po_number="PO-7",
    tax_percent=Decimal(9),
)


BARE = WonDeal(
    opportunity_id="006A",
    today=date(2026, 3, 31),
    customer_id="C1",
    amount=Money(100, "SGD"),
    term_months=12,
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
        ("order", {"order_customer_id": "C2", "order_amount": GOOD.amount}),
        ("order", {"order_customer_id": "C1", "order_amount": Money(1_200_000, "USD")}),
        ("order", {"order_customer_id": "C1", "order_amount": Money(1_199_999, "SGD")}),
        ("contract", {"contract_signed_on": date(2026, 4, 1)}),
        ("amount", {"amount": Money(0, "SGD"), "lines_minor": 0}),
        ("price_book", {"price_book_active": False}),
        ("price_book", {"line_currencies": ("SGD", "USD")}),
        ("price_book", {"price_book_active": None, "line_currencies": ("USD",)}),
        ("lines", {"lines_minor": 1_199_999}),
        ("quantity", {"quantity": Decimal(0)}),
        ("quantity", {"quantity": Decimal(-1)}),
        ("discount", {"approval_level": "rep"}),
        ("discount", {"approval_level": None}),
        ("discount", {"implied_percent": Decimal("20.01")}),
        ("discount", {"discount_percent": None, "implied_percent": Decimal("10.01"), "approval_level": None}),
        ("approval", {"approved_at": datetime(2026, 3, 1, tzinfo=UTC)}),
        ("discount", {"discount_percent": Decimal("100.5"), "approval_level": "cfo"}),
        ("term", {"term_months": 61, "billing_interval": None}),
        ("term", {"term_months": 0, "billing_interval": None}),
        ("term", {"end_date": date(2026, 4, 1)}),
        ("term", {"term_months": None, "end_date": None, "billing_interval": None}),
        ("billing", {"term_months": 14}),
        ("billing", {"billing_interval": "week"}),
        ("payment_terms", {"payment_terms_days": 61}),
        ("purchase_order", {"po_number": ""}),
        ("purchase_order", {"po_number": None}),
        ("tax", {"tax_percent": None}),
        ("revenue", {"revenue_flags": ("side_letter",)}),
    ],
)
def test_what_is_wrong_fails_its_own_check_alone(name: str, changes: dict[str, Any]) -> None:
    assert failed(**changes) == [name]


def test_what_a_crm_does_not_record_does_not_fail() -> None:
    verdicts = {check.name: check.verdict for check in check_deal(BARE, RULES)}
    assert verdicts.keys() == CHECKS.keys()
    assert {name for name, verdict in verdicts.items() if verdict == "passed"} == {
        "account", "order", "amount", "term", "tax", "revenue"
    }  # fmt: skip
    assert "failed" not in verdicts.values()


@pytest.mark.parametrize("name", sorted(RULES.optional))
def test_what_is_not_recorded_fails_where_policy_says_that_it_blocks(name: str) -> None:
    strict = replace(RULES, optional=RULES.optional - {name})
    assert [check.name for check in check_deal(BARE, strict) if check.verdict == "failed"] == [name]


def test_a_policy_that_forgets_a_check_is_refused() -> None:
    stated = POLICY.closed_won.model_dump(by_alias=True)
    del stated["unrecorded"]["contract"]
    with pytest.raises(ValueError, match="contract"):
        type(POLICY.closed_won).model_validate(stated)


@pytest.mark.parametrize(("percent", "level"), [(10, None), (20, "manager"), (30, "director"), (31, "cfo")])
def test_the_ladder_grants_up_to_and_with_its_rungs(percent: int, level: str | None) -> None:
    assert failed(discount_percent=Decimal(percent), approval_level=level) == []


@pytest.mark.parametrize("unknown", ["approved_at", "prices_edited_at"])
def test_an_approval_without_a_time_is_not_recorded_and_no_failure(unknown: str) -> None:
    verdicts = {check.name: check.verdict for check in check_deal(replace(GOOD, **{unknown: None}), RULES)}
    assert verdicts["approval"] == "not_recorded"


def test_a_discount_that_needs_nobody_needs_no_time_of_approval_either() -> None:
    late = datetime(2026, 3, 30, tzinfo=UTC)
    assert failed(discount_percent=Decimal(10), approval_level=None, prices_edited_at=late) == []


def test_the_term_follows_from_its_days_where_nobody_counted_its_months() -> None:
    assert failed(term_months=None) == []
    assert failed(term_months=None, end_date=date(2027, 4, 2)) == ["term", "billing"]


def test_longer_terms_pass_when_they_were_approved() -> None:
    assert failed(payment_terms_days=90, terms_approved=True) == []


def test_a_flag_may_hold_recognition_and_not_the_invoice() -> None:
    deal = replace(GOOD, revenue_flags=("financing_component", "side_letter"))
    assert holds_invoice(deal, RULES) == ("side_letter",)
    assert failed(revenue_flags=("financing_component",)) == []


@pytest.mark.parametrize(
    ("changes", "flags"),
    [
        ({}, ()),
        ({"revenue_flags": ("", " agent")}, ("agent",)),
        ({"term_months": 24, "billing_interval": None}, ("financing_component",)),
        ({"term_months": 24, "billing_interval": "year"}, ()),
        ({"lines_without_list_price": 1}, ("standalone_price_missing",)),
        ({"line_count": 1, "lines_without_list_price": 1}, ()),
    ],
)
def test_what_holds_recognition_is_what_people_flag_and_what_the_deal_shows(
    changes: dict[str, Any], flags: tuple[str, ...]
) -> None:
    assert revenue_flags(replace(GOOD, **changes), RULES) == flags
    assert failed(**changes) == []
