"""The data-quality breaks of a run: rows in quarantine, unknown status words, unproven sources."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from include.domain.breaks import Break
from include.domain.entities import ENTITIES, Kind
from include.domain.shown import cut, sums_apart
from include.ports import Row, Transaction
from include.validation.rows import Failure


def quarantined(rows: Sequence[Row]) -> Iterator[Break]:
    """DQ01 for every row in quarantine: where it is, and what is wrong with it; DQ03 where it only repeats another."""
    rows_of = Counter((row["entity"], row["native_id"]) for row in rows)
    for row in rows:
        reasons = "; ".join(str(Failure(**failure)) for failure in row["failures"]["failures"])
        key = f"{row['entity']} {row['native_id']}"
        stated_again = rows_of[row["entity"], row["native_id"]] > 1
        yield Break(
            recon="all",
            code="DQ03" if row["alike"] else "DQ01",
            key=f"{key} ({row['version']})" if stated_again else key,
            evidence=f"{row['place']}: {reasons}{', in the same words' if row['alike'] else ''}",
            currency=row["currency"],
            amount_minor=row["amount_minor"],
        )


def unknown_statuses(tx: Transaction) -> Iterator[Break]:
    """DQ05 for every row whose status word no policy maps."""
    for entity in ENTITIES.values():
        if entity.of_kind(Kind.STATUS):
            for row in tx.rows_for("unknown_statuses_of", names={"table": f"seen.{entity.name}"}):
                key = f"{entity.side} {row['native_id']}"
                word = cut(repr(row["status"]), 80)
                evidence = f"{key} has the status {word}, which policy/statuses.yaml does not map"
                yield Break(recon="all", code="DQ05", key=key, evidence=evidence)


def unproven_sources(proofs: Iterable[Row]) -> Iterator[Break]:
    """DQ02 for every source entity whose last completeness proof failed."""
    for proof in proofs:
        evidence = (
            f"{proof['system']} holds {proof['source_count']:,} {proof['entity'].replace('_', ' ')} in the window, "
            f"{proof['held_count']:,} are here; missing {', '.join(proof['missing']) or 'none'}; "
            f"{sums_apart(proof['source_amounts'], proof['held_amounts'])}"
        )
        yield Break(recon="all", code="DQ02", key=f"{proof['system']} {proof['entity']}", evidence=evidence)
