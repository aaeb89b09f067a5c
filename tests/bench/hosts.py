"""A day under CeleryExecutor, its workers on hosts of their own: one, two and four of them, and with one cut off.

Each host has a name, an address and a cable (tests/bench/network.py); processors, disk and clock are the machine's. A
worker takes one task at a time. Postgres and Redis are reached at the bridge's address; Airflow's API and the twin,
which listen on loopback only, through a relay. Every day begins with an empty database and must come to what
LocalExecutor comes to, certificate and all.
"""

import secrets
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import gettempdir
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any
from unittest.mock import patch
from urllib.parse import quote, urlsplit

import psycopg
import yaml

from include.domain.certificates import compare
from include.flows import apply_by_amount, apply_remittances, recalculate_arr
from include.flows.reconcile import reconcile
from include.local import cluster, demo, services
from include.local.airflow_api import Airflow
from include.local.bring_up import SETTINGS_FILE, Platform, platform_up
from include.local.databases import DatabaseUrls, recreate_database
from include.local.home import PROJECT, Home, SetUpFailed
from include.local.ports import free_port
from include.local.postgres import server
from include.local.processes import exclusive, wait_for
from include.local.progress import StepFailed, Steps
from include.local.world_day import last_day
from include.policy import load_policy
from include.store.migrate import migrate
from include.store.postgres import PostgresStore
from tests.bench import worlds
from tests.bench.network import NETWORK, US, Host, hosts, why_no_hosts
from tests.bench.places import BENCH, keep
from tests.chaos.platform import ENDED, _difference, _settings, guarded
from tests.checks import assert_checks_hold
from tests.local.conftest import command_line, processes_of

HOME = Home(BENCH / "hosts")
CELERY = PROJECT / "var" / "hosts" / "celery"
"""CeleryExecutor and what it needs beside the platform's own packages (tests/bench/celery.txt)."""

SETTINGS = {
    "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    "AIRFLOW__CELERY__WORKER_CONCURRENCY": "1",
    # Longer than any task may take: a message that nobody confirmed by then is handed out once more.
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "3600",
    # Of a host that is cut off nothing is heard; a task says that it lives every few seconds.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "120",
}
PATIENT = {"AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60"}
"""All of it shares the processors of one machine: its one API server has taken 15 s to answer beside other work."""
READY_S, RUN_S, POLL_S = 300.0, 3_600.0, 0.2
MID_RUN_S = 2
"""So long a worker's transaction has lasted when its host is cut off."""
BACK_S = 150
"""So long a host that was cut off is watched once it is back: longer than whatever it still waits for."""

IN_A_RUN = f"""
SELECT host(client_addr) FROM pg_stat_activity WHERE datname = current_database() AND client_addr << '{NETWORK}'
AND xact_start < clock_timestamp() - interval '{MID_RUN_S} s'
"""
SESSIONS = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND client_addr = %s"
RECONCILE = "SELECT state, hostname FROM task_instance WHERE dag_id = 'tie_out' AND task_id = 'reconcile'"
TASKS = "SELECT hostname, count(*) FROM task_instance WHERE state = 'success' GROUP BY 1 ORDER BY 1"
BY_BUCKET = (
    (apply_by_amount, "settle_by_amount"),
    (apply_remittances, "apply_remittances"),
    (recalculate_arr, "_bucket"),
)
"""What of a run is decided bucket by bucket: where, and what does it."""
RECORD_KEYS = (
    "SELECT token, field, subject, kid, wrapped_key, envelope FROM vault.sealed WHERE field = '~key'"
)
CERTIFICATES = "SELECT as_of::text, certificate FROM recon.runs"


@dataclass(frozen=True)
class Day:
    """`name`: who worked. `wrong`: what differs from LocalExecutor. `after_cut`: seconds to what followed it.

    `in_buckets`: which share of a run is decided bucket by bucket; asked once.
    """

    name: str
    rows: int
    reading_s: float
    tying_out_s: float
    tasks: Mapping[str, int]
    state: Mapping[str, Any]
    wrong: str = ""
    after_cut: Mapping[str, float] = field(default_factory=dict)
    in_buckets: float = 0.0

    @property
    def seconds(self) -> float:
        return self.reading_s + self.tying_out_s


