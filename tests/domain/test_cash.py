"""P4 and P5, sure or silent: what names nothing is posted only where nothing else explains the money."""

from dataclasses import replace
from datetime import date
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.domain.cash import Held, settle_by_amount
from include.domain.explanations import OpenCredit, OpenInvoice, OpenPayment, could_be_chance
from include.domain.fx import DailyRates
from include.domain.residuals import Settings
from include.policy import load_policy

SETTINGS = Settings(rules=load_policy().residuals, rates=DailyRates(()))
DAY = date(2025, 3, 10)
DUE = date(2025, 3, 1)


def payment(
    payment_id: str,
    amount: int,
    *,
    names_another: bool = False,
    unread_count: int = 0,
    foreign_payer: bool = False,
) -> OpenPayment:
    return OpenPayment(
        payment_id=payment_id,
        customer_id="C1",
        currency="SGD",
        amount_minor=amount,
        paid_on=DAY,
        names_another=names_another,
        unread_count=unread_count,
        foreign_payer=foreign_payer,
    )


def invoice(invoice_id: str, amount: int, **facts: Any) -> OpenInvoice:
    known: dict[str, Any] = {
        "customer_id": "C1",
        "due_date": DUE,
        "from_date": date.min,
        "to_date": date.max,
        "named_by": None,
        "postable": True,
        "net_minor": None,
        "country": None,
    }
    return OpenInvoice(invoice_id=invoice_id, currency="SGD", open_minor=amount, **known | facts)


def settle(
    payments: list[OpenPayment],
    invoices: list[OpenInvoice],
    credits: list[OpenCredit] | None = None,
    *,
    most_invoices: int = 6,
) -> tuple[dict[str, tuple[str, ...]], dict[str, Held]]:
    """What was settled, payment -> invoices, and what was held."""
    found = settle_by_amount(
        payments, invoices, credits or [], most_invoices=most_invoices, settings=SETTINGS
    )
    settled: dict[str, tuple[str, ...]] = {}
    for line in found.lines:
        settled[line.payment_id] = (*settled.get(line.payment_id, ()), line.invoice_id)
    return settled, found.held


def credit(credit_note_id: str, amount: int, *, issued: date = DUE) -> OpenCredit:
    return OpenCredit(
        credit_note_id=credit_note_id, customer_id="C1", currency="SGD", left_minor=amount, issue_date=issued
    )


def test_a_credit_note_is_not_deducted_before_it_exists() -> None:
    later = credit("N", 1_090_00, issued=date(2025, 3, 11))
    assert settle([payment("P", 9_810_00)], [invoice("A", 10_900_00)], [later]) == ({}, {})


def test_the_only_invoice_of_the_amount_is_settled() -> None:
    assert settle([payment("P", 300_00)], [invoice("A", 300_00), invoice("B", 170_00)]) == ({"P": ("A",)}, {})


def test_the_only_set_of_invoices_that_adds_up_is_settled() -> None:
    """Two invoices of one customer of a public sample set, paid by one wire."""
    invoices = [invoice("A", 13_884_99), invoice("B", 22_366_04), invoice("C", 9_415_13)]
    assert settle([payment("P", 36_251_03)], invoices) == ({"P": ("A", "B")}, {})


def test_a_set_larger_than_the_pass_allows_is_left_for_a_later_pass() -> None:
    invoices = [invoice("A", 13_884_99), invoice("B", 22_366_04)]
    assert settle([payment("P", 36_251_03)], invoices, most_invoices=1) == ({}, {})


def test_two_invoices_of_one_amount_hold_the_payment_oldest_due_first() -> None:
    invoices = [
        invoice("A", 990_00, due_date=date(2025, 4, 1)),
        invoice("B", 990_00, due_date=date(2025, 3, 1)),
    ]
    settled, held = settle([payment("P", 990_00)], invoices)
    assert (settled, held["P"]) == ({}, Held(("B", "A"), "B or A make up this amount"))


def test_an_invoice_shadowed_by_a_set_of_others_is_held() -> None:
    settled, held = settle([payment("P", 300_00)], [invoice(str(n), n * 100_00) for n in (1, 2, 3)])
    assert (settled, held["P"].why) == ({}, "3 or 1 + 2 make up this amount")


def test_two_payments_of_one_amount_hold_each_other() -> None:
    settled, held = settle([payment("P", 300_00), payment("Q", 300_00)], [invoice("A", 300_00)])
    assert (settled, {one: found.why for one, found in held.items()}) == (
        {},
        {"P": "Q could be for A too", "Q": "P could be for A too"},
    )


def test_a_payment_that_could_need_the_invoice_for_its_sum_holds_it() -> None:
    payments = [payment("P", 100_00), payment("Q", 317_00)]
    settled, held = settle(payments, [invoice("A", 100_00), invoice("B", 217_00)])
    assert (settled, sorted(held)) == ({}, ["P", "Q"])


