"""Turns payloads kept as received into typed canonical rows; what cannot be read is quarantined with its reasons."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import Any

from include.domain.canonical_json import sha256
from include.domain.entities import ENTITIES, Entity, Kind
from include.domain.money import InexactAmount, UnknownCurrency, to_minor
from include.domain.references import names_a_document, number_digits, number_key, reference_keys, tokens
from include.ports import Row, Source, Store, Transaction, Translated
from include.validation.rows import Failure, failures_of, shown
from include.validation.schemas import ID_MAX

BATCH_ROWS = 10_000
"""Records landed per transaction: bounds memory, and what a crash repeats."""

MANY_ROWS = 1_000
"""From this many rows on the planner is told at once what the table now holds, and again whenever it doubled."""

_QUARANTINE = (
    "system",
    "entity",
    "native_id",
    "version",
    "place",
    "customer_id",
    "currency",
    "amount_minor",
    "failures",
    "quarantined_in",
    "subscription_id",
)


@dataclass(frozen=True)
class Landed:
    """What one call landed: rows that are good, rows quarantined, and of these a sentence each."""

    good: int = 0
    quarantined: int = 0
    complaints: list[str] = field(default_factory=list)


def land_records(source: Source, store: Store, *, entity: str) -> Landed:
    """Land everything of an entity that was pulled and not landed yet. Safe to repeat and to run twice at once."""
    done, analysed = Landed(), 0
    while True:
        with store.transaction() as tx:
            tx.run("lock_landing")
            waiting = tx.rows("claim_pulls", system=source.system, entity=entity, batch_rows=BATCH_ROWS)
            pulls = [row["pull_id"] for row in waiting]
            if not pulls:
                return done
            step = _land(tx, source, ENTITIES[entity], pulls)
            if step.good >= MANY_ROWS and done.good + step.good >= 2 * analysed:
                analysed = done.good + step.good
                tx.run_for("analyse_landed", names={"table": f"canonical.{entity}"})
        done = Landed(
            done.good + step.good, done.quarantined + step.quarantined, done.complaints + step.complaints
        )


def _land(tx: Transaction, source: Source, entity: Entity, pulls: list[int]) -> Landed:
    batch = tx.rows("open_batch")[0]["batch"]
    records = tx.rows("claimed_records", pulls=pulls, states_once=source.states_once)
    rows = [source.translate(entity.name, record["payload"]) for record in records]
    failures = {
        position: [replace(failure, field=source.column(entity.name, failure.field)) for failure in found]
        for position, found in failures_of(entity.name, rows).items()
    }
    gone = {record["native_id"]: i for i, record in enumerate(records) if record["gone"]}
    failures = {i: found for i, found in failures.items() if not records[i]["gone"]}
    for position, record in enumerate(records):
        if record["gone"]:
            continue
        if record["damage"]:
            failures[position] = [Failure("", record["damage"], "")]
        elif record["stated_in"] and not entity.repeats:
            failures.setdefault(position, []).insert(0, _duplicate(record, source.column(entity.name, "id")))
    good = {
        record["native_id"]: i for i, record in enumerate(records) if i not in failures and not record["gone"]
    }  # the last statement wins
    if not source.states_once:
        failures = {
            i: found for i, found in failures.items() if i > _stated_well(records[i]["native_id"], good, gone)
        }
        ids = sorted({record["native_id"] for record in records})
        tx.run("release_restated", system=source.system, entity=entity.name, native_ids=ids, batch=batch)
    _write_good(tx, entity, batch, [(records[i], rows[i]) for i in good.values()])
    ended = [native_id for native_id, i in gone.items() if i > good.get(native_id, -1)]
    tx.run_for("end_gone", names={"table": f"canonical.{entity.name}"}, native_ids=ended, batch=batch)
    bad = {_version(records[i]): (records[i], rows[i], found) for i, found in sorted(failures.items())}
    _write_quarantine(tx, entity, batch, bad.values())
    tx.run_for("mark_landed", names={"table": f"canonical.{entity.name}"}, pulls=pulls, batch=batch)
    complaints = [f"{record['place']}: {'; '.join(map(str, found))}" for record, _, found in bad.values()]
    return Landed(len(good), len(bad), complaints)


def _stated_well(native_id: str, good: Mapping[str, int], gone: Mapping[str, int]) -> int:
    """Where the last statement stands that outdates a bad one before it."""
    return max(good.get(native_id, -1), gone.get(native_id, -1))


def _version(record: Row) -> tuple[str, str]:
    return record["native_id"], record["version"]


def _duplicate(record: Row, key: str) -> Failure:
    rule = f"a duplicate, first stated in {record['stated_in']}"
    return Failure(key, rule, shown(record["native_id"]))


def _write_good(tx: Transaction, entity: Entity, batch: int, good: Sequence[tuple[Row, Translated]]) -> None:
    columns = typed_columns(entity)
    everything = ("native_id", "version", "place", "row_hash", *columns)
    table = f"canonical.{entity.name}"
    tx.run_for("create_incoming", names={"table": table})
    tx.copy_in(
        "incoming",
        everything,
        (
            (
                record["native_id"],
                record["version"],
                record["place"],
                sha256(row),
                *typed(entity, row).values(),
            )
            for record, row in good
        ),
    )
    tx.run_for("supersede_changed", names={"table": table}, batch=batch)
    tx.run_for("insert_changed", names={"table": table, "columns": everything}, batch=batch)
    tx.run("drop_incoming")


def _write_quarantine(
    tx: Transaction, entity: Entity, batch: int, bad: Iterable[tuple[Row, Translated, list[Failure]]]
) -> None:
    tx.copy_in(
        "canonical.quarantine",
        _QUARANTINE,
        (
            (
                record["system"],
                entity.name,
                record["native_id"],
                record["version"],
                record["place"],
                _readable_id(row.get("customer_id")),
                *_readable_money(entity, row),
                {"failures": [asdict(failure) for failure in found]},
                batch,
                _readable_id(row.get("subscription_id")),
            )
            for record, row, found in bad
        ),
    )


def _readable_id(text: str | None) -> str | None:
    return text if text and len(text) <= ID_MAX else None


def _readable_money(entity: Entity, row: Translated) -> tuple[str | None, int | None]:
    """The quarantined row's currency and amount as far as they can be trusted."""
    currency, amount = row.get("currency"), row.get(entity.amount or "")
    try:
        return currency, to_minor(amount or "", currency=currency or "")
    except InexactAmount:
        return currency, None
    except UnknownCurrency:
        return None, None


