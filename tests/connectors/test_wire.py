import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.connectors import wire
from include.connectors.wire import as_text, read_json, record_key, server_date
from include.ports import Fatal, Retryable

SAID = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
)


@pytest.mark.parametrize(
    ("number", "exact"),
    [
        ("12.0", "12"),
        ("1000.50", "1000.5"),
        ("1E+3", "1000"),
        ("0.1", "0.1"),
        ("-2.5e-3", "-0.0025"),
        ("7", "7"),
    ],
)
def test_numbers_are_read_exactly_and_without_the_wires_zeros(number: str, exact: str):
    assert str(read_json(f'{{"n": {number}}}', place="x")["n"]) == exact


@given(said=SAID, escaped=st.booleans())
def test_what_is_read_quickly_is_what_is_read_slowly(said: Any, *, escaped: bool):
    text = json.dumps(said, ensure_ascii=escaped)
    assert repr(wire._loaded(text)) == repr(wire._slowly(text))


def test_most_answers_are_read_quickly(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(wire, "_slowly", lambda text: pytest.fail(f"read slowly: {text}"))
    assert read_json('{"at": "10:00", "of": [{"no": 1.50, "é": "\\u00e9"}]}', place="x")["at"] == "10:00"


def test_what_is_no_number_in_json_is_passed_on_as_text():
    assert read_json("[NaN, Infinity]", place="x") == ["NaN", "Infinity"]


def test_half_a_character_becomes_text_that_can_be_kept():
    assert read_json('{"a": ["\\ud800", "\\ud83d\\ude00"]}', place="x") == {"a": ["\\ud800", "😀"]}


def test_a_maintenance_page_is_worth_another_try():
    with pytest.raises(Retryable, match="erp: the answer is not JSON"):
        read_json("<html>down</html>", place="erp")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("", None),
        ("  1,000.00", "  1,000.00"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (Decimal("10.50"), "10.50"),
        ({"a": 1}, '{"a": 1}'),
    ],
)
def test_json_values_become_text_as_they_are(value: Any, text: Any):
    assert as_text(value) == text


def test_a_record_without_an_id_is_named_by_its_content():
    name, damage = record_key(None, {"amount": "1"})
    assert damage == "has no id"
    assert record_key("", {"amount": "1"})[0] == name != record_key(None, {"amount": "2"})[0]


@pytest.mark.parametrize("unusable", ["x" * 1001, "a\0b"])
def test_an_id_no_index_would_hold_is_damage(unusable: str):
    name, damage = record_key(unusable, {"id": unusable})
    assert (len(name), damage) == (64, "its id is not usable as a key")


def test_a_server_that_hides_its_clock_is_refused():
    with pytest.raises(Fatal, match="no Date header"):
        server_date({}, place="erp")
