"""Sentences whose figures stand as {1234.5} in them, so that every reader is shown them as they write numbers."""

import re
from collections.abc import Callable
from decimal import Decimal

_FIGURE = re.compile(r"\{(-?[0-9]+(?:\.[0-9]+)?)\}")


def figure(number: int | Decimal) -> str:
    """A figure within a sentence."""
    return f"{{{Decimal(number):f}}}"


def filled(sentence: str, write: Callable[[Decimal], str]) -> str:
    """The sentence with its figures written out."""
    return _FIGURE.sub(lambda found: write(Decimal(found[1])), sentence)


def in_english(sentence: str) -> str:
    """The same with thousands set off by commas."""
    return filled(sentence, lambda number: f"{number:,f}")