def test_a_payment_that_names_something_else_keeps_its_claim_and_is_not_posted_by_amount() -> None:
    rival = payment("Q", 300_00, names_another=True)
    settled, held = settle([payment("P", 300_00), rival], [invoice("A", 300_00)])
    assert (settled, sorted(held)) == ({}, ["P"])


def test_an_invoice_that_another_payment_names_is_not_settled_by_amount() -> None:
    settled, held = settle([payment("P", 300_00)], [invoice("A", 300_00, named_by="Q")])
    assert (settled, held["P"].why) == ({}, "Q names A")


def test_a_customer_with_unread_count_is_not_settled_by_amount() -> None:
    settled, held = settle([payment("P", 300_00, unread_count=1)], [invoice("A", 300_00)])
    assert (settled, "in quarantine" in held["P"].why) == ({}, True)


def test_a_payment_in_another_name_than_its_customers_is_not_settled_by_amount() -> None:
    settled, held = settle([payment("P", 300_00, foreign_payer=True)], [invoice("A", 300_00)])
    assert (settled, held["P"].why) == ({}, "it came in another name than its customer's")


@pytest.mark.parametrize(("country", "held"), [("TH", True), ("SG", False)])
def test_an_invoice_that_fits_less_withholding_tax_is_another_explanation(
    country: str, *, held: bool
) -> None:
    taxed = invoice("B", 107_000_00, net_minor=100_000_00, country=country)
    settled, why = settle([payment("P", 104_000_00)], [invoice("A", 104_000_00), taxed])
    assert (not settled, "P" in why) == (held, held)


def test_an_invoice_nothing_may_be_posted_against_still_explains_money() -> None:
    owed = [invoice("A", 300_00), invoice("B", 300_00, postable=False)]
    assert settle([payment("P", 300_00)], owed)[0] == {}
    assert "status is unknown" in settle([payment("P", 300_00)], owed[1:])[1]["P"].why


@pytest.mark.parametrize("amounts", [(100_00, 200_00), (100_00, 150_00, 50_00)])
def test_several_payments_that_make_up_the_invoice_hold_it(amounts: tuple[int, ...]) -> None:
    others = [payment(f"Q{amount}", amount) for amount in amounts]
    settled, held = settle([payment("P", 300_00), *others], [invoice("A", 300_00)])
    assert (settled, "(payments) make up A too" in held["P"].why) == ({}, True)


def test_an_invoice_too_old_for_the_payment_is_no_rival() -> None:
    old = date(2020, 6, 1)
    invoices = [invoice("A", 300_00), invoice("X", 100_00, to_date=old), invoice("Y", 200_00, to_date=old)]
    assert settle([payment("P", 300_00)], invoices)[0] == {"P": ("A",)}


def test_more_rivals_than_can_be_ruled_out_hold_the_payment() -> None:
    crowd = [invoice(f"X{n}", 2 * n + 1) for n in range(700)]
    settled, held = settle([payment("P", 300_02)], [invoice("A", 300_02), *crowd])
    assert (settled, "too many to tell" in held["P"].why) == ({}, True)


def test_a_sum_that_could_be_chance_is_held() -> None:
    """Twelve invoices form 220 sets of three: too many for amounts below 150 dollars, though only one set adds up."""
    doubling = [invoice(f"X{n}", 7 * 2**n) for n in range(12)]
    target = sum(doubling[n].open_minor for n in (1, 5, 11))
    settled, held = settle([payment("P", target)], doubling)
    assert (settled, held["P"].why) == ({}, "one of 220 possible sets: it could add up by chance")


def test_what_fits_nothing_is_neither_settled_nor_held() -> None:
    assert settle([payment("P", 123_45)], [invoice("A", 300_00)]) == ({}, {})


def test_the_order_of_what_is_known_changes_nothing() -> None:
    payments = [payment("P", 300_00), payment("Q", 217_00)]
    invoices = [invoice("A", 300_00), invoice("B", 217_00), invoice("C", 83_00)]
    outcomes = {
        (tuple(sorted(settled.items())), tuple(sorted(held)))
        for some in permutations(payments)
        for others in permutations(invoices)
        for settled, held in [settle(list(some), list(others))]
    }
    assert outcomes == {((), ("P", "Q"))}


AMOUNTS = st.lists(st.integers(1, 40), max_size=6)


