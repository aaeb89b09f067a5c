"""When a payment without a reference has one explanation only."""

from datetime import date

from include.twin.generate.ambiguity import Blind, Open, ambiguous, explanations

PAID = date(2026, 3, 20)


def invoice(
    name: str, amount: int, *, issued: date = date(2026, 3, 1), due: date = date(2026, 3, 31)
) -> Open:
    return Open(name, issued, due, amount)


def payment(amount: int, name: str = "P", *, paid_on: date = PAID) -> Blind:
    return Blind(name, paid_on, amount)


def test_the_only_invoice_of_that_amount_is_sure():
    assert ambiguous([payment(990)], [invoice("A", 990), invoice("B", 400)]) == set()


def test_two_invoices_of_that_amount_are_a_tie():
    assert ambiguous([payment(990)], [invoice("A", 990), invoice("B", 990)]) == {"P"}


def test_one_invoice_shadowed_by_a_sum_of_two_is_ambiguous():
    assert ambiguous([payment(300)], [invoice("A", 100), invoice("B", 200), invoice("C", 300)]) == {"P"}


def test_the_only_sum_is_sure():
    held = [invoice("A", 1_388_499), invoice("B", 2_236_604), invoice("C", 500)]
    assert explanations(payment(3_625_103), held) == [frozenset({"A", "B"})]


def test_a_sum_of_six_is_found():
    held = [invoice(f"I{place}", 10**place) for place in range(8)]
    assert explanations(payment(111_111), held) == [frozenset(f"I{place}" for place in range(6))]


def test_two_payments_that_could_be_for_one_invoice_are_both_held():
    assert ambiguous([payment(990, "P"), payment(990, "Q")], [invoice("A", 990)]) == {"P", "Q"}


def test_a_payment_without_any_explanation_is_held():
    assert ambiguous([payment(990)], [invoice("A", 991)]) == {"P"}


def test_an_invoice_issued_long_after_the_payment_does_not_count():
    later = invoice("B", 990, issued=date(2026, 5, 1), due=date(2026, 5, 31))
    assert ambiguous([payment(990)], [invoice("A", 990), later]) == set()


def test_an_invoice_due_long_before_the_payment_does_not_count():
    older = invoice("B", 990, issued=date(2025, 10, 1), due=date(2025, 10, 31))
    assert ambiguous([payment(990)], [invoice("A", 990), older]) == set()
