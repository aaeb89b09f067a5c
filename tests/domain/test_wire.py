"""Integers on the wire: each system's own unit, read and written exactly or refused."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.currencies import EXPONENTS
from include.domain.money import InexactAmount, Money, UnknownCurrency
from include.domain.residuals import is_scale_error
from include.domain.wire import ISO, MIDTRANS, STRIPE, WireRules
from tests.shared import shared

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "match_golden.json").read_text())


@pytest.mark.parametrize(
    ("system", "units", "currency", "minor"),
    [
        (STRIPE, 1050, "SGD", 1050),
        (STRIPE, 250000, "JPY", 250000),
        (STRIPE, 12340, "KWD", 12340),
        (STRIPE, 50000, "ISK", 500),
        (STRIPE, 70000, "UGX", 700),
        (STRIPE, 300, "MGA", 30000),
        (STRIPE, 150000000, "IDR", 150000000),
        (MIDTRANS, 1500000, "IDR", 150000000),
        (MIDTRANS, 1050, "SGD", 1050),
        (ISO, -5, "KWD", -5),
    ],
)
def test_an_amount_is_the_same_money_whoever_counts_it(
    system: WireRules, units: int, currency: str, minor: int
) -> None:
    assert system.to_minor(units, currency=currency) == minor
    assert system.to_units(minor, currency=currency) == units


@pytest.mark.parametrize(
    ("system", "units", "currency"),
    [
        (STRIPE, 50050, "ISK"),  # the króna has no half
        (STRIPE, 70001, "UGX"),
        (STRIPE, 12345, "KWD"),  # the third decimal must be 0
    ],
)
def test_an_amount_that_cannot_be_is_refused_and_not_rounded(
    system: WireRules, units: int, currency: str
) -> None:
    with pytest.raises(InexactAmount):
        system.to_minor(units, currency=currency)


@pytest.mark.parametrize(
    ("system", "minor", "currency"),
    [(STRIPE, 12345, "KWD"), (STRIPE, 30050, "MGA"), (MIDTRANS, 150, "IDR")],
)
def test_an_amount_the_system_cannot_say_is_refused(system: WireRules, minor: int, currency: str) -> None:
    with pytest.raises(InexactAmount):
        system.to_units(minor, currency=currency)


def test_a_currency_nobody_knows_is_refused() -> None:
    with pytest.raises(UnknownCurrency):
        STRIPE.to_minor(100, currency="XXQ")


def test_golden_m08_the_same_rupiah_from_two_systems_differ_by_exactly_a_hundred() -> None:
    [case] = [case for case in GOLDEN if case["id"] == "M08"]
    of_stripe, currency = case["stripe_amount"], case["currency"]
    minor = STRIPE.to_minor(of_stripe, currency=currency)
    of_midtrans = MIDTRANS.to_units(minor, currency=currency)
    assert str(Money(minor, currency)) == "1500000.00 IDR"
    assert of_midtrans == 1500000
    assert of_stripe == of_midtrans * 100
    assert is_scale_error(of_stripe, of_midtrans)  # who takes one for the other sees CA20, never a tolerance


@pytest.mark.parametrize("system", [STRIPE, MIDTRANS, ISO], ids=lambda one: one.system)
@given(units=st.integers(-(10**13), 10**13), currency=st.sampled_from(sorted(EXPONENTS)))
def test_what_is_read_is_written_as_it_was(system: WireRules, units: int, currency: str) -> None:
    try:
        minor = system.to_minor(units, currency=currency)
    except InexactAmount:
        return
    assert system.to_units(minor, currency=currency) == units


def test_the_currencies_we_trade_in_count_as_the_rules_of_the_specification_say() -> None:
    with shared("spec/currency_rules.csv").open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            for currency in row["currency"].split("|"):
                assert EXPONENTS[currency] == int(row["iso_exponent"]), currency
                assert STRIPE.units_per_major(currency) == int(row["stripe_factor"]), currency
