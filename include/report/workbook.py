"""The report's workbook (XLSX): typed cells, frozen headers, filters; text from outside is never a formula.

Rows are taken as they come and written at once, so that a large day is never held in memory.
"""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from include.domain.money import exponent, major
from include.report import xlsx

EXACT_BELOW = 10**15
"""A spreadsheet's numbers are exact up to fifteen digits; a larger amount is written as text."""

Kind = Literal["text", "money", "count", "date", "flag"]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column. Money is in minor units of the column's currency, else of the one the row names under `currency`."""

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
    rows: Iterable[Row]
    note: str = ""


def build_workbook(sheets: Sequence[Sheet], *, title: str, as_of: date) -> bytes:
    """The workbook's bytes; equal sheets give equal bytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        book = xlsx.Book(archive)
        for sheet in sheets:
            titles, widths = ([getattr(one, what) for one in sheet.columns] for what in ("title", "width"))
            book.add(xlsx.Head(sheet.name, sheet.note, titles, widths), _cells(sheet))
        book.finish(title=title, as_of=as_of)
    return made.getvalue()


def _cells(sheet: Sheet) -> Iterator[list[xlsx.Cell]]:
    """Row by row, the cells that hold anything."""
    makers = [(one.key, xlsx.letters(place), _maker(one)) for place, one in enumerate(sheet.columns)]
    for row in sheet.rows:
        yield [
            (column, make(row[key], row))
            for key, column, make in makers
            if row[key] is not None and row[key] != ""
        ]


def _maker(column: Column) -> Callable[[Any, Row], str]:
    if column.kind == "money":
        return lambda value, row: _money(int(value), column.currency or row.get("currency"))
    return _OF_KIND[column.kind]


_OF_KIND: Mapping[Kind, Callable[[Any, Row], str]] = {
    "text": lambda value, _: xlsx.text(str(value)),
    "count": lambda value, _: xlsx.number(int(value)),
    "date": lambda value, _: xlsx.day(value),
    "flag": lambda value, _: xlsx.flag(bool(value)),
}


def _money(minor: int, currency: str | None) -> str:
    """With the currency's decimals; without one nobody knows how many those are, and it is a text."""
    if not currency:
        return xlsx.text(f"{minor} (minor units)")
    if abs(minor) >= EXACT_BELOW:
        return xlsx.text(major(minor, currency=currency))
    return xlsx.number(minor, decimals=exponent(currency))
