"""Every set that adds up, and nothing else, in one order, within the budget."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.domain.subset_sum import BudgetSpent, exact_subsets, is_searched_whole

ALL = 1_000_000


def by_hand(amounts: tuple[int, ...], target: int) -> list[tuple[int, ...]]:
    return [
        chosen
        for size in range(1, 7)
        for chosen in combinations(range(len(amounts)), size)
        if sum(amounts[i] for i in chosen) == target
    ]


@settings(max_examples=300)
@given(st.lists(st.integers(1, 30), max_size=9), st.integers(1, 120))
def test_every_set_of_up_to_six_is_found_small_ones_first(amounts: list[int], target: int) -> None:
    assert list(exact_subsets(tuple(amounts), target=target, limit=ALL)) == by_hand(tuple(amounts), target)


@settings(max_examples=50)
@given(st.lists(st.integers(1, 10**12), min_size=2, max_size=26), st.data())
def test_a_set_that_was_put_there_is_found(amounts: list[int], data: st.DataObject) -> None:
    places = st.lists(st.integers(0, len(amounts) - 1), min_size=1, max_size=6, unique=True)
    hidden = tuple(sorted(data.draw(places)))
    target = sum(amounts[i] for i in hidden)
    assert hidden in exact_subsets(tuple(amounts), target=target, limit=ALL)


def test_a_limit_gives_the_first_of_them() -> None:
    amounts = (1, 2, 3, 4, 5)
    assert exact_subsets(amounts, target=5, limit=2) == exact_subsets(amounts, target=5, limit=ALL)[:2]


def test_among_very_many_items_sets_of_three_are_still_found() -> None:
    amounts = tuple(3 * n + 1 for n in range(200))
    assert (10, 20, 30) in exact_subsets(amounts, target=sum(amounts[i] for i in (10, 20, 30)), limit=ALL)
    assert not is_searched_whole(amounts, target=1_000)


def test_a_question_beyond_the_budget_is_refused_not_guessed() -> None:
    with pytest.raises(BudgetSpent, match="more than 200,000 partial sums"):
        exact_subsets(tuple(range(1, 700)), target=5, limit=1)
