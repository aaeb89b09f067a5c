"""Eight times the rows take no more memory: nobody holds a table, and nobody holds a file."""

import tracemalloc
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from include.connectors.world.client import WorldSource
from include.flows import land_records as landing
from include.flows import reconcile as reconciling
from include.flows.pull_changes import pull_changes
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.policy import load_policy
from include.store import postgres
from include.store.postgres import PostgresStore
from tests.flows.conftest import Draw

ROWS, TIMES, AT_ONCE = 60, 8, 30


def peak_kb(act: Callable[[], object]) -> float:
    """The most memory that Python held beyond what it held before."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1] / 1024
    finally:
        tracemalloc.stop()


def peaks(store: PostgresStore, world: Path) -> dict[str, float]:
    source = WorldSource(world, page_rows=AT_ONCE)
    return {
        "pull": peak_kb(lambda: pull_changes(source, store, entity="invoices")),
        "land": peak_kb(lambda: landing.land_records(source, store, entity="invoices")),
        "reconcile": peak_kb(
            lambda: reconciling.reconcile(store, as_of=date(2026, 3, 31), policy=load_policy())
        ),
    }


def test_memory_is_that_of_a_page_and_of_a_portion_however_many_there_are(
    draw: Draw, server_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "BATCH_ROWS", AT_ONCE)
    monkeypatch.setattr(reconciling, "ROWS_AT_ONCE", AT_ONCE)
    monkeypatch.setattr(postgres, "STREAMED_ROWS", AT_ONCE)
    found = []
    for rows in (AT_ONCE, ROWS, ROWS * TIMES):  # the first of all fills caches
        lines = "\n".join(
            f"{n} INV-{n} C{n} 2026-01-01 2026-01-31 SGD {n % 90 + 1}.00" for n in range(1, rows + 1)
        )
        with scratch_database(server_urls, strategy="FILE_COPY") as url:
            found.append(peaks(PostgresStore(url), draw(invoices=lines, folder=f"world{rows}")))
    _, few, many = found
    assert {name: round(many[name] / few[name], 1) for name in few if many[name] > 1.5 * few[name]} == {}
