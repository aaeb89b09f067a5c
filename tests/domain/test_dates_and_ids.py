"""Periods are half-open; ids come from facts."""

from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.canonical_id import canonical_id
from include.domain.dates import Period

DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))
YEAR = Period(date(2025, 1, 1), date(2026, 1, 1))
KEY = {"tenant": "acme", "system": "erp", "entity": "invoices", "native_id": "17"}


def test_the_end_of_a_period_is_the_first_day_without_it() -> None:
    assert date(2025, 1, 1) in YEAR
    assert date(2025, 12, 31) in YEAR
    assert date(2026, 1, 1) not in YEAR
    assert (YEAR.days, YEAR.last) == (365, date(2025, 12, 31))


def test_a_system_that_states_the_last_day_means_the_same_period() -> None:
    assert Period.through(date(2025, 1, 1), date(2025, 12, 31)) == YEAR


def test_an_open_period_does_not_end() -> None:
    forever = Period(date(2025, 1, 1))
    assert date(2100, 1, 1) in forever
    assert (forever.days, forever.last) == (None, None)


@pytest.mark.parametrize("end", [date(2025, 1, 1), date(2024, 12, 31)])
def test_a_period_without_a_day_is_refused(end: date) -> None:
    with pytest.raises(ValueError, match="must end later"):
        Period(date(2025, 1, 1), end)


@given(one=DAYS, other=DAYS, days=st.integers(1, 900), more=st.integers(1, 900))
def test_periods_overlap_when_a_day_is_in_both(one: date, other: date, days: int, more: int) -> None:
    first, second = Period(one, one + timedelta(days)), Period(other, other + timedelta(more))
    shared = max(one, other) in first and max(one, other) in second
    assert first.overlaps(second) == second.overlaps(first) == shared


def test_the_same_key_has_the_same_id_in_every_run_on_every_machine() -> None:
    assert canonical_id(**KEY) == UUID("2f9ddac5-b33c-5fc1-adae-3a439fdb8662")


@pytest.mark.parametrize("part", sorted(KEY))
def test_another_key_has_another_id(part: str) -> None:
    assert canonical_id(**KEY | {part: "other"}) != canonical_id(**KEY)


def test_parts_do_not_run_into_each_other() -> None:
    first = canonical_id(tenant="a|b", system="c", entity="d", native_id="e")
    assert first != canonical_id(tenant="a", system="b|c", entity="d", native_id="e")


def test_an_id_from_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="not from"):
        canonical_id(**KEY | {"native_id": ""})
