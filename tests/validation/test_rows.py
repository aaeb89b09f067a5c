"""Every rule of the schemas, each with a row it must catch and a row it must leave alone."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.domain.entities import ENTITIES, Kind
from include.policy import load_policy
from include.validation.rows import SHOWN_MAX, failures_of

GOOD = {
    "id": "1",
    "number": "INV-1",
    "customer_id": "C1",
    "issue_date": "2026-01-01",
    "due_date": "2026-01-31",
    "currency": "SGD",
    "gross": "100.00",
}
SUBSCRIPTION = {
    "id": "S1",
    "customer_id": "C1",
    "start_date": "2026-01-01",
    "currency": "SGD",
    "quantity": "5",
    "unit_price": "0.00125",
    "interval": "month",
}

RATE = {"rate_date": "2026-01-01", "from_currency": "USD", "to_currency": "SGD", "rate": "1.30"}
MINOR = st.integers(0, 3) | st.integers(0, 10**15 - 1)


def broken(entity: str, row: dict[str, str | None]) -> dict[str, str]:
    found = failures_of(entity, [row])
    return {failure.field: failure.rule for failure in found.get(0, [])}


def test_a_good_row_breaks_no_rule() -> None:
    assert broken("invoices", GOOD) == {}
    assert broken("subscriptions", SUBSCRIPTION) == {}


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("issue_date", "2026-02-30", "not a date like 2026-01-31"),
        ("issue_date", "01/02/2026", "not a date like 2026-01-31"),
        ("issue_date", "0026-01-01", "not a date like 2026-01-31"),
        ("issue_date", "2026-01-01T00:00:00Z", "not a date like 2026-01-31"),
        ("gross", "1,000.00", "not a decimal number like 1234.50"),
        ("gross", "NaN", "not a decimal number like 1234.50"),
        ("gross", "1e3", "not a decimal number like 1234.50"),
        ("gross", "٣", "not a decimal number like 1234.50"),
        ("gross", "1234567890123456", "not a decimal number like 1234.50"),
        ("gross", "-5.00", "negative"),
        ("gross", "1.005", "more decimals than the currency has"),
        ("currency", "XXQ", "not an active ISO 4217 currency"),
        ("currency", "sgd", "not an active ISO 4217 currency"),
        ("disputed", "maybe", "not true or false"),
        ("disputed", "fal\u017fe", "not true or false"),
        ("number", "x" * 10_001, "longer than 10,000 characters"),
        ("customer_id", "x" * 256, "longer than 255 characters"),
        ("gross", None, "required and empty"),
        ("customer_id", "", "required and empty"),
    ],
)
def test_a_wrong_invoice_field_is_caught_by_its_rule(field: str, value: str | None, rule: str) -> None:
    assert broken("invoices", GOOD | {field: value or None}) == {field: rule}


@pytest.mark.parametrize(
    ("entity", "row", "field", "rule"),
    [
        ("subscriptions", SUBSCRIPTION | {"interval": "fortnight"}, "interval", "not one of month, quarter"),
        ("subscriptions", SUBSCRIPTION | {"unit_price": "cheap"}, "unit_price", "not a decimal number"),
        (
            "opportunities",
            {"id": "1", "stage": "Won", "term_months": "1.5"},
            "term_months",
            "not a whole number",
        ),
        (
            "opportunities",
            {"id": "1", "stage": "Won", "amount": "5"},
            "amount",
            "an amount without a currency",
        ),
        ("accounts", {"id": "1", "name": "A", "modified_at": "yesterday"}, "modified_at", "not an instant"),
        (
            "accounts",
            {"id": "1", "name": "A", "modified_at": "2026-01-01T00:00:00+16:00"},
            "modified_at",
            "not an",
        ),
    ],
)
def test_a_wrong_field_elsewhere_is_caught_by_its_rule(
    entity: str, row: dict[str, str | None], field: str, rule: str
) -> None:
    assert broken(entity, row)[field].startswith(rule)


@pytest.mark.parametrize(
    ("entity", "row", "expected"),
    [
        ("invoices", GOOD | {"net": "91.74", "tax": "8.26"}, {}),
        ("invoices", GOOD | {"net": "91.74", "tax": "8.27"}, {"gross": "not net + tax"}),
        ("invoices", GOOD | {"net": "100.0", "tax": "0"}, {}),
        ("invoices", GOOD | {"net": "1.00"}, {}),  # without the tax there is nothing to add up
        ("invoices", GOOD | {"net": "x", "tax": "8.27"}, {"net": "not a decimal number like 1234.50"}),
        ("subscriptions", SUBSCRIPTION | {"end_date": "2026-01-02"}, {}),
        ("subscriptions", SUBSCRIPTION | {"end_date": "2026-01-01"}, {"end_date": "not after start_date"}),
        ("subscriptions", SUBSCRIPTION | {"end_date": "2025-12-31"}, {"end_date": "not after start_date"}),
        ("subscriptions", SUBSCRIPTION | {"end_date": "0"}, {"end_date": "not a date like 2026-01-31"}),
        ("fx_rates", RATE, {}),
        ("fx_rates", RATE | {"rate": "0.000"}, {"rate": "not above zero"}),
        ("fx_rates", RATE | {"rate": "-1.3"}, {"rate": "not above zero"}),
    ],
)
def test_the_columns_of_a_row_agree(
    entity: str, row: dict[str, str | None], expected: dict[str, str]
) -> None:
    assert broken(entity, row) == expected


@settings(deadline=None)  # a schema takes as long as a busy machine lets it
@given(net=MINOR, tax=MINOR, gross=MINOR)
def test_a_row_adds_up_exactly_or_is_caught(net: int, tax: int, gross: int) -> None:
    stated = {"net": str(net), "tax": str(tax), "gross": str(gross), "currency": "JPY"}
    assert (broken("invoices", GOOD | stated) == {}) == (net + tax == gross)


@pytest.mark.parametrize("instant", ["2026-01-05T04:00:00Z", "2026-01-05T04:00:00.000+0000", "2026-01-05"])
def test_instants_are_read_as_systems_write_them(instant: str) -> None:
    assert broken("accounts", {"id": "1", "name": "A", "modified_at": instant}) == {}


def test_one_bad_row_never_hides_another() -> None:
    rows = [GOOD | {"gross": "NaN"}, GOOD, GOOD | {"currency": "??"}]
    assert sorted(failures_of("invoices", rows)) == [0, 2]


def test_a_row_tells_everything_that_is_wrong_with_it() -> None:
    assert set(broken("invoices", GOOD | {"gross": "NaN", "issue_date": "soon"})) == {"gross", "issue_date"}


def test_a_huge_value_is_shown_short_with_its_true_length() -> None:
    [failure] = failures_of("invoices", [GOOD | {"number": "x" * 10_000_000}])[0]
    assert len(str(failure)) < SHOWN_MAX + 100
    assert "(10,000,000 characters)" in str(failure)


def test_a_personal_value_is_not_shown() -> None:
    row = {"id": "1", "account_id": "2", "email": "ada@example.com" + "x" * 10_000}
    [failure] = failures_of("contacts", [row])[0]
    assert "ada" not in str(failure)


def test_every_status_field_has_its_words() -> None:
    words = load_policy().canonical_status
    with_status = {name for name, entity in ENTITIES.items() if entity.of_kind(Kind.STATUS)}
    assert set(words) == with_status


def test_a_status_word_means_one_thing() -> None:
    for statuses in load_policy().statuses.values():
        words = [word for some in statuses.values() for word in some]
        assert len(words) == len(set(words))
        assert all(word == word.lower() for word in words)