def typed_columns(entity: Entity) -> list[str]:
    """The table's columns for an entity's fields, in the order of `typed`."""
    return list(typed(entity, {}))


def typed(entity: Entity, row: Translated) -> dict[str, Any]:
    """A good row as its table takes it: money in minor units, references cut into keys."""
    columns: dict[str, Any] = {}
    for name, kind in _kinds(entity.name):
        text = row.get(name)
        if kind is Kind.MONEY:
            columns[f"{name}_minor"] = text and to_minor(text, currency=row["currency"] or "")
        elif kind is Kind.BOOLEAN:
            columns[name] = text and text.lower()
        else:
            columns[name] = text
    return columns | _derived(entity.name, row)


@cache
def _kinds(entity: str) -> list[tuple[str, Kind]]:
    return [(field.name, field.kind) for field in ENTITIES[entity].fields]


def _derived(entity: str, row: Translated) -> dict[str, Any]:
    if entity == "invoices":
        number = row.get("number") or ""
        return {"number_key": number_key(number), "number_digits": number_digits(number)}
    if entity == "payments":
        reference = row.get("reference")
        return {
            "reference_tokens": sorted(set(tokens(reference))),
            "reference_keys": reference_keys(reference),
            "names_a_document": names_a_document(reference),
        }
    return {}
