"""The Postgres server Tieout uses: its own embedded one, or the one TIEOUT_DATABASE_URL names.

Several commands may use the embedded server at once. Each holds a lease: a shared lock on a file, which the
kernel ends with its holder. The server runs under a keeper (keeper.py), which stops it after the last lease.
"""

import fcntl
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from include.local.cluster import SUPERUSER, Cluster, explain, find_cluster, lost_its_port
from include.local.databases import DatabaseUrls, prepare_databases
from include.local.home import PROJECT, Home, SetUpFailed
from include.local.ports import free_port
from include.local.processes import Process, all_pids, end_with_parent, exclusive, wait_for
from include.local.secrets import load_secrets

PREFERRED_PORT = 5463
START_TIMEOUT_S = 120.0
"""Long enough to recover from a crash: the log since the last checkpoint is replayed first."""
START_TRIES = 3
"""Between looking for a free port and listening on it, another server may take it."""
STOP_TIMEOUT_S = 60.0
LOG_BYTES_MAX = 10_000_000
PIDFILE_PORT, PIDFILE_STATUS = 3, 7
"""Lines of postmaster.pid, counted from 0; Postgres' src/include/utils/pidfile.h."""


@dataclass(frozen=True)
class _Postmaster:
    """What a server says of itself in postmaster.pid. `port` is 0 until it is ready to be asked."""

    process: Process
    port: int


@contextmanager
def server(home: Home) -> Iterator[DatabaseUrls]:
    """The URLs of a running server with both databases; the last one out stops a server of ours.

    Raises SetUpFailed when it cannot be started or reached, is too old, or refuses to create a database.
    """
    if url := os.environ.get("TIEOUT_DATABASE_URL"):
        yield prepare_databases(_external(url), place="TIEOUT_DATABASE_URL")
    else:
        with _embedded(home) as urls:
            yield urls


def hold(home: Home) -> int:
    """Keep the embedded server up until SIGTERM or SIGINT; 1 when it ends by itself, to be started anew."""
    told_to_stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: told_to_stop.set())
    with _embedded(home):
        data = find_cluster(home).data
        while not told_to_stop.wait(timeout=1.0):
            if _postmaster(data) is None:
                print(f"the database server below {data} ended by itself", file=sys.stderr)
                return 1
    return 0


@contextmanager
def _embedded(home: Home) -> Iterator[DatabaseUrls]:
    cluster = find_cluster(home)
    with _lease(home, cluster):
        with exclusive(home.run / "postgres.lock"):
            port = _ensure_running(home, cluster)
            urls = prepare_databases(_ours(home, port), place=f"the database server on port {port}")
        yield urls


def _external(url: str) -> DatabaseUrls:
    parts = urlsplit(url)
    name = parts.path.lstrip("/")
    if parts.scheme not in {"postgresql", "postgres"} or not name:
        raise SetUpFailed("TIEOUT_DATABASE_URL must look like postgresql://user:password@host:5432/database")
    return DatabaseUrls.on(parts._replace(scheme="postgresql"), name)


def _ours(home: Home, port: int) -> DatabaseUrls:
    password = load_secrets(home).database_password
    return DatabaseUrls.on(urlsplit(f"postgresql://{SUPERUSER}:{password}@127.0.0.1:{port}/"), "tieout")


@contextmanager
def _lease(home: Home, cluster: Cluster) -> Iterator[None]:
    descriptor = os.open(home.run / "postgres.leases", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        _stop_if_last(descriptor, cluster)
        os.close(descriptor)


def _stop_if_last(lease: int, cluster: Cluster) -> None:
    """Stop the server when no other lease is held, so that nothing is left running when we return."""
    try:
        fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        # Others use it; or the keeper was quicker and is stopping it, and this waits for the keeper.
        fcntl.flock(lease, fcntl.LOCK_SH)
        return
    keeper = Process.read(_keeper_file(cluster))
    if keeper:
        keeper.send(signal.SIGTERM)
        wait_for(lambda: not keeper.alive, timeout_s=STOP_TIMEOUT_S)


def _ensure_running(home: Home, cluster: Cluster) -> int:
    """The port of the running server, started when it was not."""
    wait_for(lambda: not (found := _postmaster(cluster.data)) or found.port, timeout_s=START_TIMEOUT_S)
    if (running := _postmaster(cluster.data)) and running.port:
        return running.port
    _clear_remains(cluster.data)
    cluster.initialise(password=load_secrets(home).database_password)
    log = home.logs / "postgres.log"
    if log.exists() and log.stat().st_size > LOG_BYTES_MAX:
        log.replace(log.with_suffix(".log.1"))
    for _ in range(START_TRIES):
        port = _port(home)
        written = _try_to_start(home, cluster, port=port, log=log)
        if _is_ready(cluster):
            return port
        if not lost_its_port(written):
            break
    raise SetUpFailed(explain(written, place=cluster.base), log=log)


def _try_to_start(home: Home, cluster: Cluster, *, port: int, log: Path) -> str:
    """Start the server and wait until it is ready or has given up; what it wrote."""
    begin = log.stat().st_size if log.exists() else 0
    _start_keeper(home, cluster, port=port, log=log)
    wait_for(lambda: _is_ready(cluster) or not Process.read(_keeper_file(cluster)), timeout_s=START_TIMEOUT_S)
    return log.read_bytes()[begin:].decode(errors="replace")


def _start_keeper(home: Home, cluster: Cluster, *, port: int, log: Path) -> None:
    command = [
        *(sys.executable, "-S", "-m", "include.local.keeper"),
        *(str(home.run / "postgres.leases"), str(_keeper_file(cluster)), *cluster.user_and_group),
        *cluster.server_command(port=port),
    ]
    # A bare environment: what is secret in ours stays here.
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "PYTHONPATH": str(PROJECT)}
    with log.open("ab") as output:
        subprocess.run(command, cwd="/", env=environment, stdout=output, stderr=output, check=True)


def _keeper_file(cluster: Cluster) -> Path:
    return cluster.base / "keeper.pid"


def _port(home: Home) -> int:
    """Yesterday's port while it is free, so that addresses people wrote down stay right."""
    kept = home.run / "postgres.port"
    preferred = int(kept.read_text()) if kept.exists() else PREFERRED_PORT
    port = free_port(preferred)
    kept.write_text(f"{port}\n")
    return port


def _is_ready(cluster: Cluster) -> bool:
    found = _postmaster(cluster.data)
    return found is not None and found.port > 0


def _postmaster(data: Path) -> _Postmaster | None:
    """The live server of these data files. A pid file left by kill -9 is not taken for one."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    process = Process.find(int(lines[0])) if lines else None
    if process is None or not _works_in(process.pid, data):
        return None
    # The status comes last; a file without it is still being written.
    is_ready = lines[PIDFILE_STATUS:] == ["ready   "]
    port = int(lines[PIDFILE_PORT]) if is_ready else 0
    return _Postmaster(process, port)


def _clear_remains(data: Path) -> None:
    """Remove what a killed server left: its last processes, then the pid file that names nobody.

    The pid file may go only when no process works on these files any more; Postgres itself would refuse to
    start when its process id was reused.
    """
    left = [process for pid in all_pids() if _works_in(pid, data) and (process := Process.find(pid))]
    for process in left:
        process.end(patience_s=5.0)
    (data / "postmaster.pid").unlink(missing_ok=True)


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == folder
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return False


if __name__ == "__main__":
    end_with_parent(signal.SIGTERM)
    sys.exit(hold(Home.from_environment()))
