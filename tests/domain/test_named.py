"""What a break's evidence names is found in it; what merely looks like an id is not."""

from time import process_time

import pytest

from include.domain.named import named, numbers_in


@pytest.mark.parametrize(
    ("evidence", "names"),
    [
        (
            "names INV-2025-00303, which py_93fbce settled already",
            [("", "INV-2025-00303"), ("", "py_93fbce")],
        ),
        (
            "495.00 USD of ch_2e3, which settled 683, went back without a credit note",
            [("invoice", "683"), ("", "ch_2e3")],
        ),
        (
            "ERP customer 12 ('Amber 20 Sdn Bhd') has the same name as 15 ('Amber'), which is the one to keep.",
            [("customer", "12"), ("customer", "15")],
        ),
        (
            "Order SO-3D of 2025-04-28 repeats order SO-3 for opportunity 0065g: both over 5880.00 SGD",
            [("order", "SO-3D"), ("order", "SO-3"), ("opportunity", "0065g")],
        ),
        (
            "The customer's number is that of account 0015g. The account's is that of customer C7.",
            [("account", "0015g"), ("customer", "C7")],
        ),
        (
            "ARR on record 12.00 SGD is that from before QTY of 2025-09-01 (7), PRICE of 2025-10-01 (A8); with it",
            [("amendment", "7"), ("amendment", "A8")],
        ),
    ],
)
def test_ids_and_numbers_are_found_with_what_they_are_of(evidence: str, names: list[tuple[str, str]]) -> None:
    assert named(evidence) == names


def test_amounts_days_percentages_and_what_payers_wrote_are_no_names() -> None:
    assert named("renewal on record 2027-06-22, at 5 x 89.1 a month, 9 percent") == []
    assert named("the reference 'INV-9 of 2026' names no invoice of this customer we know") == []
    assert named("") == []


@pytest.mark.parametrize("piece", ["a", "a.", "account as x ", "which is the one to keep account as x "])
def test_words_made_to_cost_are_looked_through_at_once(piece: str) -> None:
    began = process_time()
    assert numbers_in(f"{piece * (50_000 // len(piece))} INV-7 ") == ["INV-7"]
    assert ("", "INV-7") in named(f"{piece * (50_000 // len(piece))} INV-7")
    assert process_time() - began < 1
