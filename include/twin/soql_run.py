"""Runs a parsed query over an sObject: filters, orders, groups. Errors carry Salesforce's codes."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from datetime import UTC, date, datetime, time
from functools import partial
from operator import itemgetter
from typing import Any

from include.twin.sobject_fields import NUMBER_TYPES
from include.twin.sobjects import Record, comparison_key, id_key
from include.twin.soql import (
    Children,
    Column,
    Comparison,
    Condition,
    Literal,
    MalformedQuery,
    Order,
    Query,
    Value,
    stamp,
)
from include.twin.soql_aggregates import REDUCERS
from include.twin.soql_days import named_days
from include.twin.soql_scope import Path, QueryRefused, Scope

Predicate = Callable[[Record], bool]

OFFSET_MAX = 2000
AGGREGATE_ROWS_MAX = 2000


@dataclass(frozen=True)
class Answer:
    """`columns`: what to show of each record; `total` is not the number of records in COUNT() alone.

    `children`: by the name of a relationship, the answer about one record's children.
    """

    sobject: str
    columns: Sequence[Path]
    records: Sequence[Record]
    total: int
    children: Mapping[str, Callable[[Record], "Answer"]] = dataclass_field(default_factory=dict)


def run(query: Query, scope: Scope, *, with_deleted: bool = False) -> Answer:
    """Raises QueryRefused, MalformedQuery."""
    found = [record for record in scope.sobject.records if with_deleted or record["IsDeleted"] is not True]
    if query.where:
        fits = _predicate(query.where, scope)
        found = [record for record in found if fits(record)]
    if query.offset > OFFSET_MAX:
        raise QueryRefused("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {OFFSET_MAX}")
    if query.columns == (Column("", "COUNT"),) and not query.group_by:
        return Answer(scope.sobject.name, (), (), len(_window(query, found)))
    if query.group_by or any(column.function for column in query.columns):
        return _aggregates(query, scope, found)
    paths = {path.names: path for path in (scope.path(column.field) for column in query.columns)}
    for order in reversed(query.order_by):
        path = scope.path(order.column.field)
        found.sort(key=_sort_key(order, path.kind, path.value), reverse=order.descending)
    shown = _window(query, found)
    children = dict(_children(part, scope) for part in query.children)
    return Answer(scope.sobject.name, tuple(paths.values()), shown, len(shown), children)


def _children(part: Children, scope: Scope) -> tuple[str, Callable[[Record], Answer]]:
    wanted = part.query.sobject.lower()
    for child in scope.sobjects.values():
        for spec in child.fields.values():
            if spec.children.lower() == wanted and spec.refers_to == scope.sobject.name:
                answers = run(part.query, Scope(child, scope.sobjects, scope.today))
                return spec.children, partial(_of_one_parent, answers, spec.name)
    raise QueryRefused(
        "INVALID_TYPE", f"Didn't understand relationship '{part.query.sobject}' in FROM part of query call."
    )


def _of_one_parent(answers: Answer, reference: str, parent: Record) -> Answer:
    key = id_key(str(parent["Id"]))
    records = [record for record in answers.records if id_key(str(record[reference] or "")) == key]
    return replace(answers, records=records, total=len(records))


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


# --- conditions


def _predicate(condition: Condition, scope: Scope) -> Predicate:
    if isinstance(condition, Comparison):
        return _comparison(condition, scope)
    parts = [_predicate(part, scope) for part in condition.parts]
    if condition.word == "NOT":
        return lambda record: not parts[0](record)
    if condition.word == "AND":
        return lambda record: all(part(record) for part in parts)
    return lambda record: any(part(record) for part in parts)


def _comparison(condition: Comparison, scope: Scope) -> Predicate:
    path, operator = scope.path(condition.field), condition.operator
    if condition.literals[0].kind == "days":
        return _within_days(condition, path, scope.today)
    for literal in condition.literals:
        _check_literal(literal, condition.field, path.kind)
    if operator == "LIKE":
        return _like(condition.literals[0], path)
    kind, value = path.kind, path.value
    wanted = [comparison_key(kind, literal.value) for literal in condition.literals]
    members = frozenset(wanted)
    if operator in {"=", "IN"}:
        return lambda record: comparison_key(kind, value(record)) in members
    if operator in {"!=", "NOT IN"}:
        return lambda record: comparison_key(kind, value(record)) not in members
    return _inequality(operator, path, wanted[0])


def _within_days(condition: Comparison, path: Path, today: date) -> Predicate:
    """The days as a range: before it, in it, after it."""
    if path.kind not in {"date", "datetime"}:
        raise QueryRefused(
            "INVALID_FIELD",
            f"value of filter criterion for field '{condition.field}' must be of type {path.kind}",
        )
    first, last = named_days(str(condition.literals[0].value), today=today)
    low, high = (
        (day.isoformat() if path.kind == "date" else stamp(datetime.combine(day, edge, tzinfo=UTC)))
        for day, edge in ((first, time.min), (last, time.max))
    )
    ranges: dict[str, Callable[[str], bool]] = {
        "=": lambda text: low <= text <= high,
        "!=": lambda text: not low <= text <= high,
        "<": lambda text: text < low,
        "<=": lambda text: text <= high,
        ">": lambda text: text > high,
        ">=": lambda text: text >= low,
    }
    inside = ranges[condition.operator]
    return lambda record: isinstance(value := path.value(record), str) and inside(value)


def _inequality(operator: str, path: Path, bound: tuple[int, Any]) -> Predicate:
    kind, value_of = path.kind, path.value

    def fits(record: Record) -> bool:
        key = comparison_key(kind, value_of(record))
        if key[0] != bound[0] or key[1] is None or bound[1] is None:
            return False
        if operator in {"<=", ">="} and key == bound:
            return True
        return bool(key < bound if operator.startswith("<") else key > bound)

    return fits


def _like(literal: Literal, path: Path) -> Predicate:
    if _wanted_kind(path.kind) != "string":
        raise QueryRefused("INVALID_FIELD", f"invalid operator on {path.kind} field '{path.names[-1]}': LIKE")
    wildcards = {"%": ".*", "_": "."}
    parts = re.findall(r"\\?.", literal.text, re.DOTALL)
    like = re.compile(
        "".join(wildcards.get(part) or re.escape(part[-1]) for part in parts), re.IGNORECASE | re.DOTALL
    )
    return lambda record: isinstance(value := path.value(record), str) and like.fullmatch(value) is not None


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


def _aggregates(query: Query, scope: Scope, found: Sequence[Record]) -> Answer:
    group_by = [scope.path(name) for name in query.group_by]
    groups: dict[tuple[Any, ...], list[Record]] = {} if group_by else {(): list(found)}
    for record in found if group_by else ():
        key = tuple(comparison_key(path.kind, path.value(record)) for path in group_by)
        groups.setdefault(key, []).append(record)
    show = {
        name: _aggregate(column, scope, group_by) for name, column in _named(query.columns, scope).items()
    }
    rows = list(groups.values())
    for order in reversed(query.order_by):
        kind = "double" if order.column.function else scope.path(order.column.field).kind
        rows.sort(
            key=_sort_key(order, kind, _aggregate(order.column, scope, group_by)), reverse=order.descending
        )
    shown = [{name: value_of(rows) for name, value_of in show.items()} for rows in _window(query, rows)]
    if len(shown) > AGGREGATE_ROWS_MAX:
        raise QueryRefused(
            "EXCEEDED_ID_LIMIT",
            "Aggregate query does not support queryMore(), use LIMIT to restrict the results to one batch",
        )
    columns = [Path((name,), "", itemgetter(name)) for name in show]
    return Answer("AggregateResult", columns, shown, len(shown))


def _named(columns: Iterable[Column], scope: Scope) -> dict[str, Column]:
    """Each column under the name Salesforce gives it: its alias, its field, or expr0, expr1 ..."""
    named: dict[str, Column] = {}
    for column in columns:
        unnamed = f"expr{sum(name.startswith('expr') for name in named)}"
        named[column.alias or (unnamed if column.function else scope.path(column.field).names[-1])] = column
    return named


def _aggregate(column: Column, scope: Scope, group_by: Sequence[Path]) -> Callable[[Sequence[Record]], Value]:
    if not column.field:
        return len
    path = scope.path(column.field)
    if not column.function:
        if path.names not in [grouped.names for grouped in group_by]:
            raise MalformedQuery(f"Field must be grouped or aggregated: {column.field}")
        return lambda rows: path.value(rows[0])
    if column.function in {"SUM", "AVG"} and path.kind not in NUMBER_TYPES:
        raise MalformedQuery(f"field {column.field} does not support aggregate operator {column.function}")
    reduce = REDUCERS[column.function]
    return lambda rows: reduce(path.kind, [value for row in rows if (value := path.value(row)) is not None])
