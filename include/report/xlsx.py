"""The parts of an XLSX file (ECMA-376), written row by row: every cell of the type it is told, no formula and no link.

A library for any workbook took several times as long for a day's rows, most of it on what reports have no use for.
"""

import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import IO

from include.report.words import visible

CHARACTERS_MAX = 32_767
"""Of a cell; the program that reads it refuses longer ones."""

TEXTS_KEPT = 20_000
"""A day says the same words many times."""

_DAY_NONE = date(1899, 12, 30)
_COMPRESSION = 5
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_LIKE_AN_ESCAPE = re.compile(r"(_x[0-9a-fA-F]{4}_)")

_STYLES = Path(__file__).with_name("styles.xml")
_HEAD, _NOTE, _TEXT, _DAY, _NUMBER = 1, 2, 3, 4, 5
"""Styles of styles.xml; numbers have one for every number of decimals."""


def text(value: str) -> str:
    """A cell of text from outside, without characters that hide or turn others."""
    return _text(visible(value)[:CHARACTERS_MAX], _TEXT)


def number(units: int, *, decimals: int = 0) -> str:
    """A cell of a number in units of its last decimal: thousands grouped, below zero in red with a minus sign."""
    return f' s="{_NUMBER + decimals}"><v>{units / 10**decimals:.{decimals}f}</v></c>'


def day(value: date) -> str:
    """A cell of a day."""
    return f' s="{_DAY}"><v>{(value - _DAY_NONE).days}</v></c>'


def flag(value: bool) -> str:  # noqa: FBT001 - it is what the cell holds
    """A cell that is true or false."""
    return f' t="b"><v>{value:d}</v></c>'


@lru_cache(maxsize=TEXTS_KEPT)
def _text(shown: str, style: int) -> str:
    return f' s="{style}" t="inlineStr"><is><t>{_escaped(shown)}</t></is></c>'


def _escaped(shown: str) -> str:
    escaped = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return _LIKE_AN_ESCAPE.sub(r"_x005F\1", escaped) if "_x" in escaped else escaped


@dataclass(frozen=True)
class Head:
    """How a sheet begins: its name, a note above the header or none, and the titles and widths of its columns."""

    name: str
    note: str
    titles: Sequence[str]
    widths: Sequence[int]


Cell = tuple[str, str]
"""The letters of its column, and what this module made of its value."""


