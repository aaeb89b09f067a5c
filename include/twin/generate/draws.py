"""Counter-based draws: the same (seed, stream, index) gives the same numbers, whatever was drawn before."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate
from typing import Any, TypeVar

from numpy.random import Philox

Choice = TypeVar("Choice")
BITS = 64


class Stream(IntEnum):
    """What a draw is for; two streams never share numbers. The values are part of a world's identity."""

    CUSTOMER = 1
    SUBSCRIPTION = 2
    INVOICE = 3
    PIPELINE = 4
    PAYOUT = 5
    RATE = 6
    LEGACY = 7


def draws(seed: int, stream: Stream, index: int, count: int, *, part: int = 0) -> list[int]:
    """`count` integers of 64 random bits for item `index` (and its `part`) of `stream`."""
    # Raw bits, because numpy promises their stability over versions, but not that of its distributions.
    bits: Any = Philox(key=[seed, stream], counter=[0, part, index, 0])
    raw: list[int] = bits.random_raw(count).tolist()
    return raw


def pick(draw: int, choices: int) -> int:
    """An integer in [0, choices)."""
    return draw * choices >> BITS


def chance(draw: int, per_million: int) -> bool:
    return draw * 1_000_000 >> BITS < per_million


def choose(draw: int, options: Sequence[Choice]) -> Choice:
    return options[draw * len(options) >> BITS]


@dataclass(frozen=True, slots=True)
class Weighted:
    """Options with whole-number weights, ready to be drawn from."""

    limits: tuple[int, ...]  # running totals of the weights
    options: tuple[Any, ...]

    @classmethod
    def of(cls, weights: Mapping[Any, int]) -> "Weighted":
        used = {option: weight for option, weight in weights.items() if weight > 0}
        return cls(tuple(accumulate(used.values())), tuple(used))

    def draw(self, draw: int) -> Any:
        return self.options[bisect_right(self.limits, draw * self.limits[-1] >> BITS)]
