"""Rows of the audit log as bytes: no text passes for another row, and what was done to a seal's rows is named."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.domain.audit_chain import (
    NOTHING,
    TEXTS,
    Event,
    Kind,
    Seal,
    Unreadable,
    differences,
    events,
    leaf,
    leaves_of,
    line,
)

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


def event(number: int, **texts: str) -> Event:
    known = {"id": str(number), "xid": "7", "at": "2026-11-29 13:02:52.5"} | dict.fromkeys(TEXTS, "")
    return known | {"actor": "ann", "act": "break approved", "why": f"reason {number}"} | texts


def block(*rows: Event) -> bytes:
    return b"\n".join(map(line, rows))


@given(st.lists(st.lists(ANY_TEXT, min_size=len(TEXTS), max_size=len(TEXTS)), max_size=4))
def test_what_was_written_into_a_block_is_read_from_it_whatever_it_says(rows: list[list[str]]) -> None:
    told = [
        event(number, **dict(zip(TEXTS, texts, strict=True))) for number, texts in enumerate(rows, start=1)
    ]
    assert list(events(block(*told))) == told


def test_a_text_that_looks_like_a_row_is_none() -> None:
    forged = line(event(2)).decode()
    assert [one["id"] for one in events(block(event(1, op_key=f"\n{forged}"), event(3)))] == ["1", "3"]


@pytest.mark.parametrize("cut", [1, 30, -1])
def test_a_block_that_is_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(Unreadable):
        list(events(block(event(1))[:cut]))


def told(found: list[Event]) -> set[tuple[Kind, int]]:
    """What is said of rows that were sealed as 1, 2, 3, 4."""
    ids, leaves = leaves_of(block(*(event(number) for number in (1, 2, 3, 4))))
    return {(one.kind, one.event) for one in differences(9, ids=ids, leaves=b"".join(leaves), found=found)}


def test_rows_as_they_were_sealed_are_not_told() -> None:
    assert told([event(number) for number in (1, 2, 3, 4)]) == set()


def test_each_thing_done_to_rows_is_told_by_its_name_and_row() -> None:
    first, second, third, last = (event(number) for number in (1, 2, 3, 4))
    edited = {**second, "why": "another"}
    assert told([first, edited, third, last]) == {(Kind.EDITED, 2)}
    assert told([first, third, last]) == {(Kind.DELETED, 2)}
    assert told([first, second, event(9), third, last]) == {(Kind.INSERTED, 9)}
    swapped = [first, {**third, "id": "2"}, {**second, "id": "3"}, last]
    assert told(swapped) == {(Kind.REORDERED, 2), (Kind.REORDERED, 3)}
    assert told([first, second, edited | {"id": "8"}, last]) == {(Kind.DELETED, 3), (Kind.INSERTED, 8)}


SEAL = Seal(
    seal=1,
    after=(0, 0),
    through=(7, 4),
    rows=4,
    rows_sha256=hashlib.sha256(b"rows").hexdigest(),
    leaves_sha256=hashlib.sha256(leaf(b"row")).hexdigest(),
    previous_sha256=NOTHING,
    sealed_at="2026-11-29T13:02:52.500000Z",
)


def test_a_seal_is_the_same_read_again() -> None:
    assert Seal.of(SEAL.facts()) == SEAL


def test_whatever_a_seal_says_otherwise_gives_it_another_hash() -> None:
    others = [
        replace(SEAL, rows=5),
        replace(SEAL, seal=2),
        replace(SEAL, through=(7, 5)),
        replace(SEAL, after=(0, 1)),
        replace(SEAL, rows_sha256=NOTHING),
        replace(SEAL, leaves_sha256=NOTHING),
        replace(SEAL, previous_sha256=SEAL.rows_sha256),
        replace(SEAL, sealed_at="2026-11-29T13:02:53.500000Z"),
    ]
    assert len({one.sha256() for one in [SEAL, *others]}) == 1 + len(others)
