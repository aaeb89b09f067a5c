"""Tryton's domains and orders, evaluated over a table's records."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from include.twin.erp_database import STAMP, Record, Table, UnknownName, from_json, id_key

Predicate = Callable[[Record], bool]

_RANKS: dict[type, int] = {bool: 0, int: 1, float: 1, Decimal: 1, date: 2, datetime: 3, str: 4}
_NULL_RANK = 5
_OPERATORS = {"=", "!=", "<", "<=", ">", ">=", "in", "not in", "like", "ilike", "not like", "not ilike"}
_KEYSET = [["last_modified_at", "ASC"], ["id", "ASC"]]


class BadDomain(Exception):
    """The domain or the order is not one Tryton can read."""


def search(
    table: Table, domain: Any, order: Any, *, active_only: bool = False, limit: int | None = None
) -> list[Record]:
    """The records the domain admits, in that order (else by id), the first `limit`.

    `active_only` leaves out what was deactivated, unless the domain asks for it. Raises BadDomain, UnknownName.
    """
    if not isinstance(domain, list):
        raise BadDomain(f"a domain is a list, not {domain!r}")
    fits = _clause(domain, table)
    asks = active_only and "active" in table.fields and not _names(domain, "active")
    if order == _KEYSET:
        # What a reader of changes asks for, page after page: it must not cost a walk through all records.
        rows: Iterable[Record] = table.by_stamp(_floor(domain))
        found: Iterator[Record] = (one for one in rows if fits(one) and not (asks and one["active"] is False))
        return list(islice(found, limit))
    admitted = [one for one in table.all() if fits(one) and not (asks and one["active"] is False)]
    for name, descending in reversed(_orders(order or [["id", "ASC"]])):
        check_field(table, name)
        # Nulls last when ascending, first when descending, as PostgreSQL has them.
        admitted.sort(key=lambda record, name=name: _sort_key(record, name), reverse=descending)  # type: ignore[misc]
    return admitted[:limit]


def check_field(table: Table, name: Any) -> None:
    if name not in table.fields:
        raise UnknownName(str(name))


def _orders(order: Any) -> list[tuple[str, bool]]:
    try:
        pairs = [(str(name), str(direction).upper()) for name, direction in order]
    except (TypeError, ValueError):
        raise BadDomain(f"an order is a list of [field, direction], not {order!r}") from None
    if any(direction not in {"ASC", "DESC"} for _, direction in pairs):
        raise BadDomain(f"a direction is ASC or DESC, in {order!r}")
    return [(name, direction == "DESC") for name, direction in pairs]


def _floor(domain: Any) -> datetime | None:
    """A stamp below which the domain admits nothing; None when it sets none."""
    match domain:
        case [name, ">=" | ">" | "=", value] if name == STAMP:
            floor = from_json(value)
            return floor if isinstance(floor, datetime) else None
        case ["OR", *parts]:
            floors = [_floor(part) for part in parts]
            return None if None in floors else min((one for one in floors if one), default=None)
        case [str(), *_]:
            return None
    return max((one for part in domain if (one := _floor(part))), default=None)


def _names(domain: Any, name: str) -> bool:
    return isinstance(domain, list) and (domain[:1] == [name] or any(_names(part, name) for part in domain))


def _clause(clause: Any, table: Table) -> Predicate:
    if not isinstance(clause, list):
        raise BadDomain(f"a clause is a list, not {clause!r}")
    match clause:
        case [str(name), str(operator), value] if operator in _OPERATORS:
            return _comparison(table, name, operator, value)
        case ["OR", *parts]:
            either = [_clause(part, table) for part in parts]
            return lambda record: any(part(record) for part in either)
    both = [_clause(part, table) for part in (clause[1:] if clause[:1] == ["AND"] else clause)]
    return lambda record: all(part(record) for part in both)


def _comparison(table: Table, name: str, operator: str, value: Any) -> Predicate:
    check_field(table, name)
    try:
        wanted = from_json(value)
    except (TypeError, ValueError, ArithmeticError):
        raise BadDomain(f"{value!r} is not a value of {name}") from None
    if isinstance(wanted, list) != operator.endswith("in"):
        raise BadDomain(f"{operator} cannot compare {name} with {value!r}")
    refers = name == "id" or table.fields[name].target
    for one in wanted if isinstance(wanted, list) else [wanted]:
        if one is not None and not refers and _RANKS.get(type(one)) != _RANKS[table.fields[name].kind]:
            raise BadDomain(f"{value!r} is not a value of {name}")
    if operator.endswith("like"):
        return _like(name, operator, str(wanted))
    if operator.endswith("in"):
        return lambda record: (record[name] in wanted) == (operator == "in")
    if operator in {"=", "!="}:
        return lambda record: _equal(record[name], wanted) == (operator == "=")
    return _inequality(name, operator, wanted)


def _equal(held: Any, wanted: Any) -> bool:
    # A many-valued field is equal to one of its values.
    return wanted in held if isinstance(held, list) else bool(held == wanted)


def _inequality(name: str, operator: str, wanted: Any) -> Predicate:
    bound = id_key(wanted) if name == "id" else _key(wanted)

    def fits(record: Record) -> bool:
        key = _sort_key(record, name)
        # Null, and garbage in a field of numbers or days, is neither less nor more than anything.
        if record[name] is None or (name != "id" and key[0] != bound[0]):
            return False
        if key == bound:
            return operator.endswith("=")
        return bool(key < bound) == operator.startswith("<")

    return fits


def _like(name: str, operator: str, wanted: str) -> Predicate:
    parts = re.findall(r"\\?.", wanted, re.DOTALL)
    pattern = "".join({"%": ".*", "_": "."}.get(part) or re.escape(part[-1]) for part in parts)
    like = re.compile(pattern, re.DOTALL | (re.IGNORECASE if operator.endswith("ilike") else re.NOFLAG))
    wants = not operator.startswith("not")
    return lambda record: isinstance(value := record[name], str) and bool(like.fullmatch(value)) == wants


def _sort_key(record: Record, name: str) -> tuple[int, Any]:
    return id_key(record[name]) if name == "id" else _key(record[name])


def _key(value: Any) -> tuple[int, Any]:
    if isinstance(value, list):
        return _RANKS[str], _texts(value)
    return (_NULL_RANK, "") if value is None else (_RANKS[type(value)], value)


def _texts(values: Sequence[Any]) -> str:
    return " ".join(map(str, values))
