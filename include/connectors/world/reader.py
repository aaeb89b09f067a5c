"""Reads a CSV file so that no row is lost: what is damaged becomes a damaged record, and the rest goes on.

RFC 4180 with LF or CRLF. A quoted cell may span lines; when its quotes never come right, only the line they opened on
is damaged, and reading resumes on the next.
"""

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

SPAN_MAX_LINES = 10_000
"""A quoted cell over more lines is taken for a stray quote."""

LINE_BYTES_MAX = 2**24
"""A longer line, or quoted cell, is no row of anybody's: it is damaged, and read no further than this."""

LONG_SHOWN = 1_000
"""Bytes of such a line that are kept."""

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
    too_long: bool = False


def read_header(path: Path) -> tuple[list[str], Position]:
    """The column names (none when the file is empty, or its first line endless), and where the rows begin."""
    with path.open("rb") as handle:
        first = next(_lines(handle, Position(0, 0)), _Line(1, b"", Position(1, 0)))
    if first.too_long:
        return [], first.end
    names = _parse(first._replace(raw=first.raw.removeprefix(b"\xef\xbb\xbf"))).cells
    return [name.strip() for name in names], first.end


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


def _lines(handle: BinaryIO, start: Position) -> Iterator[_Line]:
    offset = start.offset
    for number, raw in enumerate(_read_lines(handle), start=start.line + 1):
        offset += len(raw)
        if too_long := len(raw) == LINE_BYTES_MAX and not raw.endswith(b"\n"):
            offset += _rest_of_line(handle)
        yield _Line(number, raw[:LONG_SHOWN] if too_long else raw, Position(number, offset), too_long)


def _read_lines(handle: BinaryIO) -> Iterator[bytes]:
    return iter(partial(handle.readline, LINE_BYTES_MAX), b"")


def _rest_of_line(handle: BinaryIO) -> int:
    """Read to the line's end; how many bytes those were."""
    read = 0
    for piece in _read_lines(handle):
        read += len(piece)
        if piece.endswith(b"\n"):
            break
    return read


def _record(
    first: _Line, waiting: deque[_Line], lines: Iterator[_Line], width: int
) -> tuple[CsvRecord, list[_Line]]:
    """The record that starts here, and the lines that were looked at and do not belong to it."""
    if first.too_long:
        return _damaged(first, f"the line is longer than {LINE_BYTES_MAX:,} bytes"), []
    span, size = [first], len(first.raw)
    quotes = first.raw.count(b'"')
    while quotes % 2 and len(span) < SPAN_MAX_LINES and size <= LINE_BYTES_MAX:
        more = _next(waiting, lines)
        if more is None:
            break
        span.append(more)
        size += len(more.raw)
        if more.too_long:
            break
        quotes += more.raw.count(b'"')
    whole = _Line(first.number, b"".join(line.raw for line in span), span[-1].end)
    record = _parse(whole, width=width)
    if (record.damage or span[-1].too_long) and len(span) > 1:
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


def _damaged(line: _Line, damage: str, at: int | None = None) -> CsvRecord:
    """A record kept as its text; `at` is the byte where it goes wrong."""
    text = line.raw.decode(errors="backslashreplace").rstrip("\r\n")
    if at is None:
        return CsvRecord(line.number, [text], line.end, damage)
    outside_quotes = b"".join(line.raw[:at].split(b'"')[::2])
    return CsvRecord(line.number, [text], line.end, damage, outside_quotes.count(b","))


def _next(waiting: deque[_Line], lines: Iterator[_Line]) -> _Line | None:
    return waiting.popleft() if waiting else next(lines, None)
