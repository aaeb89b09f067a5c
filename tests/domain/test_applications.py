"""P3, P7 and P9: what names invoices without paying exactly what is open of them."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.domain.applications import apply_remittances
from include.domain.fx import DailyRates
from include.domain.remittances import Applied, NamedInvoice, Remittance
from include.domain.residuals import Settings, is_short
from include.policy import load_policy

DAY = date(2025, 3, 20)
RULES = load_policy().residuals
RATES = [
    (date(2025, 3, 31), "USD", "SGD", Decimal("1.342487")),
    (date(2025, 3, 14), "USD", "SGD", Decimal("1.34")),
    (date(2025, 3, 14), "THB", "SGD", Decimal("0.04")),
]


def invoice(invoice_id: str, gross: int, **facts: Any) -> NamedInvoice:
    known: dict[str, Any] = {
        "number": f"INV-{invoice_id}",
        "customer_id": "C1",
        "country": "SG",
        "currency": "SGD",
        "net_minor": None,
        "gross_minor": gross,
        "open_minor": gross,
        "issue_date": date(2025, 3, 1),
        "due_date": date(2025, 3, 31),
        "postable": True,
    }
    return NamedInvoice(invoice_id=invoice_id, **known | facts)


def pays(payment_id: str, amount: int, *names: str, **facts: Any) -> Remittance:
    known: dict[str, Any] = {"currency": "SGD", "paid_on": DAY, "doubt": ""}
    return Remittance(payment_id=payment_id, amount_minor=amount, invoice_ids=names, **known | facts)


def apply(remittances: list[Remittance], invoices: list[NamedInvoice]) -> Applied:
    given = Settings(rules=RULES, rates=DailyRates(RATES))
    return apply_remittances(remittances, {one.invoice_id: one for one in invoices}, given)


def posted(found: Applied) -> set[tuple[str, str, str, int, int, str]]:
    return {
        (x.rule, x.payment_id, x.invoice_id, x.amount_minor, x.residual_minor, x.residual_reason)
        for x in found.posted
    }


def codes(found: Applied) -> dict[str, tuple[str, int]]:
    return {one.payment_id: (one.code, one.amount_minor) for one in found.differences}


@pytest.mark.parametrize(
    ("missing", "code"),
    [
        (1, "CA10"),
        (2, "CA07"),  # two cents of SGD 10,900 are no rounding of one line
        (35_00, "CA07"),
        (35_01, None),  # beyond the cap
    ],
)
def test_what_is_missing_is_rounding_then_a_fee_within_its_cap_then_a_part(
    missing: int, code: str | None
) -> None:
    found = apply([pays("P", 10_900_00 - missing, "1")], [invoice("1", 10_900_00)])
    assert found.posted[0].residual_reason == (code or "")
    assert found.posted[0].residual_minor == (missing if code else 0)


def test_a_fee_is_at_most_one_percent() -> None:
    found = apply([pays("P", 98_99, "1")], [invoice("1", 100_00)])
    assert (posted(found), codes(found)) == (
        {("P9", "P", "1", 98_99, 0, "")},
        {},
    )


@pytest.mark.parametrize(
    ("country", "percent", "withheld"),
    [("TH", 3, True), ("TH", 5, False), ("SG", 3, False), (None, 3, False)],
)
def test_tax_is_withheld_on_net_at_a_rate_of_the_country(
    country: str | None, percent: int, *, withheld: bool
) -> None:
    owed = invoice("1", 107_000_00, net_minor=100_000_00, country=country, currency="THB")
    found = apply([pays("P", 107_000_00 - percent * 1_000_00, "1", currency="THB")], [owed])
    assert (found.posted[0].residual_reason == "CA08") is withheld


def test_tax_withheld_on_gross_is_no_explanation() -> None:
    owed = invoice("1", 107_000_00, net_minor=100_000_00, country="TH", currency="THB")
    found = apply([pays("P", 107_000_00 - 3_210_00, "1", currency="THB")], [owed])
    assert found.posted[0].residual_reason == ""


@pytest.mark.parametrize(("days", "discounted"), [(10, True), (11, False)])
def test_two_percent_less_within_ten_days_is_the_discount(days: int, *, discounted: bool) -> None:
    on = date(2025, 3, 1) + timedelta(days=days)
    found = apply([pays("P", 9_800_00, "1", paid_on=on)], [invoice("1", 10_000_00)])
    assert (found.posted[0].residual_reason == "CA17") is discounted


@pytest.mark.parametrize(
    ("amount", "fits"), [(1_335_78, True), (1_335_77, False), (1_349_20, True), (1_349_21, False)]
)
def test_another_currency_is_taken_within_half_a_percent_of_the_rate(amount: int, *, fits: bool) -> None:
    owed = invoice("1", 1_000_00, currency="USD")
    found = apply([pays("P", amount, "1", paid_on=date(2025, 3, 31))], [owed])
    assert bool(found.posted) is fits
    assert codes(found)["P"][0] == ("CA09" if fits else "CA16")


def test_without_a_rate_near_the_day_nothing_is_guessed() -> None:
    owed = invoice("1", 1_000_00, currency="USD")
    found = apply([pays("P", 1_342_49, "1", paid_on=date(2025, 6, 30))], [owed])
    assert found.posted == []
    assert "no USD-SGD rate is known" in found.differences[0].evidence


@pytest.mark.parametrize("factor", [10, 100, 1000])
def test_an_exact_multiple_is_a_scale_error_and_never_applied(factor: int) -> None:
    found = apply(
        [pays("P", 109_00 * factor, "1"), pays("Q", 109_00, "2")],
        [invoice("1", 109_00), invoice("2", 109_00 * factor)],
    )
    assert (found.posted, {code for code, _ in codes(found).values()}) == ([], {"CA20"})


def test_parts_are_applied_in_the_order_they_were_paid_whatever_the_order_they_come_in() -> None:
    parts = [
        pays("P", 4_000_00, "1"),
        pays("Q", 5_000_00, "1", paid_on=DAY + timedelta(days=1)),
        pays("R", 5_000_00, "1", paid_on=DAY + timedelta(days=2)),
    ]
    outcomes = {
        (frozenset(posted(found)), tuple(sorted(codes(found).items())))
        for order in permutations(parts)
        for found in [apply(list(order), [invoice("1", 10_000_00)])]
    }
    lines = {
        ("P9", "P", "1", 4_000_00, 0, ""),
        ("P9", "Q", "1", 5_000_00, 0, ""),
        ("P9", "R", "1", 1_000_00, 0, ""),
    }
    assert outcomes == {(frozenset(lines), (("R", ("CA04", 4_000_00)),))}


@pytest.mark.parametrize(
    ("left", "waited", "short"), [(60_00, 30, False), (60_00, 31, True), (24_99, 0, True), (25_00, 0, False)]
)
def test_a_part_is_short_once_nothing_follows_for_a_month_or_less_than_a_quarter_is_left(
    left: int, waited: int, *, short: bool
) -> None:
    assert is_short(left, gross_minor=100_00, waited_days=waited, rules=RULES) is short


@pytest.mark.parametrize("missing", [50_00, 5_00])
def test_what_another_payment_brings_exactly_was_not_deducted(missing: int) -> None:
    """Five percent could be tax and half a percent a fee, but the rest came."""
    owed = invoice("1", 1_000_00, net_minor=1_000_00, country="VN")
    found = apply(
        [pays("P", 1_000_00 - missing, "1"), pays("Q", missing, "1", paid_on=DAY + timedelta(5))], [owed]
    )
    assert {line.residual_reason for line in found.posted} == {""}
    assert sum(line.amount_minor for line in found.posted) == 1_000_00


def test_payments_and_invoices_that_add_up_only_together_are_suggested() -> None:
    names = ("1", "2", "3")
    found = apply(
        [pays("P", 150_00, *names), pays("Q", 250_00, *names)],
        [invoice("1", 100_00), invoice("2", 100_00), invoice("3", 200_00)],
    )
    assert (found.posted, {code for code, _ in codes(found).values()}) == ([], {"CA16"})
    assert sum(line.amount_minor for line in found.suggested) == 400_00


def test_several_invoices_paid_short_without_a_reason_are_held() -> None:
    found = apply([pays("P", 150_00, "1", "2")], [invoice("1", 100_00), invoice("2", 100_00)])
    assert (found.posted, found.held, codes(found)["P"][0]) == ([], {"P"}, "CA16")


def test_a_doubtful_naming_is_suggested_only() -> None:
    found = apply([pays("P", 90_00, "1", doubt="its payer is unknown")], [invoice("1", 100_00)])
    assert (found.posted, [x.invoice_id for x in found.suggested], found.held) == ([], ["1"], {"P"})


def test_an_invoice_nothing_may_be_posted_against_is_left_alone() -> None:
    assert apply([pays("P", 90_00, "1")], [invoice("1", 100_00, postable=False)]) == Applied()


PAID = st.lists(
    st.tuples(st.integers(1, 400), st.sets(st.integers(0, 3), min_size=1, max_size=3)), max_size=7
)


@settings(max_examples=300, deadline=None)
@given(PAID, st.lists(st.integers(1, 200), min_size=4, max_size=4))
def test_no_money_appears_and_none_is_spent_twice(paid: list[tuple[int, set[int]]], owed: list[int]) -> None:
    invoices = [invoice(str(n), gross) for n, gross in enumerate(owed)]
    remittances = [pays(f"P{n}", amount, *map(str, sorted(names))) for n, (amount, names) in enumerate(paid)]
    found = apply(remittances, invoices)
    for one in remittances:
        lines = [line for line in found.posted if line.payment_id == one.payment_id]
        over = [
            x.amount_minor for x in found.differences if (x.code, x.payment_id) == ("CA04", one.payment_id)
        ]
        assert not lines or sum(line.paid_minor for line in lines) + sum(over) == one.amount_minor
        assert not (lines and one.payment_id in found.held)
    for owes in invoices:
        settled = sum(
            x.amount_minor + x.residual_minor for x in found.posted if x.invoice_id == owes.invoice_id
        )
        assert 0 <= settled <= owes.gross_minor


@settings(max_examples=100, deadline=None)
@given(PAID, st.lists(st.integers(1, 200), min_size=4, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_input_changes_nothing(
    paid: list[tuple[int, set[int]]], owed: list[int], chance: Any
) -> None:
    invoices = [invoice(str(n), gross) for n, gross in enumerate(owed)]
    remittances = [pays(f"P{n}", amount, *map(str, sorted(names))) for n, (amount, names) in enumerate(paid)]
    shuffled = list(remittances)
    chance.shuffle(shuffled)
    one, other = apply(remittances, invoices), apply(shuffled, invoices[::-1])
    assert (posted(one), codes(one), one.held) == (posted(other), codes(other), other.held)
