"""Compares everything a source holds with everything we hold of it: hard deletes, merges, late and stale rows.

Nothing is concluded from a listing alone: every row it makes doubtful is asked for by its id, and what that answers
counts. A listing that did not end well is no listing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from include.domain.canonical_json import sha256
from include.domain.entities import LOOKED_AT
from include.flows.keep_personal import Payloads, forgotten, keyed, without
from include.flows.pull_changes import database_clock, keep_page, portions, read_cursor
from include.ports import Fatal, Page, RawRecord, Retryable, Store, Swept

GONE_SHARE_MAX = 0.005
"""More of an object than this does not vanish between two sweeps: then it is a permission that did."""

GONE_ALWAYS_ALLOWED = 10


@dataclass(frozen=True)
class Sweep:
    """Rows listed; rows found gone; rows that reading changes had missed (must be 0); rows whose content had changed
    without a new stamp (formulas, roll-ups).
    """

    listed: int
    gone: int
    repaired: int
    refreshed: int


def sweep_rows(source: Swept, store: Store, *, entity: str, gone_max: int | None = None) -> Sweep:
    """Sweep one entity that was pulled and landed; what is found waits for landing.

    `gone_max`: rows that may vanish at once, by default `GONE_SHARE_MAX` of the entity. Raises Fatal beyond that and
    then changes nothing, Retryable when the listing was not complete.
    """
    source = keyed(source, store)
    cursor = read_cursor(store, system=source.system, entity=entity)
    if cursor is None:
        raise Retryable(f"{source.system} {entity} was never read; pull it first")
    known = _Known.read(source, store, entity)
    held, ours = known.held, known.held.keys() | known.disputed
    listed = {
        record.native_id: known.hash_of(record)
        for record in source.listing(entity, until=cursor)
        if not record.damage
    }
    other = {id_ for id_, row_hash in listed.items() if held.get(id_, row_hash) not in {row_hash, ""}}
    doubtful = sorted((held.keys() ^ listed.keys()) | other | known.disputed)
    asked_at = database_clock(store)()
    asked = [record for ids in portions(doubtful) for record in source.rows(entity, ids)]
    there = {record.native_id for record in asked if not record.gone}
    absent = [native_id for native_id in doubtful if native_id in ours and native_id not in there]
    _refuse_contradiction(source, entity, [native_id for native_id in absent if native_id in listed])
    _refuse_mass(source, entity, absent=len(absent), held=len(ours), gone_max=gone_max)
    found = known.changed(asked) + _absences(absent, {record.native_id for record in asked})
    fresh = [record for record in found if not record.gone and record.native_id in listed]
    done = Sweep(
        listed=len(listed),
        gone=len(absent),
        repaired=sum(record.native_id not in held for record in fresh),
        refreshed=sum(record.native_id in other for record in fresh),
    )
    with store.transaction() as tx:
        tx.rows("hold_cursor", system=source.system, entity=entity)
        asked_for = f"{entity} by id, {len(doubtful):,} that a list of all put in doubt"
        page = Page(records=found, next_cursor=cursor, has_more=False, request=asked_for)
        keep_page(tx, source, entity, seen=cursor, asked_at=asked_at, page=page)
        counts = {"listed": done.listed, "gone": done.gone, "repaired": done.repaired}
        tx.run("record_sweep", system=source.system, entity=entity, refreshed=done.refreshed, **counts)
    return done


@dataclass(frozen=True)
class _Known:
    """What we hold of an entity: by id the hash of each current row, and what is kept of records that were erased.

    `disputed`: of which a look since has seen something else.
    """

    source: Swept
    entity: str
    held: Mapping[str, str]
    erased: Payloads
    disputed: frozenset[str]

    @classmethod
    def read(cls, source: Swept, store: Store, entity: str) -> "_Known":
        names = {"table": f"canonical.{entity}"}
        with store.transaction() as tx:
            rows = tx.rows_for("current_rows", names=names, system=source.system, entity=entity)
            erased = forgotten(tx, system=source.system, entity=entity, native_ids=None)
            looks = tx.rows_for("disputed_rows", names=names, entity=entity) if entity in LOOKED_AT else ()
        held = {row["native_id"]: row["row_hash"] for row in rows}
        return cls(source, entity, held, erased, frozenset(row["native_id"] for row in looks))

    def hash_of(self, record: RawRecord) -> str:
        """As landing would hash it. Of an erased record as it was when it was erased, while nothing else changed."""
        row = self.source.translate(self.entity, without(self.erased, record).payload)
        before = self.erased.get(record.native_id)
        if before is not None and row == self.source.translate(self.entity, before):
            return self.held.get(record.native_id, "")
        return sha256(row)

    def changed(self, asked: Sequence[RawRecord]) -> list[RawRecord]:
        """What differs from what we hold. Its stamp may be one we have; its payload is not, and so it is kept."""
        return [record for record in asked if record.native_id in self.disputed or self._differs(record)]

    def _differs(self, record: RawRecord) -> bool:
        if record.gone:
            return record.native_id in self.held
        return self.held.get(record.native_id) != self.hash_of(record)


def _absences(absent: Sequence[str], answered: set[str]) -> list[RawRecord]:
    return [
        RawRecord(
            native_id=native_id, version="absent", payload={}, place="a sweep of the whole object", gone=True
        )
        for native_id in absent
        if native_id not in answered
    ]


def _refuse_contradiction(source: Swept, entity: str, listed: Sequence[str]) -> None:
    if listed:
        raise Retryable(
            f"{source.system} {entity}: {len(listed):,} rows were listed and then not there when asked for by id; an "
            "answer was cut off, or they went meanwhile. Nothing was removed; try again"
        )


def _refuse_mass(source: Swept, entity: str, *, absent: int, held: int, gone_max: int | None) -> None:
    allowed = max(GONE_ALWAYS_ALLOWED, int(held * GONE_SHARE_MAX)) if gone_max is None else gone_max
    if absent > allowed:
        raise Fatal(
            f"{source.system} {entity}: {absent:,} of {held:,} rows would vanish at once, {allowed:,} may; is it a "
            "permission that our user lost? Nothing was removed"
        )
