"""What stands for personal data wherever it is kept sealed, found in values and replaced by what it stands for."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from include.domain.entities import COMPARED

PREFIX = "pii1:"
TOKEN = re.compile(r"pii1:[\w-]{22}", re.ASCII)
DESTROYED = "(destroyed)"

BESIDE = "~sealed"
"""The name in a payload under which what was found of it in clear stands: canonical fields, and what compares them."""

_WHOLE = re.compile(rf"({TOKEN.pattern})(@\S+)?", re.ASCII)
"""Behind the stand-in of an e-mail address its domain is shown."""


def is_stand_in(text: str) -> bool:
    """Whether the text stands for a value that is sealed, or says that there was one that could not be kept."""
    return bool(_WHOLE.fullmatch(text)) or text == DESTROYED or not text.strip("•")


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


def as_kept_before(payload: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The payload of somebody forgotten: in each place the stand-in that is kept there, none where there was none.

    What compares it is what is kept as well, but for what compares a customer's name, which is in clear.
    """
    found = {name: _as_before(said, before.get(name)) for name, said in payload.items() if name != BESIDE}
    said = payload.get(BESIDE, {})
    beside = before.get(BESIDE, {}) | {name: said[name] for name in COMPARED["customers"] if name in said}
    return found | ({BESIDE: beside} if beside else {})


def _as_before(said: Any, before: Any) -> Any:
    match said:
        case str() if _WHOLE.fullmatch(said):
            return before if isinstance(before, str) and _WHOLE.fullmatch(before) else None
        case Mapping():
            held = before if isinstance(before, Mapping) else {}
            return {name: _as_before(item, held.get(name)) for name, item in said.items()}
        case list() | tuple():
            rest = iter(before if isinstance(before, list) else ())
            return [_as_before(item, next(rest, None)) for item in said]
    return said
