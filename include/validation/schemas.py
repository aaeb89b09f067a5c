"""pandera schemas of the canonical entities: what a row's text must look like before it is typed."""

import re
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pandera.pandas as pa

from include.domain.arr import ARR_BELOW, PERIODS_A_YEAR
from include.domain.currencies import EXPONENTS, LAST_DAYS
from include.domain.entities import ENTITIES, INTERVALS, Entity, Field, Kind
from include.domain.money import AMOUNT

TEXT_MAX = 10_000
ID_MAX = 255

_DECIMAL = r"-?[0-9]{1,15}(\.[0-9]{1,12})?"
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_OFFSET = r"(Z|[+-](0[0-9]|1[0-4]):?[0-5][0-9])"
_INSTANT = re.compile(
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}(\.[0-9]{{1,6}})?)?{_OFFSET})?"
).fullmatch
_YEARS = (1900, 2200)
_RATES = (1e-9, 1e9)


class Rule(NamedTuple):
    """What one cell must be; an empty cell passes. `error`: the rule as a person reads it."""

    holds: Callable[[str], bool]
    error: str


class RowRule(NamedTuple):
    """What must hold within each row of a frame with these columns. `error`: whom it blames, a colon, the rule."""

    columns: tuple[str, ...]
    holds: Callable[[pd.DataFrame], pd.Series]
    error: str


@cache
def schema(entity: str) -> pa.DataFrameSchema:
    """The schema of an entity's text columns. A check's `error` is the rule as a person reads it.

    A rule over two columns starts with the column it blames and a colon.
    """
    spec = ENTITIES[entity]
    columns = {
        field.name: pa.Column("string", [*map(_check, cell_rules(field))], nullable=not field.required)
        for field in spec.received
    }
    return pa.DataFrameSchema(
        columns, checks=[pa.Check(rule.holds, error=rule.error) for rule in row_rules(entity)]
    )


@lru_cache(maxsize=1_000)
def schema_of_filled(entity: str, filled: frozenset[str]) -> pa.DataFrameSchema:
    """The same, but for columns that hold nothing and need not: an empty cell passes every rule of its own column.

    pandera takes milliseconds a column, however few the rows, and a live change is a row at a time.
    """
    whole = schema(entity)
    empty = [name for name, column in whole.columns.items() if column.nullable and name not in filled]
    return whole.remove_columns(empty)


@cache
def cell_rules(field: Field) -> tuple[Rule, ...]:
    """What a field's text must look like."""
    ours = _OF_KIND[field.kind]
    return (ours, Rule(_not_below_zero, "negative")) if field.positive else (ours,)


@cache
def row_rules(entity: str) -> tuple[RowRule, ...]:
    """What must hold between the columns of an entity."""
    spec = ENTITIES[entity]
    return (*_of_money(spec), *_in_use(spec), *_ROW_RULES.get(entity, ()))


def _of_money(spec: Entity) -> Iterator[RowRule]:
    for field in spec.received:
        if field.kind is Kind.MONEY:
            both = (field.name, "currency")
            yield RowRule(
                both, partial(_has_currency, field.name), f"{field.name}: an amount without a currency"
            )
            yield RowRule(
                both, partial(_is_exact, field.name), f"{field.name}: more decimals than the currency has"
            )


def _has_currency(amount: str, frame: pd.DataFrame) -> pd.Series:
    return frame[amount].isna() | frame["currency"].notna()


def _is_exact(amount: str, frame: pd.DataFrame) -> pd.Series:
    decimals = _told(frame[amount], lambda text: len(text.partition(".")[2].rstrip("0")), empty=0)
    allowed = _told(frame["currency"], lambda currency: EXPONENTS.get(currency, np.inf), empty=np.inf)
    return pd.Series(decimals <= allowed, index=frame.index)


