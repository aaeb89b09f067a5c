"""SOQL's aggregates: groups of rows, and what each function makes of a group's values."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from include.twin.sobjects import comparison_key
from include.twin.soql import Value


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


REDUCERS: dict[str, Callable[[str, Sequence[Value]], Value]] = {
    "SUM": _sum,
    "AVG": _average,
    "COUNT": _count,
    "COUNT_DISTINCT": _count_distinct,
    "MIN": _least,
    "MAX": _greatest,
}
