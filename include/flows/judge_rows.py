"""Translates records and says everything that is wrong with each: damage, repetition, and what the schema refuses."""

from collections.abc import Sequence
from dataclasses import replace

from include.domain.entities import Entity
from include.ports import Row, Source, Translated
from include.validation.rows import Failure, failures_of, shown

Failures = dict[int, list[Failure]]
"""What is wrong, by position; good records are absent, and so are those the source says are gone."""


def judge_rows(source: Source, entity: Entity, records: Sequence[Row]) -> tuple[list[Translated], Failures]:
    """The records in canonical field names, and what is wrong with them, each field named as the source names it."""
    rows = [source.translate(entity.name, record["payload"]) for record in records]
    failures: Failures = {
        position: [replace(failure, field=source.column(entity.name, failure.field)) for failure in found]
        for position, found in failures_of(entity.name, rows).items()
        if not records[position]["gone"]
    }
    # Ids of which a statement before could be read; in a live system, of its page.
    read: set[tuple[str, int]] = set()
    for position, record in enumerate(records):
        if record["gone"]:
            continue
        statement = (record["native_id"], 0 if source.states_once else record["pull_id"])
        if record["damage"]:
            failures[position] = [Failure("", record["damage"], "")]
        # What nobody could read before was not stated yet: the first statement that can be read counts.
        elif _is_repeated(record, entity) and (
            position in failures or record["stood_in"] or statement in read
        ):
            failures.setdefault(position, []).insert(0, _duplicate(record, source.column(entity.name, "id")))
        if position not in failures:
            read.add(statement)
    return rows, failures


def _is_repeated(record: Row, entity: Entity) -> bool:
    return bool(record["stated_in"]) and not entity.repeats


def _duplicate(record: Row, key: str) -> Failure:
    rule = f"a duplicate, first stated in {record['stated_in']}"
    return Failure(key, rule, shown(record["native_id"]))
