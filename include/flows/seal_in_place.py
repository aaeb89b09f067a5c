"""Seals what landed before its source was sealed, where it lies: payloads as received, and the rows made of them.

Ids, versions, amounts and the hashes that certificates are made of stay as they are. Who does it owns the tables, for
nobody else may change what was received; the audit log tells of it.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from include.domain.break_life import NotAllowed, identity
from include.domain.entities import COMPARED, ENTITIES, Entity
from include.domain.stand_ins import BESIDE
from include.flows.keep_personal import Payloads, forgotten, keep_sealed, without
from include.ports import RawRecord, Rejected, Row, Store, Transaction

AT_ONCE = 1_000
"""Of a transaction: as long as it lasts, nothing else is received."""

SEALER, OWNER = "tieout_ingest", "tieout_owner"

Hide = Callable[[str, Sequence[RawRecord]], Sequence[RawRecord]]
"""The records of an entity as the edge lets them through."""


@dataclass(frozen=True)
class Sealed:
    """How many payloads, and rows of the canonical model, were in clear and are sealed."""

    payloads: int
    rows: int


def seal_in_place(store: Store, *, payloads: Mapping[str, Hide], rows: Hide, by: str) -> Sealed:
    """Seal all that is in clear, portion by portion; may be interrupted, and repeated.

    `payloads`: by system, what seals its payloads; `rows`: what seals payloads in our own names. Raises Fatal where the
    login is not the owner's, or there are no keys, Rejected when `by` is nobody.
    """
    try:
        by = identity(by)
    except NotAllowed as nobody:
        raise Rejected(str(nobody)) from None
    with store.transaction() as tx:
        kinds = [(row["system"], row["entity"]) for row in tx.rows("received_kinds")]
    received = sum(_received(store, *kind, payloads[kind[0]], by) for kind in kinds if kind[0] in payloads)
    personal = [one for one in ENTITIES.values() if one.personal or one.name in COMPARED]
    return Sealed(received, sum(_typed(store, entity, rows, by) for entity in personal))


def _received(store: Store, system: str, entity: str, hide: Hide, by: str) -> int:
    done = after = 0
    where = {"system": system, "entity": entity}
    while True:
        with store.transaction() as tx, _taken_over(tx):
            found = tx.rows("received_in_clear", **where, after=after, most=AT_ONCE)
            if not found:
                return done
            after = found[-1]["seq"]
            before = forgotten(tx, **where, native_ids=[row["native_id"] for row in found])
            hidden = [
                without(before, one) for one in hide(entity, [_record(row, row["payload"]) for row in found])
            ]
            changed = {
                row["seq"]: one
                for row, one in zip(found, hidden, strict=True)
                if dict(one.payload) != row["payload"]
            }
            if not changed:
                continue
            _keep(tx, list(changed.values()), erased=before)
            said = [_json(one.payload) for one in changed.values()]
            done += tx.run("seal_received", seqs=list(changed), payloads=said)
            tx.run("note_sealed", actor=by, what=f"payloads of {system} {entity}", sealed=len(changed))


def _typed(store: Store, entity: Entity, hide: Hide, by: str) -> int:
    fields = [one.name for one in entity.personal]
    compared = COMPARED.get(entity.name, ())
    names = {"table": f"canonical.{entity.name}", "columns": [*fields, *compared]}
    done, after = 0, ("", 0)
    while True:
        with store.transaction() as tx, _taken_over(tx):
            place = dict(zip(("native_id", "recorded_in"), after, strict=True))
            found = tx.rows_for("rows_in_clear", names=names, fields=fields, **place, most=AT_ONCE)
            if not found:
                return done
            after = (found[-1]["native_id"], found[-1]["recorded_in"])
            erased: Payloads = {
                one: {} for one in forgotten(tx, system="", entity=entity.name, native_ids=None)
            }
            hidden = hide(entity.name, [_record(row, row["said"]) for row in found])
            kept = [without(erased, one) for one in hidden]
            _keep(tx, kept, erased=erased)
            said = [_json(_row(entity, *both)) for both in zip(hidden, kept, strict=True)]
            places = {f"{name}s": [row[name] for row in found] for name in ("native_id", "recorded_in")}
            done += tx.run_for("seal_rows", names=names, **places, said=said)
            tx.run("note_sealed", actor=by, what=f"rows of {entity.name}", sealed=len(found))


def _row(entity: Entity, hidden: RawRecord, kept: RawRecord) -> dict[str, Any]:
    """What is to stand in a row; of somebody forgotten only what a row must have."""
    needed = {one.name: hidden.payload[one.name] for one in entity.personal if one.required}
    return {**kept.payload, **kept.payload.get(BESIDE, {}), **needed}


def _record(row: Row, payload: Mapping[str, Any]) -> RawRecord:
    return RawRecord(native_id=row["native_id"], version=row["version"], payload=payload, place="")


def _json(payload: Mapping[str, Any]) -> str:
    """To the letter: what was received stays as it was."""
    return json.dumps(payload, ensure_ascii=False)


def _keep(tx: Transaction, hidden: Sequence[RawRecord], *, erased: Collection[str]) -> None:
    """As who receives them keeps values: the owner of all has no tables of a moment."""
    tx.run("become", role=SEALER)
    keep_sealed(tx, hidden, erased=erased)
    tx.run("become", role=OWNER)


@contextmanager
def _taken_over(tx: Transaction) -> Iterator[None]:
    """Nobody lands or receives until the end of the transaction, at which payloads are kept as ever."""
    tx.run("lock_landing")
    tx.run("become", role=OWNER)
    tx.run("let_payloads_change")
    yield
    tx.run("let_payloads_stay")
