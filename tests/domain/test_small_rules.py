import json
from datetime import date
from decimal import Decimal
from itertools import combinations
from typing import Any
from unicodedata import normalize
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain import aging
from include.domain.breaks import break_id, in_reporting_currency, severity
from include.domain.canonical_json import dumps, sha256
from include.domain.entities import ENTITIES
from include.domain.fx import rates_to
from include.domain.proofs import ControlTotal
from include.domain.subset_sum import BudgetSpent, exact_subsets
from include.policy import load_policy

EXACT = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
)


@pytest.mark.parametrize(
    ("days", "bucket"),
    [
        (0, "current"),
        (1, "1-30"),
        (30, "1-30"),
        (31, "31-60"),
        (60, "31-60"),
        (61, "61-90"),
        (90, "61-90"),
        (91, "over-90"),
    ],
)
def test_an_aging_bucket_ends_on_its_last_day(days: int, bucket: str) -> None:
    assert aging.bucket(days) == bucket


def test_what_is_not_due_yet_is_not_past_due() -> None:
    assert aging.days_past_due(date(2026, 2, 1), as_of=date(2026, 1, 1)) == 0


@given(st.lists(st.integers(1, 60), max_size=8), st.integers(1, 120))
def test_exact_subsets_finds_every_set_of_up_to_six_once(amounts: list[int], target: int) -> None:
    every = {
        chosen
        for size in range(1, 7)
        for chosen in combinations(range(len(amounts)), size)
        if sum(amounts[i] for i in chosen) == target
    }
    found = exact_subsets(tuple(amounts), target=target, limit=10_000)
    assert set(found) == every
    assert len(found) == len(every)


def test_exact_subsets_stops_at_its_limit_small_sets_first() -> None:
    assert exact_subsets((3, 1, 2, 3), target=3, limit=2) == ((0,), (3,))


def test_a_question_too_large_is_refused_and_not_guessed() -> None:
    with pytest.raises(BudgetSpent):
        exact_subsets((2,) * 1000, target=3, limit=1)


def test_a_break_keeps_its_identity_when_its_code_changes_within_the_family() -> None:
    """An overpayment that turns out to be a duplicate is the same difference; a DQ01 on the same key is another."""
    codes = load_policy().breaks.codes
    ids = {
        code: break_id(recon="R3", family=codes[code].family, key="P1") for code in ("CA04", "CA05", "DQ01")
    }
    assert ids["CA04"] == ids["CA05"] != ids["DQ01"]
    assert break_id(recon="R3", family="cash", key="P1") != break_id(recon="R3", family="cash", key="P2")


def test_an_amount_is_valued_in_sgd_by_its_own_decimals() -> None:
    assert in_reporting_currency(1_000_000, currency="JPY", rates={"JPY": Decimal("0.0087")}) == 8_700_00
    assert in_reporting_currency(12_345, currency="SGD", rates={}) == 123_45
    assert in_reporting_currency(1, currency="USD", rates={}) is None


@pytest.mark.parametrize(
    ("sgd_minor", "level"),
    [(50_000_00, "S1"), (49_999_99, "S2"), (-5_000_00, "S2"), (100_00, "S3"), (99_99, "S4"), (None, "S2")],
)
def test_severity_follows_value(sgd_minor: int | None, level: str) -> None:
    thresholds = {"S1": 50_000_00, "S2": 5_000_00, "S3": 100_00, "S4": 0}
    assert severity(sgd_minor, thresholds=thresholds, unknown="S2") == level  # type: ignore[arg-type]


def test_a_rate_may_be_direct_inverse_or_through_a_shared_base() -> None:
    rates = [("EUR", "USD", Decimal("1.1")), ("EUR", "SGD", Decimal("1.43")), ("SGD", "MYR", Decimal("3.2"))]
    worth = rates_to("SGD", rates)
    assert (worth["EUR"], worth["USD"], worth["MYR"]) == (Decimal("1.43"), Decimal("1.3"), Decimal("0.3125"))


def test_a_control_total_ties_when_every_unit_is_matched_open_or_excluded() -> None:
    tied = ControlTotal(
        recon="R3",
        side="payment",
        currency="SGD",
        loaded_minor=10,
        matched_minor=7,
        open_minor=2,
        excluded_minor=1,
    )
    assert tied.proven
    assert not ControlTotal(
        recon="R3", side="payment", currency="SGD", loaded_minor=10, matched_minor=9
    ).proven
    assert not ControlTotal(recon="R3", side="payment", currency="SGD", lost_count=1).proven


def test_equal_values_have_equal_json_whatever_their_order_or_unicode_form() -> None:
    assert dumps({"b": 1, "a": "e\u0301"}) == dumps({"a": "é", "b": 1}) == '{"a":"é","b":1}'
    assert sha256({"a": Decimal("1.10")}) != sha256({"a": Decimal("1.1")})


@given(EXACT)
def test_canonical_json_is_pythons_own(value: Any) -> None:
    plain = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert dumps(value) == normalize("NFC", plain)


@pytest.mark.parametrize(
    "amount", [{"amount": 0.1}, [1, {"lines": [{"amount": 0.1}]}], {"a": {"b": [None, 0.1]}}]
)
def test_a_float_has_no_place_in_canonical_json_however_deep(amount: Any) -> None:
    with pytest.raises(TypeError, match="float"):
        dumps(amount)


def test_what_json_would_say_otherwise_is_said_exactly_however_deep() -> None:
    day, key = date(2026, 3, 1), UUID(int=1)
    for value in (Decimal("1.10"), day, key):
        assert dumps({"a": [{"b": value}, 1]}) == f'{{"a":[{{"b":"{value}"}},1]}}'
    assert dumps({"a": {2: True, None: [(1, "x")]}}) == '{"a":{"2":true,"None":[[1,"x"]]}}'


def test_every_entity_with_money_has_a_currency() -> None:
    for entity in ENTITIES.values():
        names = {field.name for field in entity.fields}
        assert entity.amount is None or {"currency", entity.amount} <= names
        assert set(entity.key) <= names
        assert entity.dated_on is None or entity.dated_on in names
