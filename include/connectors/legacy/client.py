"""A folder of the old path's answers: one file a kind, of all days or in a folder a day."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from include.connectors.legacy.translate import FILES, translate
from include.connectors.world.reader import read_header, read_records
from include.domain.shown import cut
from include.ports import NothingUsable, ToldRow

DAY = "day"


class LegacyFolder:
    """`orders.csv`, `invoices.csv`, `statuses.csv`, `arr.csv` and `matches.csv`, each optional.

    They have a column `day`; where a folder is named by the day (`2026-06-30/orders.csv`), its files are of that day
    and need none. A file that is there has every column that is compared.
    """

    def __init__(self, folder: Path) -> None:
        """Raises NothingUsable when there is no such folder."""
        if not folder.is_dir():
            raise NothingUsable(f"{folder} is not a folder; the old path's answers are a folder of CSV files")
        self._folder = folder
        self.name = folder.name

    def answers(self, day: date) -> Iterator[ToldRow]:
        """Every row of the day, and every row that does not say which day it is of.

        Raises NothingUsable when no file has a row of the day, two have rows of one kind, or one has not its columns.
        """
        found: dict[str, Path] = {}
        for kind in FILES:
            for path, dated in self._files(kind, day):
                for row in self._rows(kind, path, day, dated=dated):
                    if found.setdefault(kind, path) != path:
                        raise NothingUsable(
                            f"{found[kind]} and {path} both have rows of {day}: which counts? Keep one"
                        )
                    yield row
        if not found:
            raise NothingUsable(f"{self._folder} holds no answer of {day}")

    def _files(self, kind: str, day: date) -> Iterator[tuple[Path, bool]]:
        """The files of a kind that may hold rows of the day; whether each row must say its day."""
        for path, dated in (
            (self._folder / f"{kind}.csv", True),
            (self._folder / f"{day}/{kind}.csv", False),
        ):
            if path.is_file():
                yield path, dated

    def _rows(self, kind: str, path: Path, day: date, *, dated: bool) -> Iterator[ToldRow]:
        header, first = read_header(path)
        name = path.relative_to(self._folder).as_posix()
        _need_columns(kind, header, dated=dated, place=name)
        at = header.index(DAY) if DAY in header else None
        for record in read_records(path, start=first, width=len(header)):
            cell = record.cells[at] if at is not None and at < len(record.cells) else ""
            if dated and not record.damage and _day(cell) not in {None, day}:
                continue
            yield ToldRow(
                kind=kind,
                place=f"{name}, line {record.line}",
                cells=translate(kind, dict(zip(header, record.cells, strict=False))),
                damage=record.damage or _other_day(cell, day, dated=dated),
            )


def _need_columns(kind: str, header: Sequence[str], *, dated: bool, place: str) -> None:
    """Raises NothingUsable: a column under another name would make a difference of every row."""
    needed = [*((DAY,) if dated else ()), *(column for column, word in FILES[kind].items() if word != "at")]
    if wrong := [column for column in needed if header.count(column) != 1]:
        raise NothingUsable(
            f"{place} must have the columns {', '.join(needed)}, separated by commas and each once; it has not "
            f"{', '.join(wrong)}. Its first line begins {cut(','.join(header), 80)!r}"
        )


def _other_day(cell: str, day: date, *, dated: bool) -> str:
    """What is wrong with the day a row says: each must say one, but in a folder of the day."""
    if not cell.strip():
        return "it does not say of which day it is" if dated else ""
    told = _day(cell)
    if told is None:
        return f"{cut(cell, 40)!r} is no day"
    return "" if told == day else f"it says {told}, in the folder of {day}"


def _day(text: str) -> date | None:
    """The day a cell says in any form of ISO 8601, `2026-06-30` or `20260630`."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None
