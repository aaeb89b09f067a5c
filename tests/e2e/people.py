"""People who are logged in to the running platform: the console's pages and forms, and Airflow's own REST API."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from typing import Any

import requests

from include.local.airflow_api import ENDED, TIMEOUT_S, Airflow
from include.local.processes import wait_for

ASKS = "approve_breaks"
API = f"/api/v2/dags/{ASKS}"
PATIENCE_S = 300.0


class Somebody:
    """A login of the platform at `address`."""

    def __init__(self, address: str, name: str, password: str) -> None:
        self.name, self._address, self._session = name, address, requests.Session()
        login = self._ask("POST", "/auth/token", json={"username": name, "password": password})
        self._session.headers["Authorization"] = f"Bearer {login.json()['access_token']}"

    def page(self, path: str) -> str:
        """A page of the console, which then knows them."""
        answer = self._ask("GET", f"/tieout{path}")
        assert answer.status_code == 200, answer.text[:300]
        return answer.text

    def act(self, break_id: str, action: str, **fields: str) -> None:
        """Send the form of a break's page, as a browser would."""
        page = self.page(f"/breaks/{break_id}")
        form = page[page.index(f'action="/tieout/breaks/{break_id}/{action}"') :]
        hidden = {
            name: unescape(value)
            for name, value in re.findall(r'type="hidden" name="(token|seen)" value="([^"]*)"', form)[:2]
        }
        sent = self._ask(
            *("POST", f"/tieout/breaks/{break_id}/{action}"),
            data=hidden | fields,
            headers={"origin": self._address},
            allow_redirects=False,
        )
        assert sent.status_code == 303, sent.text[:2000]

    def answers(self, ask: dict[str, Any], option: str, *, reason: str) -> int:
        """Answer a task that waits, through Airflow's API; the status of its answer."""
        task = ask["task_instance"]
        place = f"{task['dag_run_id']}/taskInstances/{task['task_id']}/{task['map_index']}"
        given = {"chosen_options": [option], "params_input": {"reason": reason}}
        return self._ask("PATCH", f"{API}/dagRuns/{place}/hitlDetails", json=given).status_code

    def _ask(self, method: str, path: str, **sent: Any) -> requests.Response:
        return self._session.request(method, f"{self._address}{path}", timeout=TIMEOUT_S, **sent)


@contextmanager
def asking(airflow: Airflow) -> Iterator[None]:
    """Have the DAG ask; afterwards it rests again, and none of its runs waits for anybody."""
    airflow.unpause(ASKS)
    try:
        yield
    finally:
        airflow.call("PATCH", API, {"is_paused": True}, update_mask="is_paused")
        for run in unended(airflow):
            airflow.call("PATCH", f"{API}/dagRuns/{run}", {"state": "success"})
        assert wait_for(lambda: not unended(airflow), timeout_s=PATIENCE_S, every_s=0.5)


def unended(airflow: Airflow) -> list[str]:
    """The runs that are not over."""
    runs = airflow.call("GET", f"{API}/dagRuns", limit=100)["dag_runs"]
    return [run["dag_run_id"] for run in runs if run["state"] not in ENDED]


def asked(airflow: Airflow, about: str) -> list[dict[str, Any]]:
    """The tasks that wait for an answer about something."""
    waiting = airflow.call("GET", f"{API}/dagRuns/~/hitlDetails", response_received="false")
    return [one for one in waiting["hitl_details"] if about in one["subject"]]


def answer_until(
    so: Callable[[], bool], airflow: Airflow, about: str, *, who: Somebody, option: str, reason: str
) -> str:
    """Answer what is asked about something until it is so; the last question's text.

    What is answered within a moment of being asked Airflow 3.3 may take for a failure, and ask once more.
    """
    said = ""

    def look() -> bool:
        nonlocal said
        for ask in asked(airflow, about):
            said = ask["body"]
            assert who.answers(ask, option, reason=reason) in (200, 409)
        return bool(said) and so()

    assert wait_for(look, timeout_s=PATIENCE_S, every_s=0.5), f"asked about {about}: {said!r}"
    return said


def ask_now(airflow: Airflow) -> None:
    """Have a run look for questions, before the next ten minutes are over."""
    airflow.call("POST", f"{API}/dagRuns", {"logical_date": None})
