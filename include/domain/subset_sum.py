"""Exact subset sums over minor units: every set of a few open items that makes up an amount, within a fixed budget."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations, islice

NODES_MAX = 200_000
"""Work allowed per question, in visited partial sums and never in time: a time limit would not be deterministic."""

SMALL_SIZE = 3
LARGE_SIZE = 6
LARGE_ITEMS_MAX = 26
"""Sets of four to six are looked for among at most this many items; sets of up to three among any number."""

CACHED_QUESTIONS = 20_000
CACHED_ITEMS = 64

Subset = tuple[int, ...]
"""Positions in the list of amounts, ascending."""


class BudgetSpent(Exception):
    """The question is larger than NODES_MAX partial sums; the answer is unknown and the money must be held."""


@lru_cache(maxsize=CACHED_QUESTIONS)
def exact_subsets(amounts: tuple[int, ...], *, target: int, limit: int) -> tuple[Subset, ...]:
    """Up to `limit` subsets that sum exactly to `target`, small ones first, then by position.

    Amounts are positive minor units. Raises BudgetSpent. Remembers: one pass after another asks the same questions.
    """
    if len(amounts) ** 2 // 2 > NODES_MAX:
        raise BudgetSpent(f"{len(amounts)} items need more than {NODES_MAX:,} partial sums")
    return tuple(islice(_all_subsets(amounts, target), limit))


def is_searched_whole(amounts: Sequence[int], *, target: int) -> bool:
    """Whether `exact_subsets` looks at every set of up to LARGE_SIZE items that could make up the target."""
    return len(amounts) <= LARGE_ITEMS_MAX or sum(sorted(amounts)[: SMALL_SIZE + 1]) > target


def _all_subsets(amounts: Sequence[int], target: int) -> Iterator[Subset]:
    positions: defaultdict[int, list[int]] = defaultdict(list)
    for position, amount in enumerate(amounts):
        positions[amount].append(position)
    for size in range(SMALL_SIZE):
        yield from _completed(amounts, target, size, positions)
    smallest = sorted(amounts)[: SMALL_SIZE + 1]
    if SMALL_SIZE < len(amounts) <= LARGE_ITEMS_MAX and sum(smallest) <= target <= sum(amounts):
        yield from _large_subsets(amounts, target)


def _completed(
    amounts: Sequence[int], target: int, size: int, positions: Mapping[int, list[int]]
) -> Iterator[Subset]:
    """Sets of `size` + 1: every choice of `size` items, completed by a look-up of the last one."""
    for chosen in combinations(range(len(amounts)), size):
        rest = target - sum(amounts[i] for i in chosen)
        for last in positions.get(rest, ()):
            if not chosen or last > chosen[-1]:
                yield (*chosen, last)


def _large_subsets(amounts: Sequence[int], target: int) -> Iterator[Subset]:
    """Sets of four to six, met in the middle: the first three items, and a set of up to three that comes after."""
    heads, tails = _threes(tuple(amounts)), _tails(tuple(amounts))
    for size in range(1, LARGE_SIZE - SMALL_SIZE + 1):
        for total, head in heads:
            for tail in tails.get(target - total, ()):
                if len(tail) == size and tail[0] > head[-1]:
                    yield (*head, *tail)


@lru_cache(maxsize=CACHED_ITEMS)
def _threes(amounts: tuple[int, ...]) -> list[tuple[int, Subset]]:
    return [
        (amounts[i] + amounts[j] + amounts[k], (i, j, k))
        for i, j, k in combinations(range(len(amounts)), SMALL_SIZE)
    ]


@lru_cache(maxsize=CACHED_ITEMS)
def _tails(amounts: tuple[int, ...]) -> Mapping[int, list[Subset]]:
    by_sum: defaultdict[int, list[Subset]] = defaultdict(list)
    for size in range(1, SMALL_SIZE + 1):
        for tail in combinations(range(len(amounts)), size):
            by_sum[sum(amounts[i] for i in tail)].append(tail)
    return by_sum
