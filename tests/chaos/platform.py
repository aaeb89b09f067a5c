"""The whole platform, as `make demo` starts it, while one of its processes is killed in the middle of the day, a second
scheduler works beside the first, or the same day is run a second time meanwhile.

After each death the day must end by itself as the day of an undisturbed platform: published once, proven, with the same
outputs, mailed once, and nothing left running.
"""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic, sleep
from typing import Any

import psycopg

from include.local import services
from include.local.airflow_api import Airflow
from include.local.cluster import find_cluster
from include.local.databases import DatabaseUrls
from include.local.demo import TIE_OUT, business_day
from include.local.home import PROJECT, Home
from include.local.postgres import _postmaster, server
from include.local.processes import Process, all_pids, children
from include.local.secrets import load_secrets
from include.local.world_day import last_day
from include.twin.generate import generate_world
from tests.bench.backfill import created
from tests.checks import assert_checks_hold
from tests.local.conftest import command_line, processes_of

SIZE = 40
"""Invoices of the day."""
MOMENTS = (2, 8, 12)
"""Tasks that have succeeded before the death: while sources are read, while the day is reconciled, near its end."""
POLL_S = 0.2
PATIENCE_S = 900

_RUNNING_TASK = re.compile(r"airflow worker -- [0-9a-f]{8}-")
SUCCEEDED = "SELECT count(*) FROM task_instance WHERE state = 'success'"
ENDED = {
    "runs": "SELECT as_of::text, state, certificate -> 'outputs' FROM recon.runs",
    "unproven": "SELECT count(*) FROM ops.proofs WHERE NOT proven",
    "rows": "SELECT system, entity, count(DISTINCT native_id) FROM raw.records GROUP BY 1, 2 ORDER BY 1, 2",
    "mailings": "SELECT edition, recipient, state FROM recon.mailings ORDER BY 1, 2",
    "messages": "SELECT key, state FROM delivery.outbox ORDER BY 1",
}
"""What the day comes to, in our tables."""


NOBODY = "nobody"


@dataclass(frozen=True)
class Death:
    """Of whom, and after how many tasks; `beside`: a second scheduler works all the while.

    Or, where `victim` is one of `RIVALS`, what begins then and races the day.
    """

    victim: str
    after: int
    beside: bool = False

    def __str__(self) -> str:
        if self.victim in RIVALS:
            return f"{self.victim} begun once {self.after} tasks have succeeded"
        second = "with a second scheduler, " if self.beside else ""
        return f"{second}{self.victim} killed once {self.after} tasks have succeeded"


def guarded(home: Home, name: str) -> list[Process]:
    """The program that a guard of that name runs."""
    guard = Process.read(home.run / "guards" / f"{name}.pid")
    return children(guard.pid) if guard else []


def _task(home: Home) -> list[Process]:
    """A task that runs: a descendant of the scheduler's."""
    ours = {one.pid for one in guarded(home, "scheduler")}
    tasks = (pid for pid in all_pids() if _RUNNING_TASK.match(command_line(pid)) and ancestors(pid) & ours)
    return [process for pid in tasks if (process := Process.find(pid))][:1]


def ancestors(pid: int) -> set[int]:
    """It and those above it."""
    seen: set[int] = set()
    while pid > 1 and pid not in seen:
        seen.add(pid)
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return seen


def _database(home: Home) -> list[Process]:
    found = _postmaster(find_cluster(home).data)
    return [found.process] if found else []


VICTIMS: Mapping[str, Callable[[Home], list[Process]]] = {
    "the scheduler": lambda home: guarded(home, "scheduler"),
    "the triggerer": lambda home: guarded(home, "triggerer"),
    "the dag processor": lambda home: guarded(home, "dag-processor"),
    "the API server": lambda home: guarded(home, "api-server"),
    "a running task": _task,
    "Postgres": _database,
    "the twin, which is all other systems": lambda home: guarded(home, "twin"),
}
"""Name -> its processes in a home."""


def _second_run(home: Home, _settings: Mapping[str, str], day: date) -> bool:
    """Of the same interval, by another run of the same DAG."""
    start, end = business_day(day)
    body = {
        "logical_date": start + timedelta(seconds=1),
        "data_interval_start": start,
        "data_interval_end": end,
    }
    ports, password = services.running_ports(home), load_secrets(home).admin_password
    if ports is None:
        return False
    with Airflow(ports.airflow_address, username="admin", password=password) as airflow:
        airflow.unpause(TIE_OUT)
        airflow.call(
            "POST", f"/api/v2/dags/{TIE_OUT}/dagRuns", {key: at.isoformat() for key, at in body.items()}
        )
    return True


def _backfill(_home: Home, settings: Mapping[str, str], day: date) -> bool:
    """Of the same day, by the command."""
    return created(day, day, settings).returncode == 0


RIVALS = {"a second run of the same day": _second_run, "a backfill of the same day": _backfill}
"""What races the day -> begins it; False when it could not."""


