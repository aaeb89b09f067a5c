"""When a bank statement proves that it is complete."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from include.domain.statements import Balances, contradictions

CENTS = st.integers(-(10**12), 10**12).map(lambda minor: Decimal(minor) / 100)


def balances(opening: str, closing: str) -> Balances:
    return Balances(opening={"EUR": Decimal(opening)}, closing={"EUR": Decimal(closing)})


def test_what_moved_leads_from_the_opening_to_the_closing_balance() -> None:
    assert contradictions(balances("10.00", "7.50"), moved={"EUR": Decimal("-2.50")}, entries=1) == []


def test_a_difference_is_said_with_all_its_figures() -> None:
    assert contradictions(balances("10.00", "7.50"), moved={"EUR": Decimal("-2.00")}, entries=3) == [
        "EUR: opening balance 10.00 and entries of -2.00 (3 in all) make 8.00, the closing balance is 7.50"
    ]


def test_a_statement_without_movement_proves_itself_by_two_equal_balances() -> None:
    assert contradictions(balances("10.00", "10"), moved={}, entries=0) == []


def test_entries_in_a_currency_without_balances_are_not_proven() -> None:
    [said] = contradictions(balances("10", "10"), moved={"USD": Decimal(1)}, entries=1)
    assert said.startswith("USD: it states no opening and closing balance")


def test_without_any_balance_nothing_is_proven_not_even_that_nothing_moved() -> None:
    for entries in (0, 1):
        [said] = contradictions(Balances(), moved={}, entries=entries)
        assert said.startswith("it states neither an opening nor a closing balance")


@given(opening=CENTS, amounts=st.lists(CENTS, max_size=30), lost=CENTS.filter(bool))
def test_a_statement_that_lacks_any_amount_is_always_found_out(
    opening: Decimal, amounts: list[Decimal], lost: Decimal
) -> None:
    moved = sum(amounts, Decimal(0))
    whole = Balances(opening={"EUR": opening}, closing={"EUR": opening + moved + lost})
    assert contradictions(whole, moved={"EUR": moved}, entries=len(amounts))
    assert not contradictions(whole, moved={"EUR": moved + lost}, entries=len(amounts) + 1)
