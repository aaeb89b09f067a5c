"""Salesforce over HTTP: simple-salesforce holds a session, everything is asked here, with limits.

Bare, that library logs in again and again on a lasting 401, drops headers on a retry, waits for ever, takes bulk
results that were cut off and follows a next page to wherever it points; so it only says where and by which token.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.format import format_soql

from include.connectors.salesforce.budget import Budget
from include.connectors.salesforce.login import log_in
from include.connectors.salesforce.refusals import call_refused, is_refusal
from include.connectors.salesforce.session import guarded_session
from include.connectors.shapes import a_count, an_object, objects
from include.connectors.wire import TIMEOUT_S, never_left, read_json, server_date
from include.ports import Away, Fatal, Retryable, Uncertain

__all__ = ["Description", "Record", "SalesforceClient", "guarded_session"]

SETTLE = timedelta(minutes=5)
"""How long a transaction may take to show its rows, where Salesforce does not tell."""

REPLICATION_WINDOW = timedelta(minutes=10)

_NEXT_PAGE = re.compile(r"/services/data/v\d+\.\d/(query(?:All)?/[A-Za-z0-9-]+)")
_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")
_UNAUTHORIZED, _SERVER_ERROR = 401, 500

Record = Mapping[str, Any]


class Description(NamedTuple):
    """What an sObject shows to our user: type by field, which are calculated, and Salesforce's clock."""

    fields: Mapping[str, str]
    calculated: frozenset[str]
    at: datetime


class SalesforceClient:
    """One organisation. `connect` gives a session over a `guarded_session`, and a newer one when asked again."""

    def __init__(self, connect: Callable[[], Salesforce]) -> None:
        self._connect = connect
        self._salesforce: Salesforce | None = None
        self._shut_out = False
        self.budget = Budget()

    def log_in(self) -> None:
        """Log in, unless that was done. Raises Retryable, Fatal."""
        self._salesforce = self._salesforce or log_in(self._connect)

    @property
    def version(self) -> str:
        """The API version asked for; empty before the first login."""
        return str(self._salesforce.sf_version) if self._salesforce else ""

    def describe(self, sobject: str) -> Description:
        """Raises Retryable, Fatal."""
        body, headers = self.get(f"sobjects/{sobject}/describe")
        fields = objects(body.get("fields"), place="Salesforce describe", having=("name",))
        types = {str(field["name"]): str(field.get("type", "")) for field in fields}
        calculated = frozenset(str(field["name"]) for field in fields if field.get("calculated"))
        return Description(types, calculated, server_date(headers, place="Salesforce"))

    def horizon(self, sobject: str, *, now: datetime) -> datetime:
        """Up to when every change is visible: before the oldest transaction still running.

        `now` is Salesforce's clock. Where Salesforce does not tell, `SETTLE` before it. Raises Retryable.
        """
        start = format_soql("{}", now - REPLICATION_WINDOW)
        try:
            body, _ = self.get(f"sobjects/{sobject}/updated/", start=start, end=format_soql("{}", now))
            return min(now, datetime.fromisoformat(body["latestDateCovered"]))
        except (Fatal, LookupError, OverflowError, TypeError, ValueError):
            return now - SETTLE

    def query(self, soql: str, *, with_deleted: bool = False) -> list[Record]:
        """All rows, checked against the count Salesforce states. Raises Retryable, Fatal."""
        page, _ = self.get("queryAll" if with_deleted else "query", q=soql)
        stated = a_count(page.get("totalSize"), place="Salesforce")
        records = _rows(page)
        while page.get("done") is not True and 0 < len(records) <= stated:
            page, _ = self.get(_next_page(page.get("nextRecordsUrl")))
            if not (more := _rows(page)):
                break  # it says there is more and gives nothing: it would do so for ever
            records += more
        if len(records) != stated:
            raise Retryable(f"Salesforce stated {stated:,} rows and gave {len(records):,}; try again")
        return records

    def count(self, rest: str, *, with_deleted: bool = False) -> int:
        """How many rows there are: `rest` follows SELECT COUNT(). Raises Retryable, Fatal."""
        page, _ = self.get("queryAll" if with_deleted else "query", q=f"SELECT COUNT() {rest}")
        return a_count(page.get("totalSize"), place="Salesforce")

    def limits(self) -> Mapping[str, int]:
        """What is left of each of the organisation's limits. Raises Retryable, Fatal."""
        body, _ = self.get("limits")
        return {
            name: a_count(left["Remaining"], place="Salesforce limits")
            for name, left in body.items()
            if isinstance(left, dict) and "Remaining" in left
        }

    def get(self, path: str, **params: str) -> tuple[Record, Mapping[str, str]]:
        """The record an answer is, and its headers. Raises Retryable, Fatal."""
        response = self.call("GET", path, params=params)
        return an_object(read_json(response.text, place="Salesforce"), place="Salesforce"), response.headers

    def call(self, method: str, path: str, *, sure: bool = True, **content: Any) -> requests.Response:
        """One call below the base address, with one new login when the session is over.

        `sure`: asking twice does no harm, so a lost answer is Retryable; otherwise it is Uncertain. `content`:
        params, json, data or headers, sent again unchanged after a login. Raises Retryable, Uncertain, Fatal.
        """
        if method == "GET" and not path.startswith("jobs/ingest"):  # writes may use what reading leaves
            self.budget.check()
        response = self._send(method, path, sure=sure, **content)
        if response.status_code == _UNAUTHORIZED:
            self._salesforce = None  # the session expired: log in once more, never in a loop
            response = self._send(method, path, sure=sure, **content)
            self._shut_out = response.status_code == _UNAUTHORIZED
        if found := _USAGE.search(response.headers.get("Sforce-Limit-Info", "")):
            self.budget.note(used=int(found[1]), limit=int(found[2]))
        if is_refusal(response):
            if response.status_code >= _SERVER_ERROR and not sure:
                raise Uncertain(
                    f"Salesforce answered {response.status_code} to a write; look before sending again"
                )
            raise call_refused(response)
        return response

    def _send(self, method: str, path: str, *, sure: bool, **content: Any) -> requests.Response:
        if self._shut_out:
            raise Fatal("Salesforce refuses every new session; check the user and its permissions")
        salesforce = self._salesforce = self._salesforce or log_in(self._connect)
        content["headers"] = {**salesforce.headers, **content.get("headers", {})}
        if "json" in content:
            content["data"] = json.dumps(content.pop("json"), default=str).encode()
        try:
            return salesforce.session.request(
                method, f"{salesforce.base_url}{path}", timeout=TIMEOUT_S, allow_redirects=False, **content
            )
        except requests.RequestException as error:
            name = type(error).__name__
            if sure or never_left(error):
                raise Away(f"Salesforce did not answer ({name})") from None
            raise Uncertain(
                f"Salesforce's answer to a write was lost ({name}); look before sending again"
            ) from None


def _rows(page: Record) -> list[Record]:
    return list(objects(page.get("records"), place="Salesforce"))


def _next_page(url: Any) -> str:
    """The path of the next page below our own base address: the answer does not say where our token goes."""
    found = _NEXT_PAGE.fullmatch(str(url))
    if not found:
        raise Fatal("Salesforce: the next page points somewhere else than to its query; not followed")
    return found[1]