@dataclass(frozen=True)
class Known:
    """What a day came to, and its keys of people's records: made at random, they make the stand-ins of names, whose
    hash a certificate holds.
    """

    state: Mapping[str, Any] = field(default_factory=dict)
    keys: Sequence[Sequence[Any]] = ()


def run(*, seed: int, size: int, counts: Sequence[int]) -> int:
    """Measure, print and keep; 1 when a day came to something else, when it did not end, or left something running."""
    if why := why_no_hosts() or ("" if CELERY.is_dir() else "CeleryExecutor is missing: run make hosts"):
        print(f"hosts: {why}", file=sys.stderr)
        return 1
    done: list[Day] = []
    try:
        with closing(_days(worlds.generated(seed=seed, size=size, profile="default"), counts)) as days:
            for day in days:
                done.append(day)
                keep("hosts", {"seed": seed, "size": size, "days": [asdict(one) for one in done]})
                print(as_table(done), flush=True)
    except (StepFailed, SetUpFailed) as problem:
        print(f"hosts: {problem}", file=sys.stderr)
        return 1
    left = [command_line(pid) for pid in processes_of(HOME)]
    print("left running:", "; ".join(left) or "nothing")
    return int(bool(left) or any(day.wrong for day in done))


def _days(world: Path, counts: Sequence[int]) -> Iterator[Day]:
    """The days one after the other. Raises StepFailed."""
    with (
        exclusive(Path(gettempdir()) / "tieout-hosts.lock"),
        hosts(max(*counts, 2)) as every,
        patch.dict(cluster.SETTINGS, listen_addresses=f"127.0.0.1,{US}"),
        server(HOME) as urls,
    ):
        services.stop(HOME)  # of a run that was killed, whose tasks shall not go on
        recreate_database(urls.airflow, admin=urls.admin)
        _let_hosts_in(urls)
        with _platform(world, {}) as up:
            locally = _day(up, urls, "LocalExecutor")
            known = Known(locally.state, _rows(urls.app, RECORD_KEYS))
            yield replace(locally, in_buckets=_in_buckets(urls.app, worlds.day_of(world)))
        with _redis() as broker, _platform(world, SETTINGS | {"AIRFLOW__CELERY__BROKER_URL": broker}) as up:
            for count in counts:
                with _workers(every[:count], up, urls):
                    yield _day(up, urls, f"workers: {count}", known)
            with _workers(every[:2], up, urls):
                yield _day(up, urls, "workers: 2, one cut off", known, cut=every[:2])


def as_table(days: Sequence[Day]) -> str:
    """For docs/scaling.md, and what followed where a host was cut off."""
    head = ["workers", "reading s", "tie-out s", "rows/s", "as with LocalExecutor", "tasks done by"]
    lines = [head, ["---"] * len(head)]
    for day in days:
        by = ", ".join(f"{host} {count}" for host, count in day.tasks.items())
        told = [f"{day.reading_s:.0f}", f"{day.tying_out_s:.0f}", f"{day.rows / day.seconds:,.0f}"]
        lines.append([day.name, *told, day.wrong or "yes", by])
    followed = [f"{what}: {seconds:.0f} s" for day in days for what, seconds in day.after_cut.items()]
    return "\n".join([*(f"| {' | '.join(line)} |" for line in lines), *followed])


def _let_hosts_in(urls: DatabaseUrls) -> None:
    """With the same password; the embedded server admits nobody but this machine."""
    with psycopg.connect(urls.admin, autocommit=True) as admin:
        [found] = admin.execute("SHOW hba_file").fetchall()
        admitted, line = Path(found[0]), f"host all all {NETWORK} scram-sha-256\n"
        if line not in admitted.read_text():
            admitted.write_text(admitted.read_text() + line)
        admin.execute("SELECT pg_reload_conf()")


@contextmanager
def _platform(world: Path, settings: Mapping[str, str]) -> Iterator[Platform]:
    steps, environment = Steps(crash_log=HOME.logs / "crash.log"), services.airflow_environment

    def with_ours(**given: Any) -> dict[str, str]:
        found = environment(**given)
        return found | PATIENT | settings | {"PYTHONPATH": f"{found['PYTHONPATH']}:{CELERY}"}

    with (
        patch.object(services, "airflow_environment", with_ours),
        patch.multiple(demo, PARSE_TIMEOUT_S=READY_S, RUN_TIMEOUT_S=RUN_S),
        platform_up(steps, home=HOME, world=world, leashed=True, replace=True) as up,
    ):
        yield up


