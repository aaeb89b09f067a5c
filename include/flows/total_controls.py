"""Control totals of every entity: what was loaded, quarantined and lost, and what became of the money."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from include.domain.entities import ENTITIES, Entity
from include.domain.proofs import ControlTotal
from include.flows.snapshot import Seen
from include.ports import Row, Transaction

_DECIDED = {
    "invoices": "decided_invoices",
    "payments": "decided_payments",
    "credit_notes": "decided_credit_notes",
    "refunds": "decided_refunds",
    "disputes": "decided_disputes",
    "opportunities": "decided_opportunities",
    "orders": "decided_orders",
    "payouts": "decided_payouts",
    "payout_items": "decided_payout_items",
    "bank_lines": "decided_bank_lines",
}
"""Entity -> the query telling what became of its money, as rows of currency, fate (matched, open, excluded) and
amount_minor; the other entities are counted, and their money is excluded."""

NOT_RECONCILED = "all"


def total_controls(tx: Transaction, seen: Seen, quarantined: Iterable[Row]) -> list[ControlTotal]:
    """One total per entity and currency that holds anything."""
    counts = Counter((row["entity"], row["currency"]) for row in quarantined)
    lost_counts = {row["entity"]: row["lost"] for row in tx.rows("lost_counts", batch=seen.batch)}
    totals = []
    for entity in ENTITIES.values():
        found = _loaded(tx, entity)
        for (name, currency), count in counts.items():
            if name == entity.name:
                found[currency] = replace(
                    found.get(currency) or _empty(entity, currency), quarantined_count=count
                )
        lost = lost_counts.get(entity.name, 0)
        if lost and not found:
            found[None] = _empty(entity, None)
        totals += [replace(total, lost_count=lost) for total in found.values()]
    return totals


def _loaded(tx: Transaction, entity: Entity) -> dict[str | None, ControlTotal]:
    found = {
        row["currency"]: replace(
            _empty(entity, row["currency"]),
            loaded_count=row["loaded_count"],
            loaded_minor=int(row["loaded_minor"]),
            excluded_minor=0 if entity.name in _DECIDED else int(row["loaded_minor"]),
        )
        for row in _count(tx, entity)
        if row["loaded_count"]
    }
    if entity.name in _DECIDED:
        for row in tx.rows(_DECIDED[entity.name]):
            total = found.get(row["currency"]) or _empty(entity, row["currency"])
            fate = f"{row['fate']}_minor"
            found[row["currency"]] = replace(total, **{fate: getattr(total, fate) + int(row["amount_minor"])})
    return found


def _count(tx: Transaction, entity: Entity) -> list[Row]:
    if entity.amount:
        return tx.rows_for("totals_of", names={"table": _table(entity), "amount": f"{entity.amount}_minor"})
    return [
        {"currency": None, "loaded_count": row["count"], "loaded_minor": 0} for row in input_of(tx, entity)
    ]


def input_of(tx: Transaction, entity: Entity) -> list[Row]:
    """How many rows of an entity the run sees, and the hash of their contents, whatever their order."""
    return tx.rows_for("input_of", names={"table": _table(entity)})


def _table(entity: Entity) -> str:
    return f"seen.{entity.name}"


def _empty(entity: Entity, currency: str | None) -> ControlTotal:
    recon = entity.recon if entity.name in _DECIDED else NOT_RECONCILED
    return ControlTotal(recon=recon, side=entity.side, currency=currency)
