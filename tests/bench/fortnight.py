"""Fourteen days landed and tied out one by one as they come, and the same days backfilled after the last has landed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import psycopg

from include.flows.publish_run import publish_run
from include.flows.reconcile import RunSummary, compute, reconcile
from include.local.scratch import scratch_database
from include.policy import load_policy
from include.ports import Row
from include.store.postgres import PostgresStore
from tests.bench import worlds
from tests.bench.landed import land_in
from tests.bench.places import keep

DAYS = 14
INVOICES_PER_ROW = 0.456
"""Of the rows that R3 reads, so many are invoices: it says how large a world has a number of rows."""

KNOWN = """
SELECT max(batch) AS batch_through, (SELECT max(proof_id) FROM ops.proofs) AS proof_through, 0 AS rulings_through
FROM ops.batches
"""

TieOut = Callable[[date], RunSummary]


def fortnight(bench: Any, *, day_rows: int) -> Path:
    """`same`: how many certificates are the same both ways; seconds of each day: its landing, and both its runs."""
    size = round(DAYS * day_rows * INVOICES_PER_ROW)
    world = worlds.cash_only(worlds.generated(seed=bench.seed, size=size, profile="default"))
    with TemporaryDirectory(dir=world.parent) as folder:
        exports = worlds.daily_exports(world, Path(folder), days=DAYS)
        with _database(bench) as (store, _):
            landing_s, daily = [], []
            for day, export in exports.items():
                landing_s.append(_land(store, export))
                daily.append(
                    _tied_out(store, day, lambda day: reconcile(store, as_of=day, policy=load_policy()))
                )
        with _database(bench) as (store, url):
            known = {}
            for day, export in exports.items():
                _land(store, export)
                known[day] = _known(url)
            backfilled = [
                _tied_out(store, day, lambda day: _as_known(store, day, known[day])) for day in exports
            ]
        rows = [
            sum(1 for name in worlds.CASH_FILES for _ in worlds.rows(export / name))
            for export in exports.values()
        ]
    figures = {
        "seed": bench.seed,
        "days": DAYS,
        "rows_known": rows,
        "same": sum(one == again for (one, _), (again, _) in zip(daily, backfilled, strict=True)),
        "landing_s": landing_s,
        "daily_s": [seconds for _, seconds in daily],
        "backfilled_s": [seconds for _, seconds in backfilled],
    }
    return keep(f"fortnight-{day_rows}", figures)


@contextmanager
def _database(bench: Any) -> Iterator[tuple[PostgresStore, str]]:
    with scratch_database(bench.urls) as url, PostgresStore(url).keeping() as store:
        yield store, url


def _land(store: PostgresStore, export: Path) -> float:
    began = monotonic()
    land_in(store, export)
    return monotonic() - began


def _tied_out(store: PostgresStore, day: date, run: TieOut) -> tuple[str, float]:
    """The certificate of a day, run and published, and the seconds of both."""
    began = monotonic()
    summary = run(day)
    publish_run(store, as_of=day)
    seconds = monotonic() - began
    print(f"{day} {seconds:.0f} s … ", end="", flush=True)
    return summary.certificate_sha256, seconds


def _as_known(store: PostgresStore, day: date, known: Row) -> RunSummary:
    with store.transaction() as tx:
        tx.run("lock_day", as_of=day)
        return compute(tx, known, as_of=day, policy=load_policy())


def _known(url: str) -> Row:
    with psycopg.connect(url, row_factory=psycopg.rows.dict_row) as connection:
        return connection.execute(KNOWN).fetchone() or {}
