"""What can be checked of the container files without Docker."""

import ast
import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.local.airflow_env import PATIENCE
from include.local.cluster import ROOM

ROOT = Path(__file__).parents[1]
COMPOSE = (ROOT / "docker-compose.yaml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE)["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "tieout"}
ENDING = {"init", "settings"}
WATCHING = {"collector", "prometheus", "jaeger", "grafana"}
WITHOUT_A_SHELL = {"collector", "jaeger"}
"""Images that hold one program, and nothing that could ask it how it is."""
AIRFLOW_PARTS = {"api-server", "scheduler", "dag-processor", "triggerer"}
SECRET = re.compile(r"PASSWORD|SECRET|KEY|TOKEN")


def example() -> dict[str, str]:
    lines = [line for line in EXAMPLE.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def python_of(service: str) -> str:
    """The Python a service runs: all of its command, or what a shell command quotes."""
    command = SERVICES[service]["command"]
    if command[0] == "python":
        return str(command[2])
    quoted = re.search(r"python -c '(.*?)'", command[2], re.DOTALL)
    assert quoted
    return quoted[1]


def mounts(service: dict[str, Any]) -> dict[str, str]:
    return dict(volume.split(":")[:2] for volume in service.get("volumes", []))


def test_on_kubernetes_everybody_is_told_what_they_are_told_here():
    """But what names a secret, a place, or the executor, and who watches."""
    values = yaml.safe_load((ROOT / "docs" / "kubernetes-values.yaml").read_text())
    told = {one["name"]: one["value"] for one in values["env"]}
    here = SERVICES["scheduler"]["environment"]
    elsewhere = re.compile("SQL_ALCHEMY|EXECUTOR|_URL|PARALLELISM|OTEL|FERNET|SECRET|TIEOUT_(LOG|ENV)")
    assert {name: value for name, value in here.items() if not elsewhere.search(name)}.items() <= told.items()


def test_there_is_a_database_airflow_with_its_four_parts_the_webhooks_door_and_the_twin():
    assert set(SERVICES) == {"postgres", "twin", "webhooks"} | ENDING | AIRFLOW_PARTS | WATCHING
    assert SERVICES["twin"]["profiles"] == ["demo"]
    assert {name for name, one in SERVICES.items() if one.get("profiles") == ["observability"]} == WATCHING
    for part in AIRFLOW_PARTS:
        assert SERVICES[part]["command"] == ["airflow", part]


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ENDING - WITHOUT_A_SHELL))
def test_every_service_that_stays_has_a_health_check(name: str):
    assert set(SERVICES[name]["healthcheck"]) >= {"test", "interval", "timeout", "retries"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_what_a_service_waits_for_exists_and_can_come_true(name: str):
    for other, condition in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        if condition["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        if condition["condition"] == "service_completed_successfully":
            assert other in ENDING


@pytest.mark.parametrize("name", sorted(OURS))
def test_every_service_of_ours_finds_its_code(name: str):
    service = OURS[name]
    assert service["environment"]["PYTHONPATH"] == "/opt/tieout"
    folders = ("include", "sql") if name == "twin" else ("dags", "plugins", "include", "sql", "docs")
    for folder in folders:
        assert mounts(service)[f"./{folder}"] == f"/opt/tieout/{folder}"
        assert f"COPY {folder} {folder}" in DOCKERFILE
        assert f"!{folder}" in (ROOT / ".dockerignore").read_text().splitlines()


def test_airflow_reads_the_dags_and_plugins_that_are_mounted():
    for part in AIRFLOW_PARTS:
        environment = SERVICES[part]["environment"]
        for kind in ("dags", "plugins"):
            folder = environment[f"AIRFLOW__CORE__{kind.upper()}_FOLDER"]
            assert folder == mounts(SERVICES[part])[f"./{kind}"]
            assert f"AIRFLOW__CORE__{kind.upper()}_FOLDER={folder}" in DOCKERFILE


def test_airflow_has_people_a_local_executor_and_a_database_of_its_own():
    environment = SERVICES["scheduler"]["environment"]
    assert environment["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert environment["AIRFLOW__CORE__AUTH_MANAGER"].endswith(".FabAuthManager")
    ours = environment["TIEOUT_DATABASE_URL"].partition("@")[2]
    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].endswith(f"@{ours}_airflow")


def test_tasks_are_as_patient_as_ours_with_an_api_server_that_is_away():
    environment = SERVICES["scheduler"]["environment"]
    assert {name: environment[f"AIRFLOW__{name}"] for name in PATIENCE} == PATIENCE


def test_postgres_is_recent_and_keeps_its_data():
    version = int(SERVICES["postgres"]["image"].partition(":")[2])
    assert version >= 18, "before 18 the volume belongs at /var/lib/postgresql/data"
    assert mounts(SERVICES["postgres"]) == {"postgres": "/var/lib/postgresql"}


def test_postgres_has_the_room_that_ours_has():
    given = re.findall(r"-c (\w+)=(\w+)", SERVICES["postgres"]["command"])
    assert dict(given) == ROOM


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_named_volume_is_declared(name: str):
    named = {source for source in mounts(SERVICES[name]) if not source.startswith("./")}
    assert named <= set(yaml.safe_load(COMPOSE)["volumes"])
    assert all((ROOT / source).exists() for source in set(mounts(SERVICES[name])) - named)


def test_the_example_names_every_variable_and_no_other():
    asked = set(re.findall(r"(?<!\$)\$\{(\w+)", COMPOSE))
    assert asked == set(example())


def test_every_placeholder_of_the_airflow_settings_is_filled():
    settings = yaml.safe_load((ROOT / "airflow_settings.yaml").read_text())
    placeholders = set(re.findall(r"\$\{(\w+)\}", str(settings)))
    assert placeholders
    assert placeholders <= set(SERVICES["settings"]["environment"])


def test_no_secret_stands_in_a_container_file():
    assert [name for name, value in example().items() if SECRET.search(name) and value] == []
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if SECRET.search(name):
                assert re.fullmatch(r"\$\{\w+(:\?[^}]*|-)\}", value), name
    assert not re.search(r"(?:PASSWORD|SECRET|KEY)=\S", DOCKERFILE)
    for text in (COMPOSE, DOCKERFILE):
        assert not re.search(r"://[^\s:/]+:[^$\s][^\s]*@", text)
        assert not re.search(
            r"[A-Za-z0-9+/_=-]{40,}", re.sub(r"[\w.]*FabAuthManager|/[\w/]+|\w+__\w+", "", text)
        )


def test_the_image_holds_the_locked_packages_and_runs_unprivileged():
    assert "--require-hashes" in DOCKERFILE
    assert "requirements.lock" in DOCKERFILE
    assert "airflow==" not in DOCKERFILE + COMPOSE, "the lock alone says which Airflow"
    assert re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE) == ["tieout"]
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"python:3.11-slim"}


