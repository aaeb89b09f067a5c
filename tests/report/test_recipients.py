import pytest

from include.domain.recipients import Scope
from include.ports import Fatal
from include.report.recipients import read_recipients


def test_addresses_get_the_whole_of_the_books():
    told = read_recipients("a@example.com, b@example.com;c@example.com d@example.com")
    assert [one.address for one in told] == [f"{name}@example.com" for name in "abcd"]
    assert all(one.scope.whole and one.locale == "en_SG" for one in told)


def test_a_list_says_who_sees_what_and_writes_numbers_how():
    (region, chief) = read_recipients(
        '[{"address": "Region@example.com", "currencies": ["EUR"], "countries": ["DE", "AT"], "locale": "de-DE"},'
        ' "cfo@example.com"]'.replace("de-DE", "de_DE")
    )
    assert region.scope == Scope(currencies=frozenset({"EUR"}), countries=frozenset({"AT", "DE"}))
    assert (region.locale, region.mailbox) == ("de_DE", "region@example.com")
    assert chief.scope.whole


def test_an_entity_stands_for_the_countries_policy_gives_it():
    entities = {"APAC": frozenset({"SG", "MY"}), "EMEA": frozenset({"DE"})}
    stated = '[{"address": "a@example.com", "entities": ["APAC", "EMEA"], "countries": ["AT"]}]'
    [one] = read_recipients(stated, entities=entities)
    assert one.scope == Scope(countries=frozenset({"AT", "DE", "MY", "SG"}))
    with pytest.raises(Fatal, match=r"EMEA, which policy/reporting.yaml does not list"):
        read_recipients(stated, entities={"APAC": frozenset({"SG"})})


@pytest.mark.parametrize(
    ("stated", "complaint"),
    [
        ("", "is empty"),
        (" ; ", "is empty"),
        ("[]", "is empty"),
        ("not-an-address", "no mail address"),
        ("a@example.com\r\nBcc:b@evil.example", "no mail address"),
        ('["a@example.com", "A@example.com"]', "twice"),
        ('[{"address": "a@example.com", "currencies": ["EURO"]}]', "EURO is no ISO 4217 currency"),
        ('[{"address": "a@example.com", "currencies": []}]', "at least 1"),
        ('[{"address": "a@example.com", "countries": ["Germany"]}]', "entry 0.countries"),
        ('[{"address": "a@example.com", "locale": "xx_YY"}]', "xx_YY is no locale"),
        ('[{"address": "a@example.com", "entity": "SG"}]', "Extra inputs"),
        ('[{"address": "a@example.com"', "no JSON"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(stated: str, complaint: str):
    with pytest.raises(Fatal, match="finance_recipients") as stopped:
        read_recipients(stated)
    assert complaint in str(stopped.value)
