"""Runs a parsed query over an sObject: filters, orders, groups. Errors carry Salesforce's codes."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import itemgetter
from typing import Any

from include.twin.sobjects import NUMBER_TYPES, Record, SObject, comparison_key
from include.twin.soql import Column, Comparison, Condition, Literal, MalformedQuery, Order, Query, Value

Predicate = Callable[[Record], bool]

OFFSET_MAX = 2000
AGGREGATE_ROWS_MAX = 2000


class QueryRefused(Exception):
    """Salesforce's refusal: `code` (INVALID_FIELD ...) and the message as text."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Answer:
    """`names`: the fields to show of each record; `total` is not the number of records in COUNT() alone."""

    sobject: str
    names: Sequence[str]
    records: Sequence[Record]
    total: int


def run(query: Query, sobject: SObject, *, with_deleted: bool = False) -> Answer:
    """Raises QueryRefused, MalformedQuery."""
    found = [record for record in sobject.records if with_deleted or record["IsDeleted"] is not True]
    if query.where:
        fits = _predicate(query.where, sobject)
        found = [record for record in found if fits(record)]
    if query.offset > OFFSET_MAX:
        raise QueryRefused("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {OFFSET_MAX}")
    if query.columns == (Column("", "COUNT"),) and not query.group_by:
        return Answer(sobject.name, (), (), len(_window(query, found)))
    if query.group_by or any(column.function for column in query.columns):
        return _aggregates(query, sobject, found)
    names = tuple(dict.fromkeys(_field(sobject, column.field) for column in query.columns))
    for order in reversed(query.order_by):
        name = _field(sobject, order.column.field)
        found.sort(key=_sort_key(order, sobject.fields[name], itemgetter(name)), reverse=order.descending)
    shown = _window(query, found)
    return Answer(sobject.name, names, shown, len(shown))


def _window(query: Query, rows: Sequence[Any]) -> Sequence[Any]:
    rows = rows[query.offset :]
    return rows if query.limit is None else rows[: query.limit]


def _sort_key(order: Order, kind: str, value_of: Callable[[Any], Value]) -> Callable[[Any], tuple[Any, ...]]:
    # Sorting descending turns everything round, the place of the nulls with it.
    null_rank = 1 if order.nulls_last != order.descending else -1

    def key(row: Any) -> tuple[Any, ...]:
        value = value_of(row)
        return (null_rank,) if value is None else (0, *comparison_key(kind, value))

    return key


def _field(sobject: SObject, name: str) -> str:
    prefix, _, own = name.rpartition(".")
    field = sobject.field(own) if prefix.lower() in {"", sobject.name.lower()} else None
    if field is None:
        raise QueryRefused(
            "INVALID_FIELD",
            f"No such column '{name}' on entity '{sobject.name}'. If you are attempting to use a custom "
            "field, be sure to append the '__c' after the custom field name.",
        )
    return field


# --- conditions


def _predicate(condition: Condition, sobject: SObject) -> Predicate:
    if isinstance(condition, Comparison):
        return _comparison(condition, sobject)
    parts = [_predicate(part, sobject) for part in condition.parts]
    if condition.word == "NOT":
        return lambda record: not parts[0](record)
    if condition.word == "AND":
        return lambda record: all(part(record) for part in parts)
    return lambda record: any(part(record) for part in parts)


def _comparison(condition: Comparison, sobject: SObject) -> Predicate:
    name = _field(sobject, condition.field)
    kind = sobject.fields[name]
    for literal in condition.literals:
        _check_literal(literal, name, kind)
    if condition.operator == "LIKE":
        return _like(condition.literals[0], name, kind)
    wanted = [comparison_key(kind, literal.value) for literal in condition.literals]
    members = frozenset(wanted)
    if condition.operator in {"=", "IN"}:
        return lambda record: comparison_key(kind, record[name]) in members
    if condition.operator in {"!=", "NOT IN"}:
        return lambda record: comparison_key(kind, record[name]) not in members
    return _inequality(condition.operator, name, kind, wanted[0])


def _inequality(operator: str, name: str, kind: str, bound: tuple[int, Any]) -> Predicate:
    def fits(record: Record) -> bool:
        key = comparison_key(kind, record[name])
        if key[0] != bound[0] or key[1] is None or bound[1] is None:
            return False
        if operator in {"<=", ">="} and key == bound:
            return True
        return bool(key < bound if operator.startswith("<") else key > bound)

    return fits


def _like(literal: Literal, name: str, kind: str) -> Predicate:
    if _wanted_kind(kind) != "string":
        raise QueryRefused("INVALID_FIELD", f"invalid operator on {kind} field '{name}': LIKE")
    wildcards = {"%": ".*", "_": "."}
    parts = re.findall(r"\\?.", literal.text, re.DOTALL)
    like = re.compile(
        "".join(wildcards.get(part) or re.escape(part[-1]) for part in parts), re.IGNORECASE | re.DOTALL
    )
    return lambda record: isinstance(value := record[name], str) and like.fullmatch(value) is not None