def deaths(seed: int) -> list[Death]:
    """All there are, in an order that falls by the seed."""
    every = [Death(rival, after) for rival in RIVALS for after in MOMENTS[1:]]
    every += [Death(victim, after) for victim in VICTIMS for after in MOMENTS]
    every += [Death("the scheduler", after, beside=True) for after in MOMENTS]
    every += [Death(NOBODY, MOMENTS[0], beside=True)]
    random.Random(seed).shuffle(every)  # noqa: S311 - a test's dice, no secret
    return every


@dataclass(frozen=True)
class Ended:
    """What a day came to. `wrong`: what of it is otherwise than undisturbed, or what kept it from its end."""

    struck: bool
    seconds: float
    state: Mapping[str, Any]
    wrong: str = ""


def day(death: Death | None, expected: Mapping[str, Any] | None) -> Ended:
    """A day of a new platform, from nothing to its mail, with a death in it."""
    with new_home() as home:
        began = monotonic()
        world = generate_world(out=home.root / "small-world", seed=3, size=SIZE, profile="default").path
        with ExitStack() as stack:
            urls = stack.enter_context(server(home))
            demo = subprocess.Popen(
                [sys.executable, "-m", "include.cli", "demo", "--world", str(world)],
                cwd=PROJECT,
                env=os.environ | {"TIEOUT_HOME": str(home.root)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            told = last_day(world, today=date.today())  # noqa: DTZ011 - a generated world says its own
            struck = bool(death) and _strike(death, home, urls, demo, told)
            said, _ = demo.communicate(timeout=PATIENCE_S)
        if demo.returncode:
            return Ended(
                struck, monotonic() - began, {}, f"it ended with {demo.returncode}: {said.decode()[-400:]}"
            )
        state = _state(home)
        return Ended(struck, monotonic() - began, state, _difference(expected or state, state))


def _strike(
    death: Death, home: Home, urls: DatabaseUrls, demo: "subprocess.Popen[bytes]", told: date
) -> bool:
    """Kill the victim, or begin the rival, once so many tasks have succeeded; whether the day was still under way."""
    struck, lonely = False, death.beside
    with ExitStack() as stack:
        while demo.poll() is None and not (struck and not death.beside):
            if lonely and (first := guarded(home, "scheduler")):
                stack.enter_context(_second_scheduler(first[0]))
                lonely = False
            if not struck and _succeeded(urls) >= death.after:
                struck = _struck(death, home, told)
            sleep(POLL_S)
    return struck and not lonely


def _struck(death: Death, home: Home, told: date) -> bool:
    if begin := RIVALS.get(death.victim):
        schedulers = guarded(home, "scheduler")
        return bool(schedulers) and begin(home, _settings(schedulers[0]), told)
    return death.victim == NOBODY or kill(VICTIMS[death.victim](home))


def _settings(process: Process) -> dict[str, str]:
    """A process's environment."""
    lines = Path(f"/proc/{process.pid}/environ").read_bytes().decode().split("\0")
    return dict(line.split("=", 1) for line in lines if "=" in line)


def kill(victims: Sequence[Process]) -> bool:
    """Whether there was one."""
    for victim in victims:
        victim.send(signal.SIGKILL)
    return bool(victims)


@contextmanager
def _second_scheduler(first: Process) -> Iterator[None]:
    """Another one, of the same settings, until the day is over."""
    second = subprocess.Popen(
        [sys.executable, "-m", "airflow", "scheduler", "--skip-serve-logs"],
        env=_settings(first),
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(second.pid, signal.SIGKILL)
        second.wait()


def _succeeded(urls: DatabaseUrls) -> int:
    try:
        with psycopg.connect(urls.airflow, connect_timeout=5) as connection:
            row = connection.execute(SUCCEEDED).fetchone()
    except psycopg.Error:  # no tables yet
        return 0
    return int(row[0]) if row else 0


def _state(home: Home) -> dict[str, Any]:
    left = [command_line(pid) for pid in processes_of(home)]
    with server(home) as urls, psycopg.connect(urls.app) as connection:
        state: dict[str, Any] = {
            name: connection.execute(query.encode()).fetchall() for name, query in ENDED.items()
        }
        try:
            assert_checks_hold(urls.app)
        except AssertionError as broken:
            state["checks"] = str(broken)
        else:
            state["checks"] = ""
    state["mails"] = len(list(home.mailbox.glob("*.eml")))
    state["left running"] = left
    return state


def _difference(expected: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{name}: {found[name]} and not {expected[name]}"[:400]
        for name in expected
        if found[name] != expected[name]
    )


@contextmanager
def new_home() -> Iterator[Home]:
    """A home that Postgres' own user can pass through."""
    folder = Path(mkdtemp(prefix="tieout-chaos-"))
    folder.chmod(0o755)
    try:
        yield Home(folder / "var")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
