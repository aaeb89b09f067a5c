"""Writes rows that were read into the canonical tables, and what could not be read into quarantine."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import cache
from typing import Any, NamedTuple

from include.domain.canonical_json import sha256
from include.domain.entities import COMPARED, ENTITIES, LOOKED_AT, Entity, Kind
from include.domain.money import InexactAmount, UnknownCurrency, to_minor
from include.domain.references import names_a_document, number_digits, number_key, reference_keys, tokens
from include.ports import Row, Transaction, Translated
from include.validation.rows import Failure
from include.validation.schemas import ID_MAX

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


def write_good(tx: Transaction, entity: Entity, batch: int, good: Sequence[tuple[Row, Translated]]) -> None:
    """Good rows, each with the record it is of: a version that changed takes the place of the one before."""
    as_of = ("stated_at",) if entity.name in LOOKED_AT else ()
    columns = ("native_id", "version", "place", "row_hash", *typed_columns(entity), *as_of)
    table = f"canonical.{entity.name}"
    ids = [record["native_id"] for record, _ in good]
    found = tx.rows_for("current_ids", names={"table": table}, native_ids=ids)
    current = {row["native_id"] for row in found}

    def written(record: Row, row: Translated) -> tuple[Any, ...]:
        stated = (record[name] for name in as_of)
        return (
            record["native_id"],
            record["version"],
            record["place"],
            sha256(row),
            *typed(entity, row).values(),
            *stated,
        )

    # What has no current version takes no other's place.
    fresh = ((*written(*one), batch) for one in good if one[0]["native_id"] not in current)
    tx.copy_in(table, (*columns, "recorded_in"), fresh)
    if not current:
        return
    tx.run_for("create_incoming", names={"table": table})
    tx.copy_in("incoming", columns, (written(*one) for one in good if one[0]["native_id"] in current))
    tx.run_for("supersede_changed", names={"table": table}, batch=batch)
    if as_of:
        looked_at, key = LOOKED_AT[entity.name]
        about = {"looked_at": looked_at, "listed": looked_at != entity.name}
        tx.run_for("supersede_restated", names={"table": table, "key": key}, batch=batch, **about)
    tx.run_for("insert_changed", names={"table": table, "columns": columns}, batch=batch)
    tx.run("drop_incoming")


def write_quarantine(
    tx: Transaction, entity: Entity, batch: int, bad: Iterable[tuple[Row, Translated, list[Failure]]]
) -> None:
    """Bad rows, each with the record it is of and everything that is wrong with it."""
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
    fields, amounts, flags = _columns(entity.name)
    columns: dict[str, Any] = {column: row.get(name) for column, name in fields}
    for column in amounts:
        if text := columns[column]:
            columns[column] = to_minor(text, currency=row["currency"] or "")
    for column in flags:
        if text := columns[column]:
            columns[column] = text.lower()
    return columns | _derived(entity.name, row)


class _Columns(NamedTuple):
    """A table's columns for an entity's fields, and which of them are amounts, and true or false."""

    fields: list[tuple[str, str]]
    amounts: list[str]
    flags: list[str]


@cache
def _columns(entity: str) -> _Columns:
    kinds = {
        f"{field.name}_minor" if field.kind is Kind.MONEY else field.name: field
        for field in ENTITIES[entity].fields
    }
    return _Columns(
        fields=[(column, field.name) for column, field in kinds.items()],
        amounts=[column for column, field in kinds.items() if field.kind is Kind.MONEY],
        flags=[column for column, field in kinds.items() if field.kind is Kind.BOOLEAN],
    )


def _derived(entity: str, row: Translated) -> dict[str, Any]:
    if entity == "invoices":
        number = row.get("number") or ""
        return {"number_key": number_key(number), "number_digits": number_digits(number)}
    compared = {name: row.get(name) for name in COMPARED.get(entity, ())}
    if entity == "payments":
        reference = row.get("reference")
        return compared | {
            "reference_tokens": sorted(set(tokens(reference))),
            "reference_keys": reference_keys(reference),
            "names_a_document": names_a_document(reference),
        }
    return compared
