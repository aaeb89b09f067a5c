import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.identity import (
    RegisteredNumber,
    likeness,
    registered_number,
    registrable_domain,
    salesforce_id,
)

FREE = {"gmail.com", "yahoo.com.sg"}


@pytest.mark.parametrize(
    ("country", "number"),
    [
        ("SG", "196800306E"),
        ("SG", "T01FC6132D"),
        ("SG", "00192200M"),
        ("AU", "51 824 753 556"),
        ("IN", "27AAPFU0939F1ZV"),
        ("JP", "1180301018771"),
        ("JP", "T1180301018771"),
        ("DE", "HWUPKR0MPOU8FGXBT394"),
        (None, "HWUPKR0MPOU8FGXBT394"),
        (None, "196800306e"),
    ],
)
def test_a_number_right_by_its_check_digit_is_strong(country: str | None, number: str) -> None:
    found = registered_number(number, country=country)
    assert found is not None
    assert found.strong


@pytest.mark.parametrize(
    ("country", "number"),
    [
        ("SG", "196800306F"),
        ("AU", "51824753557"),
        ("IN", "27AAPFU0939F1ZW"),
        ("SG", "HWUPKR0MPOU8FGXBT395"),
        ("US", "20-0000002"),
        ("MY", "201801000000"),
    ],
)
def test_a_number_wrong_by_its_check_digit_or_without_one_is_not(country: str, number: str) -> None:
    found = registered_number(number, country=country)
    assert found is not None
    assert not found.strong


@pytest.mark.parametrize("text", [None, "", "n/a", "-", "0000000000", "none", "12"])
def test_what_people_write_for_none_is_none(text: str | None) -> None:
    assert registered_number(text, country="US") is None


def test_one_company_registered_in_two_indian_states_is_one_by_its_pan() -> None:
    assert registered_number("27AAPFU0939F1ZV", country="IN") == RegisteredNumber(
        "in_.gstin", "27AAPFU0939F1ZV", "AAPFU0939F", strong=True
    )


def test_a_country_written_before_the_number_is_no_part_of_it() -> None:
    assert registered_number("US200000002", country="US") == registered_number("20-0000002", country="us")


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.acme.com.sg", "acme.com.sg"),
        ("mail.eu.acme.co.jp", "acme.co.jp"),
        ("ACME.com.au.", "acme.com.au"),
        ("www.bücher.de", "xn--bcher-kva.de"),
        ("www.amber-bay.example", "amber-bay.example"),
        ("gmail.com", None),
        ("yahoo.com.sg", None),
        ("com.sg", None),
        ("localhost", None),
        ("10.1.2.3", None),
        ("", None),
        (None, None),
        ("a..b", None),
        ("x" * 70 + ".com", None),
    ],
)
def test_the_registrable_domain_of_a_host(host: str | None, domain: str | None) -> None:
    assert registrable_domain(host, free_mail=FREE) == domain


@given(st.text(max_size=30))
def test_any_text_has_a_domain_or_none(host: str) -> None:
    domain = registrable_domain(host, free_mail=FREE)
    assert domain is None or domain.isascii()


def test_a_salesforce_id_of_15_characters_gains_its_suffix() -> None:
    assert salesforce_id("001D000000IqhSL") == "001D000000IqhSLIAZ"


@pytest.mark.parametrize("text", ["001D000000IqhSLIAZ", "C000123", ""])
def test_any_other_id_stays_as_it_is(text: str) -> None:
    assert salesforce_id(text) == text


def test_names_are_alike_by_their_words_in_any_order() -> None:
    assert likeness("acme trading", "trading acme") == 100
    assert likeness("acme trading", "zenith marine") < 50


@given(st.text(max_size=20), st.text(max_size=20))
def test_likeness_is_mutual_and_between_0_and_100(one: str, other: str) -> None:
    assert likeness(one, other) == likeness(other, one)
    assert 0 <= likeness(one, other) <= 100
