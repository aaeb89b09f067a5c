import json
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.names import CompanyName, company_name, may_be_same

GOLDEN = Path(__file__).parents[1] / "golden" / "names_golden.json"

PIECES = (
    *(
        "acme",
        "Maju",
        "Jaya",
        "Ltd",
        "Limited",
        "Pte.",
        "Pvt",
        "PT",
        "Tbk",
        "K.K.",
        "Co.,",
        "(S)",
        "(M)",
        "(上海)",
    ),
    *(
        "株式会社",
        "㈱",
        "有限公司",
        "ガス",
        "주식회사",
        "㈜",
        "บริษัท",
        "จำกัด",
        "จํากัด",
        "Công",
        "ty",
        "TNHH",
        "Đại",
    ),
    *("&", "+", "-", "Ⅷ", "é", "ﬁ", "ß"),
)

names = st.one_of(
    st.text(max_size=40),
    st.lists(
        st.sampled_from(PIECES),
        max_size=8,
    ).map(" ".join),
)


@pytest.mark.parametrize("case", json.loads(GOLDEN.read_text(encoding="utf-8")), ids=lambda case: case["raw"])
def test_golden_name(case: dict[str, Any]) -> None:
    assert company_name(case["raw"]) == CompanyName(case["key"], tuple(case["form"]), case["hint"])


@given(names)
def test_a_key_is_its_own_key(name: str) -> None:
    key = company_name(name).key
    assert company_name(key).key == key


@given(names)
def test_a_name_has_a_key_unless_it_is_blank(name: str) -> None:
    assert bool(company_name(name).key) == bool(name.strip())


@pytest.mark.parametrize("piece", ["株式会社", "()", "(x) ", "ltd ", "(sg) ltd ", "& co ", "a.", "·", "ﷺ"])
def test_a_name_as_long_as_a_text_may_be_is_taken_apart_at_once(piece: str) -> None:
    began = process_time()
    assert company_name(f"x {piece * (9_998 // len(piece))}").key
    assert process_time() - began < 2


words = st.lists(st.from_regex(r"[a-z]{3,9}", fullmatch=True), min_size=1, max_size=4)


@given(words)
def test_case_width_and_punctuation_do_not_matter(parts: list[str]) -> None:
    name = " ".join(parts) + " pte ltd"
    wide = "".join(chr(ord(letter) + 0xFEE0) if letter != " " else "\u3000" for letter in name.upper())
    dotted = name.title().replace("Pte Ltd", "Pte. Ltd.").replace(" ", " - ", 1)
    assert company_name(name) == company_name(wide) == company_name(dotted)


@given(words)
def test_a_place_in_brackets_is_a_hint_and_not_part_of_the_key(parts: list[str]) -> None:
    name = " ".join(parts)
    assert company_name(f"{name} (Singapore) Pte Ltd").key == company_name(name).key
    assert company_name(f"{name} (Singapore) Pte Ltd").jurisdiction_hint == "SG"


def test_one_key_in_two_legal_forms_is_told_apart_by_the_form() -> None:
    singapore, malaysia = company_name("Acme Pte Ltd"), company_name("Acme Sdn Bhd")
    assert singapore.key == malaysia.key
    assert singapore.legal_form != malaysia.legal_form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("บริษัท ศรีทะเล จำกัด", "บริษัท ศรีทะเล จํากัด"),
        ("บริษัทศรีทะเลจำกัด", "บริษัท ศรีทะเล จำกัด"),
        ("Công ty TNHH Xanh", "CÔNG TY TNHH XANH"),
        ("Acme Inc", "Acme, Incorporated"),
        ("安平科技有限公司", "安平科技 有限公司"),
    ],
)
def test_spellings_of_one_name_are_one(one: str, other: str) -> None:
    assert company_name(one) == company_name(other)


@pytest.mark.parametrize(
    "other", ["Acme Inc Holdings", "Acme Inc - Branch Office", "Acme International Inc", "Acme 2 Inc"]
)
def test_words_that_make_another_company_stay_in_the_key(other: str) -> None:
    assert company_name(other).key != company_name("Acme Inc").key


@pytest.mark.parametrize(
    ("written", "known", "same"),
    [
        ("FATHOM MAST MARINE PRIVATE LIM", "Fathom Mast Marine Pte. Ltd.", True),
        ("Acme Pte Ltd", "Acme Sdn Bhd", True),
        ("ACME", "Acme Trading Limited", True),
        ("Other Pte Ltd", "Acme Pte Ltd", False),
    ],
)
def test_what_a_bank_writes_may_be_a_name_it_cut_off(written: str, known: str, *, same: bool) -> None:
    assert may_be_same(written, known) is same
