"""Whatever a system answers is read, quarantined, or named by what to do next. Nothing breaks or goes on for ever."""

import re
from collections.abc import Callable
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.connectors.legacy.translate import FILES as LEGACY
from include.connectors.legacy.translate import translate as legacy_row
from include.connectors.salesforce.translate import SOBJECTS
from include.connectors.salesforce.translate import translate as salesforce_row
from include.connectors.stripe.translate import COLLECTIONS, is_attempt, recovered_attempt
from include.connectors.stripe.translate import translate as stripe_row
from include.connectors.tryton.translate import READINGS
from include.connectors.tryton.translate import translate as tryton_row
from include.connectors.wire import read_json
from include.connectors.world.translate import translate as world_row
from include.domain.entities import ENTITIES
from include.flows.pull_changes import _stored
from include.ports import Cursor, SignInAgain, Source, Stop
from include.validation.rows import failures_of
from tests.fuzz import peers
from tests.fuzz.anything import (
    ANYTHING,
    as_json,
    assert_storable,
    assert_texts,
    drawing,
    ended_after,
    twisted,
)

PAGES_MAX = 4


def answering(said: dict[str, Any]) -> Callable[[str], Any]:
    """The answer whose key is in the path; the last one otherwise."""

    def answer(path: str) -> Any:
        return next((found for part, found in said.items() if part in path), {})

    return answer


def read(source: Source, entity: str) -> None:
    """As a pull, a landing and a proof read it."""
    cursor: Cursor | None = None
    for _ in range(PAGES_MAX):
        page = source.fetch_page(entity, cursor)
        assert_storable(page.records)
        for record in page.records:
            assert not {"\0"} & {one for text in _stored(record) if isinstance(text, str) for one in text}
            assert_texts(source.translate(entity, record.payload))
            list(record.sealed)
        cursor = page.next_cursor
        if not page.has_more:
            break
    assert cursor is not None
    list(source.totals(entity, after=None, until=cursor).keys)


def twist_one(data: st.DataObject, said: dict[str, Any]) -> dict[str, Any]:
    name = data.draw(st.sampled_from(sorted(said)))
    return {**said, name: data.draw(twisted(said[name]))}


SECONDS_MAX = 30
"""Of one answer, also beside other work: reading a few kilobytes takes milliseconds."""
WORDS_MIN = 3


def assert_named(act: Callable[[], Any], place: str) -> None:
    """It ends soon, and well or with an error that names the place and says why.

    Never with one that says the fault is ours, nor with one that sends somebody to sign in.
    """
    stopped: Stop | None = None
    try:
        with ended_after(SECONDS_MAX, "an answer"):
            act()
    except Stop as stop:
        stopped = stop
    if stopped is not None:
        assert_says_where_and_why(stopped, place)


def assert_says_where_and_why(stopped: Stop, place: str) -> None:
    """`place` begins the sentence, perhaps after a few words, and words come after it."""
    where, found, why = str(stopped).partition(place)
    assert found, f"{place} is not named: {stopped}"
    assert len(where) < WHERE_CHARS_MAX, stopped
    assert len(re.findall(r"[a-z]{2,}", why)) >= WORDS_MIN, f"nothing is said of why: {stopped}"
    assert "fault of ours" not in str(stopped)
    assert not isinstance(stopped, SignInAgain), "an answer sends nobody to sign in"


WHERE_CHARS_MAX = 60


@drawing(20)
@given(data=st.data(), entity=st.sampled_from(sorted(SOBJECTS)))
def test_salesforce_may_answer_anything(data: st.DataObject, entity: str) -> None:
    said = twist_one(data, peers.salesforce_says(entity))
    assert_named(
        lambda: read(peers.salesforce(answering(said), data.draw(st.integers(1, 3))), entity), "Salesforce"
    )
    assert_named(lambda: peers.salesforce_watch(answering(said)).glance(None), "Salesforce")


@drawing(20)
@given(data=st.data(), entity=st.sampled_from(sorted(READINGS)))
def test_the_erp_may_answer_anything(data: st.DataObject, entity: str) -> None:
    said = twist_one(data, peers.tryton_says(entity))
    assert_named(lambda: read(peers.tryton(answering(said), data.draw(st.integers(1, 3))), entity), "ERP")


@drawing(20)
@given(data=st.data(), entity=st.sampled_from(sorted(COLLECTIONS)))
def test_the_payments_platform_may_answer_anything(data: st.DataObject, entity: str) -> None:
    said = twist_one(data, peers.stripe_says(COLLECTIONS[entity]))
    assert_named(lambda: read(peers.stripe(answering(said)), entity), "payments")
    assert_named(lambda: peers.stripe_watch(answering(said)).glance(None), "payments")


