"""Removes rows that are past their time, which ops.retention states for every table, and keeps how many they were."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic

from include.ports import Retryable, Store

REMOVALS = {
    "delivery.inbox": "remove_hints",
    "delivery.lanes": "remove_lanes",
    "ops.proofs": "remove_proofs",
    "ops.sweeps": "remove_sweeps",
    "ops.day_runs": "remove_day_runs",
    "ops.alerts": "remove_alerts",
    "recon.matches": "remove_results",
}
"""Table -> what removes its old rows, and with them those of others that mean nothing without."""

ROWS_AT_ONCE = 5_000
"""Removed in one transaction."""

ENOUGH = timedelta(minutes=8)
"""So long a night's work may take; the next goes on from there."""

NO_TIME = "there was no time for it"


@dataclass
class Removed:
    """By table how many rows went. `left`: tables with more to remove, and why that was not."""

    rows: Counter[str] = field(default_factory=Counter)
    left: dict[str, str] = field(default_factory=dict)


def remove_old(
    store: Store, *, zone: str, enough: timedelta = ENOUGH, rows_at_once: int = ROWS_AT_ONCE
) -> Removed:
    """Remove what is past its time, in short transactions. Safe to repeat, to interrupt and to run twice at once.

    `zone`: whose days sources are complete through. What somebody holds is left alone.
    """
    done, until = Removed(), monotonic() + enough.total_seconds()
    for table, removal in REMOVALS.items():
        try:
            while monotonic() < until:
                removed = _remove(store, removal, zone=zone, most=rows_at_once)
                done.rows.update(removed)
                if not removed:
                    break
            else:
                done.left[table] = NO_TIME
        except Retryable as error:
            done.left[table] = str(error)
    return done


def _remove(store: Store, removal: str, *, zone: str, most: int) -> dict[str, int]:
    """One transaction: of which table how many rows went; none where nothing is past its time."""
    with store.transaction() as tx:
        tx.rows("wait_briefly")
        found = tx.rows(removal, grace=timedelta(), zone=zone, most=most)
        removed = {row["relation"]: row["rows"] for row in found if row["rows"]}
        for relation, rows in removed.items():
            tx.run("note_removal", relation=relation, rows=rows)
    return removed
