import io
from datetime import date
from typing import Any

import openpyxl
import pytest
from pydantic import ValidationError

from include.policy import load_policy
from include.policy.reporting import Reporting
from include.report.workbook import Column, Sheet, build_workbook

DAY = date(2026, 6, 30)
COLUMNS = (
    Column("key", "Key"),
    Column("currency", "Currency"),
    Column("amount_minor", "Amount", "money"),
    Column("days", "Days", "count"),
    Column("due", "Due", "date"),
    Column("proven", "Proven", "flag"),
)


def row(**facts: Any) -> dict[str, Any]:
    return {
        "key": "INV-1",
        "currency": "SGD",
        "amount_minor": 123456,
        "days": 3,
        "due": DAY,
        "proven": True,
    } | facts


def opened(*rows: dict[str, Any], note: str = "") -> Any:
    book = build_workbook([Sheet("Breaks", COLUMNS, rows, note)], title="t", as_of=DAY, locale="en_SG")
    return openpyxl.load_workbook(io.BytesIO(book))["Breaks"]


def test_cells_are_of_the_type_they_show():
    page = opened(row(), row(currency="JPY", amount_minor=-5), row(currency="KWD", amount_minor=1500))
    assert [cell.value for cell in page[1]] == ["Key", "Currency", "Amount", "Days", "Due", "Proven"]
    key, _, amount, days, due, proven = page[2]
    assert (key.data_type, amount.value, days.value, due.value.date(), proven.value) == (
        "s",
        1234.56,
        3,
        DAY,
        True,
    )
    assert [page.cell(line, 3).number_format for line in (2, 3, 4)] == [
        "#,##0.00;[Red]-#,##0.00",
        "#,##0;[Red]-#,##0",
        "#,##0.000;[Red]-#,##0.000",
    ]
    assert (page.cell(3, 3).value, page.cell(4, 3).value) == (-5, 1.5)


def test_headers_stay_in_sight_and_filter():
    page = opened(row(), row())
    assert (page.freeze_panes, page.auto_filter.ref) == ("A2", "A1:F3")
    noted = opened(row(), note="The first 1 of 2 rows")
    assert (noted["A1"].value, noted.freeze_panes, noted.auto_filter.ref) == (
        "The first 1 of 2 rows",
        "A3",
        "A2:F3",
    )


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("https://evil.example","pay")',
        "+1+1",
        "-cmd|' /C calc'!A0",
        "@SUM(A1)",
        "https://evil.example",
        "<b>x</b>",
    ],
)
def test_text_from_outside_is_text_and_neither_formula_nor_link(text: str):
    cell = opened(row(key=text))["A2"]
    assert (cell.data_type, cell.value, cell.hyperlink) == ("s", text, None)


def test_an_amount_of_no_currency_is_shown_in_its_own_units():
    assert opened(row(currency=None))["C2"].value == "123456 (minor units)"
    assert opened(row(currency=None, amount_minor=0))["C2"].value is None


def test_characters_that_hide_or_turn_text_do_not_arrive():
    assert opened(row(key="INV\u202e1-\u200bVNI\x00\x07 \u05d0"))["A2"].value == "INV1-VNI \u05d0"


def test_prose_keeps_its_figures_in_their_order_and_a_key_stays_as_it_is_looked_up():
    assert said("\u05d0 7", locale="en_SG") == ["\u05d0 7", "\u2068\u05d0\u2069 7"]


def test_figures_of_prose_are_the_readers_and_a_key_stays_as_it_is_looked_up():
    text = "is 1250.00 SGD over, of 1,234 rows"
    assert said(text, locale="de_DE") == [text, "is SGD 1.250,00 over, of 1.234 rows"]


def said(text: str, *, locale: str) -> list[Any]:
    """A text as a key and as prose of ours."""
    sheet = Sheet(
        "Breaks", (Column("key", "Key"), Column("text", "Evidence", "said")), [{"key": text, "text": text}]
    )
    book = build_workbook([sheet], title="t", as_of=DAY, locale=locale)
    return [cell.value for cell in openpyxl.load_workbook(io.BytesIO(book))["Breaks"][2]]


def test_an_amount_that_a_spreadsheet_would_round_is_written_as_text():
    page = opened(row(amount_minor=10**15 - 1), row(amount_minor=10**17 + 1), row(amount_minor=None))
    assert page["C2"].value == 9999999999999.99
    assert (page["C3"].data_type, page["C3"].value) == ("s", "1000000000000000.01")
    assert page["C4"].value is None


def test_the_same_rows_give_the_same_bytes():
    made = [
        build_workbook([Sheet("Breaks", COLUMNS, [row()])], title="t", as_of=DAY, locale="en_SG")
        for _ in range(2)
    ]
    assert made[0] == made[1]


@pytest.mark.parametrize("rows", ["matches", "open_invoices", "breaks"])
def test_a_sheet_has_no_more_rows_than_a_spreadsheet_opens(rows: str):
    stated = load_policy().reporting.model_dump()
    assert Reporting.model_validate(stated | {f"{rows}_attached_max": 999_999})
    with pytest.raises(ValidationError, match=f"{rows}_attached_max"):
        Reporting.model_validate(stated | {f"{rows}_attached_max": 1_000_000})
