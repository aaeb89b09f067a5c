"""Why a candidate was not posted: one sentence, true of its rule and of the two records."""

from typing import Any

import pytest

from include.domain.candidates import SEE, Candidate, why_not_posted

SGD = {"currency": "SGD"}


def why(pair: str, **facts: Any) -> str:
    recon, _, rule = pair.partition(" ")
    return why_not_posted(Candidate(**{"recon": recon, "rule": rule, "currency": "SGD"} | facts))


@pytest.mark.parametrize(
    ("order", "invoice", "said"),
    [
        ({}, {"currency": "USD"}, "the invoice is in USD, and the order in SGD"),
        ({}, {"customer_id": "C2"}, "the invoice bills C2, and the order is C1's"),
        ({"state": "UNKNOWN"}, {}, "the status of the order is a word that no rule knows"),
        ({}, {"state": "UNKNOWN"}, "the status of the invoice is a word that no rule knows"),
        ({}, {}, SEE),
    ],
)
def test_an_invoice_that_names_its_order_says_what_speaks_against_it(
    order: dict[str, str], invoice: dict[str, str], said: str
) -> None:
    known = SGD | {"customer_id": "C1", "state": "OPEN"}
    assert why("R2 invoice_names", a=known | order, b=known | invoice, rivals=3) == said


@pytest.mark.parametrize(
    ("deal", "order", "counts", "said"),
    [
        ({"erp_order_id": "P"}, {}, {}, "the deal names the order P, and not this one"),
        ({}, {"opportunity_id": "Y"}, {}, "the order names the deal Y, and not this one"),
        ({"erp_order_id": "O"}, {"opportunity_id": "X"}, {"taken_by": "Z"}, "it is matched with Z already"),
        ({}, {"state": "UNKNOWN"}, {}, "the status of the order is a word that no rule knows"),
        ({}, {}, {"several": 2}, "one of 2 orders that are as like"),
        ({}, {}, {"several": 2, "of_a": False}, "one of 2 deals that are as like"),
        ({}, {}, {}, SEE),
    ],
)
def test_a_deal_and_an_order_say_which_reference_is_against_them(
    deal: dict[str, str], order: dict[str, str], counts: dict[str, Any], said: str
) -> None:
    sides = {"a": {"native_id": "X"} | deal, "b": {"native_id": "O"} | order}
    assert why("R2 order_names", **sides, **counts) == said


def test_an_order_that_names_its_deal_by_the_short_id_names_it() -> None:
    deal, order = {"native_id": "006D000000IqhSLIAZ"}, {"native_id": "O", "opportunity_id": "006D000000IqhSL"}
    assert why("R2 both_name", a=deal, b=order) == SEE


def test_an_order_that_names_a_deal_whose_id_only_begins_alike_names_another() -> None:
    deal, order = {"native_id": "DEAL-2026-00001-02"}, {"native_id": "O", "opportunity_id": "DEAL-2026-00001"}
    said = "the order names the deal DEAL-2026-00001, and not this one"
    assert why("R2 deal_names", a=deal, b=order) == said


@pytest.mark.parametrize(
    ("item", "payout", "counts", "said"),
    [
        ({}, {"state": "CANCELLED"}, {}, "the payout is cancelled"),
        ({}, {"state": "UNKNOWN"}, {}, "the status of the payout is a word that no rule knows"),
        ({"state": "FAILED"}, {}, {}, "the payment is failed"),
        ({"currency": "USD"}, {}, {}, "the payout states it in SGD, and it is in USD"),
        ({}, {}, {"several": 2}, "2 payouts hold it"),
        ({}, {}, {"several": 9, "rivals": 1, "of_a": False}, "2 payouts hold it"),
        ({}, {}, {"stated_minor": 90_00}, "the payout states 90.00 SGD of it, and it is 109.00 SGD"),
        ({}, {}, {"stated_minor": 109_00, "taken_by": "another payment"}, SEE),
    ],
)
def test_a_payment_in_a_payout_says_what_is_against_it(
    item: dict[str, str], payout: dict[str, str], counts: dict[str, Any], said: str
) -> None:
    payment = SGD | {"paid_on": "2026-03-02", "state": "SUCCEEDED", "amount_minor": 109_00} | item
    assert why("R4 P0", a=payment, b={"state": "PAID"} | payout, **counts) == said


@pytest.mark.parametrize(
    ("payout", "line", "counts", "said"),
    [
        ({"state": "FAILED"}, {}, {}, "the line names it, and the payout is failed"),
        ({}, {"currency": "USD"}, {}, "the line is in USD, and no rate of its day confirms it as SGD"),
        ({}, {}, {"residual_minor": 5}, "the line names it, and is 0.05 SGD less than it"),
        ({}, {}, {"residual_minor": -5}, "the line names it, and is 0.05 SGD more than it"),
        ({}, {}, {"taken_by": "B1", "of_a": False}, "it is matched with B1 already"),
        (
            {},
            {},
            {"several": 2},
            "one of 2 lines that name the payout, and that are not its parts to the minor unit",
        ),
        ({}, {}, {"rivals": 1}, "the line names 2 payouts, and is not their sum to the minor unit"),
        ({}, {}, {}, SEE),
    ],
)
def test_a_payout_that_a_line_names_says_in_what_they_differ(
    payout: dict[str, str], line: dict[str, str], counts: dict[str, Any], said: str
) -> None:
    assert why("R4 P1", a=SGD | payout, b=SGD | line, **counts) == said


@pytest.mark.parametrize(
    ("pair", "counts", "said"),
    [
        ("R1 review", {}, SEE),
        ("R1 review", {"several": 3}, "one of the 3 likeliest that could be the same"),
        ("R1 review", {"rivals": 1}, "at least 1 other record could be the same as well"),
        ("R3 P4", {}, SEE),
        ("R3 P4", {"taken_by": "Q"}, "Q has settled it already"),
        ("R3 P4", {"taken_by": "INV-2", "of_a": False}, "it is matched with INV-2 already"),
        ("R3 P4", {"rivals": 2, "several": 4}, "2 other items could be for it as well"),
        ("R3 P4", {"several": 20}, "one of 20 that fit"),
        ("R3 P4", {"several": 5, "together": True}, f"one of a set of 5 that together make it up; {SEE}"),
        (
            "R3 P7",
            {"rivals": 1},
            "it is paid only together with others; nothing says which payment is for which",
        ),
        ("R3 P9", {}, f"it is named, but the money is not surely for it; {SEE}"),
        ("R3 P9", {"taken_by": "Q"}, "Q has settled it already"),
        ("R4 P4", {}, SEE),
        ("R4 P4", {"rivals": 1}, "1 other of the same amount could be the same as well"),
        ("R4 P4", {"several": 5}, "one of 5 of the same amount"),
        (
            "R4 P5",
            {"several": 3},
            "one of 3 of its day that only together are as much; nothing names any of them",
        ),
        ("R4 P5", {}, "as much only together with others of its day; nothing names any of them"),
        ("R5 S1", {}, SEE),
        ("R5 S1", {"several": 2}, "one of 2 deals that fit"),
        ("R5 S3", {"rivals": 1, "of_a": False}, "1 other deal could be of it as well"),
        ("R5 S2", {"a": {"state": "UNKNOWN"}}, "the status of the subscription is a word that no rule knows"),
    ],
)
def test_what_else_it_could_be_is_counted_in_words_of_its_reconciliation(
    pair: str, counts: dict[str, Any], said: str
) -> None:
    assert why(pair, **counts) == said