def _in_use(spec: Entity) -> Iterator[RowRule]:
    """No currency is named on a day after its last; what has no day of its own is of any."""
    days = [spec.dated_on] if spec.dated_on else [field.name for field in spec.of_kind(Kind.DATE)][:1]
    last = {currency: day.isoformat() for currency, day in LAST_DAYS.items()}
    for day in days:
        for field in spec.of_kind(Kind.CURRENCY):

            def holds(frame: pd.DataFrame, name: str = field.name, day: str = day) -> pd.Series:
                right = pd.Series(data=True, index=frame.index)
                ended = _told(frame[name], last.__contains__, empty=False)
                if ended.any():
                    ended &= frame[day].notna()
                    right[ended] = frame.loc[ended, day] <= frame.loc[ended, name].map(last)
                return right

            yield RowRule((field.name, day), holds, error=f"{field.name}: not in use any more on {day}")


def _adds_up(total: str, *parts: str) -> RowRule:
    """A total is its parts, where a row states all of them."""

    def holds(frame: pd.DataFrame) -> pd.Series:
        exact = {name: _decimals(frame[name]) for name in (total, *parts)}
        stated = np.logical_and.reduce([numbers != None for numbers in exact.values()])  # noqa: E711 - cell by cell
        sums = sum((exact[name][stated] for name in parts[1:]), exact[parts[0]][stated])
        right = np.ones(len(frame), dtype=bool)
        right[stated] = exact[total][stated] == sums
        return pd.Series(right, index=frame.index)

    return RowRule((total, *parts), holds, error=f"{total}: not {' + '.join(parts)}")


def _no_more_than(part: str, whole: str) -> RowRule:
    """An amount is part of another, where a row states both and the other is not below zero."""

    def holds(frame: pd.DataFrame) -> pd.Series:
        parts, wholes = _decimals(frame[part]), _decimals(frame[whole])
        stated = (parts != None) & (wholes != None)  # noqa: E711 - cell by cell
        right = np.ones(len(frame), dtype=bool)
        right[stated] = (parts[stated] <= wholes[stated]) | (wholes[stated] < 0)
        return pd.Series(right, index=frame.index)

    return RowRule((part, whole), holds, error=f"{part}: more than {whole}")


def _decimals(text: pd.Series) -> Any:
    """The amounts as exact decimals, None where a cell is none."""
    return _told(text, lambda value: Decimal(value) if AMOUNT.fullmatch(value) else None, empty=None)


def _floats(text: pd.Series) -> Any:
    """The numbers about as large as they are, none where a cell is none: what is written alike is read once."""
    codes, values = pd.factorize(text)
    numbers = pd.to_numeric(values.to_numpy(dtype=object), errors="coerce").astype(float)
    return np.append(numbers, [np.nan])[codes]


def _after(later: str, earlier: str, *, or_equal: bool = False) -> RowRule:
    """One day lies after another, where a row states both; what is no date has its own rule."""

    def holds(frame: pd.DataFrame) -> pd.Series:
        days = frame[[later, earlier]].apply(lambda text: text.where(_each(text, _is_date)))
        wrong = days[later] < days[earlier] if or_equal else days[later] <= days[earlier]
        found: pd.Series = wrong.fillna(value=False).astype(bool)
        return ~found

    return RowRule(
        (later, earlier), holds, error=f"{later}: {'before' if or_equal else 'not after'} {earlier}"
    )


def _same_in_itself(rate: str, one: str, other: str) -> RowRule:
    """A currency is worth one of itself."""
    unit = re.compile(r"1(\.0+)?").fullmatch

    def holds(frame: pd.DataFrame) -> pd.Series:
        alike = (frame[one] == frame[other]).fillna(value=False)
        worth_one = _each(frame[rate], lambda one: bool(unit(one)))
        right: pd.Series = ~alike.astype(bool) | worth_one
        return right

    return RowRule((rate, one, other), holds, error=f"{rate}: not 1 of a currency in itself")


def _above_zero(name: str) -> RowRule:
    nothing = re.compile(r"-.*|0+(\.0+)?").fullmatch
    return RowRule(
        (name,), lambda frame: _each(frame[name], lambda one: not nothing(one)), f"{name}: not above zero"
    )


def _can_recur(price: str, quantity: str) -> RowRule:
    """What recurs is an amount that can be kept and added up, in whatever interval it is billed."""

    def holds(frame: pd.DataFrame) -> pd.Series:
        # Near enough: what is some cents below the limit is as wrong as what is above it.
        each, scale = (
            _floats(frame[price]),
            frame["currency"].map(EXPONENTS).to_numpy(dtype=float, na_value=0),
        )
        weekly = np.abs(each * _floats(frame[quantity])) * PERIODS_A_YEAR["week"]
        return pd.Series(~(weekly * 10.0**scale >= ARR_BELOW), index=frame.index)

    return RowRule((price, quantity, "currency"), holds, error=f"{price}: too large with {quantity}")


