"""What checking data costs: schemas against reading the same rows, expectations against bare SQL that asks the same."""

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import UUID

import psycopg

from include.connectors.world.client import WorldSource
from include.domain.entities import ENTITIES
from include.flows.land_records import BATCH_ROWS
from include.flows.measure_quality import MIRRORED
from include.flows.reconcile import reconcile
from include.policy import load_policy
from include.ports import HeldInvoice
from include.store.postgres import PostgresStore
from include.validation.rows import failures_of
from tests.bench import worlds
from tests.bench.landed import landed_copy
from tests.bench.places import keep
from tests.bench.steps import Bench

ROWS_PER_INVOICE = 3.9
"""Rows of a default world, all entities together, for each of its invoices."""


@dataclass(frozen=True)
class Edge:
    """Rows received, and the seconds of reading and translating them and of asking their schemas."""

    rows: int
    read_s: float
    asked_s: float


@dataclass(frozen=True)
class Books:
    """Rows a day sees, its expectations, what they cost (ours, its pages, bare SQL), and the drift that was told.

    `mirrored`: invoices that Salesforce holds; `held_against`: of how many currencies and days anything could be told.
    """

    rows: int
    expectations: int
    mirrored: int
    held_against: int
    checking_s: float
    rendering_s: float
    bare_s: float
    drift: Sequence[str] = ()


class Told:
    """Salesforce as it is when all was told: it holds every invoice of the deals it won."""

    def __init__(self, url: str, options: str) -> None:
        with psycopg.connect(url, options=options) as connection:
            self._held = connection.execute(_OF_WON_DEALS).fetchall()

    def invoices(self, *, since: date) -> list[HeldInvoice]:
        """Those issued since a day."""
        return [HeldInvoice(*held) for issued, *held in self._held if issued >= since]


_OF_WON_DEALS = """
    SELECT DISTINCT issue_date, invoice.native_id, invoice.currency::text, gross_minor / minor_per_major
    FROM seen.invoices AS invoice JOIN canonical.currencies USING (currency)
    JOIN seen.placed USING (order_id) JOIN seen.opportunities AS deal ON deal.native_id = opportunity_id
    WHERE is_won AND coalesce(state, 'OPEN') NOT IN ('DRAFT', 'VOID')
"""


def quality(bench: Bench, *, rows: int) -> Path:
    """Both, on a landed world of about so many rows."""
    world = worlds.generated(seed=bench.seed, size=round(rows / ROWS_PER_INVOICE), profile="default")
    with landed_copy(bench.urls, world) as url:
        edge = _edge(url, WorldSource(world))
        books = _books(url, worlds.day_of(world))
    return keep(f"quality-{rows}", {"seed": bench.seed, "edge": asdict(edge), "books": asdict(books)})


def _edge(url: str, source: WorldSource) -> Edge:
    store, rows, read_s, asked_s = PostgresStore(url), 0, 0.0, 0.0
    failures_of("invoices", [{"id": "1"}])  # the first schema of a process loads what all need
    for entity, pulls in _portions(url):
        started = monotonic()
        with store.transaction() as tx:
            records = tx.rows("claimed_statements", pulls=pulls)
        translated = [source.translate(entity, record["payload"]) for record in records]
        read_at = monotonic()
        failures_of(entity, translated)
        read_s, asked_s = read_s + read_at - started, asked_s + monotonic() - read_at
        rows += len(records)
    return Edge(rows, read_s, asked_s)


def _portions(url: str) -> Iterator[tuple[str, list[int]]]:
    """Pages to be read together, as landing does."""
    with psycopg.connect(url) as connection:
        pulls = connection.execute(
            "SELECT entity, pull_id, records FROM ops.pulls ORDER BY entity, pull_id"
        ).fetchall()
    waiting: defaultdict[str, list[int]] = defaultdict(list)
    held: defaultdict[str, int] = defaultdict(int)
    for entity, pull_id, records in pulls:
        waiting[entity].append(pull_id)
        held[entity] += records
        if held[entity] >= BATCH_ROWS:
            yield entity, waiting.pop(entity)
            held[entity] = 0
    yield from waiting.items()


