import json
from pathlib import Path
from typing import Any

import pytest

from include.local.airflow_settings import read_settings
from include.local.bring_up import SETTINGS_FILE
from include.local.databases import DatabaseUrls
from include.local.home import Home, SetUpFailed
from include.local.secrets import load_secrets
from include.local.services import Ports, connection_values


@pytest.fixture(autouse=True)
def _no_address_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TIEOUT_ERP_URL", "TIEOUT_SALESFORCE_URL", "TIEOUT_FINANCE_RECIPIENTS"):
        monkeypatch.delenv(name, raising=False)


def read(folder: Path, text: str, **values: str) -> Any:
    path = folder / "airflow_settings.yaml"
    path.write_text(text)
    return read_settings(path, values=values)


def problem(folder: Path, text: str, **values: str) -> str:
    with pytest.raises(SetUpFailed) as caught:
        read(folder, text, **values)
    return str(caught.value)


def ours(folder: Path) -> dict[str, dict[str, Any]]:
    """Our own file, read as `make demo` reads it."""
    url = "postgresql://tieout:pa%2Fss@127.0.0.1:5463/tieout"
    urls = DatabaseUrls(app=url, airflow=url, admin=url)
    values = connection_values(urls=urls, ports=Ports(), secrets=load_secrets(Home(folder)))
    settings = read_settings(SETTINGS_FILE, values=values)
    return {one["connection_id"]: one for one in settings.connections}


def test_our_file_has_all_connections(tmp_path: Path):
    assert sorted(ours(tmp_path)) == [
        "airflow_db",
        "alerts_ping",
        "alerts_slack",
        "audit_log",
        "bank_files",
        "erp_api",
        "finance_mail",
        "fx_rates",
        "legacy_answers",
        "payments_api",
        "payments_webhook",
        "salesforce_api",
        "tieout_db",
        "tieout_vault",
    ]


def test_a_database_url_is_taken_apart(tmp_path: Path):
    assert ours(tmp_path)["tieout_db"] == {
        "connection_id": "tieout_db",
        "conn_type": "postgres",
        "host": "127.0.0.1",
        "schema": "tieout",
        "login": "tieout",
        "password": "pa/ss",
        "port": 5463,
        "extra": None,
    }


def test_salesforce_gets_client_credentials_and_the_address_of_the_twin(tmp_path: Path):
    extra = json.loads(ours(tmp_path)["salesforce_api"]["extra"])
    assert extra["instance_url"] == "http://127.0.0.1:8461"
    assert {"consumer_key", "consumer_secret", "domain"} <= set(extra)


def test_the_mailbox_of_the_twin_is_spoken_to_without_tls(tmp_path: Path):
    mail = ours(tmp_path)["finance_mail"]
    assert json.loads(mail["extra"])["disable_tls"] is True
    assert mail["port"] == 8465


def test_the_environment_wins_over_the_twin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TIEOUT_ERP_URL", "https://erp.example.com")
    assert ours(tmp_path)["erp_api"]["host"] == "https://erp.example.com"


def test_an_empty_value_leaves_its_key_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TIEOUT_SALESFORCE_URL", "")
    assert "instance_url" not in json.loads(ours(tmp_path)["salesforce_api"]["extra"])


def test_our_file_holds_no_secret():
    for line in SETTINGS_FILE.read_text().splitlines():
        key, _, value = line.partition("#")[0].strip().partition(": ")
        if any(word in key for word in ("password", "secret", "key", "login")):
            assert value.startswith("${"), line


def test_a_placeholder_without_a_value_names_file_entry_and_name(tmp_path: Path):
    text = (
        "airflow: {connections: [{conn_id: erp_api, conn_type: http, conn_password: '${NOT_SET_ANYWHERE}'}]}"
    )
    assert problem(tmp_path, text) == (
        f"{tmp_path}/airflow_settings.yaml: connection erp_api: ${{NOT_SET_ANYWHERE}} has no value; "
        "set NOT_SET_ANYWHERE in the environment"
    )


def test_a_number_may_come_from_a_placeholder(tmp_path: Path):
    text = "airflow: {pools: [{pool_name: p, pool_slot: '${SLOTS}'}]}"
    assert read(tmp_path, text, SLOTS="3").pools == [{"name": "p", "slots": 3, "description": ""}]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("connections: []", "must have one top-level key, airflow"),
        ("airflow: {conections: []}", "unknown section conections"),
        ("airflow: {connections: [erp]}", "is not a mapping: 'erp'"),
        ("airflow: {connections: [{conn_id: a, conn_typ: http}]}", "connection a: unknown key conn_typ"),
        ("airflow: {connections: [{conn_id: a}]}", "connection a: conn_type or conn_uri is missing"),
        ("airflow: {connections: [{conn_type: http}]}", "conn_id is missing"),
        (
            "airflow: {connections: [{conn_id: a, conn_type: h, conn_port: x}]}",
            "conn_port must be int, not text",
        ),
        ("airflow: {pools: [{pool_name: p, pool_slot: true}]}", "pool_slot must be int, not True"),
        ("airflow: {variables: [{variable_name: v}]}", "variable v: variable_value is missing"),
        ("airflow: [", "cannot be read"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(tmp_path: Path, text: str, reason: str):
    assert reason in problem(tmp_path, text)


def test_connections_have_the_names_of_where_this_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = set(ours(tmp_path))
    monkeypatch.setenv("TIEOUT_ENVIRONMENT", "staging")
    assert set(ours(tmp_path)) == {f"{name}_staging" for name in usual}
