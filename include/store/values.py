"""Values as Postgres takes and gives them: dicts are jsonb, lists of text are written as arrays."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import psycopg
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.types.json import Jsonb, set_json_loads


class _Texts(str):
    """A list of text as Postgres writes an array."""

    __slots__ = ()


class _TextsDumper(Dumper):
    """Of a type that the query says, as a list is: texts may be ids of another type."""

    def dump(self, obj: _Texts) -> bytes:
        return obj.encode()


ADAPTERS = AdaptersMap(psycopg.adapters)
ADAPTERS.register_dumper(_Texts, _TextsDumper)
set_json_loads(msgspec.json.decode, ADAPTERS)
"""What jsonb holds is JSON that every reader reads alike; this one does in a third of the time."""


def adapted(params: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a query."""
    return {name: adapt(value) for name, value in params.items()}


def adapt(value: Any) -> Any:
    """One of them. What holds a NUL is left to psycopg, which refuses it."""
    if isinstance(value, dict):
        return Jsonb(value)
    if type(value) is list and value and type(text := array(value)) is str and "\0" not in text:
        return _Texts(text)
    return value


def copied(row: Sequence[Any]) -> list[Any]:
    """A row of COPY."""
    return [_COPIED[type(value)](value) if type(value) in _COPIED else value for value in row]


def array(values: list[Any]) -> Any:
    """A list of text as Postgres writes an array; psycopg comes to the same, more slowly."""
    if not values:
        return "{}"
    if set(map(type, values)) != {str}:
        return values
    text = '","'.join(values)
    if "\\" in text or text.count('"') > 2 * (len(values) - 1):
        text = '","'.join(value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return f'{{"{text}"}}'


_COPIED: dict[type, Callable[[Any], Any]] = {dict: Jsonb, list: array}
