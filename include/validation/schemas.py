"""pandera schemas of the canonical entities: what a row's text must look like before it is typed."""

from collections.abc import Callable, Collection, Iterator
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

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
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_OFFSET = r"(Z|[+-](0[0-9]|1[0-4]):?[0-5][0-9])"
_INSTANT = (
    rf"[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}(\.[0-9]{{1,6}})?)?{_OFFSET})?"
)
_YEARS = (1900, 2200)
_RATES = (1e-9, 1e9)


@cache
def schema(entity: str) -> pa.DataFrameSchema:
    """The schema of an entity's text columns. A check's `error` is the rule as a person reads it.

    A rule over two columns starts with the column it blames and a colon.
    """
    spec = ENTITIES[entity]
    columns = {
        field.name: pa.Column("string", list(_checks(field)), nullable=not field.required)
        for field in spec.received
    }
    return pa.DataFrameSchema(
        columns, checks=[*_money_checks(spec), *_in_use(spec), *_ROW_CHECKS.get(entity, ())]
    )


@lru_cache(maxsize=1_000)
def schema_of_filled(entity: str, filled: frozenset[str]) -> pa.DataFrameSchema:
    """The same, but for columns that hold nothing and need not: an empty cell passes every rule of its own column.

    pandera takes milliseconds a column, however few the rows, and a live change is a row at a time.
    """
    whole = schema(entity)
    empty = [name for name, column in whole.columns.items() if column.nullable and name not in filled]
    return whole.remove_columns(empty)


def _checks(field: Field) -> Iterator[pa.Check]:
    yield _OF_KIND[field.kind]()
    if field.positive:
        yield _check(lambda text: _each(text, lambda one: ~one.str.startswith("-")), "negative")


def _money_checks(spec: Entity) -> Iterator[pa.Check]:
    for field in spec.received:
        if field.kind is not Kind.MONEY:
            continue
        yield pa.Check(
            lambda frame, name=field.name: frame[name].isna() | frame["currency"].notna(),
            error=f"{field.name}: an amount without a currency",
        )
        yield pa.Check(
            lambda frame, name=field.name: _is_exact(frame[name], frame["currency"]),
            error=f"{field.name}: more decimals than the currency has",
        )


def _in_use(spec: Entity) -> Iterator[pa.Check]:
    """No currency is named on a day after its last; what has no day of its own is of any."""
    days = [spec.dated_on] if spec.dated_on else [field.name for field in spec.of_kind(Kind.DATE)][:1]
    last = {currency: day.isoformat() for currency, day in LAST_DAYS.items()}
    for day in days:
        for field in spec.of_kind(Kind.CURRENCY):

            def holds(frame: pd.DataFrame, name: str = field.name, day: str = day) -> pd.Series:
                right = pd.Series(data=True, index=frame.index)
                ended = frame[name].isin(last) & frame[day].notna()
                right[ended] = frame.loc[ended, day] <= frame.loc[ended, name].map(last)
                return right

            yield pa.Check(holds, error=f"{field.name}: not in use any more on {day}")


def _adds_up(total: str, *parts: str) -> pa.Check:
    """A total is its parts, where a row states all of them."""

    def holds(frame: pd.DataFrame) -> pd.Series:
        exact = {name: _decimals(frame[name]) for name in (total, *parts)}
        stated = np.logical_and.reduce([numbers != None for numbers in exact.values()])  # noqa: E711 - cell by cell
        sums = sum((exact[name][stated] for name in parts[1:]), exact[parts[0]][stated])
        right = np.ones(len(frame), dtype=bool)
        right[stated] = exact[total][stated] == sums
        return pd.Series(right, index=frame.index)

    return pa.Check(holds, error=f"{total}: not {' + '.join(parts)}")


def _no_more_than(part: str, whole: str) -> pa.Check:
    """An amount is part of another, where a row states both and the other is not below zero."""

    def holds(frame: pd.DataFrame) -> pd.Series:
        parts, wholes = _decimals(frame[part]), _decimals(frame[whole])
        stated = (parts != None) & (wholes != None)  # noqa: E711 - cell by cell
        right = np.ones(len(frame), dtype=bool)
        right[stated] = (parts[stated] <= wholes[stated]) | (wholes[stated] < 0)
        return pd.Series(right, index=frame.index)

    return pa.Check(holds, error=f"{part}: more than {whole}")


def _decimals(text: pd.Series) -> Any:
    """The amounts as exact decimals, None where a cell is none: what is written alike is read once."""
    codes, values = pd.factorize(text)
    numbers = [Decimal(value) if AMOUNT.fullmatch(value) else None for value in values.to_numpy(dtype=object)]
    return np.array([*numbers, None], dtype=object)[codes]


def _floats(text: pd.Series) -> Any:
    """The numbers about as large as they are, none where a cell is none: what is written alike is read once."""
    codes, values = pd.factorize(text)
    numbers = pd.to_numeric(values.to_numpy(dtype=object), errors="coerce").astype(float)
    return np.append(numbers, [np.nan])[codes]


def _after(later: str, earlier: str, *, or_equal: bool = False) -> pa.Check:
    """One day lies after another, where a row states both; what is no date has its own rule."""

    def holds(frame: pd.DataFrame) -> pd.Series:
        days = frame[[later, earlier]].apply(lambda text: text.where(_is_date(text, _DATE)))
        wrong = days[later] < days[earlier] if or_equal else days[later] <= days[earlier]
        found: pd.Series = wrong.fillna(value=False).astype(bool)
        return ~found

    return pa.Check(holds, error=f"{later}: {'before' if or_equal else 'not after'} {earlier}")


