"""A world folder in memory: what each system holds, as text, garbage included."""

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

Row = dict[str, str]
Clock = Callable[[], datetime]

FIELD_CHARS_MAX = 256 * 1024 * 1024
NUMBER_CHARS_MAX = 24
SERVED_FOLDERS = ("salesforce", "erp", "payments")

# 12:00 in Asia/Singapore, which has no daylight saving: far from either end of the business day.
_NOON_IN_SINGAPORE = time(4, tzinfo=UTC)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


class NoWorld(Exception):
    """The folder given as a world cannot be read as one."""


@dataclass(frozen=True)
class World:
    """Rows by table name: the file's path below the world, without suffix (`erp/invoices`)."""

    tables: Mapping[str, Sequence[Row]]

    def rows(self, table: str) -> Sequence[Row]:
        return self.tables.get(table, ())


def utc_now() -> datetime:
    return datetime.now(UTC)


def load_world(folder: Path) -> World:
    """Every CSV file of the systems served, each value as the file has it.

    Raises NoWorld when there is no such folder; a folder without files is a world of empty systems.
    """
    if not folder.is_dir():
        raise NoWorld(
            f"{folder}: there is no such folder; make a world with `tieout world generate --out {folder}`."
        )
    files = [path for system in SERVED_FOLDERS for path in sorted((folder / system).glob("*.csv"))]
    return World({path.relative_to(folder).with_suffix("").as_posix(): read_rows(path) for path in files})


def read_rows(path: Path) -> list[Row]:
    """The rows of one CSV file: missing cells empty, surplus ones kept as `column_<n>`, counted from 1.

    Raises NoWorld when a field passes FIELD_CHARS_MAX.
    """
    csv.field_size_limit(FIELD_CHARS_MAX)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        reader = csv.reader(lines)
        try:
            header = [name.strip() for name in next(reader, [])]
            return [_row(header, cells) for cells in reader if cells]
        except csv.Error as error:
            raise NoWorld(f"{path}, line {reader.line_num}: {error}; is a quotation mark missing?") from None


def parse_date(text: str) -> date | None:
    """An ISO date and nothing else; None for all other text."""
    if not _DATE.fullmatch(text):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def business_noon(text: str) -> datetime | None:
    """12:00 in Singapore on an ISO date; None for any other text."""
    day = parse_date(text)
    return datetime.combine(day, _NOON_IN_SINGAPORE) if day else None


def parse_instant(text: str) -> datetime | None:
    """An ISO instant in UTC (UTC is assumed where no zone is given), a bare date being its business noon."""
    if noon := business_noon(text):
        return noon
    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_decimal(text: str) -> Decimal | None:
    """A plain decimal (no sign but minus, no exponent, no separators); None for any other text."""
    return Decimal(text) if len(text) <= NUMBER_CHARS_MAX and _NUMBER.fullmatch(text) else None


def parse_number(text: str) -> int | float | None:
    """A plain decimal as a JSON number; None for other text and for what a double cannot give back."""
    exact = parse_decimal(text)
    if exact is None or "." not in text:
        return None if exact is None else int(exact)
    number = float(text)
    return number if Decimal(repr(number)) == exact else None


def _row(header: Sequence[str], cells: Sequence[str]) -> Row:
    missing = [""] * (len(header) - len(cells))
    surplus = [f"column_{number}" for number in range(len(header) + 1, len(cells) + 1)]
    return dict(zip([*header, *surplus], [*cells, *missing], strict=True))
