"""Destroys the keys of what a record says of a person. Two people must want it; the books stay as they are.

Stand-ins stay where they were, so that runs give what they gave; what they stand for can no longer be read, in no copy
of ours, and is not sealed anew should the source send it again. What compares payers' names is replaced: it would say
them letter by letter to whoever has the index's key.
"""

from dataclasses import dataclass

from include.domain.canonical_json import dumps
from include.ports import Rejected, Row, Store


@dataclass(frozen=True)
class Erased:
    """Values destroyed, of those the record has; the others were destroyed before or are the business's own."""

    destroyed: int
    held: int


def ask_erasure(store: Store, *, entity: str, native_id: str, reason: str, by: str) -> int:
    """Ask for it; how many values it is about. Raises Rejected when it was asked for already, or there are none."""
    with store.transaction() as tx:
        tokens = tx.rows("tokens_of", entity=entity, native_id=native_id)
        if not tokens:
            raise Rejected(f"{entity}/{native_id} has no sealed values; is it called so?")
        asked = {"entity": entity, "native_id": native_id, "reason": reason, "asked_by": by}
        if not tx.rows("ask_erasure", **asked):
            raise Rejected(
                f"{entity}/{native_id}: its erasure was asked for already; somebody else approves it"
            )
    return len(tokens)


def approve_erasure(store: Store, *, entity: str, native_id: str, by: str) -> Erased:
    """Agree to what somebody else asked for, and do it. Raises Rejected when nobody did, or it was the same person."""
    with store.transaction() as tx:
        asked = tx.rows("erasure_asked", entity=entity, native_id=native_id)
        if not asked:
            raise Rejected(f"{entity}/{native_id}: nobody asked for its erasure")
        erasure: Row = asked[0]
        if erasure["asked_by"] == by:
            raise Rejected(f"{by} asked for it; somebody else must approve")
        tokens = [row["token"] for row in tx.rows("tokens_of", entity=entity, native_id=native_id)]
        destroyed = tx.run("destroy_keys", tokens=tokens, erasure_id=erasure["erasure_id"])
        tx.run("forget_names", erasure_id=erasure["erasure_id"])
        tx.run("approve_erasure", erasure_id=erasure["erasure_id"], approved_by=by, destroyed=destroyed)
    return Erased(destroyed, len(tokens))


def erasures_done(store: Store) -> bytes:
    """Whose data was destroyed, a line of JSON each, to be kept elsewhere: a restored database holds it again."""
    with store.transaction() as tx:
        rows = tx.rows("erasures_done")
    return "".join(f"{dumps(dict(row))}\n" for row in rows).encode()
