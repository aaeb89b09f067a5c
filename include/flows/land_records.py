"""Turns payloads kept as received into typed canonical rows; what cannot be read is quarantined with its reasons."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from include.domain.entities import ENTITIES, LOOKED_AT, Entity
from include.flows.in_bulk import in_bulk, tidy
from include.flows.judge_rows import judge_rows
from include.flows.retry_quarantined import retry_quarantined
from include.flows.write_rows import write_good, write_quarantine
from include.ports import Row, Source, Store, Transaction

BATCH_ROWS = 10_000
"""Records landed per transaction: bounds memory, and what a crash repeats."""

MANY_ROWS = 1_000
"""From this many rows on the planner is told at once what the table now holds."""


@dataclass(frozen=True)
class Landed:
    """What one call landed: rows that are good, rows quarantined, and of these a sentence each.

    `released`: rows quarantined before that can be read since the code that reads them changed.
    """

    good: int = 0
    quarantined: int = 0
    complaints: list[str] = field(default_factory=list)
    released: int = 0


@in_bulk()
def land_records(source: Source, store: Store, *, entity: str) -> Landed:
    """Land everything of an entity that was pulled and not landed yet, and try again what nobody could read.

    Safe to repeat and to run twice at once.
    """
    done = Landed(released=retry_quarantined(source, store, entity=entity))
    while step := _land_batch(source, store, ENTITIES[entity]):
        tidy()
        done = Landed(
            done.good + step.good,
            done.quarantined + step.quarantined,
            done.complaints + step.complaints,
            done.released,
        )
    if done.good >= MANY_ROWS:
        with store.transaction() as tx:
            tx.run_for("analyse_landed", names={"table": f"canonical.{entity}"})
    return done


def _land_batch(source: Source, store: Store, entity: Entity) -> Landed | None:
    """What the oldest pulls that wait came to; None when none does."""
    with store.transaction() as tx:
        tx.run("lock_landing")
        waiting = tx.rows("claim_pulls", system=source.system, entity=entity.name, batch_rows=BATCH_ROWS)
        pulls = [row["pull_id"] for row in waiting]
        return _land(tx, source, entity, pulls) if pulls else None


def _land(tx: Transaction, source: Source, entity: Entity, pulls: list[int]) -> Landed:
    batch = tx.rows("open_batch")[0]["batch"]
    records = _claimed(tx, source, pulls)
    rows, failures = judge_rows(source, entity, records)
    gone = {record["native_id"]: i for i, record in enumerate(records) if record["gone"]}
    good = {
        record["native_id"]: i for i, record in enumerate(records) if i not in failures and not record["gone"]
    }  # the last statement wins
    if not source.states_once:
        failures = {
            i: found for i, found in failures.items() if i > _stated_well(records[i]["native_id"], good, gone)
        }
    # Of a file, only what can be read now takes the place of what could not; every row of it stays accounted for.
    restated = good if source.states_once else {record["native_id"] for record in records}
    where = {"system": source.system, "entity": entity.name, "batch": batch}
    tx.run("release_restated", native_ids=sorted(restated), **where)
    write_good(tx, entity, batch, [(records[i], rows[i]) for i in good.values()])
    ended = [native_id for native_id, i in gone.items() if i > good.get(native_id, -1)]
    if ended:
        tx.run_for("end_gone", names={"table": f"canonical.{entity.name}"}, native_ids=ended, batch=batch)
    if ended and entity.name in LOOKED_AT:
        stated = [records[gone[native_id]]["stated_at"] for native_id in ended]
        tx.run("keep_gone", entity=entity.name, native_ids=ended, stated=stated)
    bad = {_version(records[i]): (records[i], rows[i], found) for i, found in sorted(failures.items())}
    write_quarantine(tx, entity, batch, bad.values())
    outdated = [_version(records[i]) for i in failures if i < good.get(records[i]["native_id"], -1)]
    if outdated:
        ids, versions = (list(column) for column in zip(*outdated, strict=True))
        tx.run("release_outdated", native_ids=ids, versions=versions, **where)
    tx.run_for("mark_landed", names={"table": f"canonical.{entity.name}"}, pulls=pulls, batch=batch)
    complaints = [f"{record['place']}: {'; '.join(map(str, found))}" for record, _, found in bad.values()]
    return Landed(len(good), len(bad), complaints)


def _claimed(tx: Transaction, source: Source, pulls: list[int]) -> list[Row]:
    """The records of pulls, each with where the same id was stated before, and stood before these pulls.

    In a file that is anywhere; in a live system within one page, for a later page is a newer version.
    """
    if source.states_once:
        return tx.rows("claimed_statements", pulls=pulls)
    records, first = tx.rows("claimed_records", pulls=pulls), dict[tuple[int, str], str]()
    for record in records:
        statement = record["pull_id"], record["native_id"]
        record |= {"stated_in": first.get(statement), "stood_in": None}
        if not record["damage"]:
            first.setdefault(statement, record["place"])
    return records


def _stated_well(native_id: str, good: Mapping[str, int], gone: Mapping[str, int]) -> int:
    """Where the last statement stands that outdates a bad one before it."""
    return max(good.get(native_id, -1), gone.get(native_id, -1))


def _version(record: Row) -> tuple[str, str]:
    return record["native_id"], record["version"]
