"""The door for webhooks in a process of its own, with Airflow's connections."""

import json
import os
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
import requests
import stripe

from include.domain.trace_ids import Event as TraceEvent
from include.domain.trace_ids import received
from include.flows.drain_inbox import Hint
from include.local.processes import wait_for
from include.wiring.hooks import Door
from tests.dags.conftest import PROJECT

SECRET = "whsec_of_a_test"  # of nobody
STARTS_WITHIN_S = 60


def listens(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


def signed(body: str) -> dict[str, str]:
    stamp = int(time.time())
    mark = stripe.WebhookSignature._compute_signature(f"{stamp}.{body}", SECRET)
    return {"Stripe-Signature": f"t={stamp},v1={mark}"}


def test_a_database_that_moved_is_found_by_the_next_look_at_the_connections(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_PAYMENTS_WEBHOOK", json.dumps({"conn_type": "http", "password": SECRET}))
    monkeypatch.setenv("AIRFLOW_CONN_TIEOUT_DB", database_url + "_that_was")
    old = Door.open()
    assert old.renewed().store is old.store
    monkeypatch.setenv("AIRFLOW_CONN_TIEOUT_DB", database_url)
    new = old.renewed()
    about = {"source": "payments", "entity": "payments", "native_id": "ch_2", "kind": "charge.succeeded"}
    hint = Hint(event_id="evt_2", occurred_at=datetime.now(UTC), **about)
    assert new.keep([hint]) == {"evt_2"}
    new.close()


def test_the_door_keeps_what_is_signed_once_and_refuses_the_rest(database_url: str, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    connections = {
        "AIRFLOW_CONN_TIEOUT_DB": database_url,
        "AIRFLOW_CONN_PAYMENTS_WEBHOOK": json.dumps({"conn_type": "http", "password": SECRET}),
    }
    command = [sys.executable, "-m", "include.cli", "webhooks", "serve", "--port", str(port)]
    charge = {"id": "ch_1", "object": "charge"}
    event = {"id": "evt_1", "object": "event", "type": "charge.succeeded", "livemode": False}
    body = json.dumps(event | {"created": int(time.time()), "data": {"object": charge}})
    told = {"AIRFLOW__LOGGING__JSON_LOGS": "True", "TIEOUT_LOG_STEPS": "on"}
    log = (tmp_path / "log").open("wb")
    with (
        log,
        subprocess.Popen(command, cwd=PROJECT, env=os.environ | connections | told, stdout=log) as door,
    ):
        try:
            assert wait_for(lambda: listens(port), timeout_s=STARTS_WITHIN_S)
            address = f"http://127.0.0.1:{port}/tieout-hooks/payments"
            answers = [
                requests.post(address, data=body, headers=headers, timeout=30)
                for headers in (signed(body), signed(body), signed(body + " "), {})
            ]
        finally:
            door.terminate()
    assert [(answer.status_code, answer.text[:16]) for answer in answers[:2]] == [
        (200, '{"event":"kept"}'),
        (200, '{"event":"known"'),
    ]
    assert {answer.status_code for answer in answers[2:]} == {400}
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT native_id FROM delivery.inbox").fetchall() == [("ch_1",)]
    [line] = [
        json.loads(text) for text in (tmp_path / "log").read_text().splitlines() if "tieout.steps" in text
    ]
    assert (line["event"], line["event_id"], line["native_id"]) == ("received", "evt_1", "ch_1")
    assert line["trace_id"] == f"{received(TraceEvent('payments', 'evt_1')).trace:032x}"
