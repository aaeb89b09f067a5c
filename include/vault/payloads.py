"""Walks a payload and replaces what stands under the names of personal data."""

import json
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

StandIn = Callable[[str, str], str]
"""What stands for the text found under a name."""

LONGEST = 10_000
"""Characters of a text that landing takes."""

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_ENCODER = json.JSONEncoder(default=str, ensure_ascii=False)


def hide(payload: Mapping[str, Any], names: Collection[str], stand_in: StandIn) -> dict[str, Any]:
    """The payload with all under the names replaced: a text by its stand-in, a structure by one for all of it."""
    return {
        name: _hidden(name, value, stand_in)
        if name in names
        else (value if type(value) is str else _inside(value, names, stand_in))
        for name, value in payload.items()
    }


def refused_as_it_is(text: str) -> str | None:
    """What is left of a text that landing refuses: enough to be refused by the same rule, and nothing personal."""
    if len(text) > LONGEST:
        return "•" * len(text)
    return "".join(_UNSTORABLE.findall(text)) or None


def _inside(value: Any, names: Collection[str], stand_in: StandIn) -> Any:
    if type(value) is dict:
        return hide(value, names, stand_in)
    if type(value) is list:
        return [_inside(item, names, stand_in) for item in value]
    return value


def _hidden(name: str, value: Any, stand_in: StandIn) -> Any:
    if type(value) is str:
        return stand_in(name, value) if value.strip() else value
    return value if value in (None, [], {}) else stand_in(name, _ENCODER.encode(value))
