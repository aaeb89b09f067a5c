"""Control totals of every entity: what was loaded, quarantined and lost, and for R3 what became of the money."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

from include.domain.entities import ENTITIES, Entity
from include.domain.proofs import ControlTotal
from include.flows.apply_cash import Seen
from include.ports import Row, Transaction

_DECIDED = {"invoices": "decided_invoices", "payments": "decided_payments"}
"""Entities that a reconciliation of this release decides; the others are counted, and their money is excluded."""

NOT_RECONCILED = "all"


def total_controls(tx: Transaction, seen: Seen, quarantined: Iterable[Row]) -> list[ControlTotal]:
    """One total per entity and currency that holds anything."""
    counts = Counter((row["entity"], row["currency"]) for row in quarantined)
    totals = []
    for entity in ENTITIES.values():
        found = _loaded(tx, seen, entity)
        for (name, currency), count in counts.items():
            if name == entity.name:
                found[currency] = replace(
                    found.get(currency) or _empty(entity, currency), quarantined_count=count
                )
        lost = tx.rows_for(
            "lost_counts", names={"table": _table(entity)}, entity=entity.name, batch=seen.batch
        )[0]["lost"]
        if lost and not found:
            found[None] = _empty(entity, None)
        totals += [replace(total, lost_count=lost) for total in found.values()]
    return totals


def _loaded(tx: Transaction, seen: Seen, entity: Entity) -> dict[str | None, ControlTotal]:
    found = {
        row["currency"]: replace(
            _empty(entity, row["currency"]),
            loaded_count=row["loaded_count"],
            loaded_minor=int(row["loaded_minor"]),
            excluded_minor=0 if entity.name in _DECIDED else int(row["loaded_minor"]),
        )
        for row in _count(tx, seen, entity)
        if row["loaded_count"]
    }
    if entity.name in _DECIDED:
        for row in tx.rows(_DECIDED[entity.name], batch=seen.batch, as_of=seen.as_of):
            total = found[row["currency"]]
            fate = f"{row['fate']}_minor"
            found[row["currency"]] = replace(total, **{fate: getattr(total, fate) + int(row["amount_minor"])})
    return found


def _count(tx: Transaction, seen: Seen, entity: Entity) -> list[Row]:
    names: Mapping[str, str] = {"table": _table(entity), "amount": f"{entity.amount}_minor"}
    if not entity.amount:
        return [
            {"currency": None, "loaded_count": row["count"], "loaded_minor": 0}
            for row in input_of(tx, seen, entity)
        ]
    if entity.dated_on:
        names = {**names, "dated_on": entity.dated_on}
        return tx.rows_for("totals_of_dated", names=names, batch=seen.batch, as_of=seen.as_of)
    return tx.rows_for("totals_of_undated", names=names, batch=seen.batch)


def input_of(tx: Transaction, seen: Seen, entity: Entity) -> list[Row]:
    """How many rows of an entity the run sees, and the hash of their contents, whatever their order."""
    if entity.dated_on:
        names = {"table": _table(entity), "dated_on": entity.dated_on}
        return tx.rows_for("input_of_dated", names=names, batch=seen.batch, as_of=seen.as_of)
    return tx.rows_for("input_of_undated", names={"table": _table(entity)}, batch=seen.batch)


def _table(entity: Entity) -> str:
    return f"canonical.{entity.name}"


def _empty(entity: Entity, currency: str | None) -> ControlTotal:
    recon = entity.recon if entity.name in _DECIDED else NOT_RECONCILED
    return ControlTotal(recon=recon, side=entity.side, currency=currency)
