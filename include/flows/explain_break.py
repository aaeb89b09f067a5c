"""All that is known about a break: the records on both sides, what they could be matched with, where they came from."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from include.domain.side_by_side import Record
from include.ports import Row, Store, Transaction

RELATED_MAX = 5
"""Records shown beside the break's own."""
CANDIDATES_MAX = 20
PAYLOADS_MAX = 5


@dataclass(frozen=True)
class Explained:
    """`records`: the break's own first; `unshown` are the others that stand behind it, too many to be compared.

    `matched`: what the run that last saw it matched its item with.
    """

    records: list[Record] = field(default_factory=list)
    candidates: list[Row] = field(default_factory=list)
    matched: list[Row] = field(default_factory=list)
    run: Row | None = None
    unshown: list[Record] = field(default_factory=list)


def explain_break(store: Store, break_id: UUID) -> Explained:
    """What stands behind a break, as it is now; nothing where it has no run."""
    with store.transaction() as tx:
        runs = tx.rows("last_run_of_life", break_id=break_id)
        life = tx.rows("life_of", break_id=break_id)
        if not runs or not life:
            return Explained()
        run, key = runs[0], life[0]["key"]
        of_run: dict[str, Any] = {"run_id": run["run_id"], "limit": CANDIDATES_MAX}
        candidates = tx.rows("candidates_of", **of_run, key=key, recon=life[0]["recon"])
        matched = [row for row in tx.rows("console_matches_of", **of_run, id=key) if row["state"] == "posted"]
        own = _records(tx, [key])
        beside = _others([*candidates, *matched], key) or _named_by(own)
        related = [one for one in _records(tx, beside) if one.native_id != key]
        records = [*own, *related[:RELATED_MAX]]
        return Explained(records, candidates, matched, run, related[RELATED_MAX:])


def lineage(store: Store, *, entity: str, native_id: str, limit: int = PAYLOADS_MAX) -> list[Row]:
    """The payloads a record was read from, newest first, each with its page and landing batch, and of how many."""
    with store.transaction() as tx:
        return tx.rows("console_lineage", entity=entity, native_id=native_id, limit=limit)


def _records(tx: Transaction, ids: Iterable[str]) -> list[Record]:
    wanted = list(dict.fromkeys(ids))
    found = tx.rows("console_records", ids=wanted)
    found.sort(key=lambda row: (wanted.index(row["native_id"]), row["entity"]))
    return [
        Record(row["entity"], row["native_id"], row["version"], row["place"], row["facts"]) for row in found
    ]


def _others(matches: Iterable[Row], key: str) -> list[str]:
    sides = (row[side] for row in matches for side in ("side_a_id", "side_b_id"))
    return [one for one in sides if one != key]


def _named_by(own: Iterable[Record]) -> list[str]:
    """What the record itself names: its order, invoice, customer and the like."""
    return [
        str(value)
        for record in own
        for name, value in sorted(record.facts.items())
        if name.endswith("_id") and name not in ("id", "native_id", "owner_id") and value
    ]
