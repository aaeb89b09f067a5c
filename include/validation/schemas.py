"""pandera schemas of the canonical entities: what a row's text must look like before it is typed."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cache

import pandas as pd
import pandera.pandas as pa

from include.domain.currencies import EXPONENTS
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


@cache
def schema(entity: str) -> pa.DataFrameSchema:
    """The schema of an entity's text columns. A check's `error` is the rule as a person reads it.

    A rule over two columns starts with the column it blames and a colon.
    """
    spec = ENTITIES[entity]
    columns = {
        field.name: pa.Column("string", list(_checks(field)), nullable=not field.required)
        for field in spec.fields
    }
    return pa.DataFrameSchema(columns, checks=[*_money_checks(spec), *_ROW_CHECKS.get(entity, ())])


def _checks(field: Field) -> Iterator[pa.Check]:
    longest = TEXT_MAX if field.kind is Kind.TEXT else ID_MAX
    yield pa.Check(lambda text: text.str.len() <= longest, error=f"longer than {longest:,} characters")
    match field.kind:
        case Kind.DATE:
            yield pa.Check(lambda text: _is_date(text, _DATE), error="not a date like 2026-01-31")
        case Kind.INSTANT:
            yield pa.Check(
                lambda text: _is_date(text, _INSTANT), error="not an instant like 2026-01-31T23:59:00Z"
            )
        case Kind.MONEY:
            yield _like(AMOUNT.pattern, "not a decimal number like 1234.50")
        case Kind.DECIMAL:
            yield _like(_DECIMAL, "not a decimal number like 1234.50")
        case Kind.INTEGER:
            yield _like(r"-?[0-9]{1,9}", "not a whole number")
        case Kind.BOOLEAN:
            yield _like(r"[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee]", "not true or false")
        case Kind.CURRENCY:
            yield pa.Check.isin(EXPONENTS, error="not an active ISO 4217 currency")
        case Kind.INTERVAL:
            yield pa.Check.isin(INTERVALS, error=f"not one of {', '.join(INTERVALS)}")
    if field.positive:
        yield pa.Check(lambda text: ~text.str.startswith("-"), error="negative")


def _money_checks(spec: Entity) -> Iterator[pa.Check]:
    for field in spec.of_kind(Kind.MONEY):
        yield pa.Check(
            lambda frame, name=field.name: frame[name].isna() | frame["currency"].notna(),
            error=f"{field.name}: an amount without a currency",
        )
        yield pa.Check(
            lambda frame, name=field.name: _is_exact(frame[name], frame["currency"]),
            error=f"{field.name}: more decimals than the currency has",
        )


def _adds_up(total: str, *parts: str) -> pa.Check:
    """A total is its parts, where a row states all of them."""

    def holds(frame: pd.DataFrame) -> pd.Series:
        stated = pd.Series(data=True, index=frame.index)
        for name in (total, *parts):
            stated &= frame[name].str.fullmatch(AMOUNT.pattern).fillna(value=False).astype(bool)
        rows = frame.loc[stated, [total, *parts]].map(Decimal)
        wrong = rows.index[rows[total] != sum((rows[name] for name in parts), Decimal(0))]
        return ~frame.index.to_series().isin(wrong)

    return pa.Check(holds, error=f"{total}: not {' + '.join(parts)}")


def _after(later: str, earlier: str) -> pa.Check:
    """One day lies after another, where a row states both; what is no date has its own rule."""

    def holds(frame: pd.DataFrame) -> pd.Series:
        days = frame[[later, earlier]].apply(
            lambda text: text.where(_is_date(text, _DATE).fillna(value=False))
        )
        wrong: pd.Series = (days[later] <= days[earlier]).fillna(value=False).astype(bool)
        return ~wrong

    return pa.Check(holds, error=f"{later}: not after {earlier}")


def _above_zero(name: str) -> pa.Check:
    return pa.Check(
        lambda frame: ~frame[name].str.fullmatch(r"-.*|0+(\.0+)?").fillna(value=False).astype(bool),
        error=f"{name}: not above zero",
    )


_ROW_CHECKS: dict[str, tuple[pa.Check, ...]] = {
    "invoices": (_adds_up("gross", "net", "tax"),),
    "subscriptions": (_after("end_date", "start_date"),),
    "fx_rates": (_above_zero("rate"),),
}
"""What must hold between the columns of a row."""


def _like(pattern: str, error: str) -> pa.Check:
    return pa.Check(lambda text: text.str.fullmatch(pattern), error=error)


def _is_date(text: pd.Series, pattern: str) -> pd.Series:
    parsed = pd.to_datetime(text, format="ISO8601", errors="coerce", utc=True)
    return text.str.fullmatch(pattern) & parsed.dt.year.between(*_YEARS)


def _is_exact(amount: pd.Series, currency: pd.Series) -> pd.Series:
    decimals = amount.str.extract(r"\.([0-9]*?)0*$", expand=False).str.len()
    return ~(decimals > currency.map(EXPONENTS)).fillna(value=False).astype(bool)
