"""Salesforce over HTTP: simple-salesforce logs in, everything else is asked here, with limits.

Bare, that library logs in again and again on a lasting 401, drops headers on a retry, waits for ever and
follows a next page to wherever it points; so only its login is used.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceAuthenticationFailed
from simple_salesforce.format import format_soql

from include.connectors.wire import RETRIES, TIMEOUT_S, read_json, server_date
from include.ports import Fatal, Retryable

HOSTS = (".salesforce.com", ".force.com")
API_USAGE_MAX = 0.95
"""Share of the organisation's daily calls after which reading stops: the rest is for people and writes."""

SETTLE = timedelta(minutes=5)
"""How long a transaction may take to show its rows, where Salesforce does not tell."""

REPLICATION_WINDOW = timedelta(minutes=10)

# Codes worth another try, by Salesforce's error reference; REQUEST_LIMIT_EXCEEDED comes with 403.
RETRYABLE_CODES = frozenset(
    {
        "EXCEEDED_ID_LIMIT",
        "INVALID_QUERY_LOCATOR",
        "OPERATION_TOO_LARGE",
        "QUERY_TIMEOUT",
        "REQUEST_LIMIT_EXCEEDED",
        "SERVER_UNAVAILABLE",
        "SERVICE_UNAVAILABLE",
        "UNABLE_TO_LOCK_ROW",
        "UNKNOWN_EXCEPTION",
    }
)
RETRYABLE_STATUSES = frozenset({408, 420, 429})

_NEXT_PAGE = re.compile(r"/services/data/v\d+\.\d/(query/[A-Za-z0-9-]+)")
_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")
_REDIRECT, _UNAUTHORIZED, _SERVER_ERROR = 300, 401, 500

Record = Mapping[str, Any]


class Description(NamedTuple):
    """What an sObject shows to our user, and Salesforce's clock when it said so."""

    fields: frozenset[str]
    at: datetime


def guarded_session(address: str = "") -> requests.Session:
    """A session that talks to Salesforce alone, never follows a redirect and never waits for ever.

    `address` (http://127.0.0.1:8461) sends everything to a twin there instead. Raises Fatal when it is not
    on this machine.
    """
    if address and urlsplit(address).hostname not in {"127.0.0.1", "::1", "localhost"}:
        raise Fatal(f"Salesforce: {address} is plain HTTP and not on this machine; give an https address")
    session = requests.Session()
    session.max_redirects = 0
    session.mount("https://", _Guard(address))
    session.mount("http://", _Guard(address))
    return session


class _Guard(HTTPAdapter):
    def __init__(self, address: str) -> None:
        super().__init__(max_retries=RETRIES)
        self._address = address.rstrip("/")

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        url = urlsplit(str(request.url))
        if self._address:
            request.url = self._address + request.path_url
            kwargs["proxies"] = None  # a twin on this machine is not behind the proxy
        elif url.scheme != "https" or not (url.hostname or "").endswith(HOSTS):
            raise Fatal(f"Salesforce: refusing to send credentials to {url.scheme}://{url.hostname}")
        kwargs["timeout"] = kwargs.get("timeout") or TIMEOUT_S
        return super().send(request, *args, **kwargs)


