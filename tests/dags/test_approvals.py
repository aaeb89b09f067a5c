"""The task that waits for an approval: what it does with an answer, and when it is time to look again.

Airflow's part (asking, parking, resuming) is played: these are the calls its task runner makes.
"""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.operators import hitl
from airflow.sdk.exceptions import TaskAwaitingInput

from include.flows.act_on_break import By
from include.flows.ask_approvals import ask_approvals, note_person
from include.flows.resolve_break import propose, reject
from include.policy import load_policy
from include.store.postgres import PostgresStore
from include.wiring import connections
from include.wiring.approvals import APPROVE, LOOK_AGAIN, SEND_BACK, AskApproval
from include.wiring.asks import arguments
from tests.flows.conftest import Draw
from tests.flows.conftest import draw as draw  # noqa: PLC0414 - a fixture
from tests.flows.lives import Days

TIMED_OUT = {"error": "The timeout has passed.", "error_type": "timeout"}


def answered(who: str, option: str, *, reason: str = "seen") -> dict[str, Any]:
    """The event by which Airflow resumes a task that was answered."""
    return {
        "chosen_options": [option],
        "params_input": {"reason": reason},
        "responded_at": datetime(2026, 2, 3, tzinfo=UTC),
        "responded_by_user": {"id": "7", "name": who},
    }


def test_a_task_waits_writes_the_answer_given_and_ends_when_the_console_was_quicker(
    store: PostgresStore, database_url: str, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = Days(store, database_url, draw)
    days.load(payments="P C1 - SGD 5.00 2026-02-01\nQ C1 - SGD 6.00 2026-02-01\nR C1 - SGD 7.00 2026-02-01")
    days.publish("2026-02-02")
    note_person(store, "ben", ["can_approve"])
    for key in "PQR":
        by = By(actor="ann", reason="{{ 7 * 7 }}")
        propose(store, days.break_id(key), by, kind="write_off", policy=load_policy())
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(connections, "store", lambda *_: store)
    monkeypatch.setattr(hitl, "upsert_hitl_detail", lambda **detail: asked.append(detail))
    asks = {ask.subject.split()[2].rstrip(","): ask for ask in ask_approvals(store, asked_in="asks/one")}
    assert arguments(asks.values()) == [
        {"ask_no": one.ask_no} for one in asks.values()
    ]  # and no word of anybody
    tasks = {key: AskApproval(task_id=f"ask-{key}", ask_no=one.ask_no) for key, one in asks.items()}

    context: Any = {
        "task_instance": SimpleNamespace(id="a-task"),
        "dag_run": SimpleNamespace(dag_id="asks", run_id="one"),
    }
    with pytest.raises(TaskAwaitingInput) as parked:
        tasks["P"].execute(context)
    assert (parked.value.timeout, parked.value.method_name) == (LOOK_AGAIN, "execute_complete")
    assert timedelta(0) < LOOK_AGAIN <= timedelta(minutes=5)
    assert asked[0]["options"] == [APPROVE, SEND_BACK]
    assert (asked[0]["subject"], asked[0]["body"].partition("\n\n[The break")[0]) == (
        asks["P"].subject,
        asks["P"].body,
    )
    assert list(asked[0]["params"]) == ["reason"]
    assert tasks["P"].template_fields == ()  # what people wrote is no template
    with pytest.raises(TaskAwaitingInput):
        tasks["P"].execute_complete(context, TIMED_OUT)

    outcomes = {
        "P": tasks["P"].execute_complete(context, answered("ben", APPROVE)),
        "Q": tasks["Q"].execute_complete(context, answered("ann", APPROVE)),
    }
    reject(store, days.break_id("R"), By(actor="ben", reason="in the console"))
    outcomes["R"] = tasks["R"].execute_complete(context, TIMED_OUT)
    assert outcomes == {"P": "approved", "Q": "refused", "R": "elsewhere"}
    assert days.states() == {"P": "APPROVED", "Q": "PROPOSED", "R": "ASSIGNED"}
    assert days.history("P")[-1] == ("approved by ben", "APPROVED")
