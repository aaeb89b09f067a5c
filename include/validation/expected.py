"""What is expected of the data, one statement at a time, and the words for it."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import great_expectations.expectations as gxe
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.row_conditions import Column

from include.policy.quality import Kind
from include.validation.no_rows import NoRows

FOLDER = Path(__file__).parents[2] / "sql" / "expectations"
MEASURES = "quality_measures"
"""The relation of schema `seen` with what a run measured."""

WORDS = {"native": "id", "gross": "gross amount", "net": "net amount"}


@dataclass(frozen=True)
class Limits:
    """Between which deviations a measure is as expected; None is no limit."""

    measure: str
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Expected:
    """One expectation of a suite: of which relation of schema `seen`, what Great Expectations asks, and how to say it.

    `holds` and `broken` are sentences; in `broken`, `{unexpected}`, `{checked}` and `{observed}` are filled in.
    `most_percent` of the rows may be unexpected. `limits` where it judges measures instead of rows.
    """

    suite: str
    relation: str
    name: str
    kind: Kind
    test: Expectation
    holds: str
    broken: str
    limits: Limits | None = None


def required(entity: str, column: str) -> Expected:
    """No row lacks the column."""
    return Expected(
        entity,
        entity,
        f"{entity}.{column} is there",
        "required",
        gxe.ExpectColumnValuesToNotBeNull(column=column),
        f"Every one of the {say(entity)} has a value for {say(column)}.",
        f"{{unexpected}} of {{checked}} {say(entity)} have no value for {say(column)}.",
    )


def stated(entity: str, column: str, percent: int) -> Expected:
    """Most rows state the column."""
    return Expected(
        entity,
        entity,
        f"{entity}.{column} is mostly there",
        "stated",
        gxe.ExpectColumnValuesToNotBeNull(column=column, mostly=percent / 100),
        f"At least {percent} % of the {say(entity)} have a value for {say(column)}.",
        f"{{unexpected}} of {{checked}} {say(entity)} have no value for {say(column)}; "
        f"at least {percent} % should.",
    )


def unique(entity: str, *columns: str, kind: Kind) -> Expected:
    """No two rows share the column's value, or those of several columns."""
    words = " and ".join(say(column) for column in columns)
    query = no_rows("shares_with_another").format(batch="{batch}", columns=", ".join(columns))
    return Expected(
        entity,
        entity,
        f"{entity}.{'+'.join(columns)} is unique",
        kind,
        NoRows(unexpected_rows_query=query),
        f"No two {say(entity)} share their {words}.",
        f"{{unexpected}} of {{checked}} {say(entity)} share their {words} with another.",
    )


def between(
    entity: str,
    column: str,
    *,
    low: float | None,
    high: float | None = None,
    strict: bool = False,
    kind: Kind,
) -> Expected:
    """The column lies between two values, where it is stated; above the low one if `strict`."""
    words = " and ".join(
        [f"{'above' if strict else 'at least'} {low}"] * (low is not None)
        + [f"at most {high}"] * (high is not None)
    )
    return Expected(
        entity,
        entity,
        f"{entity}.{column} is {words}",
        kind,
        gxe.ExpectColumnValuesToBeBetween(column=column, min_value=low, max_value=high, strict_min=strict),
        f"Of all {say(entity)}, the {say(column)} is {words}.",
        f"Of {{unexpected}} of {{checked}} {say(entity)}, the {say(column)} is not {words}.",
    )


def active_currency(entity: str, column: str) -> Expected:
    """The column is a currency of today, where it is stated."""
    query = no_rows("currency_is_active").format(batch="{batch}", column=column)
    return Expected(
        entity,
        entity,
        f"{entity}.{column} is active",
        "valid",
        NoRows(unexpected_rows_query=query),
        f"Of all {say(entity)}, the {say(column)} is an active currency (ISO 4217).",
        f"Of {{unexpected}} of {{checked}} {say(entity)}, the {say(column)} is not an active currency (ISO 4217).",
    )


def mapped(entity: str) -> Expected:
    """Somebody has said what every status word means."""
    return Expected(
        entity,
        entity,
        f"{entity}.status is mapped",
        "word",
        gxe.ExpectColumnValuesToNotBeInSet(column="state", value_set=["UNKNOWN"]),
        f"Every status of the {say(entity)} is a word we know.",
        f"{{unexpected}} of {{checked}} {say(entity)} have a status nobody has mapped.",
    )


def after(entity: str, later: str, earlier: str, *, or_equal: bool, kind: Kind) -> Expected:
    """One day lies after another, where a row states both."""
    words = "not before" if or_equal else "after"
    test = gxe.ExpectColumnPairValuesAToBeGreaterThanB(
        column_A=later, column_B=earlier, or_equal=or_equal, ignore_row_if="either_value_is_missing"
    )
    return Expected(
        entity,
        entity,
        f"{entity}.{later} is {words} {earlier}",
        kind,
        test,
        f"Of all {say(entity)}, the {say(later)} is {words} the {say(earlier)}.",
        f"Of {{unexpected}} of {{checked}} {say(entity)}, the {say(later)} is not {words} the {say(earlier)}.",
    )


def refers(entity: str, column: str, parent: str) -> Expected:
    """Whom or what a row names is held."""
    query = no_rows("names_what_is_held").format(batch="{batch}", column=column, parent=parent)
    return Expected(
        entity,
        entity,
        f"{entity}.{column} names one of the {say(parent)}",
        "refers",
        NoRows(unexpected_rows_query=query),
        f"Whatever {say(column)} the {say(entity)} name is held among the {say(parent)}.",
        f"{{unexpected}} of {{checked}} {say(entity)} name a {say(column)} that is not among the {say(parent)}.",
    )


def none_of(entity: str, name: str, kind: Kind, *, holds: str, broken: str) -> Expected:
    """The query of sql/expectations finds nothing."""
    test = NoRows(unexpected_rows_query=no_rows(name))
    return Expected(entity, entity, f"{entity}: {say(name)}", kind, test, holds, broken)


def newest(entity: str, column: str, *, since: date, business_days: int) -> Expected:
    """The newest fact is of this day or later."""
    return Expected(
        "freshness",
        entity,
        f"{entity} are recent",
        "recent",
        gxe.ExpectColumnMaxToBeBetween(column=column, min_value=since.isoformat()),
        f"The newest of the {say(entity)} is no older than {business_days} business days.",
        f"The newest of the {say(entity)} is of {{observed}}, older than {business_days} business days.",
    )


def measured(suite: str, kind: Kind, limits: Limits, *, name: str, holds: str, broken: str) -> Expected:
    """What a run measured lies within limits, as far as it could be judged."""
    test = gxe.ExpectColumnValuesToBeBetween(
        column="deviation",
        min_value=limits.low,
        max_value=limits.high,
        row_condition=Column("measure") == limits.measure,
    )
    return Expected(suite, MEASURES, name, kind, test, holds, broken, limits)


@cache
def no_rows(name: str) -> str:
    """The query of sql/expectations, without its comments."""
    lines = (FOLDER / f"{name}.sql").read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.startswith("--"))


def say(name: str) -> str:
    """A table's or a column's name as people say it."""
    words = name.removesuffix("_minor").removesuffix("_id").replace("_", " ")
    return WORDS.get(words, words)
