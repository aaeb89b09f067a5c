"""Reads a CSV file so that no row is lost: what is damaged becomes a damaged record, and the rest goes on.

RFC 4180 with LF or CRLF. A quoted cell may span lines; when its quotes never come right, only the line they opened on
is damaged, and reading resumes on the next.
"""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

SPAN_MAX_LINES = 10_000
"""A quoted cell over more lines is taken for a stray quote."""

BLANK = " \t\r\n"
"""A line of nothing else (and no comma) is no row."""

csv.field_size_limit(2**31 - 1)  # a huge cell is refused by its schema, with a reason, not by the parser


class Position(NamedTuple):
    """A place in a file between two lines: lines before it, and bytes before it."""

    line: int
    offset: int


@dataclass(frozen=True)
class CsvRecord:
    """One record: the line it starts on (1 = header), its cells, and where the next begins.

    `damage` says what is wrong with it, `damaged_cell` in which cell (from 0) when that is known.
    """

    line: int
    cells: Sequence[str]
    end: Position
    damage: str = ""
    damaged_cell: int | None = None


class _Line(NamedTuple):
    number: int
    raw: bytes
    end: Position


def read_header(path: Path) -> tuple[list[str], Position]:
    """The column names (none when the file is empty), and where the rows begin."""
    with path.open("rb") as handle:
        raw = handle.readline()
    names = _parse(_Line(1, raw.removeprefix(b"\xef\xbb\xbf"), Position(1, len(raw)))).cells
    return [name.strip() for name in names], Position(1, len(raw))


def read_records(path: Path, *, start: Position, width: int) -> Iterator[CsvRecord]:
    """The records from `start` on, blank lines left out. Another number of cells than `width` is damage."""
    with path.open("rb") as handle:
        handle.seek(start.offset)
        lines = _lines(handle, start)
        waiting: deque[_Line] = deque()
        while line := _next(waiting, lines):
            record, unused = _record(line, waiting, lines, width)
            waiting.extendleft(reversed(unused))
            if record.damage or any(cell.strip(BLANK) for cell in record.cells):
                yield record


def _lines(handle: Iterator[bytes], start: Position) -> Iterator[_Line]:
    offset = start.offset
    for number, raw in enumerate(handle, start=start.line + 1):
        offset += len(raw)
        yield _Line(number, raw, Position(number, offset))


def _record(
    first: _Line, waiting: deque[_Line], lines: Iterator[_Line], width: int
) -> tuple[CsvRecord, list[_Line]]:
    """The record that starts here, and the lines that were looked at and do not belong to it."""
    span = [first]
    quotes = first.raw.count(b'"')
    while quotes % 2 and len(span) < SPAN_MAX_LINES and (more := _next(waiting, lines)):
        span.append(more)
        quotes += more.raw.count(b'"')
    whole = _Line(first.number, b"".join(line.raw for line in span), span[-1].end)
    record = _parse(whole, width=width)
    if record.damage and len(span) > 1:
        opened = first.raw.index(b'"')
        return _damaged(first, "a quote is opened and not closed as RFC 4180 asks", opened), span[1:]
    return record, []


def _parse(line: _Line, *, width: int | None = None) -> CsvRecord:
    try:
        text = line.raw.decode().rstrip("\r\n")
        cells = next(csv.reader([text], strict=True), []) if '"' in text else text.split(",")
    except UnicodeDecodeError as error:
        byte = f"byte {line.raw[error.start]:#04x} at position {error.start + 1} is not UTF-8"
        return _damaged(line, byte, error.start)
    except csv.Error as error:
        return _damaged(line, f"not a row of RFC 4180 ({error})", line.raw.index(b'"'))
    wrong = width is not None and len(cells) != width and text.strip(BLANK)
    return CsvRecord(
        line.number, cells, line.end, f"{len(cells)} cells where the header has {width}" if wrong else ""
    )


def _damaged(line: _Line, damage: str, at: int) -> CsvRecord:
    """A record kept as its text; `at` is the byte where it goes wrong."""
    text = line.raw.decode(errors="backslashreplace").rstrip("\r\n")
    outside_quotes = b"".join(line.raw[:at].split(b'"')[::2])
    return CsvRecord(line.number, [text], line.end, damage, outside_quotes.count(b","))


def _next(waiting: deque[_Line], lines: Iterator[_Line]) -> _Line | None:
    return waiting.popleft() if waiting else next(lines, None)
