"""Proves that what a source holds has reached us: its own keys and totals, asked independently, against ours."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from heapq import nsmallest
from itertools import islice

from include.domain.entities import ENTITIES
from include.domain.money import AMOUNT
from include.domain.shown import sums_apart
from include.flows.pull_changes import read_cursor
from include.ports import Cursor, Retryable, Row, Source, SourceTotals, Store, Translated

MISSING_SHOWN = 20
KEYS_AT_ONCE = 10_000
"""Keys compared at a time: bounds memory, whatever the window holds."""

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
            f"missing {', '.join(self.missing) or 'none'}; {sums_apart(self.source_amounts, self.held_amounts)}"
        )


def check_completeness(source: Source, store: Store, *, entity: str, whole: bool = False) -> Proof:
    """Compare the window since the last proven cursor, or with `whole` everything, and record the outcome.

    An unproven window is not skipped: the next check starts from the same place, and after everything was compared and
    differed, from the beginning. Raises Retryable, also when somebody else proved it meanwhile, whose word then
    stands; Fatal.
    """
    seen = _newest(store, source.system, entity)
    until = read_cursor(store, system=source.system, entity=entity)
    if until is None:
        raise Retryable(f"{source.system} {entity} was never read; pull it first")
    after = None if whole else _last_proven(store, source.system, entity)
    totals = source.totals(entity, after=after, until=until)
    proof = _compare(source, store, entity, totals)
    with store.transaction() as tx:
        tx.run("lock_landing")  # proofs are numbered in the order they commit, as batches are
        recorded = tx.run(
            "record_proof",
            seen=seen,
            whole=whole,
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
    if not recorded:
        raise Retryable(f"{source.system} {entity}: somebody else proved it meanwhile; it is asked again")
    return proof


def _newest(store: Store, system: str, entity: str) -> int:
    with store.transaction() as tx:
        return int(tx.rows("newest_proof", system=system, entity=entity)[0]["proof_id"])


def _last_proven(store: Store, system: str, entity: str) -> Cursor | None:
    with store.transaction() as tx:
        proven = tx.rows("last_proven", system=system, entity=entity)
    return proven[0]["cursor_until"] if proven else None


def _compare(source: Source, store: Store, entity: str, totals: SourceTotals) -> Proof:
    source_count = held_count = 0
    missing: list[tuple[str, str]] = []
    amounts: defaultdict[str, Decimal] = defaultdict(Decimal)
    for keys in _portions(totals.keys):
        held = _held(store, source.system, entity, keys)
        source_count, held_count = source_count + len(keys), held_count + len(held)
        here = {(row["native_id"], row["version"]) for row in held}
        missing = nsmallest(MISSING_SHOWN, [*missing, *(key for key in keys if key not in here)])
        if amount := ENTITIES[entity].amount:
            _add_up((source.translate(entity, row["payload"]) for row in held), amount, amounts)
    return Proof(
        entity=entity,
        source_count=source_count,
        held_count=held_count,
        missing=[f"{native_id} @ {version}" for native_id, version in missing],
        source_amounts=_plain(totals.amounts),
        held_amounts=_plain(amounts),
    )


def _portions(keys: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    stated = iter(keys)
    while portion := list(islice(stated, KEYS_AT_ONCE)):
        yield portion


def _held(store: Store, system: str, entity: str, keys: list[tuple[str, str]]) -> list[Row]:
    with store.transaction() as tx:
        return tx.rows(
            "held_records",
            system=system,
            entity=entity,
            with_payload=ENTITIES[entity].amount is not None,
            native_ids=[native_id for native_id, _ in keys],
            versions=[version for _, version in keys],
        )


def _add_up(rows: Iterable[Translated], amount: str, sums: defaultdict[str, Decimal]) -> None:
    for row in rows:
        text = row.get(amount) or ""
        if AMOUNT.fullmatch(text):
            sums[row.get("currency") or ""] += Decimal(text)


def _plain(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    return {currency: f"{total.normalize():f}" for currency, total in sorted(amounts.items()) if total}
