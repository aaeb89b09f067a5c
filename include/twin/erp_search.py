"""Tryton's domains and orders, evaluated over a model's records."""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from include.twin.erp_models import Model, Record, from_json

Predicate = Callable[[Record], bool]

_RANKS: dict[type, int] = {bool: 0, int: 1, float: 1, Decimal: 1, date: 2, datetime: 3, str: 4}
_NULL_RANK = 5
_OPERATORS = {"=", "!=", "<", "<=", ">", ">=", "in", "not in", "like", "ilike", "not like", "not ilike"}


class BadDomain(Exception):
    """The domain or the order is not one Tryton can read."""


class UnknownField(Exception):
    """The model has no such field."""


def search(model: Model, domain: Any, order: Any) -> list[Record]:
    """The records the domain admits, in that order (else by id). Raises BadDomain, UnknownField."""
    if not isinstance(domain, list):
        raise BadDomain(f"a domain is a list, not {domain!r}")
    fits = _clause(domain, model)
    found = [record for record in model.records if fits(record)]
    for field, descending in reversed(_orders(order or [["id", "ASC"]])):
        check_field(model, field)
        # Nulls last when ascending, first when descending, as PostgreSQL has them.
        found.sort(key=lambda record, field=field: _key(record[field]), reverse=descending)  # type: ignore[misc]
    return found


def check_field(model: Model, field: Any) -> None:
    if field not in model.fields:
        raise UnknownField(f"{model.name} has no field {field!r}")


def _orders(order: Any) -> list[tuple[str, bool]]:
    try:
        pairs = [(str(field), str(direction).upper()) for field, direction in order]
    except (TypeError, ValueError):
        raise BadDomain(f"an order is a list of [field, direction], not {order!r}") from None
    if any(direction not in {"ASC", "DESC"} for _, direction in pairs):
        raise BadDomain(f"a direction is ASC or DESC, in {order!r}")
    return [(field, direction == "DESC") for field, direction in pairs]


def _clause(clause: Any, model: Model) -> Predicate:
    if not isinstance(clause, list):
        raise BadDomain(f"a clause is a list, not {clause!r}")
    match clause:
        case [str(field), str(operator), value] if operator in _OPERATORS:
            return _comparison(model, field, operator, value)
        case ["OR", *parts]:
            either = [_clause(part, model) for part in parts]
            return lambda record: any(part(record) for part in either)
    both = [_clause(part, model) for part in (clause[1:] if clause[:1] == ["AND"] else clause)]
    return lambda record: all(part(record) for part in both)


def _comparison(model: Model, field: str, operator: str, value: Any) -> Predicate:
    check_field(model, field)
    try:
        wanted = from_json(value)
    except (TypeError, ValueError, ArithmeticError):
        raise BadDomain(f"{value!r} is not a value of {field}") from None
    if isinstance(wanted, list) != operator.endswith("in"):
        raise BadDomain(f"{operator} cannot compare {field} with {value!r}")
    for one in wanted if isinstance(wanted, list) else [wanted]:
        if one is not None and _RANKS.get(type(one)) != _RANKS[model.fields[field]]:
            raise BadDomain(f"{value!r} is not a value of {field}")
    if operator.endswith("like"):
        return _like(field, operator, str(wanted))
    if operator.endswith("in"):
        return lambda record: (record[field] in wanted) == (operator == "in")
    if operator in {"=", "!="}:
        return lambda record: (record[field] == wanted) == (operator == "=")
    return _inequality(field, operator, wanted)


def _inequality(field: str, operator: str, wanted: Any) -> Predicate:
    bound = _key(wanted)

    def fits(record: Record) -> bool:
        key = _key(record[field])
        # Null, and garbage in a field of numbers or days, is neither less nor more than anything.
        if key[0] != bound[0] or record[field] is None:
            return False
        if key == bound:
            return operator.endswith("=")
        return bool(key < bound) == operator.startswith("<")

    return fits


def _like(field: str, operator: str, wanted: str) -> Predicate:
    parts = re.findall(r"\\?.", wanted, re.DOTALL)
    pattern = "".join({"%": ".*", "_": "."}.get(part) or re.escape(part[-1]) for part in parts)
    like = re.compile(pattern, re.DOTALL | (re.IGNORECASE if operator.endswith("ilike") else re.NOFLAG))
    wants = not operator.startswith("not")
    return lambda record: isinstance(value := record[field], str) and bool(like.fullmatch(value)) == wants


def _key(value: Any) -> tuple[int, Any]:
    return (_NULL_RANK, "") if value is None else (_RANKS[type(value)], value)