class Book:
    """A workbook that is being written; equal sheets give equal bytes."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._filters: list[tuple[str, str]] = []

    def add(self, head: Head, rows: Iterable[Sequence[Cell]]) -> None:
        """Write a sheet: its header stays in sight and filters the rows."""
        first = 2 if head.note else 1
        last, line = letters(len(head.titles) - 1), first
        with self._part(f"xl/worksheets/sheet{len(self._filters) + 1}.xml") as part:
            part.write("".join(self._above(head, first)).encode())
            for line, cells in enumerate(rows, first + 1):
                part.write(_row(line, cells).encode())
            part.write(f'</sheetData><autoFilter ref="A{first}:{last}{line}"/></worksheet>'.encode())
        self._filters.append((head.name, f"$A${first}:${last}${line}"))

    def finish(self, *, title: str, as_of: date) -> None:
        """Write what holds the sheets together."""
        for name, body in _parts(self._filters, title=title, as_of=as_of).items():
            with self._part(name) as part:
                part.write((_XML + body).encode())
        with self._part("xl/styles.xml") as part:
            part.write(_STYLES.read_bytes())

    def _above(self, head: Head, first: int) -> Iterator[str]:
        selected = "" if self._filters else ' tabSelected="1"'
        yield f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView{selected} workbookViewId="0">'
        yield f'<pane ySplit="{first}" topLeftCell="A{first + 1}" activePane="bottomLeft" state="frozen"/>'
        yield '<selection pane="bottomLeft"/></sheetView></sheetViews><sheetFormatPr defaultRowHeight="15"/><cols>'
        for place, width in enumerate(head.widths, 1):
            yield f'<col min="{place}" max="{place}" width="{width + 0.7109375}" customWidth="1"/>'
        yield "</cols><sheetData>"
        if head.note:
            yield _row(1, [("A", _text(visible(head.note), _NOTE))])
        yield _row(first, [(letters(place), _text(title, _HEAD)) for place, title in enumerate(head.titles)])

    @contextmanager
    def _part(self, name: str) -> Iterator[IO[bytes]]:
        info = zipfile.ZipInfo(name)  # of 1980, as every time: the same rows give the same bytes
        info.compress_type, info._compresslevel = zipfile.ZIP_DEFLATED, _COMPRESSION  # type: ignore[attr-defined]  # noqa: SLF001
        with self._archive.open(info, "w") as part:
            yield part


def letters(place: int) -> str:
    """The name of a column: A for 0, AA for 26."""
    name = chr(ord("A") + place % 26)
    return name if place < 26 else letters(place // 26 - 1) + name  # noqa: PLR2004 - of the alphabet


def _row(line: int, cells: Sequence[Cell]) -> str:
    return (
        f'<row r="{line}">' + "".join([f'<c r="{column}{line}"{cell}' for column, cell in cells]) + "</row>"
    )


def _parts(filters: Sequence[tuple[str, str]], *, title: str, as_of: date) -> dict[str, str]:
    sheets = list(enumerate(filters, 1))
    kinds = {f"/xl/worksheets/sheet{place}.xml": "worksheet" for place, _ in sheets}
    kinds |= {"/xl/workbook.xml": "sheet.main", "/xl/styles.xml": "styles"}
    spreadsheet = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    core = "application/vnd.openxmlformats-package.core-properties+xml"
    overrides = [_override(part, f"{spreadsheet}.{kind}+xml") for part, kind in kinds.items()]
    related = [
        *(
            (f"rId{place}", f"{_OFFICE}/relationships/worksheet", f"worksheets/sheet{place}.xml")
            for place, _ in sheets
        ),
        (f"rId{len(sheets) + 1}", f"{_OFFICE}/relationships/styles", "styles.xml"),
    ]
    return {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Default Extension="xml" ContentType="application/xml"/>{"".join(overrides)}'
        f"{_override('/docProps/core.xml', core)}</Types>",
        "_rels/.rels": _relationships(
            ("rId1", f"{_OFFICE}/relationships/officeDocument", "xl/workbook.xml"),
            ("rId2", f"{_PACKAGE}/relationships/metadata/core-properties", "docProps/core.xml"),
        ),
        "docProps/core.xml": f'<cp:coreProperties xmlns:cp="{_PACKAGE}/metadata/core-properties" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
        f'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><dc:title>{_escaped(visible(title))}</dc:title>'
        f'<dcterms:created xsi:type="dcterms:W3CDTF">{as_of}T00:00:00Z</dcterms:created></cp:coreProperties>',
        "xl/workbook.xml": _workbook(filters),
        "xl/_rels/workbook.xml.rels": _relationships(*related),
    }


def _override(part: str, kind: str) -> str:
    return f'<Override PartName="{part}" ContentType="{kind}"/>'


def _relationships(*related: tuple[str, str, str]) -> str:
    each = (f'<Relationship Id="{name}" Type="{kind}" Target="{target}"/>' for name, kind, target in related)
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{"".join(each)}</Relationships>'


def _workbook(filters: Sequence[tuple[str, str]]) -> str:
    sheets = (
        f'<sheet name="{_escaped(name)}" sheetId="{place}" r:id="rId{place}"/>'
        for place, (name, _) in enumerate(filters, 1)
    )
    names = (
        f'<definedName name="_xlnm._FilterDatabase" localSheetId="{place}" hidden="1">'
        f"'{_escaped(name)}'!{area}</definedName>"
        for place, (name, area) in enumerate(filters)
    )
    return (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}/relationships"><bookViews><workbookView/></bookViews>'
        f"<sheets>{''.join(sheets)}</sheets><definedNames>{''.join(names)}</definedNames></workbook>"
    )
