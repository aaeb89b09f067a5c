"""What a payout must come to, what the platform may take, when money is late and what a conversion cost."""

import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.contracts import ChargedFee, FeeVote, FixedFee, Rate, fixed_fees, implied_rate
from include.domain.fx import convert
from include.domain.money import to_minor
from include.domain.payouts import Conversion, Payout, judge, missing_severity, net_of
from include.policy import load_policy

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "payout_netting.json").read_text())
CONTRACT = FixedFee(50, 0, "as the contract lists it")
MONEY = st.integers(min_value=-(10**12), max_value=10**12)
MONDAY = date(2026, 6, 1)


def sgd(text: str) -> int:
    return to_minor(text, currency="SGD")


def payout(**facts: Any) -> Payout:
    """The golden payout: three charges of 109.00, one of them refunded."""
    golden: dict[str, Any] = {
        "payout_id": "po_1",
        "currency": "SGD",
        "net_minor": sgd(GOLDEN["expect_payout"]),
        "arrival_date": MONDAY,
        "status": "PAID",
        "items": 4,
        "nets_minor": sgd(GOLDEN["expect_payout"]),
        "charges": 3,
        "charges_minor": sum(map(sgd, GOLDEN["charges"])),
        "fees_minor": sgd(GOLDEN["fees"]),
        "refunds_minor": sgd(GOLDEN["refund"]),
        "charged_fees_minor": sgd(GOLDEN["fees"]),
        "contract_percent_minor": 3 * sgd("3.71"),
    }
    return Payout(**golden | facts)


def found(one: Payout, *, fixed_fee: FixedFee | None = CONTRACT) -> dict[str, int | None]:
    return {finding.code: finding.amount_minor for finding in judge(one, fixed_fee=fixed_fee)}


def test_the_golden_payout_nets_and_its_fees_are_those_of_the_contract() -> None:
    net = net_of(
        charges=sum(map(sgd, GOLDEN["charges"])),
        fees=len(GOLDEN["charges"]) * sgd(GOLDEN["fee_each"]),
        refunds=sgd(GOLDEN["refund"]),
        disputes=0,
    )
    assert net == sgd(GOLDEN["expect_payout"])
    assert found(payout()) == {}


def test_a_net_that_is_not_its_components_is_a_break_of_the_difference() -> None:
    assert found(replace(payout(), net_minor=sgd("205.36"))) == {"PO03": -1}


def test_items_whose_own_net_is_wrong_do_not_net() -> None:
    assert found(replace(payout(), nets_minor=sgd("205.38"))) == {"PO03": -1}


def test_nobody_told_what_is_in_a_payout_without_items() -> None:
    bare = Payout(payout_id="po_1", currency="SGD", net_minor=500, arrival_date=MONDAY, status="PAID")
    assert found(bare) == {}


def test_an_item_nobody_could_read_may_be_what_is_missing() -> None:
    assert found(replace(payout(), net_minor=1, unread=1)) == {}


def test_fees_beyond_the_contract_are_claimed_to_the_minor_unit() -> None:
    doubled = replace(payout(), fees_minor=2526, charged_fees_minor=2526, net_minor=19274, nets_minor=19274)
    assert found(doubled) == {"PO04": 1263}
    assert found(doubled, fixed_fee=None) == {}
    assert found(replace(doubled, charges_without_fee=1)) == {}


def test_a_payout_that_takes_money_and_a_reserve_are_named() -> None:
    held = replace(
        payout(), others_minor=-30000, reserves=1, reserves_minor=-30000, net_minor=-9463, nets_minor=-9463
    )
    assert found(held) == {"PO06": -30000, "PO07": -9463}
    assert found(replace(held, status="CANCELLED")) == {}


def test_an_item_type_nobody_mapped_is_told() -> None:
    assert found(replace(payout(), strange_types=["mystery"])) == {"DQ05": None}


@given(
    st.lists(st.tuples(st.sampled_from(["charges", "refunds", "disputes", "others"]), MONEY, MONEY)),
    st.randoms(),
)
def test_netting_conserves_money_whatever_the_order(items: list[tuple[str, int, int]], luck: Any) -> None:
    """Each item brings its gross, signed, less its fee; no order and no grouping changes the sum."""
    sign = {"charges": 1, "refunds": -1, "disputes": -1, "others": 1}
    shuffled = list(items)
    luck.shuffle(shuffled)
    sums = {kind: sum(gross for name, gross, _ in shuffled if name == kind) for kind in sign}
    net = net_of(**sums, fees=sum(fee for *_, fee in shuffled))
    assert net == sum(sign[kind] * gross - fee for kind, gross, fee in items)
    whole = Payout(
        payout_id="po", currency="SGD", net_minor=net, arrival_date=MONDAY, status="PAID", items=len(items),
        nets_minor=net, charges_minor=sums["charges"], refunds_minor=sums["refunds"],
        disputes_minor=sums["disputes"], others_minor=sums["others"], fees_minor=sum(fee for *_, fee in items),
    )  # fmt: skip
    assert "PO03" not in found(whole)
    assert not items or found(replace(whole, net_minor=net + 1))["PO03"] == 1


