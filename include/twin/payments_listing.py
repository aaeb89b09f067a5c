"""One collection of the payments platform: served newest first, and quick to add to at the newest end."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from include.twin.payments_objects import Item


class Listing(Sequence[Item]):
    """Items newest first; those of one id stand together, from `first_at[id]` up to `after[id]`.

    Held oldest first, where a new item is put at the end and no position moves. What has no id comes last when served:
    nothing can start after it.
    """

    def __init__(self, name: str, items: Iterable[Item]) -> None:
        self.name = name
        some = list(items)
        self._newest: dict[str, int] = {}
        for item in some:
            self._newest[item.id] = max(item.created, self._newest.get(item.id, item.created))
        newest_last = list(reversed(some))  # ties keep their order when served
        self._held = sorted(newest_last, key=self._key)
        self._span: dict[str, tuple[int, int]] = {}
        self._of_payout: defaultdict[str, list[int]] = defaultdict(list)
        for position in range(len(self._held)):
            self._index(position)

    @property
    def items(self) -> "Listing":
        """The items, newest first."""
        return self

    @property
    def first_at(self) -> Mapping[str, int]:
        """Where the items of an id begin."""
        return _Bounds(self._span, lambda span: len(self._held) - span[1])

    @property
    def after(self) -> Mapping[str, int]:
        """Where they are over."""
        return _Bounds(self._span, lambda span: len(self._held) - span[0])

    def of_payout(self, payout: str) -> list[int]:
        """The positions of what a payout holds, in the order served."""
        last = len(self._held) - 1
        return [last - position for position in reversed(self._of_payout.get(payout, []))]

    def since(self, created: int) -> int:
        """How many of the items, newest first, may have been created then or later; none that follows them was."""
        if self._held and not self._held[0].id:
            return len(self._held)
        return len(self._held) - bisect_left(self._held, (True, created, ""), key=self._key)

    def put(self, item: Item) -> None:
        """Add an item, or put it in the place of the one of its id."""
        span = self._span.get(item.id)
        if span:
            start, end = span
            if end - start > 1 or self._held[start].created != item.created:
                others = [held for held in self if held.id != item.id]
                self.__init__(self.name, [*others, item])  # type: ignore[misc]
                return
            self._held[start] = item
            return
        self._newest[item.id] = item.created
        at = bisect_left(self._held, self._key(item), key=self._key)
        if len(self._held) - at > _MOVED_MAX:
            self.__init__(self.name, [*self, item])  # type: ignore[misc]
            return
        moved = self._held[at:]
        for position in range(len(self._held) - 1, at - 1, -1):
            self._of_payout[self._held[position].payout].pop()
        self._held[at:] = [item, *moved]
        for one in moved:
            self._span.pop(one.id, None)
        for position in range(at, len(self._held)):
            self._index(position)

    def __len__(self) -> int:
        return len(self._held)

    def __getitem__(self, position: Any) -> Any:
        if isinstance(position, slice):
            return [self[one] for one in range(*position.indices(len(self)))]
        return self._held[len(self._held) - 1 - position]

    def __iter__(self) -> Iterator[Item]:
        return reversed(self._held)

    def _key(self, item: Item) -> tuple[bool, int, str]:
        return item.id != "", self._newest[item.id], item.id

    def _index(self, position: int) -> None:
        item = self._held[position]
        start, _ = self._span.get(item.id, (position, position))
        self._span[item.id] = (start, position + 1)
        self._of_payout[item.payout].append(position)


_MOVED_MAX = 1_000
"""Items that may stand before a new one without everything being sorted anew: those of its second."""


class _Bounds(Mapping[str, int]):
    def __init__(self, span: Mapping[str, tuple[int, int]], at: Callable[[tuple[int, int]], int]) -> None:
        self._span, self._at = span, at

    def __getitem__(self, item_id: str) -> int:
        return self._at(self._span[item_id])

    def __iter__(self) -> Iterator[str]:
        return iter(self._span)

    def __len__(self) -> int:
        return len(self._span)
