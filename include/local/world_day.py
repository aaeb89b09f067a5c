"""Which world is meant, and the day to tie out when nobody names one."""

import csv
import hashlib
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from include.local.home import SetUpFailed

MANIFEST = "world.json"
DAYS = ("issue_date", "paid_on", "value_date", "order_date", "arrival_date", "CloseDate")
"""Columns that say when something happened; due and renewal dates lie ahead and say nothing."""


def check_world(world: Path) -> Path:
    """The folder, absolute. Raises SetUpFailed when it holds no CSV file."""
    if not world.is_dir():
        raise SetUpFailed(f"{world} is not a folder; WORLD names a folder of CSV files")
    if not _files(world):
        raise SetUpFailed(f"{world} holds no CSV file such as erp/invoices.csv")
    return world.resolve()


def world_digest(world: Path) -> str:
    """What tells this world from another: the SHA-256 over names and bytes of its files."""
    total = hashlib.sha256()
    for path in _files(world):
        with path.open("rb") as file:
            total.update(
                f"{path.relative_to(world)}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode()
            )
    return total.hexdigest()


def last_day(world: Path, *, today: date) -> date:
    """The day a generated world ends; else the last day until today on which something happened in it."""
    manifest = world / MANIFEST
    if manifest.exists():
        return date.fromisoformat(json.loads(manifest.read_text())["as_of"])
    days = (day for path in _files(world) if path.parent.name != "truth" for day in _days(path))
    found = max((day for day in days if day <= today), default=None)
    if found is None:
        raise SetUpFailed(f"nothing in {world} has a date; say which day to tie out: AS_OF=yyyy-mm-dd")
    return found


def _files(world: Path) -> list[Path]:
    return sorted(world.glob("*/*.csv"))


def _days(path: Path) -> Iterator[date]:
    """The dates in a file. What cannot be read is passed over: to report it is the platform's task."""
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = csv.DictReader(file)
        try:
            for row in rows:
                yield from (day for column in DAYS if (day := _day(row.get(column))))
        except csv.Error:
            return


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text[:10]) if text else None
    except ValueError:
        return None
