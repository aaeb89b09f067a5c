"""The nightly removal on Airflow's side: its own rows by its own command, and the logs of its tasks."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from airflow.sdk.exceptions import AirflowSkipException

from include.flows import remove_old
from include.flows.remove_old import NO_TIME, Removed
from include.local.databases import DatabaseUrls, recreate_database
from include.ports import Fatal, Retryable
from include.wiring import removal
from tests.dags.conftest import PROJECT

PLANTED = """
INSERT INTO dag_bundle (name) VALUES ('dags');
INSERT INTO dag (dag_id, is_paused, is_stale, bundle_name, timetable_type, timetable_description, timetable_periodic,
    partition_mapper_info, max_active_tasks, max_consecutive_failed_dag_runs, has_task_concurrency_limits)
    VALUES ('fast_lane', false, false, 'dags', '', '', true, '{}', 1, 0, false);
INSERT INTO dag_run (dag_id, run_id, run_type, state, start_date, run_after)
    SELECT 'fast_lane', name, kind, 'success', now() - days * interval '1 day', now() - days * interval '1 day'
    FROM (VALUES ('older', 'scheduled', 200), ('newest of its schedule', 'scheduled', 100),
        ('by hand', 'manual', 95), ('within', 'manual', 80)) AS told (name, kind, days);
INSERT INTO trigger (id, classpath, kwargs, created_date) VALUES (1, 'x', '', now() - interval '95 days');
INSERT INTO callback (id, type, fetch_method, data, state, priority_weight, created_at, trigger_id)
    VALUES (gen_random_uuid(), 'triggerer', 'import_path', '{}', 'success', 1, now() - interval '95 days', 1);
INSERT INTO log (dttm, event)
    SELECT now() - days * interval '1 day', 'trigger' FROM unnest('{85, 89, 91, 95}'::int[]) AS days;
"""


@pytest.fixture
def metadata(server_urls: DatabaseUrls, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a database of Airflow's own making, with rows of different age, named to a task as it is to ours."""
    url = urlsplit(server_urls.admin)._replace(path=f"/tieout_scratch_airflow_{os.getpid()}").geturl()
    recreate_database(url, admin=server_urls.admin)
    setting = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
    subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        env=os.environ | {setting: url.replace("postgresql://", "postgresql+psycopg2://")},
        cwd=PROJECT,
        capture_output=True,
        check=True,
    )
    with psycopg.connect(url) as connection:
        connection.execute(PLANTED.encode())
    monkeypatch.setenv(setting, "airflow-db-not-allowed:///")  # as a task's supervisor does
    monkeypatch.setenv("AIRFLOW__CORE__SQL_ALCHEMY_CONN", "airflow-db-not-allowed:///")
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_DB", url)
    yield url
    with psycopg.connect(server_urls.admin, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {urlsplit(url).path[1:]} WITH (FORCE)".encode())


def test_airflows_old_rows_go_and_the_newest_of_a_schedule_stays(
    metadata: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    removal.remove_airflows()
    with psycopg.connect(metadata) as connection:
        runs = {run for (run,) in connection.execute("SELECT run_id FROM dag_run").fetchall()}
        events = connection.execute("SELECT count(*) FROM log WHERE event = 'trigger'").fetchone()
        archived = connection.execute(
            "SELECT relname FROM pg_class WHERE relname LIKE '\\_airflow\\_deleted%'"
        ).fetchall()
    assert (runs, events, archived) == ({"newest of its schedule", "within"}, (2,), [])
    assert {"callback: 1 removed", "dag_run: 2 removed", "log: 2 removed"} <= set(caplog.messages)


def test_airflows_rows_are_left_where_nobody_names_its_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_DB", json.dumps({"conn_type": "postgres"}))
    with pytest.raises(AirflowSkipException, match="airflow_db names no database"):
        removal.remove_airflows()
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_DB", "mysql://h/airflow")
    with pytest.raises(Fatal, match="must be postgres"):
        removal.remove_airflows()


def test_a_database_that_is_away_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AIRFLOW_DB", "postgres://u:secret-word@127.0.0.1:1/airflow")
    with pytest.raises(
        Retryable, match=r"airflow db clean failed: sqlalchemy\.exc\.OperationalError"
    ) as caught:
        removal.remove_airflows()
    assert "secret-word" not in str(caught.value)


def test_old_logs_go_with_their_folders_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = "dag_id=fast_lane/run_id={}/task_id=work"
    for name, days in (
        (f"{run.format('old')}/attempt=1.log", 91),
        (f"{run.format('old')}/attempt=1.log.trigger.7.log", 91),
        (f"{run.format('new')}/attempt=1.log", 89),
        (f"{run.format('new')}/attempt=0.log", 91),
        ("kept.txt", 500),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("said")
        when = path.stat().st_mtime - days * 86_400
        os.utime(path, (when, when))
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path))
    removal.remove_logs()
    left = {
        str(path.relative_to(tmp_path))
        for path in tmp_path.rglob("*")
        if not path.is_dir() or path.name == "empty"
    }
    assert left == {f"{run.format('new')}/attempt=1.log", "kept.txt", "empty"}
    assert not (tmp_path / run.format("old")).parent.exists()


@pytest.mark.parametrize(
    ("why", "raises"), [("Postgres: canceling statement due to lock timeout", Retryable), (NO_TIME, None)]
)
def test_what_is_left_is_told_and_what_somebody_held_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    why: str,
    raises: type[Exception] | None,
) -> None:
    def removed(*_: Any, **__: Any) -> Removed:
        return Removed(left={"ops.proofs": why})

    monkeypatch.setattr(remove_old, "remove_old", removed)
    monkeypatch.setattr(removal.connections, "store", lambda role: role)
    with pytest.raises(raises, match=f"ops.proofs: {why}") if raises else nullcontext():
        removal.remove_rows()
    assert f"ops.proofs is left: {why}" in caplog.messages
