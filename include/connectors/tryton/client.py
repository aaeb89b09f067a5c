"""Tryton's REST API: searches with a key, within limits."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from include.connectors.wire import RETRIES, TIMEOUT_S, read_json, server_date
from include.ports import Fatal, Retryable

RETRYABLE_STATUSES = frozenset({408, 429})
_REDIRECT, _SERVER_ERROR = 300, 500

_ADVICE = {
    401: "check the key in the erp_api connection",
    403: "check what the key's user may read",
    404: "check the address and database, and that Tryton's module for it is installed",
}

Record = Mapping[str, Any]


class TrytonClient:
    """Reads one database of a Tryton server. `address` ends with the database's name: https://erp.example/erp."""

    def __init__(self, address: str, *, key: str) -> None:
        self._address = address.rstrip("/")
        self._session = requests.Session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=RETRIES))
        self._session.headers["Authorization"] = f"Bearer {key}"

    def path(self, model: str) -> str:
        """Where the model's records are."""
        return f"{self._address}/rest/model/{model}"

    def server_now(self, model: str) -> datetime:
        """The server's clock, UTC. Raises Retryable, Fatal."""
        return server_date(self._get(model, {"f": "id", "s": 1}).headers, place=f"ERP {model}")

    def series(self) -> str:
        """The server's series, such as 8.2; it tells strangers too. Raises Retryable, Fatal."""
        parts = urlsplit(self._address)
        base = parts._replace(path=f"{parts.path.rpartition('/')[0]}/rpc/").geturl()
        question = {"id": 1, "method": "common.server.version", "params": []}
        try:
            response = requests.post(base, json=question, timeout=TIMEOUT_S, allow_redirects=False)
        except requests.RequestException as error:
            raise Retryable(f"ERP /rpc/ did not answer ({type(error).__name__})") from None
        if not response.ok:
            raise Fatal(f"ERP /rpc/ answered {response.status_code}; it is no Tryton server's")
        answer = read_json(response.text, place="ERP /rpc/")
        return str(answer.get("result", "") if isinstance(answer, dict) else answer)

    def search(
        self, model: str, *, domain: Sequence[Any], fields: Sequence[str], order: Sequence[str], size: int
    ) -> list[Record]:
        """The first `size` records of a search, in ascending order. Raises Retryable, Fatal."""
        query = {
            "d": _encoded(domain),
            "f": list(fields),
            "o": _encoded([[name, "ASC"] for name in order]),
            "s": size,
        }
        records = read_json(self._get(model, query).text, place=f"ERP {model}")
        if not isinstance(records, list):
            raise Retryable(f"ERP {model}: the answer is not a list of records")
        return records

    def _get(self, model: str, query: Mapping[str, Any]) -> requests.Response:
        try:
            response = self._session.get(
                self.path(model), params=query, timeout=TIMEOUT_S, allow_redirects=False
            )
        except requests.RequestException as error:
            raise Retryable(f"ERP {model} did not answer ({type(error).__name__})") from None
        status = response.status_code
        if status < _REDIRECT:
            return response
        if status >= _SERVER_ERROR or status in RETRYABLE_STATUSES:
            raise Retryable(f"ERP {model} answered {status}; trying again later")
        raise Fatal(
            f"ERP {model} answered {status}; {_ADVICE.get(status, 'check the fields and the address')}"
        )


def _encoded(value: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
