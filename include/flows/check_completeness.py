"""Proves that what a source holds has reached us: its own keys and totals, asked independently, against ours."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from include.domain.entities import ENTITIES
from include.domain.money import AMOUNT
from include.flows.pull_changes import read_cursor
from include.ports import Retryable, Source, SourceTotals, Store, Translated

MISSING_SHOWN = 20
FOREVER = "infinity"
"""Postgres' own word for a time after every other."""


@dataclass(frozen=True)
class Proof:
    """The outcome for one entity: counts on both sides, some of the missing keys, sums per currency (major units)."""

    entity: str
    source_count: int
    held_count: int
    missing: list[str]
    source_amounts: dict[str, str]
    held_amounts: dict[str, str]

    @property
    def proven(self) -> bool:
        return not self.missing and self.source_amounts == self.held_amounts

    def __str__(self) -> str:
        if self.proven:
            return f"{self.entity}: all {self.source_count:,} of the window are here"
        return (
            f"{self.entity}: the source holds {self.source_count:,}, {self.held_count:,} are here; "
            f"missing {', '.join(self.missing) or 'none'}; sums {self.source_amounts} against {self.held_amounts}"
        )


def check_completeness(source: Source, store: Store, *, entity: str) -> Proof:
    """Compare the window since the last proven cursor, and record the outcome. Raises Retryable, Fatal.

    An unproven window is not skipped: the next check starts from the same place.
    """
    until = read_cursor(store, system=source.system, entity=entity)
    if until is None:
        raise Retryable(f"{source.system} {entity} was never read; pull it first")
    with store.transaction() as tx:
        proven = tx.rows("last_proven", system=source.system, entity=entity)
    after = proven[0]["cursor_until"] if proven else None
    totals = source.totals(entity, after=after, until=until)
    proof = _compare(source, store, entity, totals)
    with store.transaction() as tx:
        tx.run("lock_landing")  # proofs are numbered in the order they commit, as batches are
        tx.run(
            "record_proof",
            complete_until=source.complete_until(until) or FOREVER,
            system=source.system,
            entity=entity,
            cursor_after=after,
            cursor_until=dict(until),
            source_count=proof.source_count,
            held_count=proof.held_count,
            missing=proof.missing,
            source_amounts=proof.source_amounts,
            held_amounts=proof.held_amounts,
            proven=proof.proven,
        )
    return proof


def _compare(source: Source, store: Store, entity: str, totals: SourceTotals) -> Proof:
    keys = sorted(totals.keys)
    with store.transaction() as tx:
        held = tx.rows(
            "held_records",
            system=source.system,
            entity=entity,
            native_ids=[native_id for native_id, _ in keys],
            versions=[version for _, version in keys],
        )
    missing = sorted(totals.keys - {(row["native_id"], row["version"]) for row in held})
    translated = (source.translate(entity, row["payload"]) for row in held)
    return Proof(
        entity=entity,
        source_count=len(keys),
        held_count=len(held),
        missing=[f"{native_id} @ {version}" for native_id, version in missing[:MISSING_SHOWN]],
        source_amounts=_plain(totals.amounts),
        held_amounts=_plain(_sums(translated, ENTITIES[entity].amount)),
    )


def _sums(rows: Iterable[Translated], amount: str | None) -> Mapping[str, Decimal]:
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        text = row.get(amount or "") or ""
        if AMOUNT.fullmatch(text):
            sums[row.get("currency") or ""] += Decimal(text)
    return sums


def _plain(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    return {currency: f"{total.normalize():f}" for currency, total in sorted(amounts.items()) if total}
