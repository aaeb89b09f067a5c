"""Salesforce as a source: what changed, by SystemModstamp, and a proof by Salesforce's own counting."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from simple_salesforce.format import format_soql

from include.connectors.salesforce.client import Description, Record, SalesforceClient
from include.connectors.salesforce.translate import CURRENCY, FIELDS, SOBJECTS, STAMP, amount_field, translate
from include.connectors.windows import Walk, complete_until, numbered, walk_from, window
from include.connectors.wire import as_text, record_key, usable
from include.ports import Cursor, Page, RawRecord, SourceTotals, Translated

OVERLAP = timedelta(minutes=2)
PAGE_ROWS = 10_000

log = logging.getLogger(__name__)


class SalesforceSource:
    """Accounts, contacts and opportunities of one organisation."""

    system = "salesforce"
    states_once = False
    entities: Sequence[str] = tuple(SOBJECTS)

    def __init__(self, client: SalesforceClient, *, page_rows: int = PAGE_ROWS) -> None:
        self._client = client
        self._page_rows = page_rows
        self._fields: dict[str, list[str]] = {}

    def fetch_page(self, entity: str, cursor: Cursor | None) -> Page:
        """The next changed records, oldest first. Raises Retryable, Fatal."""
        walk = walk_from(cursor, overlap=OVERLAP, horizon=lambda: self._horizon(entity))
        fields = ", ".join([*self._visible(entity), STAMP])
        paging = f"ORDER BY {STAMP}, Id LIMIT {self._page_rows}"
        rows = self._client.query(f"SELECT {fields} {_from(entity, walk)} {paging}")
        more = len(rows) == self._page_rows
        return walk.page(_records(rows), at=(rows[-1][STAMP], rows[-1]["Id"] or "") if more else None)

    def column(self, entity: str, field: str) -> str:
        """Salesforce's field."""
        return next((name for name, known in FIELDS[entity].items() if known == field), field)

    def complete_until(self, cursor: Cursor) -> datetime:
        """The horizon of the last walk that is over."""
        return complete_until(cursor)

    def totals(self, entity: str, *, after: Cursor | None, until: Cursor) -> SourceTotals:
        """The window's ids and stamps alone, and Salesforce's own sums. Raises Retryable, Fatal."""
        inside = f"{_from(entity, window(after=after, until=until, overlap=OVERLAP))} AND Id != null"
        rows = self._client.query(f"SELECT Id, {STAMP} {inside} ORDER BY {STAMP}, Id")
        keys = ((row["Id"], row[STAMP]) for row in rows if usable(row["Id"]))
        return SourceTotals(keys=frozenset(numbered(keys)), amounts=self._sums(entity, inside))

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:
        """The record in canonical field names."""
        return translate(entity, payload)

    def _sums(self, entity: str, inside: str) -> Mapping[str, Decimal]:
        amount, fields = amount_field(entity), self._visible(entity)
        if amount not in fields:
            return {}
        total = f"SUM({amount}) total {inside}"
        grouped = f"{CURRENCY}, {total} GROUP BY {CURRENCY}" if CURRENCY in fields else total
        rows = self._client.query(f"SELECT {grouped}")
        stated = [row for row in rows if row["total"] is not None]
        return {as_text(row.get(CURRENCY)) or "": Decimal(row["total"]) for row in stated}

    def _horizon(self, entity: str) -> datetime:
        return self._client.horizon(SOBJECTS[entity], now=self._describe(entity).at)

    def _visible(self, entity: str) -> list[str]:
        if entity not in self._fields:
            self._describe(entity)
        return self._fields[entity]

    def _describe(self, entity: str) -> Description:
        description = self._client.describe(SOBJECTS[entity])
        self._fields[entity] = [field for field in FIELDS[entity] if field in description.fields]
        for field in FIELDS[entity]:
            if field not in description.fields:
                log.warning("Salesforce shows us no %s.%s; read as unknown", SOBJECTS[entity], field)
        return description


def _from(entity: str, walk: Walk) -> str:
    parts = [format_soql(f"{STAMP} <= {{}}", walk.until)]
    if walk.since:
        parts.append(format_soql(f"{STAMP} >= {{}}", walk.since))
    if walk.at:
        parts.append(_beyond(*walk.at))
    return f"FROM {SOBJECTS[entity]} WHERE {' AND '.join(parts)}"


def _beyond(stamp: str, native_id: str) -> str:
    """What follows (stamp, id) in the order of pages. Empty ids come first."""
    later_id = format_soql("Id > {}", native_id) if native_id else "Id != null"
    at = format_soql("{}", datetime.fromisoformat(stamp))
    return f"({STAMP} > {at} OR ({STAMP} = {at} AND {later_id}))"


def _records(rows: Sequence[Record]) -> list[RawRecord]:
    keys = numbered((row["Id"] or "", row[STAMP]) for row in rows)
    return [_record(row, version) for row, (_, version) in zip(rows, keys, strict=True)]


def _record(row: Record, version: str) -> RawRecord:
    payload = {name: value for name, value in row.items() if name != "attributes"}
    native_id, damage = record_key(row["Id"], payload)
    place = "a row without an address" if damage else str(row["attributes"]["url"])
    return RawRecord(native_id=native_id, version=version, payload=payload, place=place, damage=damage)