def _wanted_kind(field_type: str) -> str:
    if field_type in NUMBER_TYPES:
        return "number"
    return field_type if field_type in {"boolean", "date", "datetime"} else "string"


def _check_literal(literal: Literal, name: str, kind: str) -> None:
    wanted = _wanted_kind(kind)
    if literal.kind not in {wanted, "null"}:
        quotes = "should be enclosed in quotes" if wanted == "string" else "should not be enclosed in quotes"
        message = f"value of filter criterion for field '{name}' must be of type {kind} and {quotes}"
        raise QueryRefused("INVALID_FIELD", message)


# --- aggregates


def _aggregates(query: Query, sobject: SObject, found: Sequence[Record]) -> Answer:
    group_by = [_field(sobject, name) for name in query.group_by]
    groups: dict[tuple[Any, ...], list[Record]] = {} if group_by else {(): list(found)}
    for record in found if group_by else ():
        groups.setdefault(
            tuple(comparison_key(sobject.fields[name], record[name]) for name in group_by), []
        ).append(record)
    show = {
        name: _aggregate(column, sobject, group_by) for name, column in _named(query.columns, sobject).items()
    }
    rows = list(groups.values())
    for order in reversed(query.order_by):
        kind = "double" if order.column.function else sobject.fields[_field(sobject, order.column.field)]
        value_of = _aggregate(order.column, sobject, group_by)
        rows.sort(key=_sort_key(order, kind, value_of), reverse=order.descending)
    shown = [{name: value_of(rows) for name, value_of in show.items()} for rows in _window(query, rows)]
    if len(shown) > AGGREGATE_ROWS_MAX:
        raise QueryRefused(
            "EXCEEDED_ID_LIMIT",
            "Aggregate query does not support queryMore(), use LIMIT to restrict the results to one batch",
        )
    return Answer("AggregateResult", tuple(show), shown, len(shown))


def _named(columns: Iterable[Column], sobject: SObject) -> dict[str, Column]:
    """Each column under the name Salesforce gives it: its alias, its field, or expr0, expr1 ..."""
    named: dict[str, Column] = {}
    for column in columns:
        unnamed = f"expr{sum(name.startswith('expr') for name in named)}"
        named[column.alias or (unnamed if column.function else _field(sobject, column.field))] = column
    return named


def _aggregate(
    column: Column, sobject: SObject, group_by: Sequence[str]
) -> Callable[[Sequence[Record]], Value]:
    if not column.field:
        return len
    name = _field(sobject, column.field)
    kind = sobject.fields[name]
    if not column.function:
        if name not in group_by:
            raise MalformedQuery(f"Field must be grouped or aggregated: {name}")
        return lambda rows: rows[0][name]
    if column.function in {"SUM", "AVG"} and kind not in NUMBER_TYPES:
        raise MalformedQuery(f"field {name} does not support aggregate operator {column.function}")
    reduce = _REDUCERS[column.function]
    return lambda rows: reduce(kind, [row[name] for row in rows if row[name] is not None])


def _numbers(values: Sequence[Value]) -> list[Decimal]:
    return [Decimal(repr(value)) for value in values if not isinstance(value, str)]


def _sum(_kind: str, values: Sequence[Value]) -> Value:
    # Decimals, so that the sum of exact cents is the double nearest to the exact sum.
    numbers = _numbers(values)
    return float(sum(numbers)) if numbers else None


def _average(_kind: str, values: Sequence[Value]) -> Value:
    numbers = _numbers(values)
    return float(sum(numbers) / len(numbers)) if numbers else None


def _count(_kind: str, values: Sequence[Value]) -> Value:
    return len(values)


def _count_distinct(kind: str, values: Sequence[Value]) -> Value:
    return len({comparison_key(kind, value) for value in values})


def _least(kind: str, values: Sequence[Value]) -> Value:
    return min(_regular(kind, values), key=lambda value: comparison_key(kind, value), default=None)


def _greatest(kind: str, values: Sequence[Value]) -> Value:
    return max(_regular(kind, values), key=lambda value: comparison_key(kind, value), default=None)


def _regular(kind: str, values: Sequence[Value]) -> list[Value]:
    return [value for value in values if comparison_key(kind, value)[0] == 0]


_REDUCERS: dict[str, Callable[[str, Sequence[Value]], Value]] = {
    "SUM": _sum,
    "AVG": _average,
    "COUNT": _count,
    "COUNT_DISTINCT": _count_distinct,
    "MIN": _least,
    "MAX": _greatest,
}
