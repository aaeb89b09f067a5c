"""Reads another path's answers of a day into temporary tables: what can be read, and what cannot, with why."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from include.domain.currencies import EXPONENTS
from include.domain.parity import KINDS, TOLD
from include.domain.parity_rows import KEY_LENGTH_MAX, Unreadable, read
from include.policy.parity import Parity
from include.ports import NothingUsable, OldPath, ToldRow, Transaction

_TOLD = ["line", "kind", "key", *TOLD]
_BAD = "place kind key column_name reason"
_TEXT = ("text", "character varying", "character")
_WHOLE = ("bigint", "integer", "smallint")
_OF_TABLE = {
    "amount_minor": _WHOLE,
    "at": ("timestamp with time zone",),
    "currency": _TEXT,
    "day": ("date",),
    "due_date": ("date",),
    "key": _TEXT,
    "kind": _TEXT,
    "on_date": ("date",),
    "tax_minor": _WHOLE,
    "text": _TEXT,
    "word": _TEXT,
}
"""Column of a table of theirs -> types that are taken as they are: another one would be rounded, cut or shifted."""


@dataclass(frozen=True)
class TheirTable:
    """A table or view of theirs in our database, with the columns of parity.answers and `word` for a status."""

    name: str


def tell_answers(tx: Transaction, theirs: OldPath | TheirTable, *, day: date, parity: Parity) -> str:
    """Read what they say into told_rows and bad_rows; what it is called. Raises NothingUsable when they say nothing."""
    tx.run("create_told_rows")
    tx.run("create_bad_rows")
    if isinstance(theirs, TheirTable):
        _tell_table(tx, theirs, day, parity)
        return theirs.name
    bad: list[Sequence[Any]] = []
    tx.copy_in("told_rows", _TOLD, _readable(theirs.answers(day), parity, bad))
    tx.copy_in("bad_rows", _BAD.split(), bad)
    return theirs.name


def _readable(rows: Iterable[ToldRow], parity: Parity, bad: list[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """Rows as answers, in order; what cannot be read is put aside with its place and why."""
    for line, row in enumerate(rows):
        key = row.cells.get("key", "").strip().replace("\0", "") or None
        if row.damage:
            bad.append((row.place, row.kind, key, "row", row.damage))
            continue
        try:
            name, told = read(row.cells, statuses=parity.status_of.get(row.kind, {}))  # type: ignore[call-overload]
        except Unreadable as problem:
            bad.append((row.place, row.kind, key, problem.column, problem.reason))
            continue
        yield (line, row.kind, name, *(getattr(told, column) for column in TOLD))


def _need_columns(tx: Transaction, table: str) -> None:
    found = {row["name"]: row["type"] for row in tx.rows("columns_of_table", table=table)}
    if not found:
        raise NothingUsable(f"there is no table or view {table} in our database")
    wrong = [
        f"{name} is {found.get(name, 'not there')}, and must be {types[0]}"
        for name, types in _OF_TABLE.items()
        if found.get(name) not in types
    ]
    if wrong:
        raise NothingUsable(f"{table} has not the columns of parity.answers: {'; '.join(wrong)}")


def _tell_table(tx: Transaction, theirs: TheirTable, day: date, parity: Parity) -> None:
    _need_columns(tx, theirs.name)
    words = [(kind, *pair) for kind, all_ in parity.status_of.items() for pair in all_.items()]
    kinds, known, statuses = (list(column) for column in zip(*words, strict=True))
    names, rules = (
        {"table": theirs.name},
        {"all_kinds": list(KINDS), "currencies": sorted(EXPONENTS), "key_max": KEY_LENGTH_MAX},
    )
    told = tx.run_for(
        "tell_from_table", names=names, day=day, kinds=kinds, words=known, statuses=statuses, **rules
    )
    bad = tx.run_for("set_bad_rows_aside", names=names, day=day, place=theirs.name, **rules)
    if not told + bad:
        raise NothingUsable(f"{theirs.name} holds no answer of {day}")
