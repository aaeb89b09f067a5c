"""A small client of Airflow's REST API: people, settings, DAGs, runs and the log of what failed."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from include.local.home import SetUpFailed

TIMEOUT_S = 120.0
"""Its one process has answered nothing for 46 s while a machine with two cores began the first tasks."""

HEALTH_TIMEOUT_S = 30.0
PATIENCE = Retry(
    *(None, 12, 2),  # in all, connecting, reading
    status=12,
    backoff_factor=0.5,
    backoff_max=8.0,
    status_forcelist=(500, 502, 503, 504),
    allowed_methods={"GET"},
    raise_on_status=False,
)
"""A server that dies is started anew, within half a minute: asked again for a minute. Only what was never sent, or
reads, is sent again."""
POLL_S = 0.5
ENDED = frozenset({"success", "failed"})


@dataclass(frozen=True)
class RunState:
    """A run's state and those of its tasks, by task id (with [n] for the n-th of a mapped task)."""

    state: str
    tasks: dict[str, str]


class Airflow:
    """One logged-in user of the API server at `address`."""

    def __init__(self, address: str, *, username: str, password: str) -> None:
        self._address = address
        self._session = requests.Session()
        self._session.mount(address, HTTPAdapter(max_retries=PATIENCE))
        token = self.call("POST", "/auth/token", {"username": username, "password": password})["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_problem: object) -> None:
        self._session.close()

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """The JSON answer. Raises SetUpFailed with the server's reason when it refuses or does not answer."""
        response = self._send(method, path, body, query)
        if not response.ok:
            raise SetUpFailed(
                f"Airflow refused {method} {path}: {response.status_code} {response.text[:300]}"
            )
        return response.json() if response.content else None

    def ensure_user(self, *, username: str, roles: Sequence[str], password: str) -> None:
        """Create the user; one that exists gets this password and these roles."""
        person = {
            "username": username,
            "email": f"{username}@tieout.localhost",
            "first_name": "Tieout",
            "last_name": username.capitalize(),
            "roles": [{"name": role} for role in roles],
            "password": password,
        }
        if self._send("GET", f"/auth/fab/v1/users/{username}").ok:
            self.call("PATCH", f"/auth/fab/v1/users/{username}", person)
        else:
            self.call("POST", "/auth/fab/v1/users", person)

    def overwrite(self, kind: str, entities: list[dict[str, Any]]) -> None:
        """Create or replace connections, pools or variables. Raises SetUpFailed when one is refused."""
        action = {"action": "create", "entities": entities, "action_on_existence": "overwrite"}
        done = self.call("PATCH", f"/api/v2/{kind}", {"actions": [action]})
        if problems := done["create"]["errors"]:
            raise SetUpFailed(f"Airflow refused some {kind}: {problems}")

    def wait_for_dag(self, dag_id: str, *, since: datetime, timeout_s: float) -> None:
        """Wait until the DAG was parsed later than `since`: before, Airflow knows only what its file used to say.

        Raises SetUpFailed with its import error when it cannot be parsed.
        """
        deadline = time.monotonic() + timeout_s
        while not self._is_parsed(dag_id, since):
            errors = self.call("GET", "/api/v2/importErrors")["import_errors"]
            broken = next((error for error in errors if dag_id in error["filename"]), None)
            if broken:
                reason = broken["stack_trace"].strip().splitlines()[-1]
                raise SetUpFailed(f"dags/{broken['filename']} cannot be loaded: {reason}")
            if time.monotonic() > deadline:
                raise SetUpFailed(f"Airflow did not find the DAG {dag_id} within {timeout_s:.0f} s")
            time.sleep(POLL_S)

    def unpause(self, dag_id: str) -> None:
        self.call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False}, update_mask="is_paused")

    def trigger(self, dag_id: str, *, start: datetime, end: datetime) -> str:
        """Run the DAG for the interval [start, end), whose start is the logical date; the run's id.

        A run that already was for this date is cleared and runs again; one that has not ended is only joined.
        """
        known = self.call(
            *("GET", f"/api/v2/dags/{dag_id}/dagRuns"),
            logical_date_gte=start.isoformat(),
            logical_date_lte=start.isoformat(),
        )["dag_runs"]
        if not known:
            dates = {"logical_date": start, "data_interval_start": start, "data_interval_end": end}
            body = {name: instant.isoformat() for name, instant in dates.items()}
            return str(self.call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)["dag_run_id"])
        run_id = str(known[0]["dag_run_id"])
        if known[0]["state"] in ENDED:
            clear = {"dry_run": False, "run_on_latest_version": True}
            self.call("POST", f"{_run(dag_id, run_id)}/clear", clear)
        return run_id

    def follow(self, runs: dict[str, str], *, timeout_s: float) -> Iterator[dict[str, RunState]]:
        """The states of several runs (DAG id: run id) whenever one changed; the last ones say how they ended.

        Raises SetUpFailed at the time-out.
        """
        deadline = time.monotonic() + timeout_s
        seen: dict[str, RunState] = {}
        while not seen or any(one.state not in ENDED for one in seen.values()):
            late = next((dag_id for dag_id, one in seen.items() if one.state not in ENDED), None)
            if late and time.monotonic() > deadline:
                raise SetUpFailed(f"the run of {late} did not end within {timeout_s:.0f} s")
            time.sleep(POLL_S if seen else 0)
            now = {dag_id: self._state(dag_id, run_id) for dag_id, run_id in runs.items()}
            if now != seen:
                yield now
            seen = now

    def failed_task_log(self, dag_id: str, run_id: str, *, lines: int = 15) -> tuple[str, list[str]]:
        """The first failed task and the last lines it logged; no task and no line when none failed."""
        failed = [one for one in self._tasks(dag_id, run_id) if one["state"] == "failed"]
        if not failed:
            return "", []
        first = min(failed, key=lambda one: one["end_date"] or "")
        log = self.call(
            "GET",
            f"{_run(dag_id, run_id)}/taskInstances/{first['task_id']}/logs/{first['try_number']}",
            map_index=first["map_index"],
        )
        return _name(first), [line for entry in log["content"] for line in _log_lines(entry)][-lines:]

    def _is_parsed(self, dag_id: str, since: datetime) -> bool:
        found = self._send("GET", f"/api/v2/dags/{dag_id}")
        parsed_at: str | None = found.json()["last_parsed_time"] if found.ok else None
        return parsed_at is not None and datetime.fromisoformat(parsed_at) > since

    def _state(self, dag_id: str, run_id: str) -> RunState:
        # The run first: when it has ended, its tasks have too.
        state = self.call("GET", _run(dag_id, run_id))["state"]
        return RunState(state, {_name(one): one["state"] or "waiting" for one in self._tasks(dag_id, run_id)})

    def _tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        found = self.call("GET", f"{_run(dag_id, run_id)}/taskInstances", limit=1000)
        return list(found["task_instances"])

    def _send(self, method: str, path: str, body: Any = None, query: Any = None) -> requests.Response:
        try:
            return self._session.request(
                method, self._address + path, json=body, params=query or None, timeout=TIMEOUT_S
            )
        except requests.RequestException as problem:
            raise SetUpFailed(f"Airflow at {self._address} does not answer: {problem}") from None


def health(address: str) -> dict[str, Any]:
    """What Airflow says of its parts, with their last heartbeats; empty while it does not answer."""
    try:
        response = requests.get(f"{address}/api/v2/monitor/health", timeout=HEALTH_TIMEOUT_S)
    except requests.RequestException:
        return {}
    return dict(response.json()) if response.ok else {}


def _run(dag_id: str, run_id: str) -> str:
    return f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"


def _name(task: dict[str, Any]) -> str:
    mapped = f"[{task['map_index']}]" if task["map_index"] >= 0 else ""
    return f"{task['task_id']}{mapped}"


def _log_lines(entry: Any) -> list[str]:
    """The text of one log entry: a line, or an event that may carry an error."""
    if isinstance(entry, str):
        return [entry]
    errors = [f"{error['exc_type']}: {error['exc_value']}" for error in entry.get("error_detail") or []]
    return [str(entry["event"]), *errors]
