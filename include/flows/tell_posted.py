"""Tells how invoices stand once a published day found what payments are for, or that they are for something else."""

from include.flows.tell_landed import LANDED_AT_ONCE, goes_on, last_told, tell_all
from include.policy import Policy
from include.ports import Row, Store

POSTED = "posted"


def tell_posted(store: Store, policy: Policy, *, most: int = LANDED_AT_ONCE) -> int:
    """Say how the invoices stand whose payments the newest published run has otherwise than the one told before it.

    How many payments and invoices that were; 0 when none is left. A run is told to its end before the next one is: what
    was told by it is known to be otherwise than before only while the two are compared.
    """
    with store.transaction() as tx:
        last = last_told(tx, POSTED)
        before, run, place = (last["place"] or "  ").split(" ", 2)
        if run == before:
            run = str(tx.rows("newest_batch")[0]["published"] or "")
        if run == before:
            return 0
        rows = tx.rows("posted_since", before=before, run=run, place=place, most=most)
    if rows:
        places = [_place(before, run, f"{row['entity']}/{row['native_id']}") for row in rows]
        return tell_all(store, policy, rows, what=POSTED, last=last, places=places)
    with store.transaction() as tx:
        if goes_on(tx, POSTED, last):
            tx.run("keep_told", what=POSTED, day=None, **_place(run, run, ""))
    return tell_posted(store, policy, most=most)  # another may have been published meanwhile


def _place(before: str, run: str, place: str) -> Row:
    """Which run is told, beside which other, and up to where."""
    return {"batch": 0, "place": f"{before} {run} {place}"}
