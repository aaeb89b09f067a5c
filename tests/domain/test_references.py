import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.references import names_a_document, number_key, reference_keys, tokens


@pytest.mark.parametrize(
    ("number", "key"),
    [
        ("INV-2025-00123", "INV|2025|123"),
        ("inv 2025/123", "INV|2025|123"),
        ("0000611365", "611365"),
        ("A-000", "A|0"),
    ],
)
def test_a_number_key_forgets_zeros_case_and_punctuation(number: str, key: str) -> None:
    assert number_key(number) == key


def test_a_reference_holds_the_key_of_the_number_the_payer_meant() -> None:
    assert number_key("INV-2025-00123") in reference_keys("Pymt inv 2025/123 thank you")


def test_a_word_may_be_a_document_but_two_are_no_number() -> None:
    assert reference_keys("thank you") == ["THANK", "YOU"]


def test_a_small_number_in_a_sentence_is_no_key() -> None:
    assert "3" not in reference_keys("fee for 3 months")


def test_a_list_too_long_to_read_is_not_read_in_part() -> None:
    numbers = [f"INV-{n}" for n in range(1000, 1041)]
    assert (tokens(" ".join(numbers)), reference_keys(" ".join(numbers))) == ([], [])


def test_full_width_digits_read_as_digits() -> None:
    assert number_key("INV-２０２５") == "INV|2025"  # noqa: RUF001 - that is the point


@pytest.mark.parametrize(
    "reference", ["INV 2025", "ref 10023", "0000611365", "March 26", "A-7", "INV-B", "word " * 41]
)
def test_any_digit_may_name_a_document(reference: str) -> None:
    assert names_a_document(reference)


@pytest.mark.parametrize("reference", [None, "", "thank you"])
def test_thanks_name_none(reference: str | None) -> None:
    assert not names_a_document(reference)


def test_tokens_are_cut_at_spaces_commas_and_semicolons() -> None:
    assert tokens("INV-1, INV-2;INV-3\tINV-4") == ["INV-1", "INV-2", "INV-3", "INV-4"]


@given(st.from_regex(r"[A-Z]{1,4}-\d{4}-\d{1,6}", fullmatch=True), st.text(alphabet="abc ", max_size=10))
def test_any_number_is_found_in_a_sentence_around_it(number: str, words: str) -> None:
    assert number_key(number) in reference_keys(f"{words} {number.lower()} {words}")