class SalesforceClient:
    """Reads one organisation. `connect` logs in anew, over a `guarded_session`."""

    def __init__(self, connect: Callable[[], Salesforce]) -> None:
        self._connect = connect
        self._salesforce: Salesforce | None = None
        self._usage = 0.0

    def log_in(self) -> None:
        """Log in, unless that was done. Raises Retryable, Fatal."""
        self._salesforce = self._salesforce or self._log_in()

    @property
    def version(self) -> str:
        """The API version asked for; empty before the first login."""
        return str(self._salesforce.sf_version) if self._salesforce else ""

    def ask(self, path: str) -> tuple[Any, Mapping[str, str]]:
        """A resource below the version's root, and the answer's headers. Raises Retryable, Fatal."""
        return self._get(path)

    def describe(self, sobject: str) -> Description:
        """Raises Retryable, Fatal."""
        body, headers = self._get(f"sobjects/{sobject}/describe")
        names = frozenset(str(field["name"]) for field in body["fields"])
        return Description(names, server_date(headers, place="Salesforce"))

    def horizon(self, sobject: str, *, now: datetime) -> datetime:
        """Up to when every change is visible: before the oldest transaction still running.

        `now` is Salesforce's clock. Where Salesforce does not tell, `SETTLE` before it. Raises Retryable.
        """
        start = format_soql("{}", now - REPLICATION_WINDOW)
        try:
            body, _ = self._get(f"sobjects/{sobject}/updated/", start=start, end=format_soql("{}", now))
            return min(now, datetime.fromisoformat(body["latestDateCovered"]))
        except (Fatal, LookupError, TypeError, ValueError):
            return now - SETTLE

    def query(self, soql: str) -> list[Record]:
        """All rows, checked against the count Salesforce states. Raises Retryable, Fatal."""
        page, _ = self._get("query", q=soql)
        records = list(page["records"])
        while not page["done"]:
            page, _ = self._get(_next_page(page.get("nextRecordsUrl")))
            records += page["records"]
        if len(records) != page["totalSize"]:
            raise Retryable(
                f"Salesforce stated {page['totalSize']:,} rows and gave {len(records):,}; try again"
            )
        return records

    def _get(self, path: str, **params: str) -> tuple[Any, Mapping[str, str]]:
        if self._usage >= API_USAGE_MAX:
            raise Retryable(
                f"Salesforce: {self._usage:.0%} of the daily API calls are used; wait for the reset"
            )
        response = self._send(path, params)
        if response.status_code == _UNAUTHORIZED:
            self._salesforce = None  # the session expired: log in once more, never in a loop
            response = self._send(path, params)
        self._note_usage(response.headers.get("Sforce-Limit-Info", ""))
        if response.status_code >= _REDIRECT:
            raise _stop(response)
        return read_json(response.text, place="Salesforce"), response.headers

    def _send(self, path: str, params: Mapping[str, str]) -> requests.Response:
        salesforce = self._salesforce = self._salesforce or self._log_in()
        url, headers = f"{salesforce.base_url}{path}", salesforce.headers
        try:
            return salesforce.session.get(
                url, params=params, headers=headers, timeout=TIMEOUT_S, allow_redirects=False
            )
        except requests.RequestException as error:
            raise Retryable(f"Salesforce did not answer ({type(error).__name__})") from None

    def _log_in(self) -> Salesforce:
        try:
            return self._connect()
        except SalesforceAuthenticationFailed as refused:
            # Its message may hold the whole answer; its code is enough.
            raise _login_stop(refused.code) from None
        except requests.RequestException as error:
            raise Retryable(f"Salesforce did not answer the login ({type(error).__name__})") from None
        except TypeError:
            raise Fatal(
                "Salesforce: the connection lacks a login; give consumer_key, consumer_secret and domain"
            ) from None

    def _note_usage(self, info: str) -> None:
        if found := _USAGE.search(info):
            self._usage = int(found[1]) / max(1, int(found[2]))


def _next_page(url: Any) -> str:
    """The path of the next page below our own base address: the answer does not say where our token goes."""
    found = _NEXT_PAGE.fullmatch(str(url))
    if not found:
        raise Fatal("Salesforce: the next page points somewhere else than to its query; not followed")
    return found[1]


def _stop(response: requests.Response) -> Retryable | Fatal:
    status, code = response.status_code, _error_code(response.text)
    reason = f"Salesforce refused ({' '.join([str(status), code]).strip()})"
    if status >= _SERVER_ERROR or status in RETRYABLE_STATUSES or code in RETRYABLE_CODES:
        return Retryable(f"{reason}; trying again later")
    if status == _UNAUTHORIZED:
        return Fatal(f"{reason} even after a new login; check the user and its permissions")
    return Fatal(f"{reason}; check the permissions of our user and the fields it may see")


def _login_stop(code: Any) -> Retryable | Fatal:
    if isinstance(code, int) and code >= _SERVER_ERROR:
        return Retryable(f"Salesforce could not log us in ({code}); trying again later")
    word = code if re.fullmatch(r"[A-Za-z_ :.]{1,60}", str(code)) else "refused"
    return Fatal(f"Salesforce refused the login ({word}); check the salesforce_api connection")


def _error_code(text: str) -> str:
    try:
        code = read_json(text, place="")[0]["errorCode"]
    except (Retryable, LookupError, TypeError):
        return ""
    return code if isinstance(code, str) and re.fullmatch(r"[A-Z_]{1,60}", code) else ""
