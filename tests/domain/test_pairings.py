"""What may be matched by hand, why not, and what a run carries out of it."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from include.domain.pairings import ByHand, Debt, Item, carry_out, refusal, spread


def money(**facts: Any) -> Item:
    known = {"item_id": "P", "item_type": "payment", "customer_id": "C1", "group_id": "C1", "currency": "SGD"}
    return Item(**known | {"amount_minor": 100_00} | facts)


def debt(**facts: Any) -> Debt:
    known = {"invoice_id": "1", "number": "INV-1", "customer_id": "C1", "group_id": "C1", "currency": "SGD"}
    return Debt(**known | {"open_minor": 80_00} | facts)


@pytest.mark.parametrize(
    ("item", "invoice", "minor", "why"),
    [
        (money(), debt(), 80_00, ""),
        (money(), debt(), 1, ""),
        (money(customer_id=None, group_id=None), debt(), 80_00, ""),
        (money(customer_id="C2"), debt(), 80_00, ""),  # of the group
        (money(used_for=("7", "8")), debt(), 1, "the money of payment P is used already, for 7, 8: unmatch that"),
        (money(ruled_by="cho"), debt(), 1, "payment P is matched by hand already, by cho"),
        (money(usable=False), debt(), 1, "payment P cannot be used: it failed, went back, or cannot be read"),
        (money(currency="USD"), debt(), 1, "INV-1 is in SGD and the payment in USD: one currency is matched"),
        (money(group_id="C9"), debt(), 1, "INV-1 is customer C1's: the payment is customer C1's, and the two"),
        (money(), debt(owed=False), 1, "INV-1 is not owed, or cannot be read"),
        (money(), debt(open_minor=0, settled_by="Q"), 1, "INV-1 is settled already, by Q"),
        (money(), debt(), 80_01, "of INV-1 80.00 SGD is open, and 80.01 SGD is more"),
        (money(), debt(promised_minor=50_00), 31_00, "of INV-1 80.00 SGD is open, of which 50.00 SGD is matched"),
        (money(amount_minor=50_00), debt(), 60_00, "60.00 SGD is more than the payment of 50.00 SGD"),
        (money(item_type="credit_note", customer_id="C2"), debt(), 1, "INV-1 is customer C1's: the credit note is"),
        (money(item_type="credit_note", usable=False), debt(), 1, "part of credit note P is used already"),
    ],
)  # fmt: skip
def test_every_reason_against_a_match_by_hand(item: Item, invoice: Debt, minor: int, why: str) -> None:
    said = refusal(item, {"1": invoice}, {"1": minor})
    assert said.startswith(why)
    assert bool(said) == bool(why)


def test_money_of_nobody_known_pays_one_group_only() -> None:
    debts = {"1": debt(), "2": debt(invoice_id="2", customer_id="C2", group_id="C2")}
    said = refusal(money(customer_id=None, group_id=None), debts, {"1": 1, "2": 1})
    assert "of customers that do not belong together" in said


def test_money_is_spread_over_what_is_open_in_the_order_given() -> None:
    debts = [debt(), debt(invoice_id="2", promised_minor=70_00), debt(invoice_id="3")]
    assert spread(debts, money_minor=100_00) == {"1": 80_00, "2": 10_00, "3": 10_00}


def test_nothing_is_left_for_an_invoice_that_comes_too_late() -> None:
    debts = {"1": debt(), "2": debt(invoice_id="2", number="INV-2")}
    given_out = spread(list(debts.values()), money_minor=80_00)
    assert refusal(money(amount_minor=80_00), debts, given_out).startswith("nothing is left for INV-2")


RULINGS = some.lists(
    some.tuples(
        some.integers(1, 5), some.dictionaries(some.integers(1, 4), some.integers(1, 90), min_size=1, max_size=3)
    ),
    max_size=8,
)  # fmt: skip


@given(rulings=RULINGS, amounts=some.lists(some.integers(1, 120), min_size=5, max_size=5))
def test_whatever_people_match_no_money_is_spent_twice_and_no_invoice_settled_twice(
    rulings: list[tuple[int, dict[int, int]]], amounts: list[int]
) -> None:
    """One match stands per payment, as the database sees to; each is carried out whole or not at all."""
    standing = {f"P{payment}": parts for payment, parts in rulings}
    by_hand = [
        ByHand(
            ruling_no=number,
            item_id=payment,
            currency="SGD",
            allocation={str(invoice): minor for invoice, minor in parts.items()},
            maker="ann",
            checkers=("ben",),
        )
        for number, (payment, parts) in enumerate(standing.items())
    ]
    items = {
        f"P{n}": money(item_id=f"P{n}", amount_minor=amount) for n, amount in enumerate(amounts, start=1)
    }
    debts = {str(n): debt(invoice_id=str(n), number=f"INV-{n}", open_minor=100) for n in range(1, 4)}
    done = carry_out(by_hand, items, debts)
    settled, spent = Counter[str](), Counter[str]()
    for line in done.lines:
        settled[line.invoice_id] += line.amount_minor
        spent[line.payment_id] += line.amount_minor
    assert all(minor <= 100 for minor in settled.values())
    assert all(minor <= items[payment].amount_minor for payment, minor in spent.items())
    assert set(spent) | set(done.refused) == set(standing)
    assert not set(spent) & set(done.refused)
    assert all(spent[payment] == sum(standing[payment].values()) for payment in spent)
    assert done.in_part == {one: 100 - minor for one, minor in settled.items() if minor < 100}
