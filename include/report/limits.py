"""How much of a day its mail shows: readers' programs cut off what is longer than some 100 KB."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

One = TypeVar("One")

CURRENCIES_SHOWN = 8
"""Rows of a table with a row a currency."""

TOTALS_SHOWN = 16
"""Lines of "does it tie", of which each currency has several."""

AMOUNTS_SHOWN = 4
"""Currencies within one cell."""

LINES_SHOWN = 12
"""What of the data is not as expected, and what was learnt since the day was told."""


def first(found: Sequence[One], most: int, by: Callable[[One], Any]) -> list[One]:
    """The `most` that come first by `by`, in the order they had."""
    places = sorted(range(len(found)), key=lambda place: (by(found[place]), place))[:most]
    return [found[place] for place in sorted(places)]


def listed(texts: Sequence[str], noun: str, most: int = AMOUNTS_SHOWN) -> list[str]:
    """The first of many, and how many more there are: "and 3 more currencies"."""
    left = len(texts) - most
    if left <= 0:
        return list(texts)
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return [*texts[:most], f"and {left} more {noun if left == 1 else plural}"]


def named(currencies: Iterable[str]) -> str:
    """Currencies in a sentence; of many the first, and how many more."""
    return ", ".join(listed(list(currencies), "currency", LINES_SHOWN))


def left_out(currencies: int, of_what: str) -> str:
    """That a table has fewer currencies than there are; empty when it has all."""
    left = currencies - CURRENCIES_SHOWN
    if left <= 0:
        return ""
    said = "1 more currency" if left == 1 else f"{left} more currencies"
    return f"Of {said}, with fewer {of_what}, nothing is shown here."
