"""Tells how invoices stand once a published day found what payments are for, or that they are for something else."""

from include.flows.decide_payment_status import LANDED_AT_ONCE, tell_anew
from include.policy import Policy
from include.ports import Row, Store, Transaction

POSTED = "posted"


def tell_posted(store: Store, policy: Policy, *, most: int = LANDED_AT_ONCE) -> int:
    """Say how the invoices stand whose payments the newest published run has otherwise than the one told before it.

    How many payments and invoices that were; 0 when none is left. A run is told to its end before the next one is: what
    was told by it is known to be otherwise than before only while the two are compared. Each has a transaction of its
    own, as what landed has.
    """
    with store.transaction() as tx:
        last = _last(tx)
        rows = tx.rows("posted_since", **last, most=most) if last["run"] != last["before"] else []
    for told, row in enumerate(rows):
        with store.transaction() as tx:
            if not _is_ours(tx, last):
                return max(told, 1)  # somebody else went on from here
            tell_anew(tx, row["entity"], row["native_id"], policy)
            last = _keep(tx, last | {"place": f"{row['entity']}/{row['native_id']}"})
    if not rows and last["run"] != last["before"]:
        with store.transaction() as tx:
            if _is_ours(tx, last):
                _keep(tx, {"before": last["run"], "run": last["run"], "place": ""})
        return tell_posted(store, policy, most=most)  # another may have been published meanwhile
    return len(rows)


def _is_ours(tx: Transaction, last: Row) -> bool:
    tx.rows("lock_object", source="tieout", entity="told", native_id=POSTED)
    return _last(tx) == last


def _last(tx: Transaction) -> Row:
    """Which run is told, beside which other, and up to where: the newest one, once the one before is told."""
    found = tx.rows("last_told", what=POSTED)
    before, run, place = found[0]["place"].split(" ", 2) if found else ("", "", "")
    if run == before:
        run = str(tx.rows("newest_batch")[0]["published"] or "")
    return {"before": before, "run": run, "place": place}


def _keep(tx: Transaction, last: Row) -> Row:
    place = f"{last['before']} {last['run']} {last['place']}"
    tx.run("keep_told", what=POSTED, batch=0, day=None, place=place)
    return last
