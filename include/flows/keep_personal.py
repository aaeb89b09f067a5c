"""Keeps what stand-ins stand for; of somebody who was forgotten nothing comes back, however often a source says it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from include.domain.stand_ins import as_kept_before, tokens_in
from include.ports import HeldKeys, Keyed, RawRecord, SealedValue, Source, Store, Transaction

Payloads = Mapping[str, Mapping[str, Any]]
"""Of records that were erased, by native id: the newest payload that is kept of each."""


S = TypeVar("S", bound=Source)


def keyed(source: S, store: Store) -> S:
    """The source, with the records' own keys as this store holds them."""
    return source.keyed(held_by(store)) if isinstance(source, Keyed) else source


def held_by(store: Store) -> HeldKeys:
    """The records' own keys as this store holds them."""

    def held(tokens: Collection[str]) -> dict[str, SealedValue]:
        with store.transaction() as tx:
            found = [SealedValue(**row) for row in tx.rows("record_keys", tokens=list(tokens))]
        return {value.token: value for value in found}

    return held


def forgotten(tx: Transaction, *, system: str, entity: str, native_ids: Sequence[str] | None) -> Payloads:
    """The records that were erased, of these or of all."""
    rows = tx.rows("forgotten_records", system=system, entity=entity, native_ids=native_ids)
    return {row["native_id"]: row["payload"] or {} for row in rows}


def without(forgotten: Payloads, record: RawRecord) -> RawRecord:
    """The record as it is, or, where it was erased, with what is kept in the place of what it says of somebody."""
    before = forgotten.get(record.native_id)
    if before is None:
        return record
    return replace(record, payload=as_kept_before(record.payload, before))


def keep_sealed(tx: Transaction, records: Sequence[RawRecord], *, erased: Collection[str]) -> None:
    """Keep what stand-ins of the records stand for; of those that were erased, what another record says as well."""
    sealed = [record for record in records if record.sealed]
    if not sealed:
        return
    said = set(tokens_in([record.payload for record in records])) if erased else set()
    tx.run("create_incoming_sealed")
    values = (
        value
        for record in sealed
        for value in record.sealed
        if record.native_id not in erased or value.token in said
    )
    tx.copy_in("incoming_sealed", SealedValue._fields, values)
    tx.run("keep_sealed")