def test_uv_is_the_one_make_uses():
    assert "-r /tmp/requirements-uv.lock" in DOCKERFILE
    assert "!requirements-uv.lock" in (ROOT / ".dockerignore").read_text().splitlines()
    versions = re.findall(r"^uv==([\d.]+)", (ROOT / "requirements-uv.lock").read_text(), re.MULTILINE)
    assert versions == re.findall(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("service", sorted(ENDING))
def test_the_python_in_a_command_imports_what_exists(service: str):
    imports = [node for node in ast.walk(ast.parse(python_of(service))) if isinstance(node, ast.ImportFrom)]
    assert imports
    for node in imports:
        module = importlib.import_module(str(node.module))
        assert all(hasattr(module, alias.name) for alias in node.names)


def grafana(name: str) -> dict[str, Any]:
    """A file of those who watch, read as they read it."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "docs/grafana" / name).read_text())
    return found


@pytest.mark.parametrize("name", sorted(WATCHING))
def test_who_watches_is_of_one_version_and_finds_its_files(name: str):
    assert re.search(r":v?\d+\.\d+\.\d+$", SERVICES[name]["image"])
    for source in mounts(SERVICES[name]):
        assert not source.startswith("./") or (ROOT / source).is_file()


def test_what_is_told_reaches_who_keeps_it():
    collector = grafana("collector.yaml")
    for pipeline in collector["service"]["pipelines"].values():
        for part in ("receivers", "processors", "exporters"):
            assert set(pipeline[part]) <= collector[part].keys()
    for exporter in collector["exporters"].values():
        host = re.sub(r"^https?://", "", exporter["endpoint"]).partition(":")[0]
        assert host in WATCHING
    assert "--web.enable-otlp-receiver" in SERVICES["prometheus"]["command"]
    assert SERVICES["scheduler"]["environment"]["OTEL_EXPORTER_OTLP_PROTOCOL"] == "http/protobuf"


def test_grafana_finds_its_sources_and_the_dashboard():
    sources = grafana("datasources.yaml")["datasources"]
    asked = {re.sub(r"^\w+://", "", one["url"]).partition(":")[0] for one in sources}
    assert asked == {"prometheus", "jaeger", "postgres"}
    [folder] = {one["options"]["path"] for one in grafana("dashboards.yaml")["providers"]}
    assert f"{folder}/tieout.json" in mounts(SERVICES["grafana"]).values()
    kinds = {one["query"] for one in grafana("tieout.json")["templating"]["list"]}
    assert kinds <= {one["type"] for one in sources}


@pytest.mark.parametrize("name", sorted(OURS))
def test_no_process_of_ours_that_crashes_leaves_its_memory_in_a_file(name: str):
    assert OURS[name]["ulimits"] == {"core": 0}