@contextmanager
def _redis() -> Iterator[str]:
    """Where it listens, password and all; it keeps nothing on disk."""
    port, password = free_port(6390), secrets.token_hex(16)
    said = {"bind": US, "port": port, "requirepass": password, "save": '""', "dir": HOME.run}
    conf = HOME.run / "redis.conf"
    conf.touch(mode=0o600)
    conf.write_text("".join(f"{name} {value}\n" for name, value in said.items()))
    with _program("redis", ["redis-server", str(conf)], {}):
        yield f"redis://:{password}@{US}:{port}/0"


@contextmanager
def _workers(on: Sequence[Host], up: Platform, urls: DatabaseUrls) -> Iterator[None]:
    """A worker on each host, once all of them take tasks; their settings are the scheduler's."""
    [scheduler] = guarded(HOME, "scheduler")
    here = f":{urlsplit(urls.app).port}/"
    settings = {
        name: value.replace(f"127.0.0.1{here}", f"{US}{here}") for name, value in _settings(scheduler).items()
    }
    settings["AIRFLOW_CONN_TIEOUT_DB"] = settings["TIEOUT_DATABASE_URL"]
    there = up.ports
    ports = [str(port) for port in (there.airflow, there.salesforce, there.erp, there.payments, there.smtp)]
    relay = [sys.executable, "-m", "tests.bench.relay"]
    worker = [
        sys.executable,
        "-m",
        "airflow",
        "celery",
        "worker",
        "--skip-serve-logs",
        "-q",
        ",".join(queues()),
    ]
    with ExitStack() as stack:
        stack.enter_context(_program("relay", [*relay, US, "127.0.0.1", *ports], settings))
        logs = []
        for host in on:
            to_us = host.command(*relay, "127.0.0.1", US, *ports)
            stack.enter_context(_program(f"relay-{host.name}", to_us, settings))
            logs.append(stack.enter_context(_program(host.name, host.command(*worker), settings)))
        for log in logs:
            if not wait_for(lambda log=log: " ready." in log.read_text(), timeout_s=READY_S, every_s=POLL_S):
                raise SetUpFailed(f"a worker took no tasks within {READY_S:.0f} s: see {log}")
        yield


def queues() -> list[str]:
    """Every queue has the name of a pool."""
    stated = yaml.safe_load(SETTINGS_FILE.read_text())["airflow"]["pools"]
    return ["default", *(pool["pool_name"] for pool in stated)]


@contextmanager
def _program(name: str, command: Sequence[str], settings: Mapping[str, str]) -> Iterator[Path]:
    """Runs until the end, and ends with us; its log."""
    guard = [sys.executable, "-S", "-m", "include.local.guard", str(HOME.run / f"{name}.guard")]
    log = HOME.logs / f"{name}.log"
    with log.open("wb") as output:
        # A session of its own: Ctrl-C is for us, who end it in its turn.
        running = subprocess.Popen(
            [*guard, *command],
            cwd=PROJECT,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(PROJECT), **settings},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield log
    finally:
        running.terminate()
        running.wait()


def _day(
    up: Platform,
    urls: DatabaseUrls,
    name: str,
    known: Known = Known(),
    cut: Sequence[Host] = (),
) -> Day:
    """One day from an empty database to its mail; of the hosts in `cut` the one that reconciles is cut off."""
    _empty(urls, known.keys)
    _forget_runs(up.airflow)
    mails, day = _mails(), last_day(up.world, today=datetime.now(UTC).date())
    steps = Steps(crash_log=HOME.logs / "crash.log")
    began = monotonic()
    with steps.step(f"{name}: reading") as say:
        demo._run_dags(up, demo.EXTRACTIONS, day, say)
    read = monotonic()
    with steps.step(f"{name}: tie-out") as say, _cut(cut, urls) as after_cut:
        demo._run_dags(up, (demo.TIE_OUT,), day, say)
    ended = monotonic()
    state = _state(urls) | {"mails": _mails() - mails}
    wrong = "nobody was cut off" if cut and not after_cut else _wrong(known.state or state, state)
    if cut:
        with steps.step(f"{name}: it is back"):
            for host in cut:
                host.let_back()
            sleep(BACK_S)
        later = _wrong(state, _state(urls) | {"mails": _mails() - mails})
        wrong = "; ".join(filter(None, [wrong, later and f"once it was back: {later}"]))
    return Day(
        name=name,
        rows=_rows(urls.app, "SELECT count(*) FROM raw.records")[0][0],
        reading_s=read - began,
        tying_out_s=ended - read,
        tasks=dict(_rows(urls.airflow, TASKS)),
        state=state,
        wrong=wrong,
        after_cut=after_cut,
    )


