"""What is kept of a payload that says somebody who was forgotten."""

from include.domain.stand_ins import BESIDE, as_kept_before


def token(letter: str) -> str:
    return "pii1:" + letter * 22


A, B, X, Y = map(token, "ABXY")


def test_each_stand_in_is_the_one_that_is_kept_in_its_place_and_all_else_is_as_it_is_said() -> None:
    said = {
        "name": X,
        "email": f"{Y}@new.example",
        "amount": 7,
        "deep": [{"who": X, "ref": "INV-1"}, {"who": Y}],
    }
    kept = {"name": A, "email": f"{B}@old.example", "amount": 6, "deep": [{"who": B, "ref": "INV-0"}]}
    assert as_kept_before(said, kept) == {
        "name": A,
        "email": f"{B}@old.example",
        "amount": 7,
        "deep": [{"who": B, "ref": "INV-1"}, {"who": None}],
    }


def test_where_nothing_is_kept_nothing_is() -> None:
    assert as_kept_before({"name": X, "deep": {"who": Y}}, {"name": "in clear"}) == {
        "name": None,
        "deep": {"who": None},
    }


def test_what_compares_a_payer_is_what_is_kept_and_what_compares_a_customers_name_is_what_is_said() -> None:
    said = {BESIDE: {"payer_head": "h", "payer_text": X, "name_head": "new"}}
    kept = {BESIDE: {"payer_head": "scrambled", "payer_text": A, "name_head": "old"}}
    assert as_kept_before(said, kept) == {
        BESIDE: {"payer_head": "scrambled", "payer_text": A, "name_head": "new"}
    }
    assert as_kept_before(said, {}) == {BESIDE: {"name_head": "new"}}
    assert as_kept_before({}, {}) == {}
