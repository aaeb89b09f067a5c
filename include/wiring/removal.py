"""Airflow to what is removed once it is old: our rows, Airflow's own, and the logs of its tasks."""
# ruff: noqa: PLC0415  # looked up and imported inside tasks only, as in include/wiring/connections.py

import logging
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import Connection, conf
from airflow.sdk.exceptions import AirflowSkipException

from include.ports import Fatal, Retryable
from include.wiring import connections
from include.wiring.environment import connection_or_none

CONNECTION = "airflow_db"
AIRFLOW_KEPT = timedelta(days=90)
"""How long Airflow's runs, events and logs are kept. Nothing of ours reads them: this is for people."""

TABLES = (
    *("dag_run", "task_instance", "task_instance_history", "task_reschedule", "task_state_store", "xcom"),
    *("deadline", "callback", "asset_event", "partitioned_asset_key_log", "job", "log", "import_error"),
    *("dag_version", "session", "revoked_token"),
    *("celery_taskmeta", "celery_tasksetmeta"),  # where CeleryExecutor keeps its results here
)
"""All that grows, but triggers: one cannot go before its callback does, and after that the triggerer removes it."""

ROWS_AT_ONCE = 5_000
TIMEOUT_S = 600
_ERROR = re.compile(r"[\w.]+(Error|Exit): ")
_FOUND = re.compile(r"^Checking table (\w+)\nFound (\d+) rows", re.MULTILINE)

log = logging.getLogger(__name__)


def remove_rows() -> None:
    """Remove what is past its time in our database. Raises Retryable naming what could not be removed.

    What there was no time for is told, and the next night's.
    """
    from include.flows.remove_old import NO_TIME, remove_old

    zone = connections.policy().calendars.entity.zone.key
    done = remove_old(connections.store(connections.REMOVER), zone=zone)
    _tell(done.rows)
    for table, why in done.left.items():
        log.warning("%s is left: %s", table, why)
    held = [f"{table}: {why}" for table, why in done.left.items() if why != NO_TIME]
    if held:
        raise Retryable(f"old rows are left: {'; '.join(held)}")


def remove_airflows() -> None:
    """Remove Airflow's old rows with its own command. Raises AirflowSkipException where no connection leads there.

    A task has no way to Airflow's database (its supervisor puts a false address in its place), so one is named to it.
    Of each dag the newest scheduled run stays, and with it the schedule.
    """
    found = connection_or_none(CONNECTION)
    if found is None or not found.host:
        raise AirflowSkipException(
            f"connection {CONNECTION} names no database: nobody removes Airflow's old rows from here"
        )
    _tell(Counter(_cleaned(found, before=datetime.now(UTC) - AIRFLOW_KEPT)))


def _cleaned(found: Connection, *, before: datetime) -> dict[str, int]:
    """By table how many rows `airflow db clean` removed. Raises Retryable when it fails or takes too long."""
    wanted = ("--clean-before-timestamp", before.isoformat(timespec="seconds"), "--tables", ",".join(TABLES))
    how = ("--batch-size", str(ROWS_AT_ONCE), "--skip-archive", "--yes", "--error-on-cleanup-failure")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", "db", "clean", *wanted, *how],
            env=_environment(found),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Retryable(
            f"airflow db clean did not end within {TIMEOUT_S} s, and the next try goes on from there; "
            "`airflow db drop-archived` removes the table it may have left behind"
        ) from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it says nothing"]
        error = next((line for line in reversed(said) if _ERROR.match(line)), said[-1])
        raise Retryable(f"airflow db clean failed: {error}")
    return {table: int(rows) for table, rows in _FOUND.findall(done.stdout) if int(rows)}


def _environment(found: Connection) -> dict[str, str]:
    scheme, _, rest = found.get_uri().partition("://")
    if not scheme.startswith("postgres"):
        raise Fatal(f"connection {CONNECTION} is of type {scheme}; it must be postgres")
    setting = "SQL_ALCHEMY_CONN"
    kept = {name: value for name, value in os.environ.items() if not name.endswith(setting)}
    return kept | {f"AIRFLOW__DATABASE__{setting}": f"postgresql+psycopg2://{rest}"}


def remove_logs() -> None:
    """Remove the old logs of tasks and of the dag processor on the disk of this host, and folders left empty."""
    base = Path(conf.get("logging", "base_log_folder"))
    before = (datetime.now(UTC) - AIRFLOW_KEPT).timestamp()
    _tell(Counter({str(base): len(list(_removed(base, before=before)))}))


def _removed(base: Path, *, before: float) -> Iterator[Path]:
    """Each log that went; and with the last of them its folder."""
    emptied = set[Path]()
    for name, _, names in os.walk(base, topdown=False):
        folder = Path(name)
        for path in (folder / one for one in names if ".log" in one):
            with suppress(FileNotFoundError):
                if path.lstat().st_mtime < before:
                    path.unlink()
                    emptied.add(folder)
                    yield path
        if folder in emptied and folder != base:
            with suppress(OSError):  # something is left in it
                folder.rmdir()
                emptied.add(folder.parent)


def _tell(removed: Counter[str]) -> None:
    for where, count in sorted(removed.items()):
        log.info("%s: %s removed", where, f"{count:,}")
    log.info("%s removed in all", f"{removed.total():,}")
