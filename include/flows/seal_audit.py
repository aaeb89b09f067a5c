"""Seals what was committed to the audit log: a chain of signed hashes, so that nobody changes a row unnoticed."""

import hashlib
from collections.abc import Callable
from operator import itemgetter
from typing import Any

from include.domain.audit_chain import NOTHING, Seal, leaves_of
from include.domain.canonical_json import dumps
from include.ports import Row, Store, Transaction

ROWS_MAX = 4096
"""Of one seal: what must be handed out with a row to prove it stays small."""

Sign = Callable[[bytes], tuple[str, str]]
"""Signs bytes: the public key and the signature, as hex."""

FORMAT = "tieout-audit-anchor/1"
FIRST: Row = {"seal": 0, "through_xid": "0", "through_id": 0, "seal_sha256": NOTHING}


def seal_audit(store: Store, *, sign: Sign, rows_max: int = ROWS_MAX) -> int:
    """Seal all rows that no transaction under way can come before; how many. Raises what `sign` does."""
    sealed = 0
    while True:
        with store.transaction() as tx:
            tx.rows("audit_stand_in_line")
            rows = _seal_next(tx, sign, rows_max)
        sealed += rows
        if rows < rows_max:
            return sealed


def _seal_next(tx: Transaction, sign: Sign, rows_max: int) -> int:
    """One seal, if anything is due; how many rows it covers."""
    [last] = tx.rows("newest_seal") or [FIRST]
    due = tx.rows("audit_due", xid=last["through_xid"], id=last["through_id"], most=rows_max)
    if not due:
        return 0
    span = {
        "after_xid": last["through_xid"],
        "after_id": last["through_id"],
        "through_xid": due[0]["xid"],
        "through_id": due[0]["id"],
    }
    block = read_blocks(tx, [{"seal": last["seal"] + 1, **span}])[0]["lines"].encode()
    ids, leaves = leaves_of(block)
    seal = Seal.of(
        {
            **span,
            "seal": last["seal"] + 1,
            "rows": len(ids),
            "rows_sha256": hashlib.sha256(block).hexdigest(),
            "leaves_sha256": hashlib.sha256(b"".join(leaves)).hexdigest(),
            "previous_sha256": last["seal_sha256"],
            "sealed_at": due[0]["now"],
        }
    )
    public_key, signature = sign(seal.statement())
    proof = {"seal_sha256": seal.sha256(), "public_key": public_key, "signature": signature}
    tx.run("keep_seal", **seal.facts(), ids=ids, leaves=b"".join(leaves).hex(), **proof)
    return len(ids)


def read_blocks(tx: Transaction, spans: list[Row]) -> list[Row]:
    """The rows of each span (seal, and the places after and through which) as one text, and how many; by seal."""
    found = tx.rows(
        "audit_blocks",
        seals=[one["seal"] for one in spans],
        after_xids=[one["after_xid"] for one in spans],
        after_ids=[one["after_id"] for one in spans],
        through_xids=[one["through_xid"] for one in spans],
        through_ids=[one["through_id"] for one in spans],
    )
    return sorted(found, key=itemgetter("seal"))


def anchor(store: Store) -> bytes | None:
    """The newest seal as a file to be kept where nobody who can write to the database can; None before the first."""
    with store.transaction() as tx:
        last = tx.rows("newest_seal")
        found = tx.rows("seals_named", seals=[last[0]["seal"]]) if last else []
    if not found:
        return None
    [row] = found
    proof: dict[str, Any] = {name: row[name] for name in ("seal_sha256", "public_key", "signature")}
    return f"{dumps({'format': FORMAT, **Seal.of(row).facts(), **proof})}\n".encode()


def sealed_until(store: Store, *, count_max: int | None = None) -> Row:
    """How far the log is sealed: the newest seal (its number 0 before the first), and rows that wait.

    `count_max`: how many of these are counted at most; by default all.
    """
    with store.transaction() as tx:
        [last] = tx.rows("newest_seal") or [FIRST | {"sealed_at": None}]
        [waiting] = tx.rows("audit_unsealed", xid=last["through_xid"], id=last["through_id"], most=count_max)
    return {**last, "unsealed": waiting["rows"], "oldest_s": waiting["oldest_s"]}