@pytest.mark.parametrize(
    "what", [[], "text", 7, None, {}, {"data": {}}, {"data": [7]}, [{"id": 1}], b"<html>", b"\xff"]
)
def test_an_answer_that_is_nothing_like_it_is_named(what: Any) -> None:
    for make, entity in (
        (peers.stripe, "payments"),
        (peers.tryton, "invoices"),
        (peers.salesforce, "accounts"),
    ):
        with pytest.raises(Stop):
            read(make(lambda _: what), entity)


def test_pages_that_never_end_are_given_up() -> None:
    more = {
        "totalSize": 10**9,
        "done": False,
        "records": [],
        "nextRecordsUrl": "/services/data/v59.0/query/01g-1",
    }
    with pytest.raises(Stop, match="stated 1,000,000,000 rows and gave 0"):
        peers.salesforce_client(lambda _: more).query("SELECT Id FROM Account")
    some = {**more, "records": [{"Id": "1"}]}
    with pytest.raises(Stop, match="stated 5 rows and gave 6"):
        peers.salesforce_client(lambda _: {**some, "totalSize": 5}).query("SELECT Id FROM Account")
    for make, says, entity in (
        (peers.tryton, peers.tryton_says, "invoices"),
        (peers.salesforce, peers.salesforce_says, "accounts"),
    ):
        read(make(answering(says(entity))), entity)  # type: ignore[operator]
        with pytest.raises(Stop, match="do not move on"):
            read(make(answering(says(entity)), 2), entity)  # type: ignore[operator]
    page = peers.stripe_says("charges")["/v1/charges"] | {"has_more": True}
    with pytest.raises(Stop, match="do not move on"):
        read(peers.stripe(answering({"/v1/": page})), "payments")


TRANSLATORS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(SOBJECTS, salesforce_row),
    **dict.fromkeys(READINGS, tryton_row),
    **dict.fromkeys(COLLECTIONS, lambda entity, payload: stripe_row(entity, payload, zone=UTC)),
}


@drawing(26)
@given(data=st.data(), entity=st.sampled_from(sorted(TRANSLATORS)))
def test_any_record_can_be_said_in_our_words_and_judged(data: st.DataObject, entity: str) -> None:
    said = peers.tryton_says(entity) if entity in READINGS else {}
    right = said.get("") or peers.stripe_says("events")["/v1/events"]["data"]
    wrong = data.draw(twisted(right[0]))
    payload = read_json(as_json(wrong), place="a test") if isinstance(wrong, dict) else {}
    if not isinstance(payload, dict):
        return
    row = TRANSLATORS[entity](entity, payload)
    assert_texts(row)
    assert_texts(world_row(entity, {name: str(value) for name, value in payload.items()}))
    if COLLECTIONS.get(entity) == "events":
        is_attempt(payload)
        assert_texts(stripe_row(entity, recovered_attempt(payload), zone=UTC))


@drawing(6)
@given(
    rows=st.lists(
        st.lists(st.none() | st.text(st.characters(), max_size=20), min_size=4), min_size=1, max_size=20
    ),
    entity=st.sampled_from(("contacts", "invoices", "bank_lines", "subscriptions")),
)
def test_rows_of_any_text_are_judged(rows: list[list[str | None]], entity: str) -> None:
    names = [field.name for field in ENTITIES[entity].received]
    found = failures_of(entity, [dict(zip(names, row, strict=False)) for row in rows])
    assert all(
        str(failure).encode(errors="backslashreplace") for failures in found.values() for failure in failures
    )


@drawing(13)
@given(cells=st.dictionaries(st.text(max_size=8), st.text(max_size=8)), kind=st.sampled_from(sorted(LEGACY)))
def test_any_row_of_the_old_path_is_said_in_our_words(cells: dict[str, str], kind: str) -> None:
    assert_texts(legacy_row(kind, cells))


@drawing(50)
@given(value=ANYTHING)
def test_any_json_is_read_exactly_or_refused(value: Any) -> None:
    assert_named(lambda: read_json(as_json(value), place="a test"), "a test")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"1e99999999999999999999", "1e99999999999999999999"),
        (b"1.5e2000", "1.5e2000"),
        (b"9" * 5_000, "9" * 5_000),
        (b"NaN", "NaN"),
    ],
    ids=["too large an exponent", "no amount of money", "too many digits", "no number"],
)
def test_a_number_nobody_can_mean_stays_as_it_was_written(text: bytes, value: str) -> None:
    assert read_json(b"[" + text + b"]", place="a test") == [value]


@pytest.mark.parametrize("text", [b"[" * 100_000, b"[" * 70 + b"]" * 70, b'{"a":' * 500 + b"1" + b"}" * 500])
def test_what_is_nested_for_its_own_sake_is_refused(text: bytes) -> None:
    with pytest.raises(Stop):
        read_json(text, place="a test")
