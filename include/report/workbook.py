"""The report's workbook (XLSX): typed cells, frozen headers, filters; text from outside is never a formula.

Rows are taken as they come and written at once, so that a large day is never held in memory.
"""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from include.domain.money import exponent, major
from include.report.figures import Figures
from include.report.words import isolated, visible

EXACT_BELOW = 10**15
"""A spreadsheet's numbers are exact up to fifteen digits; a larger amount is written as text."""

CHARACTERS_MAX = 32_767
"""Of a cell; the program that reads it refuses longer ones."""

CUT = "… (cut: longer than a cell can be)"

_QUIET = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "default_date_format": "yyyy-mm-dd",
}

Kind = Literal["text", "said", "money", "count", "date", "flag"]


@dataclass(frozen=True)
class Column:
    """A column. Money is in minor units of the column's currency, else of the one the row names under `currency`.

    What is `said` is prose of ours: its figures are the reader's, and words from right to left turn none of them
    around; `text` stays as it is looked up.
    """

    key: str
    title: str
    kind: Kind = "text"
    width: int = 14
    currency: str = ""


@dataclass(frozen=True)
class Sheet:
    """A sheet. `note` stands above the header; what it leaves out is said there."""

    name: str
    columns: Sequence[Column]
    rows: Iterable[Mapping[str, Any]]
    note: str = ""


def build_workbook(sheets: Sequence[Sheet], *, title: str, as_of: date, locale: str) -> bytes:
    """The workbook's bytes; equal sheets give equal bytes. Its numbers the reader's program writes, its prose we do."""
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, _QUIET) as book:
        book.set_properties(
            {"title": visible(title), "created": datetime(*as_of.timetuple()[:3], tzinfo=UTC)}
        )
        formats: dict[str, Format] = {}
        for sheet in sheets:
            _Page(book, book.add_worksheet(sheet.name), formats, Figures(locale)).write(sheet)
    return made.getvalue()


@dataclass(frozen=True)
class _Page:
    """One sheet being written; `formats` are the book's, by number format."""

    book: xlsxwriter.Workbook
    page: Worksheet
    formats: dict[str, Format]
    shown: Figures

    def write(self, sheet: Sheet) -> None:
        head = self.book.add_format({"bold": True, "bottom": 1, "bg_color": "#EEF1F3", "valign": "top"})
        first = 1 if sheet.note else 0
        self.page.freeze_panes(first + 1, 0)
        if sheet.note:
            self.page.write_string(0, 0, visible(sheet.note), self.book.add_format({"italic": True}))
        for place, column in enumerate(sheet.columns):
            self.page.set_column(place, place, column.width)
            self.page.write_string(first, place, column.title, head)
        number = first
        for number, row in enumerate(sheet.rows, first + 1):
            for place, column in enumerate(sheet.columns):
                if row[column.key] not in {None, ""}:
                    self._cell(number, place, column, row)
        self.page.autofilter(first, 0, max(number, first), len(sheet.columns) - 1)

    def _cell(self, number: int, place: int, column: Column, row: Mapping[str, Any]) -> None:
        value = row[column.key]
        if column.kind == "money":
            self._money(number, place, int(value), column.currency or row.get("currency"))
        elif column.kind == "count":
            self.page.write_number(number, place, int(value), self._format("#,##0;[Red]-#,##0"))
        elif column.kind == "date":
            self.page.write_datetime(number, place, value, self._format("yyyy-mm-dd"))
        elif column.kind == "flag":
            self.page.write_boolean(number, place, bool(value))
        else:
            text = visible(str(value))
            shown = isolated(self.shown.said(text)) if column.kind == "said" else text
            if len(shown) > CHARACTERS_MAX:
                shown = f"{shown[: CHARACTERS_MAX - len(CUT)]}{CUT}"
            self.page.write_string(number, place, shown, self._format("@"))

    def _money(self, number: int, place: int, minor: int, currency: str | None) -> None:
        """Thousands grouped, the currency's decimals, and below zero in red with a minus sign."""
        if not currency and not minor:
            return  # nothing of no currency is nothing to say
        if not currency:
            self.page.write_string(number, place, f"{minor} (minor units)", self._format("@"))
            return
        if abs(minor) >= EXACT_BELOW:
            self.page.write_string(number, place, major(minor, currency=currency), self._format("@"))
            return
        decimals = exponent(currency)
        digits = f"#,##0.{'0' * decimals}" if decimals else "#,##0"
        style = self._format(f"{digits};[Red]-{digits}")
        self.page.write_number(number, place, minor / 10**decimals, style)

    def _format(self, number_format: str) -> Format:
        if number_format not in self.formats:
            style = {"num_format": number_format, "valign": "top"}
            self.formats[number_format] = self.book.add_format(style)
        return self.formats[number_format]
