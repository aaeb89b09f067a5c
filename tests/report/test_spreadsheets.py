import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.report.spreadsheets import for_spreadsheets, in_pieces


def cells(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def as_csv(cell: str) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(["id", cell])
    return text.getvalue().encode()


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+1 2",
        "-cmd",
        "@SUM(A1)",
        "|calc",
        "%0A",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "\u3000=1",
        "\uff1d1",
        "\ufeff=1",
        "\u200b\u2060=1",
        "\x00@a",
        "\x1f \u00ad\u202e+1",
    ],
)
def test_a_cell_that_would_run_is_marked_as_text(cell: str):
    assert cells(for_spreadsheets(as_csv(cell))) == [["id", f"'{cell}"]]


@pytest.mark.parametrize("cell", ["-12.50", "0", "1234567.89", "INV-1", "", "a=b", "'x"])
def test_numbers_and_plain_text_stay_as_they_are(cell: str):
    assert for_spreadsheets(as_csv(cell)) == as_csv(cell)


@given(st.text(st.characters(codec="utf-8")))
def test_every_cell_survives_at_most_one_character_longer(cell: str):
    ((_, kept),) = cells(for_spreadsheets(as_csv(cell)))
    assert kept in {cell, f"'{cell}"}


@given(st.lists(st.text(), min_size=1, max_size=4), st.integers(1, 7))
def test_a_file_is_the_same_wherever_its_pieces_end(row: list[str], size: int):
    text = io.StringIO()
    csv.writer(text).writerows([["id", "name"], row, row])
    content = text.getvalue().encode("utf-8", "replace")
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    assert b"".join(in_pieces(pieces)) == for_spreadsheets(content)


def test_the_header_is_there_before_the_rest_is_read():
    def content() -> Iterator[bytes]:
        yield b"id,amount\n"
        yield b"1,2.00\n"
        pytest.fail("more was read than was asked for")

    assert next(in_pieces(content())) == b"id,amount\r\n"
