"""Exact subset sums over minor units: every set of a few open items that makes up an amount, within a fixed budget."""

from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import chain, combinations, islice

import numpy as np
from numpy.typing import NDArray

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

Integers = NDArray[np.int64]


class BudgetSpent(Exception):
    """The question is larger than NODES_MAX partial sums; the answer is unknown and the money must be held."""


@lru_cache(maxsize=CACHED_QUESTIONS)
def exact_subsets(amounts: tuple[int, ...], *, target: int, limit: int) -> tuple[Subset, ...]:
    """Up to `limit` subsets that sum exactly to `target`, small ones first, then by position.

    Amounts are positive minor units, with a sum below 2**63. Raises BudgetSpent. Remembers: one pass after another asks
    the same questions.
    """
    if len(amounts) ** 2 // 2 > NODES_MAX:
        raise BudgetSpent(f"{len(amounts)} items need more than {NODES_MAX:,} partial sums")
    sizes = _possible_sizes(amounts, target)
    items = _items(amounts)
    return tuple(islice(chain.from_iterable(items.subsets(size, target) for size in sizes), limit))


def is_searched_whole(amounts: Sequence[int], *, target: int) -> bool:
    """Whether `exact_subsets` looks at every set of up to LARGE_SIZE items that could make up the target."""
    return len(amounts) <= LARGE_ITEMS_MAX or sum(sorted(amounts)[: SMALL_SIZE + 1]) > target


def _possible_sizes(amounts: Sequence[int], target: int) -> list[int]:
    """The sizes whose smallest and largest sums have the target between them."""
    most = LARGE_SIZE if len(amounts) <= LARGE_ITEMS_MAX else SMALL_SIZE
    ordered = sorted(amounts)
    return [
        size
        for size in range(1, min(most, len(amounts)) + 1)
        if sum(ordered[:size]) <= target <= sum(ordered[-size:])
    ]


@lru_cache(maxsize=CACHED_ITEMS)
def _items(amounts: tuple[int, ...]) -> "_Items":
    return _Items(amounts)


class _Items:
    """Amounts, and the sums of their small sets as far as somebody asked for them."""

    def __init__(self, amounts: tuple[int, ...]) -> None:
        self._amounts = np.array(amounts, dtype=np.int64)
        self._sets: dict[int, _Sets] = {}

    def subsets(self, size: int, target: int) -> Iterator[Subset]:
        """Sets of this size, met in the middle: the first items, and the set of the others that comes after them."""
        if size == 1:
            yield from ((int(place),) for place in np.flatnonzero(self._amounts == target))
            return
        head_size = min(size - 1, SMALL_SIZE)
        heads, tails = self._of(head_size), self._of(size - head_size)
        rest = target - heads.sums
        start = np.searchsorted(tails.ordered_sums, rest, side="left")
        count = np.searchsorted(tails.ordered_sums, rest, side="right") - start
        if not count.any():
            return
        # One row per head and each tail that completes its sum; then those that come after the head's last item.
        head = np.repeat(np.arange(len(count)), count)
        offset = np.arange(len(head)) - np.repeat(np.cumsum(count) - count, count)
        tail = np.sort(tails.order[np.repeat(start, count) + offset] + head * len(tails.sums)) % len(
            tails.sums
        )
        follows = tails.places[tail, 0] > heads.places[head, -1]
        for one, other in zip(head[follows], tail[follows], strict=True):
            yield (*map(int, heads.places[one]), *map(int, tails.places[other]))

    def _of(self, size: int) -> "_Sets":
        if size not in self._sets:
            places = _places(len(self._amounts), size)
            self._sets[size] = _Sets(places, self._amounts[places].sum(axis=1))
        return self._sets[size]


class _Sets:
    """All sets of one size: their places, ascending, and their sums."""

    def __init__(self, places: Integers, sums: Integers) -> None:
        self.places = places
        self.sums = sums

    @cached_property
    def order(self) -> Integers:
        return np.argsort(self.sums, kind="stable")

    @cached_property
    def ordered_sums(self) -> Integers:
        return self.sums[self.order]


@lru_cache(maxsize=CACHED_ITEMS)
def _places(items: int, size: int) -> Integers:
    return np.array(list(combinations(range(items), size)), dtype=np.int64).reshape(-1, size)