def _of_this_world(rate: str) -> RowRule:
    """No two currencies are further apart; what a rate beyond it makes of an amount could not be counted."""

    def holds(frame: pd.DataFrame) -> pd.Series:
        numbers = _floats(frame[rate])
        return pd.Series(~((numbers > _RATES[1]) | (numbers > 0) & (numbers < _RATES[0])), index=frame.index)

    return RowRule((rate,), holds, error=f"{rate}: not between a billionth and a billion")


_ROW_RULES: dict[str, tuple[RowRule, ...]] = {
    "invoices": (_adds_up("gross", "net", "tax"), _no_more_than("open", "gross")),
    "opportunities": (_after("last_day", "start_date", or_equal=True),),
    "subscriptions": (_after("end_date", "start_date"), _can_recur("unit_price", "quantity")),
    "fx_rates": (
        _above_zero("rate"),
        _of_this_world("rate"),
        _same_in_itself("rate", "from_currency", "to_currency"),
    ),
}
"""What must hold between the columns of a row."""


def _check(rule: Rule) -> pa.Check:
    # Empty cells pass our rules; looking for them first would cost more than the rules.
    return pa.Check(lambda text: _each(text, rule.holds), error=rule.error, ignore_na=False)


def _like(pattern: str, error: str) -> Rule:
    matches = re.compile(pattern).fullmatch
    return Rule(lambda text: matches(text) is not None, error)


def _one_of(words: Collection[str], error: str) -> Rule:
    return Rule(frozenset(words).__contains__, error)


def _no_longer_than(most: int) -> Rule:
    return Rule(lambda text: len(text) <= most, f"longer than {most:,} characters")


def _not_below_zero(text: str) -> bool:
    return not text.startswith("-")


def _each(text: pd.Series, holds: Callable[[str], bool]) -> pd.Series:
    """The answer for every cell; an empty cell passes."""
    return pd.Series(_told(text, holds, empty=True), index=text.index)


def _told(text: pd.Series, tell: Callable[[str], Any], *, empty: Any) -> Any:
    """What is told of every cell, asked once for what is written alike."""
    codes, values = pd.factorize(text)
    return np.array([*map(tell, values.to_numpy(dtype=object)), empty])[codes]


def _is_date(text: str) -> bool:
    try:
        return _DATE(text) is not None and _in_years(date.fromisoformat(text))
    except ValueError:
        return False


def _is_instant(text: str) -> bool:
    try:
        return _INSTANT(text) is not None and _falls_in_years(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return False


def _falls_in_years(moment: datetime) -> bool:
    # Far from the first and last year no zone makes a difference, and asking for one is what takes long.
    return _YEARS[0] < moment.year < _YEARS[1] or _in_years(_in_utc(moment))


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment


def _in_years(day: date) -> bool:
    return _YEARS[0] <= day.year <= _YEARS[1]


_OF_KIND: dict[Kind, Rule] = {
    Kind.ID: _no_longer_than(ID_MAX),
    Kind.TEXT: _no_longer_than(TEXT_MAX),
    Kind.STATUS: _no_longer_than(ID_MAX),
    Kind.DATE: Rule(_is_date, "not a date like 2026-01-31"),
    Kind.INSTANT: Rule(_is_instant, "not an instant like 2026-01-31T23:59:00Z"),
    Kind.MONEY: _like(AMOUNT.pattern, "not a decimal number like 1234.50"),
    Kind.DECIMAL: _like(_DECIMAL, "not a decimal number like 1234.50"),
    Kind.INTEGER: _like(r"-?[0-9]{1,9}", "not a whole number"),
    Kind.BOOLEAN: _like(r"[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]", "not true or false"),
    Kind.CURRENCY: _one_of(EXPONENTS, "not an active ISO 4217 currency"),
    Kind.INTERVAL: _one_of(INTERVALS, f"not one of {', '.join(INTERVALS)}"),
}
"""What a field's text must look like, by its kind."""
