"""Every rule of every schema, taken from the schemas themselves, and a row that breaks it: a rule without one fails."""

from collections.abc import Iterator

import pytest

from include.domain.entities import ENTITIES, Kind
from include.validation.rows import failures_of
from include.validation.schemas import schema

Row = dict[str, str | None]

GOOD = {
    Kind.ID: "1",
    Kind.TEXT: "text",
    Kind.STATUS: "open",
    Kind.DATE: "2026-01-01",
    Kind.INSTANT: "2026-01-01T00:00:00Z",
    Kind.MONEY: "100.00",
    Kind.DECIMAL: "5",
    Kind.INTEGER: "1",
    Kind.BOOLEAN: "true",
    Kind.CURRENCY: "SGD",
    Kind.INTERVAL: "month",
}
AGREEING: dict[str, Row] = {
    "invoices": {"net": "60.00", "tax": "40.00"},
    "subscriptions": {"end_date": "2027-01-01"},
    "fx_rates": {"to_currency": "USD"},
}
"""What a good row of these needs besides, for its columns to agree."""

DAYS = {field.name for spec in ENTITIES.values() for field in spec.of_kind(Kind.DATE)}
BAD: Row = {
    "longer than 255 characters": "x" * 256,
    "longer than 10,000 characters": "x" * 10_001,
    "not a date like 2026-01-31": "2026-02-30",
    "not an instant like 2026-01-31T23:59:00Z": "2026-01-31T24:61:00Z",
    "not a decimal number like 1234.50": "1e3",
    "not a whole number": "1.5",
    "not true or false": "maybe",
    "not an active ISO 4217 currency": "XXQ",
    "not one of month, quarter, half_year, year, week": "fortnight",
    "negative": "-5.00",
    "more decimals than the currency has": "1.005",
    "not net + tax": "101.00",
    "more than gross": "100.01",
    "not after start_date": "2026-01-01",
    "before start_date": "2025-12-31",
    "not above zero": "0.00",
    "not between a billionth and a billion": "0.0000000001",
    "not 1 of a currency in itself": "2",
    "too large with quantity": "999999999999999.99",
    **dict.fromkeys((f"not in use any more on {day}" for day in DAYS), "BGN"),
    "required and empty": None,
}
"""The rule -> a value that breaks it."""

BESIDE: dict[str, Row] = {
    "an amount without a currency": {"currency": None},
    "not 1 of a currency in itself": {"to_currency": "SGD"},
    "negative": {"net": None, "tax": None},  # or the columns would not agree either
}
"""The rule -> what has to be so in other columns."""


def rules(entity: str) -> Iterator[tuple[str, str]]:
    """Field and rule, of all there are."""
    found = schema(entity)
    for name, column in found.columns.items():
        yield from ((name, str(check.error)) for check in column.checks)
        if not column.nullable:
            yield name, "required and empty"
    for check in found.checks:
        field, _, rule = str(check.error).partition(": ")
        yield field, rule


def good(entity: str) -> Row:
    return {field.name: GOOD[field.kind] for field in ENTITIES[entity].received} | AGREEING.get(entity, {})


@pytest.mark.parametrize("entity", ENTITIES)
def test_every_rule_catches_the_row_that_breaks_it_and_leaves_a_good_one_alone(entity: str) -> None:
    every = list(rules(entity))
    broken = [
        good(entity)
        | BESIDE.get(rule, {})
        | ({field: BAD[rule]} if rule in BAD or rule not in BESIDE else {})
        for field, rule in every
    ]
    found = failures_of(entity, [*broken, good(entity)])
    caught = [
        (field, rule)
        for position, (field, rule) in enumerate(every)
        if any((one.field, one.rule) == (field, rule) for one in found.get(position, []))
    ]
    assert caught == every
    assert len(every) not in found


@pytest.mark.parametrize("entity", ENTITIES)
def test_one_row_alone_breaks_what_it_breaks_among_many(entity: str) -> None:
    every = [
        good(entity) | BESIDE.get(rule, {}) | ({field: BAD[rule]} if rule in BAD else {})
        for field, rule in rules(entity)
    ]
    among_many = failures_of(entity, [*every, *[good(entity)] * 100])
    alone = {position: failures_of(entity, [row]).get(0) for position, row in enumerate(every)}
    assert {position: set(found) for position, found in alone.items() if found} == {
        position: set(found) for position, found in among_many.items()
    }


@pytest.mark.parametrize(
    ("currency", "day", "kept"),
    [
        ("BGN", "2025-12-31", True),
        ("BGN", "2026-01-01", False),
        ("ANG", "2025-03-31", True),
        ("ANG", "2025-04-01", False),
    ],
)
def test_a_currency_is_taken_up_to_its_last_day(currency: str, day: str, *, kept: bool) -> None:
    row = good("invoices") | {"currency": currency, "issue_date": day}
    assert (failures_of("invoices", [row]) == {}) is kept
