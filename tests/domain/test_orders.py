"""How differences between deals, orders and invoices are judged and worded."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.orders import (
    Approvals,
    discount_unapproved,
    price_differs,
    term_differs,
    without_deal,
    without_order,
)
from include.domain.tax import tax_periods

APPROVALS = Approvals(
    ladder=(("rep", Decimal(10)), ("manager", Decimal(20)), ("director", Decimal(30)), ("cfo", Decimal(100))),
    unrecorded_up_to=Decimal(20),
)


def deal(**facts: Any) -> dict[str, Any]:
    return {
        "key": "X",
        "currency": "SGD",
        "amount_minor": 10000,
        "since": date(2026, 1, 5),
        "discount_percent": Decimal(0),
        "implied_percent": None,
        "approval_level": None,
        "list_price": Decimal(100),
        "recorded": True,
        **facts,
    }


def sale(**facts: Any) -> dict[str, Any]:
    return {
        "key": "O",
        "currency": "SGD",
        "since": date(2026, 1, 6),
        "number": "SO-1",
        "opportunity_id": "X",
        "term_months": 12,
        "discount_percent": Decimal(0),
        "list_minor": Decimal(9900),
        "unit_minor": Decimal(9900),
        "months": 1,
        "periods": 12,
        "start_date": date(2026, 1, 10),
        "ends_with_term": True,
        "comparable": True,
        **facts,
    }


@pytest.mark.parametrize(
    ("percent", "level", "needed"),
    [
        ("10", None, None),
        ("10.01", None, "manager"),
        ("15", "Rep", "manager"),
        ("20", "Manager", None),
        ("25", "manager", "director"),
        ("30", "DIRECTOR", None),
        ("31", "Director", "cfo"),
        ("60", "CFO", None),
        ("15", "Head of Everything", "manager"),
    ],
)
def test_a_discount_takes_whoever_stands_high_enough_on_the_ladder(
    percent: str, level: str | None, needed: str | None
) -> None:
    found = discount_unapproved(
        deal(discount_percent=Decimal(percent), approval_level=level), approvals=APPROVALS
    )
    assert (found is None) is (needed is None)
    assert found is None or found.evidence.endswith(f"it takes the {needed}")


@given(st.decimals(0, 100, places=2), st.integers(0, 3))
def test_a_higher_approval_never_turns_a_right_discount_wrong(percent: Decimal, rung: int) -> None:
    verdicts = [
        discount_unapproved(deal(discount_percent=percent, approval_level=level), approvals=APPROVALS) is None
        for level, _ in APPROVALS.ladder
    ]
    assert verdicts == sorted(verdicts)
    assert verdicts[rung] == (percent <= APPROVALS.ladder[rung][1])


@pytest.mark.parametrize(("percent", "wrong"), [("20", False), ("20.01", True)])
def test_where_no_approvals_are_recorded_only_what_no_manager_grants_is_named(
    percent: str, *, wrong: bool
) -> None:
    found = discount_unapproved(
        deal(discount_percent=None, implied_percent=Decimal(percent), recorded=False), approvals=APPROVALS
    )
    assert (found is not None) is wrong


@pytest.mark.parametrize(
    ("order_ref", "state", "names", "why"),
    [
        (None, None, None, "names no order, and no order names it"),
        ("O", None, None, "which the ERP does not have"),
        ("O", "CANCELLED", "X", "which is cancelled"),
        ("O", "CONFIRMED", "Y", "which is of opportunity Y"),
    ],
)
def test_a_deal_without_order_says_what_its_reference_is_worth(
    order_ref: str | None, state: str | None, names: str | None, why: str
) -> None:
    found = without_order(
        deal(order_ref=order_ref, order_state=state, order_names=names),
        as_of=date(2026, 1, 6),
        timing_days=0,
    )
    assert (found.severity, found.evidence.endswith(why)) == ("S1", True)


@pytest.mark.parametrize(
    ("names", "deal_names", "claimed_by", "why"),
    [
        (None, None, None, "names no opportunity, and no opportunity names it"),
        ("X", None, None, "names opportunity X, which the CRM does not have"),
        ("X", "P", None, "names opportunity X, which names order P"),
        (None, None, ["X", "Y"], "is named by opportunities X, Y and names none itself"),
    ],
)
def test_an_order_without_deal_says_what_its_references_are_worth(
    names: str | None, deal_names: str | None, claimed_by: list[str] | None, why: str
) -> None:
    found = without_deal(
        deal(number="SO-1", opportunity_ref=names, deal_names=deal_names, claimed_by=claimed_by)
    )
    assert found.evidence == f"Order SO-1 over 100.00 SGD {why}"


@given(
    listed=st.integers(1, 10**9),
    percent=st.integers(0, 99),
    times=st.integers(1, 12),
    up=st.booleans(),
)
def test_a_price_made_from_the_list_price_is_right_however_it_was_rounded(
    listed: int, percent: int, times: int, *, up: bool
) -> None:
    exact = Decimal(listed * (100 - percent) * times) / 100
    unit = int(exact) + (1 if up and exact % 1 else 0)
    facts = sale(
        list_minor=Decimal(listed), discount_percent=Decimal(percent), unit_minor=Decimal(max(unit, 1))
    )
    found = price_differs(facts)
    assert found is None or exact < times  # less than one minor unit a piece says nothing


def test_a_list_price_that_does_not_make_the_price_is_off_by_so_much() -> None:
    found = price_differs(sale(list_minor=Decimal(8910)))
    assert found is not None
    assert (found.code, found.amount_minor) == ("OR05", -990)


@pytest.mark.parametrize(
    "facts",
    [{"comparable": False}, {"discount_percent": None}, {"list_minor": None}, {"unit_minor": Decimal(0)}],
)
def test_a_price_that_cannot_be_compared_is_not_judged(facts: dict[str, Any]) -> None:
    assert price_differs(sale(**{"list_minor": Decimal(8910), **facts})) is None


@pytest.mark.parametrize(
    ("term", "ends_with_term", "wrong"),
    [(12, False, False), (24, False, True), (24, True, False), (None, False, False)],
)
def test_a_term_is_wrong_when_neither_amount_nor_end_agree(
    term: int | None, *, ends_with_term: bool, wrong: bool
) -> None:
    found = term_differs(sale(term_months=term, ends_with_term=ends_with_term))
    assert (found is not None) is wrong


DAYS = st.dates(date(2000, 1, 1), date(2030, 12, 31))


@given(st.lists(st.tuples(DAYS, st.integers(0, 30)), unique_by=lambda step: step[0], min_size=1), DAYS)
def test_every_day_since_the_first_has_one_rate_the_last_that_began(
    steps: list[tuple[date, int]], day: date
) -> None:
    periods = tax_periods({"SG": [(start, Decimal(percent)) for start, percent in steps]})
    holding = [
        period.percent
        for period in periods
        if period.valid_from <= day and (period.valid_until is None or day < period.valid_until)
    ]
    begun = [step for step in steps if step[0] <= day]
    assert holding == ([max(begun)[1]] if begun else [])


def test_a_discount_of_all_but_nothing_is_said_without_an_amount_that_nobody_could_keep() -> None:
    nearly_all = Decimal("99.999999999999")
    found = price_differs(
        sale(list_minor=Decimal(10**18), discount_percent=nearly_all, unit_minor=Decimal(25_000))
    )
    assert found is not None
    assert (found.code, found.amount_minor) == ("OR05", None)
    tiny = sale(list_minor=Decimal("1e-10"), discount_percent=nearly_all, unit_minor=Decimal(10**17))
    assert price_differs(tiny) is None
