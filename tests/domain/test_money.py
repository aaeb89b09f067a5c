import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.currencies import EXPONENTS
from include.domain.money import InexactAmount, Money, UnknownCurrency, major

CURRENCIES = st.sampled_from(sorted(EXPONENTS))


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("10.50", "SGD", 1050),
        ("10.5", "SGD", 1050),
        ("-0.01", "SGD", -1),
        ("1050", "JPY", 1050),
        ("1050.00", "JPY", 1050),
        ("1.250", "KWD", 1250),
        ("999999999999999.99", "USD", 99999999999999999),
    ],
)
def test_text_becomes_minor_units_of_its_currency(text: str, currency: str, minor: int) -> None:
    assert Money.parse(text, currency) == Money(minor, currency)


@pytest.mark.parametrize("text", ["1,000.00", "NaN", "", " 1", "1e3", "+1", "1.", ".5", "1.005", "٣", "--1"])
def test_what_is_not_exactly_money_is_refused(text: str) -> None:
    with pytest.raises(InexactAmount):
        Money.parse(text, "SGD")


def test_a_yen_has_no_decimals() -> None:
    with pytest.raises(InexactAmount, match="more decimals than JPY has"):
        Money.parse("5.5", "JPY")


def test_an_unknown_currency_is_named() -> None:
    with pytest.raises(UnknownCurrency, match="'SGX'"):
        Money.parse("1.00", "SGX")


@given(minor=st.integers(-(10**14), 10**14), currency=CURRENCIES)
def test_writing_and_reading_money_changes_nothing(minor: int, currency: str) -> None:
    assert Money.parse(major(minor, currency=currency), currency).minor == minor
