"""P4, sure or silent: a payment that names nothing is posted only where nothing else explains the money."""

from datetime import date
from itertools import permutations
from typing import Any

import pytest

from include.domain.cash import Held, OpenItem, Pair, sure_pairs, unposted

DAY = date(2025, 3, 10)


def pair(payment: str, invoice: str, amount: int = 300_00, *, names_another: bool = False) -> Pair:
    return Pair(
        payment_id=payment,
        invoice_id=invoice,
        customer_id="C1",
        currency="SGD",
        amount_minor=amount,
        paid_on=DAY,
        names_another=names_another,
    )


def item(side: str, item_id: str, amount: int, *, days: tuple[date, date] = (date.min, date.max)) -> OpenItem:
    span = (DAY, DAY) if side == "payment" else days
    return OpenItem(
        side=side,
        item_id=item_id,
        customer_id="C1",
        currency="SGD",
        amount_minor=amount,
        from_date=span[0],
        to_date=span[1],
    )


ONLY = [item("invoice", "A", 300_00), item("payment", "P", 300_00)]


def test_the_only_explanation_is_posted() -> None:
    assert sure_pairs([pair("P", "A")], ONLY) == ([pair("P", "A")], {})


def test_two_invoices_of_one_amount_hold_the_payment_oldest_due_first() -> None:
    pairs = [pair("P", "A"), pair("P", "B")]
    sure, held = sure_pairs(pairs, [*ONLY, item("invoice", "B", 300_00)])
    assert (sure, held["P"].candidates) == ([], ("A", "B"))


def test_two_payments_of_one_amount_hold_each_other() -> None:
    pairs = [pair("P", "A"), pair("Q", "A")]
    sure, held = sure_pairs(pairs, [*ONLY, item("payment", "Q", 300_00)])
    assert (sure, sorted(held)) == ([], ["P", "Q"])


def test_a_payment_that_names_something_else_is_a_rival_and_is_not_posted() -> None:
    pairs = [pair("P", "A"), pair("Q", "A", names_another=True)]
    sure, held = sure_pairs(pairs, [*ONLY, item("payment", "Q", 300_00)])
    assert (sure, sorted(held)) == ([], ["P"])


@pytest.mark.parametrize("side", ["invoice", "payment"])
@pytest.mark.parametrize("amounts", [(100_00, 200_00), (100_00, 150_00, 50_00)])
def test_two_or_three_others_of_the_same_sum_hold_the_payment(side: str, amounts: tuple[int, ...]) -> None:
    others = [item(side, f"X{amount}", amount) for amount in amounts]
    sure, held = sure_pairs([pair("P", "A")], [*ONLY, *others])
    assert (sure, "add up to the same amount" in held["P"].why) == ([], True)


def test_an_invoice_too_old_for_the_payment_is_no_rival() -> None:
    stale = (date(2020, 1, 1), date(2020, 6, 1))
    others = [item("invoice", "X", 100_00, days=stale), item("invoice", "Y", 200_00, days=stale)]
    assert sure_pairs([pair("P", "A")], [*ONLY, *others])[0] == [pair("P", "A")]


def test_more_rivals_than_can_be_ruled_out_hold_the_payment() -> None:
    crowd = [item("invoice", f"X{n}", 2 * n + 1) for n in range(700)]
    sure, held = sure_pairs([pair("P", "A", 300_02)], [item("invoice", "A", 300_02), *crowd])
    assert (sure, "too many" in held["P"].why) == ([], True)


def test_the_order_of_what_is_known_changes_nothing() -> None:
    pairs = [pair("P", "A"), pair("Q", "B", 200_00)]
    items = [*ONLY, item("invoice", "B", 200_00), item("payment", "Q", 200_00), item("invoice", "C", 100_00)]
    outcomes = {
        (tuple(sorted(one.payment_id for one in sure)), tuple(sorted(held)))
        for order in permutations(items)
        for sure, held in [sure_pairs(pairs, order)]
    }
    assert outcomes == {(("Q",), ("P",))}


def unmatched(**facts: Any) -> dict[str, Any]:
    return {
        "payment_id": "P",
        "customer_id": "C1",
        "currency": "SGD",
        "amount_minor": 100_00,
        "names_a_document": True,
        "reference": "INV-1",
        "named": [],
    } | facts


def named(**facts: Any) -> dict[str, Any]:
    return {
        "invoice_id": "1",
        "number": "INV-1",
        "key": "INV|1",
        "currency": "SGD",
        "gross_minor": 100_00,
        "status": None,
        "settled_by": None,
    } | facts


@pytest.mark.parametrize(
    ("payment", "code", "says"),
    [
        (unmatched(named=[named(gross_minor=120_00)]), "CA03", "20.00 SGD short"),
        (unmatched(named=[named(gross_minor=80_00)]), "CA04", "20.00 SGD over"),
        (unmatched(named=[named(settled_by="P0")]), "CA05", "P0 settled already"),
        (unmatched(named=[named(settled_by="P0", gross_minor=5)]), "CA01", "P0 settled already"),
        (unmatched(named=[named(status="VOID")]), "CA19", "which is void"),
        (unmatched(named=[named(currency="USD")]), "CA01", "another currency"),
        (unmatched(named=[named()]), "CA16", "so does another payment"),
        (unmatched(named=[named(), named(invoice_id="2")]), "CA16", "several invoices are called: 1, 2"),
        (unmatched(), "CA01", "names no invoice of this customer"),
        (unmatched(names_a_document=False), "CA01", "no open invoice of this customer has this amount"),
        (unmatched(names_a_document=False, customer_id=None), "CA02", "no customer and no reference"),
    ],
)
def test_an_unposted_payment_says_what_is_the_matter(payment: dict[str, Any], code: str, says: str) -> None:
    finding = unposted(payment, None)
    assert (finding.code, says in finding.evidence) == (code, True), finding


def test_a_held_payment_names_its_candidates_and_the_fact_that_would_decide() -> None:
    finding = unposted(unmatched(), Held(("A", "B"), "2 open invoices have this amount"))
    assert finding.code == "CA16"
    assert "A, B; a reference naming the invoice would decide" in finding.evidence
