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


ELSE = "~else"
"""The name in a payload under which all stands that is shown of nobody: its names too, which people may have chosen."""

DEEP = "*"
"""Among the names that are shown: structures of other names are looked into, for the same names."""

Shown = Mapping[str, Collection[str]]
"""A name below which all is hidden but what stands under these; where `id` is one of them, it may hold that alone."""


def hide(
    payload: Mapping[str, Any],
    names: Collection[str],
    stand_in: StandIn,
    shown: Shown = MappingProxyType({}),
    *,
    of: str = "",
) -> dict[str, Any]:
    """The payload with all under the names replaced: a text by its stand-in, a structure by one for all of it.

    `of`: the name below which the payload itself stands.
    """
    return _Hiding(names, stand_in, shown).within(payload, of, shown.get(of))


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

    def within(self, value: Mapping[str, Any], outer: str, only: Collection[str] | None) -> dict[str, Any]:
        """What stands under a name; `only`: what is shown of it, where not all is."""
        if only is None:
            names, shown = self.names, self.shown
            return {
                one: item
                if type(item) is str and one not in names and one not in shown
                else self._under(one, item, None)
                for one, item in value.items()
            }
        if DEEP in only:
            return {one: self._under(_named(one, outer, only), item, only) for one, item in value.items()}
        known = {one: item for one, item in value.items() if one in only or one in self.names}
        kept = {one: self._under(one, item, only) for one, item in known.items()}
        rest = {one: item for one, item in value.items() if one not in known}
        if any(item not in (None, "", [], {}) for item in rest.values()):
            kept[ELSE] = self.stand_in(ELSE, _ENCODER.encode(rest))
        return kept

    def _under(self, name: str, value: Any, only: Collection[str] | None) -> Any:
        if name in self.names:
            return self._hidden(name, value)
        if type(value) is list:
            return [self._under(name, item, only) for item in value]
        if type(value) is dict:
            if name in self.shown:
                return self.within(value, name, self.shown[name])
            if only is None or DEEP in only:
                return self.within(value, name, only)
            return self._hidden(name, value)
        shown = value is None or type(value) is bool or self._may_stand(name, only)
        return value if shown else self._hidden(name, value)

    def _may_stand(self, name: str, only: Collection[str] | None) -> bool:
        """Whether a text or number under the name may be shown; of what has a structure, its id may."""
        return (only is None or name in only) and "id" in self.shown.get(name, ("id",))

    def _hidden(self, name: str, value: Any) -> Any:
        if type(value) is str:
            return self.stand_in(name, value) if value.strip() else value
        return value if value in (None, [], {}) else self.stand_in(name, _ENCODER.encode(value))


def _named(one: str, outer: str, only: Collection[str]) -> str:
    """An element's own text and attributes are the element's, whatever it is called."""
    return outer if one[:1] in ("#", "@") and one not in only else one
