"""Which records say the same person, by what they say."""

import json

import pytest

from include.domain.people import person_of

ZULEIKA = person_of(
    {
        "first_name": {"Zuleika"},
        "last_name": {"Quixano-Przybylski"},
        "email": {"Zuleika.Q@canary-person.example"},
    },
    {},
)
NAMED, REACHED, LIKE, NO = "the same name", "the same e-mail address", "a name like theirs", ""


@pytest.mark.parametrize(
    ("field", "text", "why"),
    [
        ("payer_text", "ZULEIKA QUIXANO PRZYBYLSKI", NAMED),
        ("payer_text", "Przybylski, Zuleika Quixano", NAMED),
        ("payer_text", "ZULEIKA QUIXANO PRZ", NAMED),  # as a bank cut it off
        ("payer_text", "MS ZULEIKA QUIXANO PRZYBYLSKI", LIKE),
        ("payer_text", "Zuleika Quixano", LIKE),
        ("payer_text", "Zuleika", NO),
        ("payer_text", "Quixano Zuleika and Sons", NO),
        ("billing_details", json.dumps({"name": "Zuleika Quixano-Przybylski", "phone": None}), NAMED),
        ("billing_details", json.dumps({"name": "Z Q", "email": "zuleika.q@CANARY-person.example"}), REACHED),
        (
            "billing_details",
            json.dumps({"name": "Zuleika Quixano", "email": "zuleika.q@canary-person.example"}),
            NAMED,
        ),
        ("receipt_email", "not.zuleika.q@canary-person.example", NO),
        ("receipt_email", "zuleika.q@canary-person.example.org", NO),
        ("evidence", json.dumps(["It was <zuleika.q@canary-person.example>."]), REACHED),
        ("evidence", "{it was Zuleika Quixano Przybylski", LIKE),
    ],
)
def test_a_record_says_the_person(field: str, text: str, why: str) -> None:
    assert ZULEIKA.shares({field: [text]}) == why


def test_a_contact_is_known_by_every_name_it_ever_had() -> None:
    contact = {"first_name": ["Zuleika"], "last_name": ["Married", "Quixano-Przybylski"]}
    assert ZULEIKA.shares(contact) == NAMED
    assert person_of(contact, {}).shares({"payer_text": ["ZULEIKA MARRIED"]}) == NAMED


def test_a_single_word_names_nobody() -> None:
    assert person_of({"payer_text": ["ZULEIKA"]}, {}).shares({"payer_text": ["ZULEIKA", "ZULEIKA"]}) == NO
