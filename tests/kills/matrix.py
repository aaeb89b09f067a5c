"""Kills the platform at every checkpoint of every flow, starts it again, and compares with a run nobody killed."""

import multiprocessing
import random
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import sleep
from typing import Any, Self

import psycopg
from psycopg import sql

from include.flows.publish_run import publish_run
from include.flows.reconcile import reconcile
from include.flows.seal_audit import seal_audit
from include.flows.verify_audit import verify_audit
from include.local.databases import DatabaseUrls, database_name
from include.local.scratch import scratch_database
from include.signing import holds
from include.store.postgres import PostgresStore
from include.twin.server import TwinPorts, running
from tests.checks import assert_checks_hold
from tests.connectors.conftest import Clock, write_world
from tests.kills.desk import KEYS, Desk
from tests.kills.final import KEPT, final_state, mails_in
from tests.kills.flows import FLOWS, SIGN, Flow
from tests.kills.process import Job, set_clock, work
from tests.kills.world import LATER, TODAY, WORLD
from tests.store.waiting import nobody_before

PATIENCE_S = 60

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.kills.process"])


@dataclass(frozen=True)
class Cell:
    """One death. `at` counts checkpoints from 1."""

    flow: str
    at: int
    hours: float

    def __str__(self) -> str:
        return f"{self.flow}, killed at checkpoint {self.at}, started again after {self.hours} h"


@dataclass
class Place:
    """A database and a twin of one cell."""

    url: str
    ports: TwinPorts
    clock: Clock
    mailbox: Path

    def state(self, url: str = "") -> dict[str, Any]:
        """What is there in the end. `url`: of another database that took the place of ours."""
        store = PostgresStore(url or self.url)
        mails = mails_in(self.mailbox)
        state = final_state(Desk(store, self.ports), KEPT) | {"mails": mails}
        seal_audit(store, sign=SIGN)
        return state | {"audit": list(map(str, verify_audit(store, holds=holds).found))}


@dataclass
class Matrix:
    """`urls`: a server to work on; `folder`: where the world is written."""

    urls: DatabaseUrls
    folder: Path
    _closing: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        for name, tables in {"world": WORLD, "later": LATER}.items():
            write_world(self.folder / name, tables)
        self._unread, self._read = (
            self._closing.enter_context(scratch_database(self.urls)) for _ in range(2)
        )
        self._behind = self._closing.enter_context(ThreadPoolExecutor(1))
        with self._twin(self.folder) as (ports, _):
            desk = Desk(PostgresStore(self._read), ports)
            desk.read()
            reconcile(desk.store, as_of=TODAY, policy=desk.policy)
            publish_run(desk.store, as_of=TODAY)
        nobody_before(self._read)  # so that all that is in the audit log may be sealed
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.close()

    def checkpoints(self, flow: str) -> Sequence[str]:
        """Where a run of the flow comes by that nobody kills."""
        return self._undisturbed(flow)[0]

    def expected(self, flow: str) -> dict[str, Any]:
        """What is there in the end when nobody kills anything."""
        return self._undisturbed(flow)[1]

    def cells(self, flow: str) -> list[Cell]:
        """Every death of a flow."""
        places = range(1, len(self.checkpoints(flow)) + 1)
        return [Cell(flow, at, hours) for at in places for hours in FLOWS[flow].pauses]

    def sample(self, seed: int, flow: str, *, most: int) -> list[Cell]:
        """So many deaths of a flow, in an order that falls by the seed."""
        cells = self.cells(flow)
        return random.Random(seed).sample(cells, min(most, len(cells)))  # noqa: S311

    def difference(self, cell: Cell, *, planted: str = "") -> str:
        """What is otherwise after a death than without one; empty when nothing is."""
        with self.place(FLOWS[cell.flow]) as place:
            job = Job(
                flow=cell.flow, url=place.url, ports=astuple(place.ports), kill_at=cell.at, planted=planted
            )
            if self._process(job) is not None:
                return "the process came to its end before it was killed"
            _wait_until_alone(place.url)
            place.clock.now += timedelta(hours=cell.hours)
            try:
                self._process(replace(job, kill_at=None, hours=cell.hours))
                assert_checks_hold(place.url)
            except AssertionError as broken:
                return str(broken)
            return difference_of(self.expected(cell.flow), place.state())

    def _undisturbed(self, flow: str) -> tuple[list[str], dict[str, Any]]:
        if flow not in self._known:
            with self.place(FLOWS[flow]) as place:
                names = self._process(Job(flow=flow, url=place.url, ports=astuple(place.ports)))
                assert names, f"{flow} was killed by something else"
                assert_checks_hold(place.url)
                self._known[flow] = names, place.state()
        return self._known[flow]

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
    def place(self, flow: Flow) -> Iterator[Place]:
        """A database as the flow finds it, and a twin that nobody has written to."""
        with (
            self._copy(self._ground(flow)) as url,
            TemporaryDirectory(dir=self.folder) as mailbox,
            self._twin(Path(mailbox), later=flow.later) as (ports, clock),
        ):
            if flow.clock:
                set_clock(url, flow.clock)
            yield Place(url, ports, clock, Path(mailbox))

    def _ground(self, flow: Flow) -> str:
        """The database that places of the flow are copies of."""
        if flow not in self._grounds:
            url = self._unread if flow.fresh else self._read
            if flow.before:
                url = self._closing.enter_context(self._copy(url, f"_{len(self._grounds)}"))
                flow.before(PostgresStore(url))
            self._grounds[flow] = url
        return self._grounds[flow]

    _grounds: dict[Flow, str] = field(default_factory=dict)

    @contextmanager
    def _copy(self, template: str, name: str = "_copy") -> Iterator[str]:
        names = [sql.Identifier(database_name(one)) for one in (template + name, template)]
        with psycopg.connect(self.urls.admin, autocommit=True) as admin:
            admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(*names))
            try:
                yield template + name
            finally:
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(names[0]))

    @contextmanager
    def _twin(self, mailbox: Path, *, later: bool = False) -> Iterator[tuple[TwinPorts, Clock]]:
        world = self.folder / ("later" if later else "world")
        stack, clock = ExitStack(), Clock()
        twin = running(world=world, mailbox=mailbox, keys=KEYS, clock=clock)
        try:
            yield stack.enter_context(twin), clock
        finally:
            self._behind.submit(
                stack.close
            )  # a web server takes its time to stop, and nobody has to wait for it


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
