"""Salesforce as a source: what changed, by SystemModstamp, and a proof by Salesforce's own counting."""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from simple_salesforce.format import format_soql

from include.connectors.salesforce import bulk_walk
from include.connectors.salesforce.budget import Budget, Way, choose, in_order_of_value
from include.connectors.salesforce.client import Description, Record, SalesforceClient
from include.connectors.salesforce.refusals import TooLarge
from include.connectors.salesforce.translate import (
    CURRENCY,
    FIELDS,
    SOBJECTS,
    STAMP,
    amount_field,
    personal,
    translate,
)
from include.connectors.shapes import a_number, an_instant, objects
from include.connectors.windows import Walk, complete_until, numbered, walk_from, window
from include.connectors.wire import as_text, record_key, usable
from include.ports import Cursor, Fatal, Page, RawRecord, Retryable, SourceTotals, Translated

OVERLAP = timedelta(minutes=2)
PAGE_ROWS = 10_000
DELETED = "IsDeleted"

SHORT_WINDOW = timedelta(days=1)
"""What changes in this time is read without asking first how much it is."""

log = logging.getLogger(__name__)


class SalesforceSource:
    """Accounts, contacts and opportunities of one organisation, deleted ones included until they are purged."""

    system = "salesforce"
    states_once = False
    entities: Sequence[str] = in_order_of_value(tuple(SOBJECTS))

    def __init__(
        self, client: SalesforceClient, *, page_rows: int = PAGE_ROWS, way: Way | None = None
    ) -> None:
        self._client = client
        self._page_rows = page_rows
        self._way = way
        self._shapes: dict[str, Mapping[str, str]] = {}

    def fetch_page(self, entity: str, cursor: Cursor | None) -> Page:
        """The next changed records, oldest first, by REST or in bulk. Raises Retryable, Deferred, Fatal."""
        if bulk_walk.is_one(cursor):
            types = self._shown(entity)
            return bulk_walk.next_page(
                self._client, cursor or {}, types=types, record=self._bulk_record(entity)
            )
        before = bulk_walk.before(cursor)
        walk = walk_from(before, overlap=OVERLAP, horizon=lambda: self._horizon(entity))
        if self._chosen(entity, walk) is Way.BULK:
            return self._in_bulk(entity, walk, cursor)
        try:
            return self._by_rest(entity, walk)
        except TooLarge:
            return self._in_bulk(entity, walk, cursor)

    @property
    def budget(self) -> Budget:
        """What Salesforce last said of the day's calls."""
        return self._client.budget

    def column(self, entity: str, field: str) -> str:
        """Salesforce's field."""
        return next((name for name, known in FIELDS[entity].items() if known == field), field)

    def complete_until(self, cursor: Cursor) -> datetime:
        """The horizon of the last walk that is over."""
        return complete_until(bulk_walk.finished(cursor))

    def totals(self, entity: str, *, after: Cursor | None, until: Cursor) -> SourceTotals:
        """The window's ids and stamps alone, and Salesforce's own sums. Raises Retryable, Fatal."""
        inside = f"{_from(entity, window(after=after, until=until, overlap=OVERLAP))} AND Id != null"
        asked = f"SELECT Id, {STAMP} {inside} ORDER BY {STAMP}, Id"
        rows = _stamped(self._client.query(asked, with_deleted=True))
        keys = ((row["Id"], row[STAMP]) for row in rows if usable(row["Id"]))
        return SourceTotals(keys=frozenset(numbered(keys)), amounts=self._sums(entity, inside))

    shown: Mapping[str, Collection[str]] = {}

    def personal(self, entity: str) -> frozenset[str]:
        """Where personal data stands in a payload."""
        return personal(entity)

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:
        """The record in canonical field names."""
        return translate(entity, payload)

    def shape(self, entity: str) -> Mapping[str, str]:
        """Type by field of all that Salesforce shows us. Raises Retryable, Fatal."""
        return dict(self._describe(entity).fields)

    def reads(self, entity: str) -> frozenset[str]:
        """Salesforce's fields we use."""
        return frozenset({*FIELDS[entity], STAMP, DELETED})

    def listing(self, entity: str, *, until: Cursor) -> Iterator[RawRecord]:
        """Every living row stamped before the cursor's horizon. Raises Retryable when it was not complete."""
        settled = Walk(after=None, until=self.complete_until(until), overlap=OVERLAP)
        seen = 0
        while True:
            rows = self._rows(entity, settled, with_deleted=False)
            seen += len(rows)
            yield from _records(rows)
            if len(rows) < self._page_rows:
                break
            settled = settled.onward(_place_of(rows[-1]), place=f"Salesforce {SOBJECTS[entity]}")
        counted = self._client.count(_from(entity, replace(settled, at=None)))
        if seen < counted:
            raise Retryable(f"Salesforce counts {counted:,} rows of {entity} and listed {seen:,}; try again")

    def rows(self, entity: str, native_ids: Sequence[str]) -> list[RawRecord]:
        """The rows of these ids as they now are, deleted ones as gone. Raises Retryable, Fatal."""
        named = format_soql("FROM {:literal} WHERE Id IN {}", SOBJECTS[entity], list(native_ids))
        asked = f"SELECT {self._columns(entity)} {named}"
        return _records(_stamped(self._client.query(asked, with_deleted=True)))

    def look_at(self, entity: str, native_id: str) -> RawRecord | None:
        """One record as it now is; None when there is none any more. Raises Retryable, Fatal."""
        return next((record for record in self.rows(entity, [native_id]) if not record.gone), None)

    def look_at_parts(self, entity: str, *, of: str, native_id: str) -> list[RawRecord]:
        """All records there now are whose field `of` names this one. Raises Retryable, Fatal."""
        named = format_soql(
            "FROM {:literal} WHERE {:literal} = {}", SOBJECTS[entity], self.column(entity, of), native_id
        )
        asked = f"SELECT {self._columns(entity)} {named}"
        return _records(_stamped(self._client.query(asked, with_deleted=False)))

    def _by_rest(self, entity: str, walk: Walk) -> Page:
        rows = self._rows(entity, walk, with_deleted=True)
        more = len(rows) == self._page_rows
        asked = f"queryAll: SELECT … {_from(entity, walk)} {self._paging}"
        return walk.page(
            _records(rows),
            at=_place_of(rows[-1]) if more else None,
            request=asked,
            place=f"Salesforce {SOBJECTS[entity]}",
        )

    def _rows(self, entity: str, walk: Walk, *, with_deleted: bool) -> list[Record]:
        soql = f"SELECT {self._columns(entity)} {_from(entity, walk)} {self._paging}"
        return _stamped(self._client.query(soql, with_deleted=with_deleted))

    @property
    def _paging(self) -> str:
        return f"ORDER BY {STAMP}, Id LIMIT {self._page_rows}"

    def _in_bulk(self, entity: str, walk: Walk, cursor: Cursor | None) -> Page:
        soql = f"SELECT {self._columns(entity)} {_from(entity, replace(walk, at=None))}"
        return bulk_walk.start(self._client, soql, walk=walk, cursor=cursor)

    def _chosen(self, entity: str, walk: Walk) -> Way:
        if walk.at or self._way:
            return self._way if self._way and not walk.at else Way.REST
        if walk.since and walk.until - walk.since <= SHORT_WINDOW:
            choose(entity, rows=1, budget=self._client.budget, limits={})
            return Way.REST
        rows = self._client.count(_from(entity, walk), with_deleted=True)
        return choose(entity, rows=rows, budget=self._client.budget, limits=self._client.limits())

    def _bulk_record(self, entity: str) -> bulk_walk.ToRecord:
        address = f"/sobjects/{SOBJECTS[entity]}/"

        def record(row: Record, version: str) -> RawRecord:
            return _record(dict(row) | {"attributes": {"url": f"{address}{row.get('Id')}"}}, version)

        return record

    def _sums(self, entity: str, inside: str) -> Mapping[str, Decimal]:
        amount, fields = amount_field(entity), self._visible(entity)
        if amount not in fields:
            return {}
        total = f"SUM({amount}) total {inside}"
        grouped = f"{CURRENCY}, {total} GROUP BY {CURRENCY}" if CURRENCY in fields else total
        rows = self._client.query(f"SELECT {grouped}", with_deleted=True)
        stated = [row for row in rows if row.get("total") is not None]
        return {
            as_text(row.get(CURRENCY)) or "": a_number(row["total"], place="Salesforce") for row in stated
        }

    def _horizon(self, entity: str) -> datetime:
        return self._client.horizon(SOBJECTS[entity], now=self._describe(entity).at)

    def _columns(self, entity: str) -> str:
        system = [name for name in (DELETED, STAMP) if name in self._shown(entity) or name == STAMP]
        return ", ".join([*self._visible(entity), *system])

    def _visible(self, entity: str) -> list[str]:
        shown = self._shown(entity)
        return [field for field in FIELDS[entity] if field in shown]

    def _shown(self, entity: str) -> Mapping[str, str]:
        if entity not in self._shapes:
            self._describe(entity)
        return self._shapes[entity]

    def _describe(self, entity: str) -> Description:
        description = self._client.describe(SOBJECTS[entity])
        lost = (self._shapes.get(entity, {}).keys() - description.fields.keys()) & self.reads(entity)
        if lost:
            raise Fatal(
                f"Salesforce stopped showing us {SOBJECTS[entity]}.{', '.join(sorted(lost))} while we read"
            )
        if entity not in self._shapes:
            for field in sorted(self.reads(entity) - description.fields.keys() - {STAMP, DELETED}):
                log.warning("Salesforce shows us no %s.%s; read as unknown", SOBJECTS[entity], field)
        self._shapes[entity] = description.fields
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


def _stamped(rows: list[Record]) -> list[Record]:
    """The rows, which must have what every one is known by."""
    return objects(rows, place="Salesforce", having=("Id", STAMP))


def _place_of(row: Record) -> tuple[str, str]:
    """Where a row stands in the order of pages."""
    stamp = as_text(row[STAMP]) or ""
    an_instant(stamp, place="Salesforce")
    return stamp, as_text(row["Id"]) or ""


def _records(rows: Sequence[Record]) -> list[RawRecord]:
    keys = numbered((as_text(row["Id"]) or "", as_text(row[STAMP]) or "") for row in rows)
    return [_record(row, version) for row, (_, version) in zip(rows, keys, strict=True)]


def _record(row: Record, version: str) -> RawRecord:
    payload = dict(row)
    attributes = payload.pop("attributes", None)
    gone = payload.pop(DELETED, False) is True
    native_id, damage = record_key(row["Id"], payload)
    address = attributes.get("url") if isinstance(attributes, dict) and not damage else None
    place = address if usable(address) else "a row without an address"
    return RawRecord(
        native_id=native_id,
        version=version,
        payload=payload,
        place=str(place),
        damage=damage,
        gone=gone and not damage,
    )