@settings(max_examples=200)
@given(AMOUNTS, AMOUNTS)
def test_money_is_settled_exactly_and_no_invoice_twice(paid: list[int], owed: list[int]) -> None:
    payments = [payment(f"P{n}", amount) for n, amount in enumerate(paid)]
    invoices = [invoice(f"I{n}", amount) for n, amount in enumerate(owed)]
    settled, held = settle(payments, invoices)
    worth = {one.invoice_id: one.open_minor for one in invoices}
    amounts = {one.payment_id: one.amount_minor for one in payments}
    assert all(sum(worth[i] for i in chosen) == amounts[one] for one, chosen in settled.items())
    used = [i for chosen in settled.values() for i in chosen]
    assert len(used) == len(set(used))
    assert not set(settled) & set(held)


@settings(max_examples=100)
@given(AMOUNTS, AMOUNTS)
def test_another_customer_changes_nothing(paid: list[int], owed: list[int]) -> None:
    payments = [payment(f"P{n}", amount) for n, amount in enumerate(paid)]
    invoices = [invoice(f"I{n}", amount) for n, amount in enumerate(owed)]
    strangers = [invoice(f"S{n}", amount, customer_id="C2") for n, amount in enumerate(owed)]
    assert settle(payments, invoices) == settle(payments, invoices + strangers)


def test_a_credit_note_that_names_no_invoice_is_deducted_where_nothing_else_fits() -> None:
    """Match golden M12, with a credit note that does not say what it is for."""
    found = settle_by_amount(
        [payment("P", 9_810_00)],
        [invoice("A", 10_900_00)],
        [credit("N", 1_090_00)],
        most_invoices=6,
        settings=SETTINGS,
    )
    [line] = found.lines
    assert (line.rule, line.amount_minor, line.residual_minor, found.credits) == (
        "P6",
        9_810_00,
        1_090_00,
        ["N"],
    )


def test_an_amount_that_fits_with_and_without_a_credit_note_is_held() -> None:
    settled, held = settle(
        [payment("P", 300_00)], [invoice("A", 300_00), invoice("B", 350_00)], [credit("N", 50_00)]
    )
    assert (settled, held["P"].why) == ({}, "A or B - N make up this amount")


def test_payments_that_only_together_make_up_one_invoice_settle_it() -> None:
    """Match golden M13 without references."""
    payments = [payment("P", 4_000_00), payment("Q", 6_000_00)]
    assert settle(payments, [invoice("A", 10_000_00)]) == ({"P": ("A",), "Q": ("A",)}, {})


@pytest.mark.parametrize(
    ("payments", "invoices"),
    [
        ([payment("P", 4_000_00), payment("Q", 6_000_00), payment("R", 6_000_00)], [invoice("A", 10_000_00)]),
        (
            [payment("P", 4_000_00), payment("Q", 6_000_00)],
            [invoice("A", 10_000_00), invoice("B", 10_000_00)],
        ),
        ([payment("P", 4_000_00), payment("Q", 6_000_00, names_another=True)], [invoice("A", 10_000_00)]),
        ([payment("P", 4_000_00), payment("Q", 6_000_00)], [invoice("A", 10_000_00, named_by="R")]),
        ([payment("P", 4_000_00), payment("Q", 6_000_00)], [invoice("A", 10_000_00, postable=False)]),
        ([payment("P", 4_000_00, unread_count=1), payment("Q", 6_000_00)], [invoice("A", 10_000_00)]),
    ],
)
def test_parts_of_what_may_be_something_else_are_not_settled(
    payments: list[OpenPayment], invoices: list[OpenInvoice]
) -> None:
    assert settle(payments, invoices)[0] == {}


def test_sets_of_four_among_very_many_are_not_claimed_to_be_absent() -> None:
    crowd = [invoice(f"X{n}", 100_00 + 7 * 3**n % 5_000) for n in range(30)]
    target = sum(one.open_minor for one in crowd[:4]) + 1
    held = settle([payment("P", target)], crowd)[1]
    assert "of so many more are not tried" in held["P"].why


@pytest.mark.parametrize(("window_minor", "refused"), [(1, False), (2_000, True)])
def test_the_guard_against_chance_allows_exact_sums_and_refuses_tolerance(
    window_minor: int, *, refused: bool
) -> None:
    """Match golden M16: 20 items, sets of three, over SGD 100,000; exact 0.000114, within SGD 10 0.228."""
    assert could_be_chance(20, 3, range_minor=10_000_000, window_minor=window_minor) is refused


@pytest.mark.parametrize(("rival", "posted"), [(True, set()), (False, {("P", "A")})])
def test_whether_a_possible_fee_speaks_against_an_exact_amount_is_policy(
    *, rival: bool, posted: set[tuple[str, str]]
) -> None:
    rules = replace(SETTINGS.rules, fee_is_rival=rival)
    found = settle_by_amount(
        [payment("P", 99_80)],
        [invoice("A", 99_80), invoice("B", 100_00)],
        most_invoices=6,
        settings=replace(SETTINGS, rules=rules),
    )
    assert {(line.payment_id, line.invoice_id) for line in found.lines} == posted
