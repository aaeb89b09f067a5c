"""Secrets that are handed out: no log of Airflow's shows them, in none of the ways they are sent."""

import base64
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus

import psycopg
import pytest
import requests
from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.sdk import Connection
from airflow.sdk import log as airflow_log

from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.ports import Fatal, Granted, Stop
from include.twin.server import TwinKeys, running
from include.vault.keys import new_key
from include.wiring import alerts, connections, hooks, mail, tokens, vault
from include.wiring.environment import keep_out_of_logs
from include.wiring.smtp import FinanceMail
from tests.connectors.grants import key_pair
from tests.dags.conftest import PROJECT

KEY = key_pair()[0]
SECRETS = {
    "salesforce": "canary+Secret/Salesforce=1",
    "erp": "canary-erp-key-81",
    "payments": "sk_canary_payments_81",
    "webhook": "whsec_canary_81",
    "slack": "https://hooks.slack.example/services/T0/B0/slackkey81",
    "mail": "canary \\ mail & 'pässword'\"",
    "vault": new_key(),
}


@pytest.fixture(scope="module")
def module_url(server_urls: DatabaseUrls) -> Iterator[str]:
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        yield url


@pytest.fixture(autouse=True)
def connected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, module_url: str) -> Iterator[None]:
    with psycopg.connect(module_url) as connection:
        connection.execute("SET session_replication_role = replica; DELETE FROM vault.tokens")
    keys = TwinKeys(
        salesforce_client_id="id",
        salesforce_client_secret=SECRETS["salesforce"],
        erp_key="e",
        payments_key="p",
    )
    (tmp_path / "world").mkdir()
    with running(world=tmp_path / "world", mailbox=tmp_path / "mail", keys=keys) as ports:
        here = f"http://127.0.0.1:{ports.salesforce}"
        login = {"consumer_key": keys.salesforce_client_id, "consumer_secret": SECRETS["salesforce"]}
        facts = {
            "salesforce_api": {
                "conn_type": "salesforce",
                "extra": login | {"domain": "twin", "instance_url": here},
            },
            "erp_api": {"conn_type": "http", "host": here, "password": SECRETS["erp"]},
            "payments_api": {"conn_type": "http", "host": here, "password": SECRETS["payments"]},
            "payments_webhook": {"conn_type": "http", "password": f"{SECRETS['webhook']} older-one"},
            "alerts_slack": {"conn_type": "slackwebhook", "password": SECRETS["slack"]},
            "finance_mail": {
                "conn_type": "smtp", "host": "127.0.0.1", "login": "tie", "password": SECRETS["mail"],
                "extra": {"from_email": "t@example.com"},
            },
            "tieout_vault": {"conn_type": "generic", "password": f"index={new_key()} k1={SECRETS['vault']}"},
        }  # fmt: skip
        monkeypatch.setenv("AIRFLOW_CONN_TIEOUT_DB", module_url)
        for name, told in facts.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(told))
        yield


def shown(text: str) -> str:
    return str(airflow_log._secrets_masker().redact(text))


def test_every_secret_is_hidden_once_it_is_handed_out() -> None:
    client = connections.salesforce_client()
    client.log_in()
    connections.erp_client()
    connections.payments_client()
    hooks._endpoint()
    alerts.webhook_address()
    mail.postman()
    _ = vault.vault().keys
    for secret in SECRETS.values():
        encoded = base64.b64encode(secret.encode()).decode()
        for form in (secret, quote_plus(secret), encoded, repr(secret)[1:-1], json.dumps(secret)[1:-1]):
            assert form not in shown(f"POST /token?secret={form}&x=1 failed"), form
    called = SECRETS["slack"].removeprefix("https://hooks.slack.example")
    assert called not in shown(f'https://hooks.slack.example:443 "POST {called} HTTP/1.1" 200 2')
    login = base64.b64encode(f"tie:{SECRETS['mail']}".encode()).decode()
    assert login not in shown(f"Authorization: Basic {login}")


def test_the_token_of_a_session_is_hidden_although_nobody_configured_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    met: list[str] = []

    def met_and_hidden(secret: str) -> None:
        met.append(secret)
        keep_out_of_logs(secret)

    monkeypatch.setattr(tokens, "keep_out_of_logs", met_and_hidden)
    connections.salesforce_client().log_in()
    [token] = met
    assert len(token) > 20
    assert token not in shown(f"Authorization: Bearer {token}")
    connections.salesforce_client().log_in()
    assert met == [token, token], "and again where another worker is handed it"


def test_a_refresh_token_is_hidden_too_the_one_used_and_the_one_that_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = json.loads(str(connections.connection("salesforce_api").extra))
    facts = {"conn_type": "salesforce", "extra": there | {"flow": "refresh_token"}}
    monkeypatch.setenv("AIRFLOW_CONN_SALESFORCE_API", json.dumps(facts))
    met: list[str] = []
    monkeypatch.setattr(tokens, "keep_out_of_logs", met.append)
    broker = tokens.salesforce_broker()
    address = there["instance_url"]
    asked = {"response_type": "code", "client_id": "id", "redirect_uri": "http://here/back"}
    oauth = f"{address}/services/oauth2"
    back = requests.get(f"{oauth}/authorize", params=asked, allow_redirects=False, timeout=30)
    form = {
        "grant_type": "authorization_code",
        "code": back.headers["Location"].partition("code=")[2],
        "client_id": "id",
        "client_secret": SECRETS["salesforce"],
    }
    first = requests.post(f"{oauth}/token", data=form, timeout=30).json()
    broker.sign_in(Granted(first["access_token"], address, first["refresh_token"]), by="ann")
    second = broker.token(refused=1)
    assert {first["access_token"], first["refresh_token"], second.access_token} <= set(met)
    kept = {secret for secret in met if secret.startswith("5Aep")}
    assert len(kept) == 2