def _empty(urls: DatabaseUrls, keys: Iterable[Sequence[Any]]) -> None:
    recreate_database(urls.app, admin=urls.admin)
    migrate(urls.app)
    with (
        psycopg.connect(urls.app) as connection,
        connection.cursor() as cursor,
        cursor.copy(
            "COPY vault.sealed (token, field, subject, kid, wrapped_key, envelope) FROM STDIN"
        ) as copy,
    ):
        for key in keys:
            copy.write_row(key)


def _forget_runs(airflow: Airflow) -> None:
    """A run that is cleared and run again waits for a retry as if each time before had been one that failed."""
    for run in airflow.call("GET", "/api/v2/dags/~/dagRuns", limit=1000)["dag_runs"]:
        airflow.call("DELETE", f"/api/v2/dags/{run['dag_id']}/dagRuns/{quote(run['dag_run_id'], safe='')}")


@contextmanager
def _cut(among: Sequence[Host], urls: DatabaseUrls) -> Iterator[dict[str, float]]:
    """Cut off, in the middle of its transaction, the host that reconciles; seconds until what followed was seen."""
    seen: dict[str, float] = {}
    ended = Event()
    watch = Thread(target=_watch, args=({host.address: host for host in among}, urls, seen, ended))
    if not among:
        ended.set()
    watch.start()
    try:
        yield seen
    finally:
        ended.set()
        watch.join()


def _watch(among: Mapping[str, Host], urls: DatabaseUrls, seen: dict[str, float], ended: Event) -> None:
    found: list[Any] = []
    while not found:
        if ended.wait(POLL_S):
            return
        if any(state == "running" for state, _ in _rows(urls.airflow, RECONCILE)):
            found = _rows(urls.app, IN_A_RUN)
    host, at = among[found[0][0]], monotonic()
    host.cut_off()
    while not ended.wait(POLL_S):
        now = [f"reconcile: {state} ({on})" for state, on in _rows(urls.airflow, RECONCILE)]
        if not _rows(urls.app, SESSIONS, host.address):
            now.append("its session ended")
        for what in now:
            seen.setdefault(what, round(monotonic() - at, 1))
    seen["the day ended"] = round(monotonic() - at, 1)


def _in_buckets(url: str, as_of: date) -> float:
    """Which share of a run's time is spent bucket by bucket: the most that workers could have a part in."""
    took = 0.0

    def timed(work: Callable[..., Any]) -> Callable[..., Any]:
        def working(*given: Any, **named: Any) -> Any:
            nonlocal took
            began = monotonic()
            try:
                return work(*given, **named)
            finally:
                took += monotonic() - began

        return working

    with ExitStack() as stack:
        for module, name in BY_BUCKET:
            stack.enter_context(patch.object(module, name, timed(getattr(module, name))))
        began = monotonic()
        reconcile(PostgresStore(url), as_of=as_of, policy=load_policy())
        return took / (monotonic() - began)


def _state(urls: DatabaseUrls) -> dict[str, Any]:
    """What the day came to, and what of it is still at work."""
    state: dict[str, Any] = {name: _rows(urls.app, query) for name, query in ENDED.items()}
    state["certificates"] = dict(_rows(urls.app, CERTIFICATES))
    assert_checks_hold(urls.app)
    state["at work"] = _rows(urls.app, IN_A_RUN)
    return state


def _wrong(expected: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """What the day came to otherwise, and what in its certificates says otherwise."""
    ours, theirs = ({**state, "certificates": sorted(state["certificates"])} for state in (found, expected))
    certified = [
        str(one)
        for day, certificate in found["certificates"].items()
        for one in compare(expected["certificates"].get(day, certificate), certificate)
    ]
    return "; ".join(filter(None, [_difference(theirs, ours), *certified]))


def _mails() -> int:
    return len(list(HOME.mailbox.glob("*.eml")))


def _rows(url: str, query: str, *values: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode(), values or None).fetchall()
