"""What `tieout doctor` asks Airflow, of what it tells everybody."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import requests

from include.connectors.wire import TIMEOUT_S, read_json, server_date
from include.domain.diagnosis import Answer, Check, fail, ok, skew
from include.ports import Fatal, Retryable

PARTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")
VERSION_MIN = (3, 3)
"""The oldest with the retry policy that the DAGs use."""

_START = "start what is named: make up, or docker compose up -d; its log says why it stopped"


def checks(address: str, *, now: Callable[[], datetime]) -> Sequence[Check]:
    """Connection, API version, the parts' heartbeats and the clock."""
    return [
        Check("connection", lambda: _connection(address), _START),
        Check("API version", lambda: _version(address), "install the version of requirements.lock"),
        Check("heartbeats", lambda: _heartbeats(address), _START),
        Check("clock", lambda: skew(server_date(_get(address, "version").headers, place="Airflow"), now())),
    ]


def _connection(address: str) -> Answer:
    _get(address, "version")
    return ok(f"{address} answers")


def _version(address: str) -> Answer:
    version = str(_told(address, "version").get("version", ""))
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < VERSION_MIN:
        return fail(
            f"it is version {version or 'unknown'}, older than {'.'.join(map(str, VERSION_MIN))}",
            "install the version of requirements.lock",
        )
    return ok(version)


def _heartbeats(address: str) -> Answer:
    parts = _told(address, "monitor/health")
    ill = [name for name in PARTS if (parts.get(name) or {}).get("status") != "healthy"]
    return fail(f"no sign of life from {', '.join(ill)}", _START) if ill else ok("all its parts are healthy")


def _told(address: str, path: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = read_json(_get(address, path).text, place=f"Airflow {path}")
    return found


def _get(address: str, path: str) -> requests.Response:
    try:
        answer = requests.get(f"{address}/api/v2/{path}", timeout=TIMEOUT_S, allow_redirects=False)
    except requests.RequestException as error:
        raise Retryable(f"Airflow at {address} did not answer ({type(error).__name__})") from None
    if not answer.ok:
        raise Fatal(f"Airflow at {address} answered {answer.status_code}")
    return answer
