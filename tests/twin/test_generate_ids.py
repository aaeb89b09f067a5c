"""Identifiers carry the check digits of their issuers; the vectors are published ones."""

import pytest

from include.twin.generate.ids import (
    TAX_IDS,
    abn,
    corporate_number,
    luhn,
    salesforce_id,
    uen_check,
    with_suffix,
)
from include.twin.generate.names import SPELLINGS, company


def test_the_suffix_of_a_salesforce_id_tells_its_capitals():
    assert with_suffix("001D000000IqhSL") == "001D000000IqhSLIAZ"


def test_salesforce_ids_have_18_characters_and_differ():
    ids = {salesforce_id("001", serial) for serial in range(1000)}
    assert len(ids) == 1000
    assert {len(one) for one in ids} == {18}


def test_a_uen_ends_with_its_check_letter():
    assert uen_check("196800306") == "E"


def test_an_abn_starts_with_its_check_digits():
    assert abn(824_753_556 - 500_000_000) == "51824753556"


def test_a_japanese_corporate_number_starts_with_its_check_digit():
    assert corporate_number(180_301_018_771 - 10_400_000_000) == "1180301018771"


def test_a_gstin_ends_with_its_check_character():
    assert luhn("27AAPFU0939F1Z", 36) == "V"


@pytest.mark.parametrize("country", list(TAX_IDS))
def test_tax_ids_are_unique_and_of_one_length(country: str):
    ids = [TAX_IDS[country](serial) for serial in range(5000)]
    assert len(set(ids)) == 5000
    assert len({len(one) for one in ids}) == 1


@pytest.mark.parametrize("country", list(SPELLINGS))
def test_company_names_are_unique_beyond_the_word_lists(country: str):
    assert len({company(index, country).legal_name for index in range(60_000)}) == 60_000
