"""Secrets that are handed out: no log of Airflow's shows them, in none of the ways they are sent."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from airflow.sdk import log as airflow_log

from include import wiring, wiring_alerts, wiring_hooks, wiring_mail, wiring_vault
from include.ports import Stop
from include.twin.server import TwinKeys, running
from include.vault.keys import new_key
from include.wiring_environment import keep_out_of_logs

SECRETS = {
    "salesforce": "canary+Secret/Salesforce=1",
    "erp": "canary-erp-key-81",
    "payments": "sk_canary_payments_81",
    "webhook": "whsec_canary_81",
    "slack": "https://hooks.slack.example/services/T0/B0/canary81",
    "mail": "canary mail & pass",
    "vault": new_key(),
}


@pytest.fixture(autouse=True)
def connections(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
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
        for name, told in facts.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(told))
        yield


def shown(text: str) -> str:
    return str(airflow_log._secrets_masker().redact(text))


def test_every_secret_is_hidden_once_it_is_handed_out() -> None:
    client = wiring.salesforce_client()
    client.log_in()
    wiring.erp_client()
    wiring.payments_client()
    wiring_hooks._endpoint()
    wiring_alerts.webhook_address()
    wiring_mail.postman()
    _ = wiring_vault.vault().keys
    for secret in SECRETS.values():
        encoded = base64.b64encode(secret.encode()).decode()
        for form in (secret, quote_plus(secret), encoded):
            assert form not in shown(f"POST /token?secret={form}&x=1 failed"), form
    login = base64.b64encode(f"tie:{SECRETS['mail']}".encode()).decode()
    assert login not in shown(f"Authorization: Basic {login}")


def test_the_token_of_a_session_is_hidden_although_nobody_configured_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    met: list[str] = []

    def met_and_hidden(secret: str) -> None:
        met.append(secret)
        keep_out_of_logs(secret)

    monkeypatch.setattr(wiring, "keep_out_of_logs", met_and_hidden)
    wiring.salesforce_client().log_in()
    [token] = met
    assert len(token) > 20
    assert token not in shown(f"Authorization: Bearer {token}")


def test_a_login_that_is_refused_says_nothing_of_what_it_was_tried_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    extra = json.loads(
        json.dumps({"consumer_key": "k", "consumer_secret": "wrong-canary-81", "domain": "twin"})
    )
    there = json.loads(str(wiring.connection("salesforce_api").extra))["instance_url"]
    facts = {"conn_type": "salesforce", "extra": extra | {"instance_url": there}}
    monkeypatch.setenv("AIRFLOW_CONN_SALESFORCE_API", json.dumps(facts))
    with pytest.raises(Stop) as stopped:
        wiring.salesforce_client().log_in()
    assert "wrong-canary-81" not in str(stopped.value)
