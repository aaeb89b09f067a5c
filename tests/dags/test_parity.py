"""What the DAGs of parity do in their tasks: which days are compared, and a signature as a task that waits.

Airflow's part (asking, parking, resuming) is played: these are the calls its task runner makes.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from airflow.providers.standard.operators import hitl
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowSkipException, TaskAwaitingInput

from include.connectors.legacy.client import LegacyFolder
from include.flows.sign_parity import ask_signatures, sign
from include.flows.tell_answers import TheirTable
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.policy import load_policy
from include.ports import Fatal, NothingUsable, Retryable
from include.store.postgres import PostgresStore
from include.wiring import connections, days, environment, parity
from include.wiring.parity import DECLINE, LOOK_AGAIN, SIGN, AskSignature
from tests.checks import assert_checks_hold
from tests.flows.test_signing_parity import LAST, RUN, compared, green

TIMED_OUT = {"error": "The timeout has passed.", "error_type": "timeout"}


@pytest.fixture(scope="module")
def url(server_urls: DatabaseUrls) -> Iterator[str]:
    """Fourteen compared days, and two that were published and not compared."""
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        with psycopg.connect(url) as connection:
            connection.execute(
                "INSERT INTO recon.runs (run_id, as_of, batch_through, proof_through, rules_sha256, code_sha256, "
                "state, certificate) SELECT run_id, as_of, 0, 0, 'r', 'c', 'published', "
                '\'{"certificate_sha256": "c"}\' '
                "FROM unnest(%s::uuid[], %s::date[]) AS made (run_id, as_of)",
                (
                    [RUN, UUID(int=8), UUID(int=9)],
                    [LAST, *(LAST + timedelta(days=later) for later in (2, 3))],
                ),
            )
            for back in range(14):
                compared(connection, LAST - timedelta(days=back))
        yield url
        assert_checks_hold(url)


@pytest.fixture
def store(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[PostgresStore]:
    with PostgresStore(url).keeping() as store:
        monkeypatch.setattr(connections, "store", lambda *_: store)
        yield store


def connected(monkeypatch: pytest.MonkeyPatch, **extra: str) -> None:
    connection = SimpleNamespace(login=None, password=None, extra_dejson=extra)
    monkeypatch.setattr(environment.BaseHook, "get_connection", lambda _: connection)


def running(monkeypatch: pytest.MonkeyPatch, day: date, *, past: bool = False) -> None:
    monkeypatch.setattr(days, "as_of", lambda: day)
    monkeypatch.setattr(days, "is_past", lambda: past)


def test_the_old_path_is_a_folder_or_a_table_and_without_one_nothing_is_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def absent(_: str) -> None:
        raise AirflowNotFoundException

    monkeypatch.setattr(environment.BaseHook, "get_connection", absent)
    with pytest.raises(AirflowSkipException):
        parity.old_path()
    connected(monkeypatch, path=str(tmp_path))
    assert isinstance(parity.old_path(), LegacyFolder)
    connected(monkeypatch, table="legacy.answers")
    assert parity.old_path() == TheirTable("legacy.answers")
    connected(monkeypatch, path="answers")
    with pytest.raises(Fatal, match="not absolute"):
        parity.old_path()


def test_a_run_waits_for_its_day_and_makes_up_for_days_missed_but_a_backfill_does_its_own(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    connected(monkeypatch, path=str(tmp_path))
    running(monkeypatch, LAST + timedelta(days=1))
    with pytest.raises(Retryable, match="2026-07-01 is not published yet"):
        parity.due_days()
    running(monkeypatch, LAST + timedelta(days=3))
    assert parity.due_days() == ["2026-07-02", "2026-07-03"]
    running(monkeypatch, LAST + timedelta(days=3), past=True)
    assert parity.due_days() == ["2026-07-03"]
    running(monkeypatch, LAST)
    assert parity.due_days() == ["2026-06-30"]
    with pytest.raises(NothingUsable, match="no answer of 2026-06-30"):
        parity.compare(["2026-06-30"])
    with pytest.raises(
        NothingUsable, match="no answer of 2026-06-30"
    ):  # and not: a day that is not published
        parity.compare(["2026-05-01", "2026-06-30"])
    assert "differences of money" in parity.judge() or "signed" in parity.judge()
    assert store is connections.store()


def answered(who: str, option: str) -> dict[str, Any]:
    """The event by which Airflow resumes a task that was answered."""
    return {
        "chosen_options": [option],
        "params_input": {"reason": "seen"},
        "responded_at": datetime(2026, 7, 1, tzinfo=UTC),
        "responded_by_user": {"id": "7", "name": who},
    }


def test_a_task_waits_signs_for_who_answered_and_ends_when_it_was_signed_elsewhere(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **detail: asked.append(detail))
    seen = green(store)
    with store.transaction() as tx:
        tx.run("note_person", person="ben", may=["can_sign_controller"])
        tx.run("note_person", person="rita", may=["can_sign_revops"])
    asks = ask_signatures(store, policy=load_policy(), asked_in="asks/one", last=LAST)
    tasks = {
        ask.subject.split()[-1].rstrip("?"): AskSignature(task_id=f"ask-{ask.ask_no}", ask_no=ask.ask_no)
        for ask in asks
    }
    assert sorted(tasks) == ["controller", "it", "revops"]

    context: Any = {
        "task_instance": SimpleNamespace(id="a-task"),
        "dag_run": SimpleNamespace(dag_id="asks", run_id="one"),
    }
    with pytest.raises(TaskAwaitingInput) as parked:
        tasks["controller"].execute(context)
    assert (parked.value.timeout, parked.value.method_name) == (LOOK_AGAIN, "execute_complete")
    assert asked[0]["options"] == [SIGN, DECLINE]
    assert tasks["controller"].template_fields == ()  # what people wrote is no template
    with pytest.raises(TaskAwaitingInput):
        tasks["controller"].execute_complete(context, TIMED_OUT)

    outcomes = {
        "controller": tasks["controller"].execute_complete(context, answered("ben", SIGN)),
        "revops": tasks["revops"].execute_complete(context, answered("rita", DECLINE)),
    }
    sign(store, seen.window_no, role="it", person="joe", reason="by the command line")
    outcomes["it"] = tasks["it"].execute_complete(context, TIMED_OUT)
    assert outcomes == {"controller": "signed", "revops": "declined", "it": "elsewhere"}
    again = ask_signatures(store, policy=load_policy(), asked_in="two")
    assert again == [], "what some signed goes on, and who declined is not asked about it again"
    with psycopg.connect(store.url) as connection:
        told = connection.execute(
            "SELECT actor, act FROM audit.events WHERE entity = %s AND act ~ 'sign' ORDER BY xid, id",
            (f"windows/{seen.window_no}",),
        ).fetchall()
    signed = [("ben", "parity signed: controller"), ("joe", "parity signed: it")]
    assert sorted(told) == [*signed, ("rita", "signature declined: revops")]
