"""Walks a payload and replaces what stands under the names of personal data."""

import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

StandIn = Callable[[str, str], str]
"""What stands for the text found under a name."""

LONGEST = 10_000
"""Characters of a text that landing takes."""

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_ENCODER = json.JSONEncoder(default=str, ensure_ascii=False)


Shown = Mapping[str, Collection[str]]
"""A name below which all is hidden but what stands under these."""


def hide(
    payload: Mapping[str, Any], names: Collection[str], stand_in: StandIn, shown: Shown = MappingProxyType({})
) -> dict[str, Any]:
    """The payload with all under the names replaced: a text by its stand-in, a structure by one for all of it."""
    hiding = _Hiding(names, stand_in, shown)
    return {
        name: value if type(value) is str and name not in names else hiding.under(name, value, None)
        for name, value in payload.items()
    }


def refused_as_it_is(text: str) -> str | None:
    """What is left of a text that landing refuses: enough to be refused by the same rule, and nothing personal."""
    if len(text) > LONGEST:
        return "•" * len(text)
    return "".join(_UNSTORABLE.findall(text)) or None


@dataclass(frozen=True)
class _Hiding:
    names: Collection[str]
    stand_in: StandIn
    shown: Shown

    def under(self, name: str, value: Any, only: Collection[str] | None) -> Any:
        """What stands under a name; `only`: what is shown where we are."""
        if name in self.names:
            return self._hidden(name, value)
        if only is None and name in self.shown:
            only = self.shown[name]
        if type(value) is dict:
            return {one: self.under(self._named(one, name, only), item, only) for one, item in value.items()}
        if type(value) is list:
            return [self.under(name, item, only) for item in value]
        if only is None or name in only or value is None or type(value) is bool:
            return value
        return self._hidden(name, value)

    def _named(self, one: str, outer: str, only: Collection[str] | None) -> str:
        """An element's own text and attributes are the element's, whatever it is called."""
        own = only is not None and one[:1] in ("#", "@") and one not in only
        return outer if own else one

    def _hidden(self, name: str, value: Any) -> Any:
        if type(value) is str:
            return self.stand_in(name, value) if value.strip() else value
        return value if value in (None, [], {}) else self.stand_in(name, _ENCODER.encode(value))
