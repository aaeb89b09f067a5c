"""Charts as figures for SVG: where each bar begins and how wide it is. Templates draw them; nothing here is markup."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 600
"""Of a drawing, in its own units; the page scales it."""


@dataclass(frozen=True)
class Part:
    """A piece of a bar: which one of the series it is, where it begins, how wide it is, and its value."""

    series: int
    x: int
    width: int
    value: int


@dataclass(frozen=True)
class Stacks:
    """Bars of parts, each with its name and sum."""

    bars: Sequence[tuple[str, int, Sequence[Part]]]


@dataclass(frozen=True)
class Step:
    """A step of a bridge: from `x` on `width` wide; `kind` is total, up or down."""

    name: str
    value: int
    x: int
    width: int
    kind: str


@dataclass(frozen=True)
class Bridge:
    """From an opening over its steps to a closing."""

    steps: Sequence[Step]


@dataclass(frozen=True)
class Trend:
    """A line: its points as SVG wants them, and the first and last name under it."""

    points: str
    first: str
    last: str
    low: int
    high: int


def stacks(bars: Sequence[tuple[str, Sequence[int]]]) -> Stacks:
    """Bars on one scale: the longest is as wide as the drawing."""
    longest = max((sum(values) for _, values in bars), default=0)
    return Stacks([(name, sum(values), _parts(values, longest)) for name, values in bars])


def shares(bars: Sequence[tuple[str, Sequence[int]]]) -> Stacks:
    """Bars that are each as wide as the drawing: amounts in several currencies have no common scale."""
    return Stacks([(name, sum(values), _parts(values, sum(values))) for name, values in bars])


def bridge(opening: int, steps: Sequence[tuple[str, int]]) -> Bridge:
    """Each step begins where the one before ended; steps of nothing are left out."""
    moved = [(name, value) for name, value in steps if value]
    level, levels = opening, [0, opening]
    for _, value in moved:
        level += value
        levels.append(level)
    low, high = min(levels), max(levels)
    found = [_step("opening", opening, 0, (low, high), "total")]
    level = opening
    for name, value in moved:
        found.append(_step(name, value, level, (low, high), "up" if value > 0 else "down"))
        level += value
    return Bridge([*found, _step("closing", level, 0, (low, high), "total")])


def trend(points: Sequence[tuple[str, int]], *, height: int = 120) -> Trend | None:
    """A line from the first to the last, zero at its foot; None with fewer than two points."""
    if len(points) <= 1:
        return None
    values = [value for _, value in points]
    low, high = min(0, *values), max(values)
    span = (high - low) or 1
    texts = [
        f"{number * WIDTH // (len(points) - 1)},{height - (value - low) * height // span}"
        for number, value in enumerate(values)
    ]
    return Trend(" ".join(texts), points[0][0], points[-1][0], min(values), high)


def _parts(values: Sequence[int], whole: int) -> list[Part]:
    found, begun = [], 0
    for series, value in enumerate(values):
        if value > 0 and whole > 0:
            x = begun * WIDTH // whole
            # At least a hair: what is there is seen.
            found.append(Part(series, x, max((begun + value) * WIDTH // whole - x, 1), value))
            begun += value
    return found


def _step(name: str, value: int, start: int, scale: tuple[int, int], kind: str) -> Step:
    low, high = scale
    span = (high - low) or 1
    left, right = sorted((start, start + value))
    x = (left - low) * WIDTH // span
    return Step(name, value, x, max((right - low) * WIDTH // span - x, 1), kind)