def _books(url: str, as_of: date) -> Books:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from include.flows.check_quality import check_quality  # noqa: PLC0415 - seconds to import
        from include.validation.checkpoint import Snapshot  # noqa: PLC0415
        from include.validation.suites import Day, suites  # noqa: PLC0415

    policy, store = load_policy(), PostgresStore(url)
    run = reconcile(store, as_of=as_of, policy=policy)
    with store.transaction() as tx:
        found = tx.rows("run_to_check", as_of=as_of)[0]
    held = frozenset(name for name, entity in ENTITIES.items() if found["held"].get(entity.side))
    read = {(entity.system, entity.name) for entity in ENTITIES.values()}
    systems = frozenset(system for system, _ in read)
    expected = suites(policy.quality, policy.freshness, Day(as_of, held, policy.calendars.own, systems))
    snapshot = Snapshot(run.run_id, as_of, found["batch_through"], found["rules_sha256"])
    mirror = Told(url, snapshot.options)
    checked = check_quality(store, url, as_of=as_of, policy=policy, mirror=mirror, read=read)
    with store.transaction() as tx:
        judged = {row["measure"]: row["judged"] for row in tx.rows("measures_judged", run_id=run.run_id)}
    return Books(
        rows=sum(int(count) for count in found["held"].values()),
        expectations=len(expected),
        mirrored=len(mirror.invoices(since=as_of - timedelta(days=policy.quality.agreement.window_days))),
        held_against=sum(judged.get(measure, 0) for measure in MIRRORED),
        checking_s=checked.checking_s,
        rendering_s=checked.rendering_s,
        drift=_drift(store, run.run_id),
        bare_s=_bare(url, snapshot.options, expected) + checked.measuring_s,
    )


def _drift(store: PostgresStore, run_id: UUID) -> list[str]:
    """What was said to be otherwise than before, of a world in which nothing is."""
    with store.transaction() as tx:
        rows = tx.rows("quality_of_day", run_id=run_id)
    return [
        row["sentence"]
        for row in rows
        if row["suite"] == "drift" and row["verdict"] not in {"pass", "unjudged"}
    ]


def _bare(url: str, options: str, expected: Sequence[Any]) -> float:
    """Seconds of asking the same as a person would: one query a table, and one for each that needs its own."""
    with psycopg.connect(url, options=options) as connection:
        started = monotonic()
        for statement in _statements(expected):
            connection.execute(statement.encode()).fetchall()
        return monotonic() - started


def _statements(expected: Sequence[Any]) -> Iterator[str]:
    together: defaultdict[str, list[str]] = defaultdict(list)
    for one in expected:
        relation, test = f"seen.{one.relation}", one.test
        if test.expectation_type == "no_rows":
            yield f"SELECT count(*) FROM ({test.unexpected_rows_query.format(batch=relation)}) AS found"
        else:
            together[relation].append(_FIGURES[test.expectation_type](test))
    for relation, figures in together.items():
        yield f"SELECT count(*), {', '.join(figures)} FROM {relation}"


_FIGURES: dict[str, Callable[[Any], str]] = {
    "expect_column_values_to_not_be_null": lambda test: _counted(f"{test.column} IS NULL"),
    "expect_column_values_to_not_be_in_set": lambda test: _counted(f"{test.column} = 'UNKNOWN'"),
    "expect_column_pair_values_a_to_be_greater_than_b": lambda test: _counted(
        f"{test.column_A} < {test.column_B}"
    ),
    "expect_column_max_to_be_between": lambda test: f"max({test.column})",
    "expect_column_values_to_be_between": lambda test: _counted(f"{test.column} < {test.min_value or 0}"),
}


def _counted(condition: str) -> str:
    return f"count(*) FILTER (WHERE {condition})"
