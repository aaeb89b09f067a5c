"""Compares everything a source holds with everything we hold of it, and mends what differs.

Windows move on; what turns up behind them is found here: a transaction longer than any settle time, a change without a
new stamp and, where the source can be listed row by row, a row that was deleted for good or merged away.
"""

import logging
from dataclasses import dataclass

from include.flows.check_completeness import Proof, check_completeness
from include.flows.land_records import land_records
from include.flows.pull_changes import pull_changes, read_cursor
from include.flows.sweep_rows import Sweep, sweep_rows
from include.ports import Fatal, Source, Store, Swept

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Compared:
    """The proof over everything, and what comparing row by row found before; None where the source offers none."""

    proof: Proof
    rows: Sweep | None

    def __str__(self) -> str:
        found = self.rows
        if found is None:
            return str(self.proof)
        return f"{self.proof}; {found.gone:,} gone, {found.repaired:,} late, {found.refreshed:,} changed unstamped"


def sweep_entity(source: Source, store: Store, *, entity: str, gone_max: int | None = None) -> Compared:
    """Compare and mend one entity, and keep how many rows the reads had missed; `gone_max` as in `sweep_rows`.

    Raises Fatal when more would vanish than may, or when the proof fails even after reading everything anew, with its
    text; Retryable.
    """
    # Whoever swept before us may have died: having gone back to read it anew, or having read what is yet to be landed.
    if read_cursor(store, system=source.system, entity=entity) is None:
        pull_changes(source, store, entity=entity)
    land_records(source, store, entity=entity)
    rows = None
    if isinstance(source, Swept):
        rows = sweep_rows(source, store, entity=entity, gone_max=gone_max)
        land_records(source, store, entity=entity)
        if rows.repaired:
            log.warning("%s %s: %d rows turned up behind the window", source.system, entity, rows.repaired)
    proof = check_completeness(source, store, entity=entity, whole=True)
    # What is late is told before it is read: after that nobody can tell any more.
    with store.transaction() as tx:
        if rows is None:
            repaired = max(0, proof.source_count - proof.held_count)
            counts = {"listed": proof.source_count, "gone": 0, "repaired": repaired, "refreshed": 0}
            tx.run("record_sweep", system=source.system, entity=entity, **counts)
        if not proof.proven:
            tx.run("rewind_cursor", system=source.system, entity=entity)
    if not proof.proven:
        log.warning("%s %s; reading all of it again", source.system, proof)
        pull_changes(source, store, entity=entity)
        land_records(source, store, entity=entity)
        proof = check_completeness(source, store, entity=entity, whole=True)
    if not proof.proven:
        raise Fatal(str(proof))
    return Compared(proof, rows)
