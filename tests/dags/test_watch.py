"""The watch as Airflow runs it: channels come from connections, and tasks leave how they ended."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.serialized_objects import DagSerialization
from fastapi import FastAPI, Request

from include.connectors.mail.alerts import MailHerald
from include.connectors.slack.client import SlackHerald
from include.flows import pull_changes
from include.flows.tell_alerts import Mute
from include.policy import load_policy
from include.ports import Retryable
from include.wiring import alerts, entities, schedules
from tests.dags.conftest import PROJECT
from tests.loopback import mounted

MAIL = {"conn_type": "smtp", "host": "127.0.0.1", "port": 1, "extra": {"from_email": "t@example.com"}}


class Outside:
    """Who is told, and who expects a sign of life."""

    def __init__(self) -> None:
        self.app, self.told, self.pings = FastAPI(), [], 0
        self.order: list[str] = []

        @self.app.post("/hook/T/B/secret")
        async def take(request: Request) -> str:
            self.told.append(json.loads(await request.body()))
            self.order.append("told")
            return "ok"

        @self.app.get("/ping")
        async def ping() -> str:
            self.pings += 1
            self.order.append("ping")
            return "ok"


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    made = Outside()
    with mounted(made.app) as address:
        hook = {"conn_type": "slackwebhook", "host": f"{address}/hook", "password": "T/B/secret"}
        ping = {"conn_type": "http", "host": f"{address}/ping"}
        monkeypatch.setenv("AIRFLOW_CONN_ALERTS_SLACK", json.dumps(hook))
        monkeypatch.setenv("AIRFLOW_CONN_ALERTS_PING", json.dumps(ping))
        yield made


@pytest.fixture
def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AIRFLOW_CONN_TIEOUT_DB", database_url)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example/")
    return database_url


def rows(url: str, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchall()


def context(error: Exception | None = None, *, map_index: int = -1, day: int = 1) -> Any:
    task = SimpleNamespace(dag_id="extract_erp", task_id="pull", map_index=map_index)
    return {
        "task_instance": task,
        "dag_run": SimpleNamespace(
            run_id=f"scheduled__2026-07-{day:02}T00:00:00+00:00",
            logical_date=datetime(2026, 7, day, tzinfo=UTC),
        ),
        "exception": error,
    }


def test_a_failed_task_is_told_once_with_its_run_and_over_when_it_succeeds(
    database: str, outside: Outside
) -> None:
    schedules.note_failure(context(ValueError("Jane Doe is wrong")))
    assert alerts.watch()["told"] == {"slack": "sent"}
    assert alerts.watch()["told"] == {"slack": "nothing to say"}
    [told] = outside.told
    text = told["blocks"][0]["text"]["text"]
    assert "The dag extract_erp failed: pull (ValueError)" in text
    run = "https://airflow.example/dags/extract_erp/runs/scheduled__2026-07-01T00%3A00%3A00%2B00%3A00"
    assert f"<{run}|run>" in text
    assert "https://airflow.example/tieout/playbooks/flow_failed" in text
    assert "Jane" not in str(rows(database, "SELECT * FROM ops.task_failures")) + text
    schedules.note_success(context())
    with psycopg.connect(database) as connection:
        connection.execute(
            "UPDATE ops.alerts SET raised_at = raised_at - %s::interval, seen_at = seen_at - %s::interval",
            ["13 min"] * 2,
        )
    asyncio.run(alerts.hasten(dag_run=None, deadline=None))
    assert "Over: The dag extract_erp failed" in str(outside.told[1])
    assert outside.pings == 3
    # A channel that is slow is no watch that is dead: the sign of life comes first.
    assert outside.order[:2] == ["ping", "told"]


def test_that_our_own_database_is_away_is_told_by_the_channels_and_so_is_its_return(
    database: str, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: dict[str, str] = {}
    variables = SimpleNamespace(
        get=lambda name, default=None, **_: kept.get(name, default),
        set=lambda name, value, **_: kept.update({name: value}),
        delete=kept.pop,
    )
    monkeypatch.setattr(alerts, "Variable", variables)
    monkeypatch.setenv("AIRFLOW_CONN_TIEOUT_DB", "postgresql://tieout@127.0.0.1:9/away")
    with pytest.raises(Retryable):
        alerts.watch()
    assert outside.told == [], "it may only start anew"
    since = datetime.now(UTC) - timedelta(minutes=5)
    kept["tieout_watch_silent"] = json.dumps({"since": since.isoformat(), "told": {}})
    for _ in range(2):
        with pytest.raises(Retryable):
            alerts.watch()
    [told] = outside.told
    assert "Nobody watches: our own database does not let us look (OperationalError)" in str(told)
    assert "https://airflow.example/tieout/playbooks/watch_silent" in str(told)
    monkeypatch.setenv("AIRFLOW_CONN_TIEOUT_DB", database)
    alerts.watch()
    alerts.watch()
    assert [("Over: nobody watched" in str(one)) for one in outside.told] == [False, True]
    assert (kept, outside.pings) == ({}, 2)


def test_no_sign_of_life_is_left_where_no_channel_works(
    database: str, outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert alerts.watch()["ping"] == "told: 200"
    monkeypatch.setattr(alerts, "webhook_address", lambda: 1 / 0)
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE ops.alert_channels SET failures = 3, failing_since = now()")
    assert alerts.watch()["ping"] == "not told: no channel works"
    assert outside.pings == 1


def test_without_channels_the_watch_still_looks_and_leaves_its_beat_and_those_of_places(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert alerts.watch() == {
        "alerts": {"raised": 0, "seen": 0, "over": 0},
        "told": {},
        "ping": "nobody outside expects a sign of life",
    }
    assert rows(database, "SELECT flow FROM ops.beats") == [("watch",)]
    folder = {"conn_type": "fs", "extra": {"path": "/statements"}}
    monkeypatch.setenv("AIRFLOW_CONN_BANK_FILES", json.dumps(folder))
    alerts.watch()
    assert rows(database, "SELECT flow FROM ops.beats ORDER BY flow") == [("extract_bank",), ("watch",)]


def test_mail_and_webhook_are_channels_where_they_are_named(
    outside: Outside, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FINANCE_MAIL", json.dumps(MAIL))
    monkeypatch.setenv("AIRFLOW_VAR_ALERT_RECIPIENTS", "a@example.com, b@example.com")
    assert [type(one) for one in alerts.heralds()] == [SlackHerald, MailHerald]
    assert outside.told == []
    monkeypatch.setenv("AIRFLOW_CONN_FINANCE_MAIL", json.dumps(MAIL | {"host": ""}))
    assert [type(one) for one in alerts.heralds()] == [SlackHerald, Mute]


def test_only_the_same_instance_or_a_later_run_ends_a_failure(database: str) -> None:
    def failed() -> list[tuple[Any, ...]]:
        return rows(database, "SELECT map_index FROM ops.task_failures ORDER BY map_index")

    for index in (3, 5):
        schedules.note_failure(context(ValueError("no"), map_index=index, day=2))
    schedules.note_success(context(map_index=4, day=2))
    schedules.note_success(context(map_index=3, day=1))
    assert failed() == [(3,), (5,)]
    schedules.note_success(context(map_index=5, day=2))
    assert failed() == [(3,)]
    schedules.note_success(context(map_index=0, day=3))
    assert failed() == []


def test_a_channel_whose_connection_cannot_be_used_fails_and_keeps_nothing_from_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_FINANCE_MAIL", json.dumps(MAIL))
    monkeypatch.setenv("AIRFLOW_VAR_ALERT_RECIPIENTS", "a@example.com")
    broken = {"conn_type": "slackwebhook", "password": "T/B/x", "extra": {"timeout": "soon"}}
    monkeypatch.setenv("AIRFLOW_CONN_ALERTS_SLACK", json.dumps(broken))
    monkeypatch.setattr(alerts, "webhook_address", lambda: 1 / 0)
    mute, mail = alerts.heralds()
    assert (mute, type(mail)) == (
        Mute("slack", "slack: its connection cannot be used (ZeroDivisionError)"),
        MailHerald,
    )


@pytest.mark.parametrize(
    ("host", "password", "address"),
    [
        ("", "https://hooks.example/T/B/x", "https://hooks.example/T/B/x"),
        ("", "T/B/x", "https://hooks.slack.com/services/T/B/x"),
        ("http://127.0.0.1:9/s", "T/B/x", "http://127.0.0.1:9/s/T/B/x"),
        ("hooks.example", "", ""),
    ],
)
def test_the_webhooks_address_is_read_as_the_provider_reads_it(
    host: str, password: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stated = {"conn_type": "slackwebhook", "host": host, "password": password}
    monkeypatch.setenv("AIRFLOW_CONN_ALERTS_SLACK", json.dumps(stated))
    assert alerts.webhook_address() == address


def test_who_outside_does_not_answer_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = {"conn_type": "http", "host": "http://127.0.0.1:9"}
    monkeypatch.setenv("AIRFLOW_CONN_ALERTS_PING", json.dumps(nowhere))
    assert alerts.ping() == "not told: ConnectionError"


def test_every_dag_leaves_how_its_tasks_ended_and_what_is_promised_has_a_deadline_that_makes_the_watch_look() -> (
    None
):
    bag, policy = DagBag(str(PROJECT / "dags")), load_policy()
    for dag in bag.dags.values():
        for task in dag.tasks:
            assert [task.on_success_callback, task.on_failure_callback] == [
                [schedules.note_success],
                [schedules.note_failure],
            ]
    due = {name: dag.deadline for name, dag in bag.dags.items() if dag.deadline}
    assert due.keys() == {"tie_out", *policy.freshness.flows}
    for name, [deadline] in due.items():
        assert deadline.callback.path == "include.wiring.alerts.hasten"
        assert DagSerialization.to_dict(bag.dags[name])["dag"]["deadline"]
        if name != "tie_out":
            since_asked = deadline.interval - timedelta(
                minutes=10
            )  # its logical date is when its interval began
            assert since_asked == timedelta(minutes=policy.alerts.flows[name].late_minutes)
    assert bag.dags["tie_out"].tasks[0].on_execute_callback == [alerts.note_day]
    assert bag.dags.keys() - {"tie_out", "watch"} == policy.alerts.flows.keys()


def test_what_a_source_says_of_the_days_calls_is_kept_also_when_reading_stops(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = SimpleNamespace(used=80, limit=100)
    source: Any = SimpleNamespace(system="salesforce", entities=["accounts"], budget=budget)

    def deferred(*_words: object, **_facts: object) -> None:
        raise Retryable("calls are kept for what matters more")

    monkeypatch.setattr(pull_changes, "pull_changes", deferred)
    with pytest.raises(Retryable):
        entities.pull(source)
    assert rows(database, "SELECT system, used, allowed FROM ops.api_budgets") == [("salesforce", 80, 100)]
