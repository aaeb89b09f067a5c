import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from include.local.airflow_api import Airflow, health
from include.local.home import SetUpFailed

DAY = datetime(2026, 6, 29, 16, tzinfo=UTC)
DEAD = "dead"
"""Instead of an answer: the server dies while it is asked."""
NEXT_DAY = DAY + timedelta(days=1)


class Script(ThreadingHTTPServer):
    """Answers from a script: for each "METHOD path" a list of answers, the last of which is repeated."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.answers: dict[str, list[Any]] = {"POST /auth/token": [{"access_token": "t"}]}
        self.asked: list[tuple[str, Any]] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Script

    def handle_any(self) -> None:
        key = f"{self.command} {urlsplit(self.path).path}"
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((key, json.loads(body) if body else None))
        answers = self.server.answers.get(key)
        answer = (answers.pop(0) if len(answers) > 1 else answers[0]) if answers else {"detail": "not found"}
        if answer is DEAD:
            self.close_connection = True
            return
        content = json.dumps(answer).encode()
        self.send_response(200 if answers else 404)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = handle_any  # noqa: N815

    def log_message(self, *_arguments: object) -> None:
        """Tests are quiet."""


@pytest.fixture
def script() -> Iterator[Script]:
    with Script() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        yield server
        server.shutdown()


@pytest.fixture
def airflow(script: Script) -> Iterator[Airflow]:
    with Airflow(script.address, username="admin", password="p") as client:
        yield client


def bodies(script: Script, key: str) -> list[Any]:
    return [body for asked, body in script.asked if asked == key]


def run_answers(script: Script, dag_id: str, *states: str) -> None:
    script.answers[f"GET /api/v2/dags/{dag_id}/dagRuns/r"] = [{"state": state} for state in states]
    tasks = {"task_instances": [{"task_id": "pull", "map_index": -1, "state": None}]}
    script.answers[f"GET /api/v2/dags/{dag_id}/dagRuns/r/taskInstances"] = [tasks]


def test_a_new_day_is_triggered_with_its_interval(script: Script, airflow: Airflow):
    script.answers["GET /api/v2/dags/d/dagRuns"] = [{"dag_runs": []}]
    script.answers["POST /api/v2/dags/d/dagRuns"] = [{"dag_run_id": "r"}]
    assert airflow.trigger("d", start=DAY, end=NEXT_DAY) == "r"
    assert bodies(script, "POST /api/v2/dags/d/dagRuns") == [
        {
            "logical_date": "2026-06-29T16:00:00+00:00",
            "data_interval_start": "2026-06-29T16:00:00+00:00",
            "data_interval_end": "2026-06-30T16:00:00+00:00",
        }
    ]


def test_a_day_that_was_run_before_is_cleared_and_runs_again(script: Script, airflow: Airflow):
    script.answers["GET /api/v2/dags/d/dagRuns"] = [{"dag_runs": [{"dag_run_id": "a/b", "state": "success"}]}]
    script.answers["POST /api/v2/dags/d/dagRuns/a%2Fb/clear"] = [{}]
    assert airflow.trigger("d", start=DAY, end=NEXT_DAY) == "a/b"
    assert bodies(script, "POST /api/v2/dags/d/dagRuns/a%2Fb/clear")[0]["dry_run"] is False


def test_a_day_that_is_running_is_joined(script: Script, airflow: Airflow):
    script.answers["GET /api/v2/dags/d/dagRuns"] = [{"dag_runs": [{"dag_run_id": "r", "state": "running"}]}]
    assert airflow.trigger("d", start=DAY, end=NEXT_DAY) == "r"
    assert not [key for key, _ in script.asked if "clear" in key]


def test_runs_are_followed_until_all_have_ended(script: Script, airflow: Airflow):
    run_answers(script, "one", "running", "success")
    run_answers(script, "two", "queued", "running", "failed")
    seen = list(airflow.follow({"one": "r", "two": "r"}, timeout_s=30))
    assert {dag_id: run.state for dag_id, run in seen[-1].items()} == {"one": "success", "two": "failed"}
    assert seen[0]["two"].tasks == {"pull": "waiting"}


def test_a_run_that_does_not_end_is_named(script: Script, airflow: Airflow):
    run_answers(script, "slow", "running")
    with pytest.raises(SetUpFailed, match="the run of slow did not end within 0 s"):
        list(airflow.follow({"slow": "r"}, timeout_s=0))


def test_a_dag_counts_once_it_was_parsed_after_the_start(script: Script, airflow: Airflow):
    before, after = ((DAY + timedelta(seconds=s)).isoformat() for s in (-1, 1))
    script.answers["GET /api/v2/dags/d"] = [{"last_parsed_time": before}, {"last_parsed_time": after}]
    script.answers["GET /api/v2/importErrors"] = [{"import_errors": []}]
    airflow.wait_for_dag("d", since=DAY, timeout_s=30)
    assert len(bodies(script, "GET /api/v2/dags/d")) == 2


def test_a_dag_that_cannot_be_loaded_says_why(script: Script, airflow: Airflow):
    trace = "Traceback:\n  line\nImportError: no module named x\n"
    errors = [{"filename": "tie_out.py", "stack_trace": trace}]
    script.answers["GET /api/v2/importErrors"] = [{"import_errors": errors}]
    with pytest.raises(
        SetUpFailed, match=r"dags/tie_out.py cannot be loaded: ImportError: no module named x"
    ):
        airflow.wait_for_dag("tie_out", since=DAY, timeout_s=30)


def test_the_log_of_the_task_that_failed_first_is_told(script: Script, airflow: Airflow):
    def task(name: str, ended: str) -> dict[str, Any]:
        return {"task_id": name, "map_index": 2, "state": "failed", "end_date": ended, "try_number": 3}

    base = "GET /api/v2/dags/d/dagRuns/r/taskInstances"
    script.answers[base] = [{"task_instances": [task("late", "2026-02"), task("early", "2026-01")]}]
    error = {"event": "Task failed", "error_detail": [{"exc_type": "Fatal", "exc_value": "key refused"}]}
    script.answers[f"{base}/early/logs/3"] = [{"content": [{"event": "hello"}, error]}]
    assert airflow.failed_task_log("d", "r") == ("early[2]", ["hello", "Task failed", "Fatal: key refused"])


def test_a_person_who_exists_gets_the_new_password(script: Script, airflow: Airflow):
    script.answers["GET /auth/fab/v1/users/finance"] = [{"username": "finance"}]
    script.answers["PATCH /auth/fab/v1/users/finance"] = [{}]
    airflow.ensure_user(username="finance", roles=["Viewer"], password="new")
    sent = bodies(script, "PATCH /auth/fab/v1/users/finance")[0]
    assert (sent["password"], sent["roles"]) == ("new", [{"name": "Viewer"}])


def test_a_connection_that_is_refused_is_an_error(script: Script, airflow: Airflow):
    script.answers["PATCH /api/v2/connections"] = [
        {"create": {"success": [], "errors": [{"error": "bad port"}]}}
    ]
    with pytest.raises(SetUpFailed, match="bad port"):
        airflow.overwrite("connections", [{}])


def test_a_refusal_carries_the_reason_of_the_server(airflow: Airflow):
    with pytest.raises(SetUpFailed, match=r"Airflow refused GET /nowhere: 404 .*not found"):
        airflow.call("GET", "/nowhere")


def test_what_a_dying_server_did_not_answer_is_asked_again_where_it_only_reads(
    script: Script, airflow: Airflow
):
    script.answers["GET /api/v2/dags/d"] = [DEAD, {"dag_id": "d"}]
    assert airflow.call("GET", "/api/v2/dags/d") == {"dag_id": "d"}
    script.answers["POST /api/v2/dags/d/dagRuns"] = [DEAD, {"dag_run_id": "twice"}]
    with pytest.raises(SetUpFailed, match="does not answer"):
        airflow.call("POST", "/api/v2/dags/d/dagRuns", {})


def test_a_server_that_is_not_there_has_no_health():
    assert health("http://127.0.0.1:9") == {}
