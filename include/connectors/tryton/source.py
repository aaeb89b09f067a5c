"""Tryton as a source: what changed, by its stamps, and a proof by a listing of ids and amounts."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from include.connectors.shapes import an_id, an_instant
from include.connectors.tryton.client import Record, TrytonClient
from include.connectors.tryton.translate import (
    READINGS,
    STAMP,
    column,
    instant_value,
    paths,
    personal,
    translate,
    value_text,
)
from include.connectors.windows import Walk, complete_until, numbered, walk_from, window
from include.connectors.wire import record_key, sums, usable
from include.domain.entities import ENTITIES
from include.ports import Cursor, Page, RawRecord, SourceTotals, Translated

OVERLAP = timedelta(minutes=2)
PAGE_ROWS = 1_000

SETTLE = timedelta(minutes=5)
"""A stamp is its transaction's start; a row may show up this much later."""


class TrytonSource:
    """Customers, orders, invoices, credit notes, subscriptions and amendments of one database."""

    system = "erp"
    states_once = False
    entities: Sequence[str] = tuple(READINGS)

    def __init__(self, client: TrytonClient, *, page_rows: int = PAGE_ROWS) -> None:
        self._client = client
        self._page_rows = page_rows

    def fetch_page(self, entity: str, cursor: Cursor | None) -> Page:
        """The next changed records, oldest first. Raises Retryable, Fatal."""
        model = READINGS[entity].model
        walk = walk_from(cursor, overlap=OVERLAP, horizon=lambda: self._client.server_now(model) - SETTLE)
        rows = self._read(entity, walk, paths(entity))
        asked = f"{self._client.path(model)}: {self._page_rows} by {STAMP}, id; {STAMP} {walk.words}"
        return walk.page(
            self._records(model, rows), at=self._position(entity, rows), request=asked, place=f"ERP {model}"
        )

    def column(self, entity: str, field: str) -> str:
        """Tryton's name of the field, or the path to it."""
        return column(entity, field)

    def complete_until(self, cursor: Cursor) -> datetime:
        """The horizon of the last walk that is over."""
        return complete_until(cursor)

    def totals(self, entity: str, *, after: Cursor | None, until: Cursor) -> SourceTotals:
        """The window's ids, stamps and amounts alone, added up. Raises Retryable, Fatal."""
        rows = [row for row in self._listing(entity, after, until) if usable(row["id"])]
        amounts = sums(entity, (self.translate(entity, row) for row in rows))
        return SourceTotals(keys=frozenset(numbered(map(_key, rows))), amounts=amounts)

    shown: Mapping[str, Collection[str]] = {}

    def personal(self, entity: str) -> frozenset[str]:
        """Where personal data stands in a payload."""
        return personal(entity)

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:
        """The record in canonical field names."""
        return translate(entity, payload)

    def _listing(self, entity: str, after: Cursor | None, until: Cursor) -> Iterator[Record]:
        names = paths(entity, of=[ENTITIES[entity].amount or "", "currency"])
        walk: Walk | None = window(after=after, until=until, overlap=OVERLAP)
        while walk:
            rows = self._read(entity, walk, names)
            yield from rows
            at = self._position(entity, rows)
            walk = walk.onward(at, place=f"ERP {READINGS[entity].model}") if at else None

    def _read(self, entity: str, walk: Walk, names: Sequence[str]) -> list[Record]:
        reading = READINGS[entity]
        ours = [["company", "=", self._client.company]] if reading.by_company else []
        return self._client.search(
            reading.model,
            domain=[*reading.domain, *ours, *_domain(walk)],
            fields=["id", *dict.fromkeys(names), STAMP],
            order=[STAMP, "id"],
            size=self._page_rows,
        )

    def _position(self, entity: str, rows: Sequence[Record]) -> tuple[str, str] | None:
        """Where the next page begins; None when this one was the last."""
        if len(rows) < self._page_rows:
            return None
        last, place = rows[-1], f"ERP {READINGS[entity].model}"
        at = an_instant(value_text(last[STAMP]), place=place)
        return at.isoformat(), json.dumps(an_id(last["id"], place=place))

    def _records(self, model: str, rows: Sequence[Record]) -> list[RawRecord]:
        return [
            self._record(model, row, version)
            for row, (_, version) in zip(rows, numbered(map(_key, rows)), strict=True)
        ]

    def _record(self, model: str, row: Record, version: str) -> RawRecord:
        native_id, damage = record_key(row["id"], row)
        place = self._client.path(model) if damage else f"{self._client.path(model)}/{native_id}"
        return RawRecord(native_id=native_id, version=version, payload=row, place=place, damage=damage)


def _key(row: Record) -> tuple[str, str]:
    return str(row["id"] or ""), value_text(row[STAMP]) or ""


def _domain(walk: Walk) -> list[Any]:
    clauses: list[Any] = [[STAMP, "<=", instant_value(walk.until)]]
    if walk.since:
        clauses.append([STAMP, ">=", instant_value(walk.since)])
    if walk.at:
        stamp, last_id = instant_value(datetime.fromisoformat(walk.at[0])), json.loads(walk.at[1])
        clauses.append(["OR", [STAMP, ">", stamp], [[STAMP, "=", stamp], ["id", ">", last_id]]])
    return clauses