def _same_in_itself(rate: str, one: str, other: str) -> pa.Check:
    """A currency is worth one of itself."""

    def holds(frame: pd.DataFrame) -> pd.Series:
        alike = (frame[one] == frame[other]).fillna(value=False)
        worth_one = _each(frame[rate], lambda text: text.str.fullmatch(r"1(\.0+)?"))
        right: pd.Series = ~alike.astype(bool) | worth_one
        return right

    return pa.Check(holds, error=f"{rate}: not 1 of a currency in itself")


def _above_zero(name: str) -> pa.Check:
    nothing = r"-.*|0+(\.0+)?"
    return pa.Check(
        lambda frame: _each(frame[name], lambda one: ~one.str.fullmatch(nothing)),
        error=f"{name}: not above zero",
    )


def _can_recur(price: str, quantity: str) -> pa.Check:
    """What recurs is an amount that can be kept and added up, in whatever interval it is billed."""

    def holds(frame: pd.DataFrame) -> pd.Series:
        # Near enough: what is some cents below the limit is as wrong as what is above it.
        each, scale = (
            _floats(frame[price]),
            frame["currency"].map(EXPONENTS).to_numpy(dtype=float, na_value=0),
        )
        weekly = np.abs(each * _floats(frame[quantity])) * PERIODS_A_YEAR["week"]
        return pd.Series(~(weekly * 10.0**scale >= ARR_BELOW), index=frame.index)

    return pa.Check(holds, error=f"{price}: too large with {quantity}")


def _of_this_world(rate: str) -> pa.Check:
    """No two currencies are further apart; what a rate beyond it makes of an amount could not be counted."""

    def holds(frame: pd.DataFrame) -> pd.Series:
        numbers = _floats(frame[rate])
        return pd.Series(~((numbers > _RATES[1]) | (numbers > 0) & (numbers < _RATES[0])), index=frame.index)

    return pa.Check(holds, error=f"{rate}: not between a billionth and a billion")


_ROW_CHECKS: dict[str, tuple[pa.Check, ...]] = {
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


def _check(test: Callable[[pd.Series], pd.Series], error: str) -> pa.Check:
    # Empty cells pass our tests; looking for them first would cost more than the tests.
    return pa.Check(test, error=error, ignore_na=False)


def _like(pattern: str, error: str) -> pa.Check:
    return _check(lambda text: _each(text, lambda one: one.str.fullmatch(pattern)), error)


def _one_of(words: Collection[str], error: str) -> pa.Check:
    return _check(lambda text: _each(text, lambda one: one.isin(words)), error)


def _no_longer_than(most: int) -> pa.Check:
    def holds(text: pd.Series) -> pd.Series:
        cells = text.to_numpy(dtype=object, na_value="")
        return pd.Series([len(cell) <= most for cell in cells], index=text.index)

    return _check(holds, f"longer than {most:,} characters")


def _each(text: pd.Series, test: Callable[[pd.Series], pd.Series]) -> pd.Series:
    """The test's answer for every cell, asked once for what is written alike; an empty cell passes."""
    codes, values = pd.factorize(text)
    answers = test(pd.Series(values, dtype="string")).to_numpy(dtype=bool, na_value=False)
    return pd.Series(np.append(answers, [True])[codes], index=text.index)


def _is_date(text: pd.Series, pattern: str) -> pd.Series:
    return _each(text, lambda one: one.str.fullmatch(pattern) & _in_years(one))


def _in_years(text: pd.Series) -> pd.Series:
    parsed = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True)
    return parsed.dt.year.between(*_YEARS)


def _is_exact(amount: pd.Series, currency: pd.Series) -> pd.Series:
    codes, values = pd.factorize(amount)
    decimals = np.array(
        [len(value.partition(".")[2].rstrip("0")) for value in values.to_numpy(dtype=object)] + [0]
    )[codes]
    allowed = currency.map(EXPONENTS).to_numpy(dtype=float, na_value=np.inf)
    return pd.Series(decimals <= allowed, index=amount.index)


_OF_KIND: dict[Kind, Callable[[], pa.Check]] = {
    Kind.ID: lambda: _no_longer_than(ID_MAX),
    Kind.TEXT: lambda: _no_longer_than(TEXT_MAX),
    Kind.STATUS: lambda: _no_longer_than(ID_MAX),
    Kind.DATE: lambda: _check(lambda text: _is_date(text, _DATE), "not a date like 2026-01-31"),
    Kind.INSTANT: lambda: _check(
        lambda text: _is_date(text, _INSTANT), "not an instant like 2026-01-31T23:59:00Z"
    ),
    Kind.MONEY: lambda: _like(AMOUNT.pattern, "not a decimal number like 1234.50"),
    Kind.DECIMAL: lambda: _like(_DECIMAL, "not a decimal number like 1234.50"),
    Kind.INTEGER: lambda: _like(r"-?[0-9]{1,9}", "not a whole number"),
    Kind.BOOLEAN: lambda: _like(r"[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]", "not true or false"),
    Kind.CURRENCY: lambda: _one_of(EXPONENTS, "not an active ISO 4217 currency"),
    Kind.INTERVAL: lambda: _one_of(INTERVALS, f"not one of {', '.join(INTERVALS)}"),
}
"""What a field's text must look like, by its kind."""
