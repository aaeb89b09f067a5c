"""What stands for personal data wherever it is kept sealed, found in values and replaced by what it stands for."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

PREFIX = "pii1:"
TOKEN = re.compile(r"pii1:[\w-]{22}", re.ASCII)
DESTROYED = "(destroyed)"

_WHOLE = re.compile(rf"({TOKEN.pattern})(@\S+)?", re.ASCII)
"""Behind the stand-in of an e-mail address its domain is shown."""


def tokens_in(value: Any) -> Iterator[str]:
    """Every stand-in a value is or holds, as it is kept: without the domain behind it."""
    match value:
        case str():
            if found := _WHOLE.fullmatch(value):
                yield found[1]
        case Mapping():
            for item in value.values():
                yield from tokens_in(item)
        case list() | tuple():
            for item in value:
                yield from tokens_in(item)


def replaced(value: Any, opened: Mapping[str, str]) -> Any:
    """The value with what its stand-ins stand for; of one that is not among them, that it was destroyed."""
    match value:
        case str():
            found = _WHOLE.fullmatch(value)
            return opened.get(found[1], DESTROYED) if found else value
        case Mapping():
            return {name: replaced(item, opened) for name, item in value.items()}
        case list() | tuple():
            return [replaced(item, opened) for item in value]
    return value
