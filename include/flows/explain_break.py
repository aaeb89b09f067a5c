"""All that is known about a break: the records on both sides, what they could be matched with, where they came from."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from include.domain.entities import ENTITIES
from include.domain.named import named, numbers_in
from include.domain.side_by_side import Record
from include.domain.subjects import kinds_of
from include.ports import Row, Store, Transaction

RELATED_MAX = 5
"""Records shown beside the break's own."""
CANDIDATES_MAX = 20
PAYLOADS_MAX = 5
DOCUMENTS = frozenset({"opportunities", "orders", "invoices", "payments", "payouts", "subscriptions"})
TELLING = {"payments": "R3", "opportunities": "R5"}
"""Of what a record names: the reconciliation whose match of it says what that was for, or what was sold by it."""
_VERSION = re.compile(r" \([^)]*\)$")
"""Behind the id of a row that was stated more than once."""
ENTITY_OF = {entity.side: name for name, entity in ENTITIES.items()}
"""A match's word for a side -> the entity of its record."""

OF_ROWS = frozenset({"DQ01", "DQ03", "DQ05"})
"""Codes about one row as it was received, which their keys name."""

Place = tuple[str, str]
"""An entity, empty where nobody says it, and an id in it: objects of two kinds may have one id."""


@dataclass(frozen=True)
class Explained:
    """`records`: the break's own first; `unshown` are others it is or could be matched with, too many to be compared.

    `matched`: what the run that last saw it matched its item with. `received`: the row it is about, where it is
    about one that was read or could not be.
    """

    records: list[Record] = field(default_factory=list)
    candidates: list[Row] = field(default_factory=list)
    matched: list[Row] = field(default_factory=list)
    run: Row | None = None
    unshown: list[Record] = field(default_factory=list)
    received: Place | None = None


def explain_break(store: Store, break_id: UUID) -> Explained:
    """What stands behind a break, as it is now; nothing where it has no run.

    Beside its own record stands what it is about, then what that is for, then what it could be matched with or is, then
    where its money went.
    """
    with store.transaction() as tx:
        runs = tx.rows("last_run_of_life", break_id=break_id)
        life = tx.rows("life_of", break_id=break_id)
        if not runs or not life:
            return Explained()
        run, key = runs[0], life[0]["key"]
        received = _received(tx, key) if life[0]["code"] in OF_ROWS else None
        kinds = sorted(kinds_of(life[0]["code"], life[0]["evidence"] or "") or ENTITY_OF)
        mine = {(kind, key) for kind in kinds}
        of_run: dict[str, Any] = {"run_id": run["run_id"], "limit": CANDIDATES_MAX}
        candidates = tx.rows("candidates_of", **of_run, key=key, recon=life[0]["recon"], kinds=kinds)
        known = tx.rows("console_matches_of", **of_run, id=key)
        matched = [row for row in known if row["state"] == "posted" and mine & set(_sides(row))]
        own = _records(tx, [received] if received else [(ENTITY_OF[kind], key) for kind in kinds])
        shown = {(one.entity, one.native_id) for one in own}
        here = [row for row in matched if row["recon"] == life[0]["recon"]]
        names = _named_by(own)
        cited = _documents(names)
        beside = [
            *cited,
            *_told(tx, life[0]["evidence"] or ""),
            *_meant(tx, own, cited, run["run_id"]),
            *_others([*candidates, *here], mine),
            *_others(matched, mine),
        ] or names
        related = [one for one in _records(tx, beside) if (one.entity, one.native_id) not in shown]
        fitting = set(_others([*candidates, *matched], mine))
        unshown = [one for one in related[RELATED_MAX:] if (one.entity, one.native_id) in fitting]
        return Explained([*own, *related[:RELATED_MAX]], candidates, matched, run, unshown, received)


def lineage(store: Store, *, entity: str, native_id: str, limit: int = PAYLOADS_MAX) -> list[Row]:
    """The payloads a record was read from, newest first, each with its page and landing batch, and of how many."""
    with store.transaction() as tx:
        return tx.rows("console_lineage", entity=entity, native_id=native_id, limit=limit)


def _records(tx: Transaction, places: Iterable[Place]) -> list[Record]:
    """The newest versions, in the order in which they are asked for."""
    wanted = list(dict.fromkeys(places))
    ids = list(dict.fromkeys(native_id for _, native_id in wanted))
    found = tx.rows("console_records", ids=ids)
    known = [
        row for row in found if {(row["entity"], row["native_id"]), ("", row["native_id"])} & set(wanted)
    ]
    known.sort(key=lambda row: (ids.index(row["native_id"]), row["entity"]))
    return [
        Record(row["entity"], row["native_id"], row["version"], row["place"], row["facts"]) for row in known
    ]


def _sides(match: Row) -> list[Place]:
    return [(match[f"side_{side}_type"], match[f"side_{side}_id"]) for side in "ab"]


def _others(matches: Iterable[Row], mine: set[Place]) -> list[Place]:
    sides = (side for row in matches for side in _sides(row))
    return [(ENTITY_OF[kind], native_id) for kind, native_id in sides if (kind, native_id) not in mine]


def _received(tx: Transaction, key: str) -> Place | None:
    """The row a key names behind its entity, or what one of it is called; None where no payload of it is kept."""
    kind, _, rest = key.partition(" ")
    entity = ENTITY_OF.get(kind, kind)
    for native_id in dict.fromkeys((rest, _VERSION.sub("", rest))):
        if tx.rows("console_lineage", entity=entity, native_id=native_id, limit=1):
            return entity, native_id
    return None


def _meant(tx: Transaction, own: Sequence[Record], cited: Iterable[Place], run_id: UUID) -> list[Place]:
    """What money is for, as posted and as payers say, and what a deal sold: by the break's record or what it cites."""
    named_here = [place for place in cited if place[0] in TELLING]
    posted = [
        row
        for entity, native_id in named_here
        for row in tx.rows("console_matches_of", run_id=run_id, id=native_id, limit=CANDIDATES_MAX)
        if (row["recon"], row["state"]) == (TELLING[entity], "posted")
    ]
    said = " ".join(one.facts.get("reference") or "" for one in [*own, *_records(tx, named_here)])
    numbers = numbers_in(said)
    found = tx.rows("records_numbered", numbers=numbers) if numbers else []
    told = [("invoices", row["native_id"]) for row in found if row["side"] == "invoice"]
    known = {(ENTITIES[entity].side, native_id) for entity, native_id in named_here}
    return [*_others(posted, known), *told]


def _told(tx: Transaction, evidence: str) -> list[Place]:
    """What the evidence names, by its id or its number."""
    names = named(evidence)
    numbered = tx.rows("records_numbered", numbers=[text for _, text in names]) if names else []
    places = [
        (ENTITY_OF.get(side, ""), native_id)
        for side, text in names
        for native_id in (
            text,
            *(row["native_id"] for row in numbered if row["number"] == text and side in ("", row["side"])),
        )
    ]
    return list(dict.fromkeys(places))


def _documents(places: Iterable[Place]) -> list[Place]:
    """Those of them that say what a break is about; whose it is stands in the records themselves."""
    return [place for place in places if place[0] in DOCUMENTS]


def _named_by(own: Iterable[Record]) -> list[Place]:
    """What the record itself names: its order, invoice, customer and the like."""
    return [
        (ENTITY_OF.get(name.removeprefix("erp_").removesuffix("_id"), ""), str(value))
        for record in own
        for name, value in sorted(record.facts.items())
        if name.endswith("_id") and name not in ("id", "native_id", "owner_id") and value
    ]
