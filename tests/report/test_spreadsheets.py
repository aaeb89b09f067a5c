import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.report.spreadsheets import for_spreadsheets


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
