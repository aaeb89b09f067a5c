import json
import re
import subprocess
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.local import services
from include.local.airflow_env import airflow_environment
from include.local.databases import DatabaseUrls
from include.local.home import PROJECT, Home, SetUpFailed
from include.local.ports import free_port, hand_over_ports, reserve_ports
from include.local.processes import Process
from include.local.secrets import Secrets, load_secrets

START = datetime(2026, 6, 30, 12, tzinfo=UTC)
URLS = DatabaseUrls(
    app="postgresql://u:p@h:1/books",
    airflow="postgresql://u:p@h:1/books_airflow",
    admin="postgresql://u:p@h:1/x",
)


@pytest.fixture
def own(tmp_path: Path) -> Home:
    return Home(tmp_path / "var")


def environment(home: Home) -> dict[str, str]:
    return airflow_environment(home=home, urls=URLS, secrets=load_secrets(home), port=8080)


def healthy(*, scheduler_beat: datetime) -> dict[str, Any]:
    fresh = (START + timedelta(seconds=5)).isoformat()
    beats = {"scheduler": scheduler_beat.isoformat(), "dag_processor": fresh, "triggerer": fresh}
    return {part: {"status": "healthy", f"latest_{part}_heartbeat": beat} for part, beat in beats.items()}


def missing(home: Home, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any]) -> list[str]:
    monkeypatch.setattr(services, "health", lambda _address: answer)
    monkeypatch.setattr(services, "_listens", lambda _port: True)
    return list(services._missing(home, services.Ports(), START))


def test_a_heartbeat_from_before_the_start_is_not_health(own: Home, monkeypatch: pytest.MonkeyPatch):
    stale = healthy(scheduler_beat=START - timedelta(seconds=5))
    assert missing(own, monkeypatch, stale) == ["scheduler"]


def test_fresh_heartbeats_of_all_parts_are_health(own: Home, monkeypatch: pytest.MonkeyPatch):
    assert missing(own, monkeypatch, healthy(scheduler_beat=START + timedelta(seconds=1))) == []


def test_a_server_that_does_not_answer_is_waited_for(own: Home, monkeypatch: pytest.MonkeyPatch):
    assert missing(own, monkeypatch, {}) == ["api-server"]


def test_a_program_that_gives_up_ends_the_wait(own: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(services, "states", lambda _home: {"scheduler": "FATAL"})
    nobody_listens = services.Ports(*(1 for _ in fields(services.Ports)))
    with pytest.raises(SetUpFailed, match="scheduler does not start") as caught:
        services.wait_until_healthy(own, ports=nobody_listens, since=START)
    assert caught.value.log == own.logs / "scheduler.log"


def test_nothing_runs_in_a_new_home(own: Home):
    assert services.status(own) == {}
    assert services.running_ports(own) is None
    assert not services.stop(own)


SECRET_CHARS = 12
"""Shorter parts of what is secret are names, such as a key's."""


def test_no_secret_is_in_a_command_line(own: Home):
    load_secrets(own)
    words = {word for program in services._programs(own.world) for word in program.command}
    held = {
        part
        for secret in json.loads(own.secrets.read_text()).values()
        for part in re.split(r"[\s=]+", str(secret))
    }
    secrets = {part for part in held if len(part) >= SECRET_CHARS}
    assert len(secrets) > 5
    assert not [word for word in words for secret in secrets if secret in word]


def test_a_server_of_somebody_else_is_not_held(own: Home, monkeypatch: pytest.MonkeyPatch):
    assert "postgres" in {program.name for program in services._programs(own.world)}
    monkeypatch.setenv("TIEOUT_DATABASE_URL", URLS.app)
    assert "postgres" not in {program.name for program in services._programs(own.world)}


def test_airflow_keeps_its_metadata_in_the_second_database(own: Home):
    settings = environment(own)
    assert settings["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == "postgresql+psycopg2://u:p@h:1/books_airflow"
    assert settings["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert settings["TIEOUT_DATABASE_URL"] == URLS.app
    assert settings["PYTHONPATH"] == str(PROJECT)


def test_settings_of_another_airflow_are_dropped(own: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW_CONN_ERP_API", "http://elsewhere")
    settings = environment(own)
    assert settings["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert "AIRFLOW_CONN_ERP_API" not in settings


def test_secrets_are_made_once_and_have_no_repr(own: Home):
    first = load_secrets(own)
    assert load_secrets(own) == first
    assert first.admin_password not in repr(first)


def test_secrets_added_later_leave_the_old_ones_alone(own: Home):
    first = load_secrets(own)
    kept = json.loads(own.secrets.read_text())
    del kept["erp_key"]
    own.secrets.write_text(json.dumps(kept))
    second = load_secrets(own)
    assert second.fernet_key == first.fernet_key
    assert second.erp_key != first.erp_key


def test_a_damaged_secrets_file_is_named(own: Home):
    own.secrets.write_text("{")
    with pytest.raises(SetUpFailed, match="is damaged; remove it"):
        load_secrets(own)


def test_every_secret_differs(own: Home):
    values = list(vars(load_secrets(own)).values())
    assert len(set(values)) == len(values) == len(Secrets.__dataclass_fields__)


def test_two_services_never_get_the_same_port():
    preferred = free_port(20000)
    chosen = reserve_ports({"one": preferred, "two": preferred})
    assert chosen["one"] != chosen["two"]


def test_a_port_stays_reserved_while_its_process_lives():
    preferred = free_port(21000)
    with subprocess.Popen(["sleep", "60"]) as other:
        first = reserve_ports({"one": preferred})
        process = Process.find(other.pid)
        assert process
        hand_over_ports(first, process)
        assert reserve_ports({"one": preferred}) != first
        other.kill()
    assert reserve_ports({"one": preferred}) == first


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SetUpFailed, match="set TIEOUT_HOME to a folder you may write to"):
        Home(tmp_path / "file" / "var").create()


@pytest.mark.parametrize(
    ("named", "on", "off"),
    [
        ({}, set(), {"METRICS__OTEL_ON", "METRICS__STATSD_ON", "TRACES__OTEL_ON"}),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, {"METRICS__OTEL_ON", "TRACES__OTEL_ON"}, set()),
        ({"TIEOUT_STATSD": "c:9125"}, {"METRICS__STATSD_ON"}, {"METRICS__OTEL_ON"}),
    ],
)
def test_airflow_tells_whoever_the_environment_names(
    own: Home, monkeypatch: pytest.MonkeyPatch, named: dict[str, str], on: set[str], off: set[str]
):
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    told = environment(own)
    assert {told[f"AIRFLOW__{name}"] for name in on} <= {"True"}
    assert not {f"AIRFLOW__{name}" for name in off} & told.keys()
    assert told.get("AIRFLOW__METRICS__STATSD_PORT", "9125") == "9125"
    assert told["AIRFLOW__LOGGING__JSON_LOGS"] == "True"
