"""Kills the platform at every checkpoint of every recipe, starts it again, and compares with a run nobody killed."""

import multiprocessing
import random
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from time import sleep
from typing import Any, Self

import psycopg
from psycopg import sql

from include.flows.publish_run import publish_run
from include.flows.reconcile import reconcile
from include.local.databases import DatabaseUrls, database_name
from include.local.scratch import scratch_database
from include.store.postgres import PostgresStore
from include.twin.server import TwinPorts, running
from tests.checks import assert_checks_hold
from tests.connectors.conftest import Clock, write_world
from tests.kills.desk import KEYS, Desk
from tests.kills.final import final_state
from tests.kills.process import Job, work
from tests.kills.world import TODAY, WORLD

PATIENCE_S = 60
PAUSES = (1, 25)
"""Hours until the next process: one in which other systems still know our keys, and one after which they forgot."""

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.kills.process"])


@dataclass(frozen=True)
class Cell:
    """One death. `at` counts checkpoints from 1."""

    recipe: str
    at: int
    hours: int

    def __str__(self) -> str:
        return f"{self.recipe}, killed at checkpoint {self.at}, started again after {self.hours} h"


@dataclass
class Place:
    """A database and a twin of one cell."""

    url: str
    ports: TwinPorts
    clock: Clock


@dataclass
class Matrix:
    """`urls`: a server to work on; `folder`: where the world is written."""

    urls: DatabaseUrls
    folder: Path
    _closing: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        write_world(self.folder / "world", WORLD)
        self._url = self._closing.enter_context(scratch_database(self.urls))
        self._behind = self._closing.enter_context(ThreadPoolExecutor(1))
        with self._twin() as (ports, _):
            desk = Desk(PostgresStore(self._url), ports)
            desk.read()
            reconcile(desk.store, as_of=TODAY, policy=desk.policy)
            publish_run(desk.store, as_of=TODAY)
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.close()

    def checkpoints(self, recipe: str) -> Sequence[str]:
        """Where a run of the recipe comes by that nobody kills."""
        return self._undisturbed(recipe)[0]

    def expected(self, recipe: str) -> dict[str, Any]:
        """What is there in the end when nobody kills anything."""
        return self._undisturbed(recipe)[1]

    def cells(self, recipe: str) -> list[Cell]:
        """Every death of a recipe."""
        places = range(1, len(self.checkpoints(recipe)) + 1)
        return [Cell(recipe, at, hours) for at in places for hours in PAUSES]

    def sample(self, seed: int, recipe: str, *, most: int) -> list[Cell]:
        """So many deaths of a recipe, in an order that falls by the seed."""
        cells = self.cells(recipe)
        return random.Random(seed).sample(cells, min(most, len(cells)))  # noqa: S311

    def difference(self, cell: Cell, *, planted: str = "") -> str:
        """What is otherwise after a death than without one; empty when nothing is."""
        with self.place() as place:
            job = Job(
                recipe=cell.recipe,
                url=place.url,
                ports=astuple(place.ports),
                kill_at=cell.at,
                planted=planted,
            )
            if self._process(job) is not None:
                return "the process came to its end before it was killed"
            _wait_until_alone(place.url)
            place.clock.now += timedelta(hours=cell.hours)
            self._process(replace(job, kill_at=None, hours=cell.hours))
            try:
                assert_checks_hold(place.url)
            except AssertionError as broken:
                return str(broken)
            return difference_of(
                self.expected(cell.recipe), final_state(Desk(PostgresStore(place.url), place.ports))
            )

    def _undisturbed(self, recipe: str) -> tuple[list[str], dict[str, Any]]:
        if recipe not in self._known:
            with self.place() as place:
                names = self._process(Job(recipe=recipe, url=place.url, ports=astuple(place.ports)))
                assert names, f"{recipe} was killed by something else"
                assert_checks_hold(place.url)
                self._known[recipe] = names, final_state(Desk(PostgresStore(place.url), place.ports))
        return self._known[recipe]

    _known: dict[str, tuple[list[str], dict[str, Any]]] = field(default_factory=dict)

    def _process(self, job: Job) -> list[str] | None:
        """Run a job in a process of its own: the checkpoints it passed, None when it was killed as it should be."""
        ours, theirs = _PROCESSES.Pipe(duplex=False)
        process = _PROCESSES.Process(target=work, args=(job, theirs))
        process.start()
        theirs.close()
        process.join(PATIENCE_S)
        if process.exitcode == -signal.SIGKILL and job.kill_at:
            return None
        assert process.exitcode == 0, f"{job} ended with {process.exitcode}"
        names: list[str] = ours.recv()
        return names

    @contextmanager
    def place(self) -> Iterator[Place]:
        """The database as it was when nothing had been decided yet, and a twin that nobody has written to."""
        _forget_decisions(self._url)
        with self._twin() as (ports, clock):
            yield Place(self._url, ports, clock)

    @contextmanager
    def _twin(self) -> Iterator[tuple[TwinPorts, Clock]]:
        stack, clock = ExitStack(), Clock()
        twin = running(world=self.folder / "world", mailbox=self.folder / "mailbox", keys=KEYS, clock=clock)
        try:
            yield stack.enter_context(twin), clock
        finally:
            self._behind.submit(
                stack.close
            )  # a web server takes its time to stop, and nobody has to wait for it


def _forget_decisions(url: str) -> None:
    """All of a recipe's traces are in one schema; its tables are append-only for everybody but a replica."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'delivery' AND tablename <> 'park_reasons'"
        ).fetchall()
        for (table,) in tables:
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier("delivery", table)))
        database = sql.Identifier(database_name(url))
        connection.execute(sql.SQL("ALTER DATABASE {} RESET tieout.clock").format(database))


def _wait_until_alone(url: str) -> None:
    """Until Postgres has noticed that the process is gone, and given up its transaction."""
    others = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(others).fetchall():
            sleep(0.005)


def difference_of(expected: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{name}: {found.get(name)} and not {expected.get(name)}"
        for name in sorted(expected.keys() | found.keys())
        if found.get(name) != expected.get(name)
    )
