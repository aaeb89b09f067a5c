"""Forgets a person: destroys the keys of what the records about them say. Two people must want it; the books stay.

Both see the list of those records, and who of a name like theirs is spared. Stand-ins of what others say too are
replaced in the person's records alone; what the sources say of the person in these records later is not kept.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from include.domain.canonical_json import dumps
from include.flows.find_person import Listed, Unseal, find_person, part_of
from include.flows.reasons import need_reason
from include.ports import Rejected, Row, Store, Transaction

NAMED = "named by who asked"
LAPSED = "nobody approved it in time, and it is asked for anew"


@dataclass(frozen=True)
class Erased:
    """Values destroyed, in how many records; `since`: records of the person that came after the list was made."""

    destroyed: int
    records: int
    since: Sequence[Listed] = ()


def look_for(
    store: Store,
    unseal: Unseal,
    *,
    entity: str,
    native_id: str,
    by: str,
    also: Collection[str] = (),
    sparing: Collection[str] = (),
) -> list[Listed]:
    """What an erasure would be about. Raises Rejected when a record has no sealed values, and what `unseal` does."""
    with store.transaction() as tx:
        found = _found(tx, unseal, entity=entity, native_id=native_id, by=by)
        return _as_named(tx, found, also=also, sparing=sparing)


def ask_erasure(
    store: Store,
    unseal: Unseal,
    *,
    entity: str,
    native_id: str,
    reason: str,
    by: str,
    also: Collection[str] = (),
    sparing: Collection[str] = (),
) -> list[Listed]:
    """Ask for it; the records it is about, and those that are spared.

    `also`, `sparing`: records (`contacts/003…`) that are the person's, or another's, whatever was found. Raises
    Rejected when it was asked for already, or one of these is none; what `unseal` does.
    """
    need_reason(reason)
    with store.transaction() as tx:
        found = _found(tx, unseal, entity=entity, native_id=native_id, by=by)
        listed = _as_named(tx, found, also=also, sparing=sparing)
        asked = {"entity": entity, "native_id": native_id, "reason": reason, "asked_by": by}
        for before in tx.rows("erasure_asked", entity=entity, native_id=native_id):
            if before["lapsed"]:
                _end(tx, before, by=before["asked_by"], reason=LAPSED)
        if not (rows := tx.rows("ask_erasure", **asked)):
            raise Rejected(
                f"{entity}/{native_id}: its erasure was asked for already; somebody else approves or refuses it, "
                "or whoever asked takes it back"
            )
        tx.run(
            "list_records",
            erasure_id=rows[0]["erasure_id"],
            entities=[one.entity for one in listed],
            native_ids=[one.native_id for one in listed],
            whys=[one.why for one in listed],
            spared=[one.spared for one in listed],
        )
    return listed


def listed(store: Store, *, entity: str, native_id: str) -> list[Listed]:
    """What was asked for is about these records. Raises Rejected when nobody asked."""
    with store.transaction() as tx:
        return _listed(tx, _asked(tx, entity=entity, native_id=native_id))


def approve_erasure(store: Store, unseal: Unseal, *, entity: str, native_id: str, by: str) -> Erased:
    """Agree to what somebody else asked for, and do it. Raises Rejected when nobody did, or it was the same person."""
    with store.transaction() as tx:
        erasure = _asked(tx, entity=entity, native_id=native_id)
        if erasure["asked_by"] == by:
            raise Rejected(f"{by} asked for it; somebody else must approve")
        if erasure["lapsed"]:
            raise Rejected(
                f"{entity}/{native_id}: {erasure['asked_by']} asked for it on {erasure['asked_at']:%Y-%m-%d}, "
                "which has lapsed by now: look who it would be about, and ask for it again"
            )
        known = _listed(tx, erasure)
        records = {one.record for one in known}
        now = find_person(tx, unseal, entity=entity, native_id=native_id, by=by)
        since = tuple(one for one in now if one.record not in records and not one.spared)
        which = {"erasure_id": erasure["erasure_id"]}
        destroyed = int(tx.rows("forget_records", **which)[0]["destroyed"])
        tx.run("approve_erasure", **which, approved_by=by, destroyed=destroyed)
    return Erased(destroyed, sum(not one.spared for one in known), since)


def end_erasure(store: Store, *, entity: str, native_id: str, reason: str, by: str) -> str:
    """Destroy nothing of what was asked for: `withdrawn` by whoever asked, or `refused`.

    Raises Rejected without a reason, or when nobody asked.
    """
    need_reason(reason)
    with store.transaction() as tx:
        erasure = _asked(tx, entity=entity, native_id=native_id)
        _end(tx, erasure, by=by, reason=reason)
    return "withdrawn" if erasure["asked_by"] == by else "refused"


def _end(tx: Transaction, erasure: Row, *, by: str, reason: str) -> None:
    tx.run("end_erasure", erasure_id=erasure["erasure_id"], ended_by=by, reason=reason)


def erasures_done(store: Store) -> bytes:
    """Whose data was destroyed, a line of JSON each, to be kept elsewhere: a restored database holds it again."""
    with store.transaction() as tx:
        rows = tx.rows("erasures_done")
    return "".join(f"{dumps(dict(row))}\n" for row in rows).encode()


def _found(tx: Transaction, unseal: Unseal, *, entity: str, native_id: str, by: str) -> list[Listed]:
    if not tx.rows("tokens_of", entity=entity, native_id=native_id):
        raise Rejected(f"{entity}/{native_id} has no sealed values; is it called so?")
    return find_person(tx, unseal, entity=entity, native_id=native_id, by=by)


def _as_named(
    tx: Transaction, found: Sequence[Listed], *, also: Collection[str], sparing: Collection[str]
) -> list[Listed]:
    listed = {one.record: one for one in found}
    if unknown := sorted(set(sparing) - listed.keys()):
        raise Rejected(f"nothing is to be spared in {', '.join(unknown)}: it is not among what was found")
    for record in sparing:
        if listed[record] == found[0]:
            raise Rejected(f"{record} is what is asked for; it cannot be spared")
        parts = [one for one in found if one.why == part_of(record)]
        listed |= {one.record: one._replace(spared=True) for one in (listed[record], *parts)}
    for record in also:
        entity, _, native_id = record.partition("/")
        if record not in listed and not tx.rows("tokens_of", entity=entity, native_id=native_id):
            raise Rejected(f"{record} has no sealed values; is it called so?")
        known = listed.get(record, Listed(entity, native_id, NAMED))
        listed[record] = known._replace(spared=False)
    return list(listed.values())


def _asked(tx: Transaction, *, entity: str, native_id: str) -> Row:
    asked = tx.rows("erasure_asked", entity=entity, native_id=native_id)
    if not asked:
        raise Rejected(f"{entity}/{native_id}: nobody asked for its erasure")
    return asked[0]


def _listed(tx: Transaction, erasure: Row) -> list[Listed]:
    return [Listed(**row) for row in tx.rows("listed_records", erasure_id=erasure["erasure_id"])]
