"""A world folder as a source: every file one object, read in pages; the cursor is a place in the file."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from include.connectors.wire import sums
from include.connectors.world.reader import CsvRecord, Position, read_header, read_records
from include.connectors.world.translate import CELLS, FILES, columns, key_columns, personal, translate
from include.domain.entities import ENTITIES
from include.domain.shown import cut
from include.ports import Cursor, NothingUsable, Page, RawRecord, SourceTotals, Translated

PAGE_ROWS = 50_000
PAGE_BYTES = 2**27
"""Of the file, which bounds what a page takes of memory where its rows are long."""
KEY_BYTES_MAX = 1_000
"""Longer keys are no keys (and no index would hold them); such a row goes by its line."""


class WorldSource:
    """The files of one folder, each optional, as are most of their columns. `entities` are those with a file."""

    system = "world"
    states_once = True

    def __init__(self, folder: Path, *, page_rows: int = PAGE_ROWS) -> None:
        """Raises NothingUsable when there is no such folder."""
        if not folder.is_dir():
            raise NothingUsable(f"{folder} is not a folder; a world is a folder of CSV files")
        self._folder = folder
        self.entities: Sequence[str] = [entity for entity, name in FILES.items() if (folder / name).is_file()]
        self._page_rows = page_rows

    def fetch_page(self, entity: str, cursor: Cursor | None) -> Page:
        """The next rows of the entity's file; none when there is no such file."""
        start = Position(int(cursor["line"]), int(cursor["offset"])) if cursor else None
        asked = f"{FILES[entity]}, up to {self._page_rows:,} rows after line {start.line if start else 1}"
        begin = end = start or Position(0, 0)
        records: list[RawRecord] = []
        for end, record in self._records(entity, start):
            records.append(record)
            if len(records) == self._page_rows or end.offset - begin.offset >= PAGE_BYTES:
                break
        else:
            return _page(records, end, has_more=False, request=asked)
        return _page(records, end, has_more=True, request=asked)

    def totals(self, entity: str, *, after: Cursor | None, until: Cursor) -> SourceTotals:
        """What the file holds between two cursors, by a second reading: its keys, and what adds up per currency."""
        start = Position(int(after["line"]), int(after["offset"])) if after else None
        keys: set[tuple[str, str]] = set()

        def rows() -> Iterator[Translated]:
            for end, record in self._records(entity, start):
                if end.offset > int(until["offset"]):
                    return
                keys.add((record.native_id, record.version))
                yield self.translate(entity, record.payload)

        amounts = sums(entity, rows())
        return SourceTotals(keys=frozenset(keys), amounts=amounts)

    def column(self, entity: str, field: str) -> str:
        """The file's column."""
        return next((name for name, known in columns(entity).items() if known == field), field)

    def complete_until(self, cursor: Cursor) -> None:
        """A file holds what it holds."""

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:
        """The row in canonical field names."""
        return translate(entity, payload)

    shown: Mapping[str, Collection[str]] = {}

    def personal(self, entity: str) -> frozenset[str]:
        """The columns of personal fields; of a row that could not be cut into columns, all of it."""
        return personal(entity)

    def notes(self) -> list[str]:
        """What a person should know before trusting the result: absent files, unknown and missing columns."""
        absent = [name for entity, name in FILES.items() if entity not in self.entities]
        notes = [f"no such file, read as empty: {', '.join(absent)}"] if absent and self.entities else []
        return notes + [note for entity in self.entities for note in self._notes_on(entity)]

    def _notes_on(self, entity: str) -> Iterator[str]:
        header, _ = read_header(self._folder / FILES[entity])
        if any("\r" in name for name in header):
            return
        known = columns(entity)
        required = {field.name for field in ENTITIES[entity].fields if field.required}
        for name in sorted(set(header)):
            if header.count(name) > 1:
                yield f"{FILES[entity]}, line 1: column {cut(repr(name), 80)} stands twice; the last one is used"
            if name not in known:
                yield f"{FILES[entity]}, line 1: unknown column {cut(repr(name), 80)}; kept as received and not used"
        for name in known:
            if name not in header and known[name] in required:
                yield f"{FILES[entity]}, line 1: required column {name!r} is missing; no row can be used"

    def _records(self, entity: str, start: Position | None) -> Iterator[tuple[Position, RawRecord]]:
        path = self._folder / FILES[entity]
        if not path.is_file():
            return
        header, first_row = read_header(path)
        if any("\r" in name for name in header):
            if start is None:
                yield first_row, _unreadable(entity)
            return
        for record in read_records(path, start=start or first_row, width=len(header)):
            yield record.end, self._raw(entity, header, record)

    def _raw(self, entity: str, header: Sequence[str], record: CsvRecord) -> RawRecord:
        line = f"line {record.line}"
        cells = dict(zip(header, record.cells, strict=False))
        payload: dict[str, Any] = {CELLS: list(record.cells)} if record.damage else cells
        key = "/".join(payload.get(column) or "" for column in key_columns(entity))
        repeated = f"#{record.line}" if ENTITIES[entity].repeats else ""
        usable = key.strip("/") and len(key.encode()) <= KEY_BYTES_MAX and "\0" not in key
        return RawRecord(
            native_id=key + repeated if usable else line,
            version=line,
            payload=payload,
            place=f"{FILES[entity]}, {line}",
            damage=_damage(header, record),
        )


def _page(records: Sequence[RawRecord], end: Position, *, has_more: bool, request: str) -> Page:
    position = {"line": str(end.line), "offset": str(end.offset)}
    return Page(records=records, next_cursor=position, has_more=has_more, request=request)


def _damage(header: Sequence[str], record: CsvRecord) -> str:
    cell = record.damaged_cell
    return (
        f"column {header[cell]}: {record.damage}"
        if cell is not None and cell < len(header)
        else record.damage
    )


def _unreadable(entity: str) -> RawRecord:
    """A whole file as one damaged record: with bare CRs as line ends it is a single line to everybody else."""
    return RawRecord(
        native_id="line 1",
        version="line 1",
        payload={},
        place=f"{FILES[entity]}, line 1",
        damage="lines end in a bare CR, so no row can be read; save the file with LF or CRLF",
    )
