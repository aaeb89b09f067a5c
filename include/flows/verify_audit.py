"""Holds the audit log to its seals, from the first to the newest, and names what was changed."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from include.domain.audit_chain import Kind, Seal, Tampering, differences, events
from include.flows.seal_audit import FIRST, read_blocks
from include.ports import Row, Store, Transaction

SEALS_AT_ONCE = 1000
ROWS_AT_ONCE, HANDS = 20_000, 2
"""Rows asked for together, some megabytes of text, and how many ask at once."""

TOLD_MAX = 1000
"""Tamperings told one by one; after so many the rest is not looked for."""

Holds = Callable[..., bool]
"""Whether a signature is whose public key it says: (content, public_key=, signature=)."""


@dataclass
class AuditVerdict:
    """What was read and found."""

    seals: int = 0
    rows: int = 0
    unsealed: int = 0
    newest: Row | None = None
    keys: set[str] = field(default_factory=set)
    found: list[Tampering] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.found

    def __str__(self) -> str:
        read = f"{self.rows} rows under {self.seals} seals, {self.unsealed} not sealed yet"
        if self.holds:
            return f"the audit log holds: {read}"
        more = " or more" if len(self.found) >= TOLD_MAX else ""
        return f"the audit log does not hold: {len(self.found)}{more} findings; read {read}"


def verify_audit(
    store: Store,
    *,
    holds: Holds,
    public_keys: Collection[str] = (),
    anchors: Collection[Mapping[str, Any]] = (),
    gone: Collection[str] = (),
) -> AuditVerdict:
    """Read every sealed row again and hold it to its seal; each seal to its signature and the one before.

    `public_keys`: by which of them every seal must be signed, where any are given; `anchors`: seals kept elsewhere,
    which must still be in the chain; `gone`: triggers that should be there and on, and are not. Rows that came since
    the newest seal are counted.
    """
    verdict = AuditVerdict(found=[_unguarded(one) for one in gone])
    kept = {int(one["seal"]): one for one in anchors}
    before: Row = FIRST
    with store.transaction() as tx, ThreadPoolExecutor(HANDS) as hands:
        while len(verdict.found) < TOLD_MAX:
            rows = tx.rows("seals_after", seal=before["seal"], most=SEALS_AT_ONCE)
            if not rows:
                break
            for row in rows:
                verdict.found += _of_seal(row, before, holds, public_keys)
                verdict.found += _of_anchor(row, kept.pop(row["seal"], None))
                verdict.keys.add(row["public_key"])
                before = row
            verdict.seals += len(rows)
            for count, found in hands.map(partial(_of_rows, store), _together(rows)):
                verdict.rows += count
                verdict.found += found
        [waiting] = tx.rows("audit_unsealed", xid=before["through_xid"], id=before["through_id"], most=None)
    verdict.unsealed, verdict.newest = waiting["rows"], before if before["seal"] else None
    verdict.found += _cut_off(before["seal"], kept)
    return verdict


def _of_seal(row: Row, before: Row, holds: Holds, public_keys: Collection[str]) -> Iterator[Tampering]:
    number, seal = row["seal"], Seal.of(row)
    if number != before["seal"] + 1:
        yield _wrong(
            Kind.SEAL_MISSING, number, f"seals {before['seal'] + 1} to {number - 1} before it are gone"
        )
    elif seal.previous_sha256 != before["seal_sha256"]:
        yield _wrong(Kind.FORGED, number, "it does not follow the seal before it")
    elif seal.after != (int(before["through_xid"]), before["through_id"]):
        yield _wrong(Kind.FORGED, number, "it does not begin where the seal before it ends")
    if seal.sha256() != row["seal_sha256"]:
        yield _wrong(Kind.FORGED, number, "it says something else than its hash is of")
    if not row["leaves_hold"]:
        yield _wrong(Kind.FORGED, number, "the hashes of its rows are not those it was sealed with")
    if public_keys and row["public_key"] not in public_keys:
        yield _wrong(
            Kind.FORGED, number, f"it is signed by key {row['public_key'][:16]}…, which is none of ours"
        )
    elif not _signed(row, seal, holds):
        yield _wrong(Kind.FORGED, number, "its signature is not its key's")


def _signed(row: Row, seal: Seal, holds: Holds) -> bool:
    try:
        return holds(seal.statement(), public_key=row["public_key"], signature=row["signature"])
    except ValueError:  # no key, or no signature at all
        return False


def _of_anchor(row: Row, anchor: Mapping[str, Any] | None) -> Iterator[Tampering]:
    if anchor and anchor["seal_sha256"] != row["seal_sha256"]:
        yield _wrong(Kind.FORGED, row["seal"], "it is not the seal that was anchored elsewhere")


def _cut_off(newest: int, missing: Mapping[int, Mapping[str, Any]]) -> Iterator[Tampering]:
    for number, anchor in sorted(missing.items()):
        if number > newest:
            at = anchor.get("sealed_at", "")
            yield _wrong(
                Kind.TRUNCATED, number, f"it was anchored at {at}, and the log ends with seal {newest}"
            )


def _together(seals: list[Row]) -> Iterator[list[Row]]:
    """Seals whose rows are asked for at once."""
    some: list[Row] = []
    rows = 0
    for seal in seals:
        some.append(seal)
        rows += seal["rows"]
        if rows >= ROWS_AT_ONCE:
            yield some
            some, rows = [], 0
    if some:
        yield some


def _of_rows(store: Store, seals: list[Row]) -> tuple[int, list[Tampering]]:
    """Hold the rows of some seals to them, in a transaction of their own: how many there were, and what is wrong."""
    known = {seal["seal"]: seal["rows_sha256"] for seal in seals}
    count, found = 0, list[Tampering]()
    with store.transaction() as tx:
        for block in read_blocks(tx, seals):
            count += block["rows"]
            text = block["lines"].encode()
            if hashlib.sha256(text).hexdigest() != known[block["seal"]]:
                found += _named(tx, block["seal"], text)
    return count, found


def _named(tx: Transaction, number: int, text: bytes) -> list[Tampering]:
    """What is wrong with the rows of a seal, as precisely as its own list of them lets us say."""
    [kept] = tx.rows("seals_named", seals=[number])
    if not text:
        return [_wrong(Kind.TRUNCATED, number, f"all of its {kept['rows']} rows are gone")]
    now = list(events(text))
    said = list(differences(number, ids=kept["ids"], leaves=bytes.fromhex(kept["leaves"]), found=now))
    return said or [_wrong(Kind.FORGED, number, "its rows are not those it was sealed with")]


def _unguarded(trigger: str) -> Tampering:
    says = f"{trigger} is gone or off: what it should refuse or tell of is neither refused nor told"
    return Tampering(Kind.UNGUARDED, 0, 0, says)


def _wrong(kind: Kind, seal: int, says: str) -> Tampering:
    return Tampering(kind, seal, 0, says)