def fees(*votes: FeeVote, rates: dict[str, Decimal] | None = None) -> dict[str, FixedFee]:
    rates = {"USD": Decimal("1.35")} if rates is None else rates
    return fixed_fees(votes, contract={"SGD": 50}, in_reporting=rates, within_percent=50, least_charges=3)


def test_a_listed_currency_has_the_contracts_fixed_part() -> None:
    assert fees(FeeVote("SGD", 77, 9, 9))["SGD"].minor == 50


def test_an_unlisted_currency_has_what_most_charges_near_the_equivalent_have() -> None:
    doubled = [FeeVote("USD", 1000 + n, 1, 12) for n in range(9)]
    assert fees(FeeVote("USD", 36, 3, 12), *doubled)["USD"] == FixedFee(
        36, 0, "as most charges in the currency have it"
    )


def test_without_agreement_it_is_about_the_equivalent() -> None:
    split = fees(FeeVote("USD", 36, 2, 4), FeeVote("USD", 38, 2, 4))["USD"]
    assert (split.minor, split.within_minor) == (37, 18)


def test_without_a_rate_most_of_all_charges_must_agree_and_be_several() -> None:
    assert fees(FeeVote("USD", 36, 3, 5), FeeVote("USD", 99, 2, 5), rates={})["USD"].minor == 36
    assert fees(FeeVote("USD", 36, 3, 6), FeeVote("USD", 99, 3, 6), rates={}) == {}
    assert fees(FeeVote("USD", 36, 2, 2), rates={}) == {}


@pytest.mark.parametrize(
    ("minor", "currency", "rate", "expected"),
    [
        (10000, "USD", "1.342487", 13425),
        (1000, "JPY", "0.009", 900),
        (1, "USD", "0.5", 1),
        (-1, "USD", "0.5", -1),
    ],
)
def test_a_conversion_is_rounded_half_up(minor: int, currency: str, rate: str, expected: int) -> None:
    assert convert(minor, rate=Decimal(rate), base=currency, quote="SGD") == expected


def conversion(*rates: tuple[str, str, str]) -> Conversion:
    return Conversion(
        payout_id="po", line_id="BL", currency="USD", net_minor=10000, received_currency="SGD",
        received_minor=13398, value_date=MONDAY, rates=rates,
    )  # fmt: skip


def test_what_a_conversion_cost_is_told_at_the_days_rate() -> None:
    one = conversion(("USD", "SGD", "1.342487"))
    assert (one.finding().code, one.finding().amount_minor, one.is_near(within_percent=5)) == (
        "PO08",
        -27,
        True,
    )
    assert not one.is_near(within_percent=0)


def test_without_a_rate_of_the_day_nothing_is_guessed() -> None:
    one = conversion(("EUR", "SGD", "1.45"))
    assert (one.finding().amount_minor, one.is_near(within_percent=99)) == (None, False)
    assert "no rate" in one.finding().evidence


OWN = load_policy().calendars.own


@pytest.mark.parametrize(
    ("days", "level"), [(0, "S4"), (3, "S4"), (4, "S3"), (6, "S3"), (7, "S3"), (8, "S1"), (40, "S1")]
)
def test_a_missing_payout_is_timing_for_five_business_days(days: int, level: str) -> None:
    day = MONDAY + timedelta(days=days)
    assert missing_severity(MONDAY, as_of=day, grace=5, timing=3, calendar=OWN) == level


def test_a_holiday_is_no_business_day_on_which_a_payout_is_late() -> None:
    """The two days of the New Year of 2026 are a Tuesday and a Wednesday."""
    friday, day = date(2026, 2, 13), date(2026, 2, 20)
    assert missing_severity(friday, as_of=day, grace=5, timing=3, calendar=OWN) == "S4"
    assert missing_severity(friday, as_of=day, grace=5, timing=3, calendar=OWN.__class__(OWN.weekend)) == "S3"


@given(
    st.integers(min_value=0, max_value=600),
    st.integers(min_value=0, max_value=200),
    st.lists(st.integers(min_value=1_000, max_value=1_000_000), min_size=6, max_size=40, unique=True),
)
def test_the_rate_most_charges_imply_is_found_whatever_the_odd_ones_say(
    bps: int, fixed: int, amounts: list[int]
) -> None:
    fees = [
        ChargedFee(
            currency="SGD", amount_minor=amount, fee_minor=(amount * bps + 5000) // 10000 + fixed, charges=1
        )
        for amount in amounts
    ]
    odd = [ChargedFee(currency="SGD", amount_minor=77_777, fee_minor=9_999, charges=1)]
    found = implied_rate([*fees, *odd])
    assert found is not None
    assert found.charges >= len(amounts)


def test_the_implied_rate_is_told_as_a_contract_would() -> None:
    fees = [
        ChargedFee(
            currency="SGD", amount_minor=amount, fee_minor=(amount * 290 + 5000) // 10000 + 30, charges=2
        )
        for amount in (10_900, 21_800, 50_000, 99_900)
    ]
    assert implied_rate(fees) == Rate(290, 30, 8)
    assert Rate(290, 30, 8).words("SGD") == "2.9 % and 0.30 SGD"


def test_fees_of_one_amount_imply_no_percentage() -> None:
    assert implied_rate([ChargedFee(currency="SGD", amount_minor=100, fee_minor=3, charges=9)]) is None