HANDLERS = ("pass", "logging.basicConfig(level=logging.DEBUG, force=True)")
"""How a process logs: as Airflow sets it up when it is imported, or by itself."""

SAYS = f"""
import logging
from include.wiring import connections
for setting_up in {HANDLERS!r}:
    exec(setting_up)
    client = connections.salesforce_client()
    client.log_in()
    token = client._salesforce.session_id
    logging.getLogger("a.library").warning("sent with %s", {{"Authorization": f"Bearer {{token}}"}})
    try:
        raise ValueError(f"Bearer {{token}}")
    except ValueError:
        logging.getLogger("a.library").exception("failed")
    client.limits()
print("handed out", len(token))
"""


def test_no_process_that_is_handed_a_token_logs_it_not_even_a_library_or_a_traceback() -> None:
    client = connections.salesforce_client()
    client.log_in()
    token = str(client._salesforce.session_id) if client._salesforce else ""
    said = subprocess.run(
        [sys.executable, "-c", SAYS],
        cwd=PROJECT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert f"handed out {len(token)}" in said.stdout
    everything = said.stdout + said.stderr
    assert everything.count("sent with") == everything.count("ValueError: Bearer") == len(HANDLERS)
    assert token not in everything


def test_a_token_the_mail_hook_gets_by_itself_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SmtpHook, "_get_oauth2_token", lambda _hook: "canary-mail-token")
    _, token = FinanceMail("finance_mail", auth_type="oauth2")._setup_oauth2()
    assert token == "canary-mail-token"
    assert token not in shown(f"AUTH XOAUTH2 {token}")


def test_a_connection_with_a_password_logs_in_as_airflows_hook_does_and_shares_its_session_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = json.loads(os.environ["AIRFLOW_CONN_SALESFORCE_API"])
    facts = found | {"login": "integration", "password": "canary-pass-81"}
    monkeypatch.setenv("AIRFLOW_CONN_SALESFORCE_API", json.dumps(facts))
    clients = [connections.salesforce_client() for _ in range(2)]
    for client in clients:
        client.limits()
    one, other = (client._salesforce.session_id for client in clients if client._salesforce)
    assert one == other
    assert (tokens.salesforce_broker().state() or {})["flow"] == "password"
    assert one not in shown(f"Bearer {one}")


LOGINS = {
    "a private key": ({"login": "i", "extra": {"consumer_key": "k", "private_key": KEY}}, "jwt bearer"),
    "the app's secret": ({"extra": {"consumer_key": "k", "consumer_secret": "s"}}, "client credentials"),
    "a refresh token": ({"extra": {"consumer_key": "k", "flow": "refresh_token"}}, "refresh token"),
    "a password": ({"login": "i", "password": "p", "extra": {"security_token": "t"}}, "password"),
    "both, and which": (
        {"login": "i", "extra": {"consumer_key": "k", "private_key": KEY, "consumer_secret": "s",
                                 "flow": "client_credentials"}},
        "client credentials",
    ),
}  # fmt: skip


@pytest.mark.parametrize("holds", LOGINS)
def test_what_a_connection_holds_says_how_it_logs_in(holds: str) -> None:
    facts, flow = LOGINS[holds]
    facts = facts | {"extra": json.dumps(facts["extra"])}
    login = tokens.salesforce_login(Connection(conn_id="salesforce_api", conn_type="salesforce", **facts))
    assert login.flow == flow
    if flow == "jwt bearer":
        written = (
            KEY,
            repr(KEY),
            json.dumps({"private_key": KEY}),
            KEY.replace("\n", "\r\n"),
            KEY.splitlines()[2],
        )
        assert not [line for line in KEY.splitlines()[1:-2] if any(line in shown(one) for one in written)]


@pytest.mark.parametrize(
    ("extra", "lacks"),
    [
        ({"flow": "jwt_bearer", "consumer_key": "k"}, "takes a login, a consumer_key and a private_key"),
        ({"flow": "implicit"}, "it may be jwt bearer, client credentials, refresh token"),
        ({"private_key_file_path": "/nowhere/canary.pem"}, "cannot be read here"),
    ],
)
def test_what_a_connection_lacks_to_log_in_is_named(extra: dict[str, str], lacks: str) -> None:
    found = Connection(conn_id="salesforce_api", conn_type="salesforce", extra=json.dumps(extra))
    with pytest.raises(Fatal, match=lacks):
        tokens.salesforce_login(found)


def test_an_error_inside_a_call_shows_no_token_in_airflows_log_even_with_every_local(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = connections.salesforce_client()
    client.log_in()
    token = str(client._salesforce.session_id) if client._salesforce else ""

    def broken(_adapter: object, request: requests.PreparedRequest, **_options: object) -> None:
        raise KeyError(dict(request.headers))

    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", broken)
    with pytest.raises(KeyError) as stopped:
        client.limits()
    found = traceback.TracebackException.from_exception(stopped.value, capture_locals=True)
    everything = "".join(found.format())
    assert token in everything
    assert token not in shown(everything)


def test_a_login_that_is_refused_says_nothing_of_what_it_was_tried_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    extra = json.loads(
        json.dumps({"consumer_key": "k", "consumer_secret": "wrong-canary-81", "domain": "twin"})
    )
    there = json.loads(str(connections.connection("salesforce_api").extra))["instance_url"]
    facts = {"conn_type": "salesforce", "extra": extra | {"instance_url": there}}
    monkeypatch.setenv("AIRFLOW_CONN_SALESFORCE_API", json.dumps(facts))
    with pytest.raises(Stop) as stopped:
        connections.salesforce_client().log_in()
    assert "wrong-canary-81" not in str(stopped.value)
