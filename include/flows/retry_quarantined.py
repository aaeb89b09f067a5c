"""Reads rows in quarantine again once what reads them has changed: a rule, a field, the words of a system."""

from dataclasses import asdict
from operator import itemgetter

from include.domain.entities import ENTITIES, Entity
from include.flows.judge_rows import judge_rows
from include.flows.write_rows import write_good, write_quarantine
from include.ports import Row, Source, Store, Transaction
from include.version import reading_sha256

AT_ONCE = 10_000
"""Rows tried per transaction: bounds memory, and what a crash repeats."""


def retry_quarantined(source: Source, store: Store, *, entity: str, reading: str = "") -> int:
    """How many rows left quarantine. Does nothing while the code that reads rows is what it was the last time.

    `reading` names that code, by default by its hash. A row that is still bad, for other reasons than before, is
    quarantined anew with these; what was known to earlier runs stays what they knew.
    """
    reading = reading or reading_sha256()
    released, after = 0, ("", "")
    while True:
        with store.transaction() as tx:
            if tx.rows("retried_with", system=source.system, entity=entity, reading_sha256=reading):
                return released
            tx.run("lock_landing")
            records = tx.rows(
                "quarantined_records",
                system=source.system,
                entity=entity,
                states_once=source.states_once,
                after_id=after[0],
                after_version=after[1],
                most=AT_ONCE,
            )
            if not records:
                tx.run("keep_retried", system=source.system, entity=entity, reading_sha256=reading)
                return released
            released += _retry(tx, source, ENTITIES[entity], records)
            after = (records[-1]["native_id"], records[-1]["version"])


def _retry(tx: Transaction, source: Source, entity: Entity, records: list[Row]) -> int:
    """How many of the records can be read now; of two statements of one id, the first."""
    records = sorted(records, key=itemgetter("seq"))
    rows, failures = judge_rows(source, entity, records)
    changed = [
        i
        for i, record in enumerate(records)
        if {"failures": [asdict(failure) for failure in failures.get(i, [])]} != record["failures"]
    ]
    if not changed:
        return 0
    batch = tx.rows("open_batch")[0]["batch"]
    tx.run(
        "release_retried",
        system=source.system,
        entity=entity.name,
        native_ids=[records[i]["native_id"] for i in changed],
        versions=[records[i]["version"] for i in changed],
        batch=batch,
    )
    good = [i for i in changed if i not in failures]
    write_good(tx, entity, batch, [(records[i], rows[i]) for i in good])
    still_bad = [(records[i], rows[i], failures[i]) for i in changed if i in failures]
    write_quarantine(tx, entity, batch, still_bad)
    return len(good)
