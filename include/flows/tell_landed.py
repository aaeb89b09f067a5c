"""Tells how invoices stand once something of theirs landed, so that nothing depends on whether an event was heard."""

from collections.abc import Sequence

from include.flows.decide_payment_status import PAYMENTS, decide_payment_status
from include.flows.drain_inbox import Looked
from include.policy import Policy
from include.ports import Row, Store, Transaction

LANDED, LANDED_AT_ONCE = "payments", 200


def tell_landed(store: Store, policy: Policy, *, most: int = LANDED_AT_ONCE) -> int:
    """Say how the invoices stand of which something landed since the last time; how many things that were.

    0 when none is left. Something: a payment, refund, dispute or credit note, or an invoice told
    before or paid before it landed.

    With every event lost, the reads alone tell the same, only later. The next call goes on where this one ended.
    """
    with store.transaction() as tx:
        last = last_told(tx, LANDED)
        rows = tx.rows("landed_since", **last, most=most)
    places = [{"batch": row["batch"], "place": f"{row['entity']}/{row['native_id']}"} for row in rows]
    return tell_all(store, policy, rows, what=LANDED, last=last, places=places)


def tell_all(
    store: Store, policy: Policy, rows: Sequence[Row], *, what: str, last: Row, places: Sequence[Row]
) -> int:
    """Tell these things (entity, native_id) anew, from one place to the next; how many, or some where any are left.

    In one transaction: what is asked and worked out for each alone takes several times as long. Its locks come in the
    order in which answering hints takes them, so that none waits for another in a circle.
    """
    if not rows:
        return 0
    with store.transaction() as tx:
        if not goes_on(tx, what, last):
            return 1  # somebody else went on from here; what is left nobody has told yet
        tell_anew(tx, rows, policy)
        tx.run("keep_told", what=what, day=None, **places[-1])
    return len(rows)


def goes_on(tx: Transaction, what: str, last: Row) -> bool:
    """Whether nobody else has told anything since; until the transaction ends nobody does."""
    tx.rows("lock_object", source="tieout", entity="told", native_id=what)
    return last_told(tx, what) == last


def last_told(tx: Transaction, what: str) -> Row:
    """The place up to which things are told."""
    found = tx.rows("last_told", what=what)
    return {name: found[0][name] for name in ("batch", "place")} if found else {"batch": 0, "place": ""}


def tell_anew(tx: Transaction, rows: Sequence[Row], policy: Policy) -> None:
    """As when hints about them were answered: what is known by now is read when nobody can change it any more."""
    entities, ids = [row["entity"] for row in rows], [row["native_id"] for row in rows]
    tx.rows("lock_objects", sources=[PAYMENTS] * len(rows), entities=entities, native_ids=ids)
    found = tx.rows("newest_words", entities=entities, native_ids=ids)  # not of what a later look found gone
    words = {(row.pop("entity"), row.pop("native_id")): row for row in found}
    decide_payment_status(
        tx,
        [
            Looked(
                source=PAYMENTS, entity=entity, native_id=native_id, facts=words.get((entity, native_id), {})
            )
            for entity, native_id in zip(entities, ids, strict=True)
        ],
        policy,
    )
