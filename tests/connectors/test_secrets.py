"""Whatever a system answers, and even if it answers with our own words: no error shows what we logged in with."""

import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from zoneinfo import ZoneInfo

import pytest
from simple_salesforce.api import Salesforce

from include.connectors.salesforce.client import SalesforceClient
from include.connectors.salesforce.session import guarded_session
from include.connectors.stripe.client import StripePayments
from include.connectors.stripe.source import StripeSource
from include.connectors.tryton.client import TrytonClient
from include.connectors.tryton.source import TrytonSource
from include.ports import Stop
from tests.serving import Answers, serving

KEY = "canary-Secret-8121"
BODIES: dict[int, str] = {
    301: "{asked}",
    400: '[{{"errorCode": "INVALID_FIELD", "message": {asked}}}]',
    401: '{{"error": {{"message": {asked}}}}}',
    403: '[{{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": {asked}}}]',
    404: "<html>{asked}</html>",
    409: '[{{"errorCode": "DUPLICATE_VALUE", "message": {asked}}}]',
    429: "{asked}",
    500: '{{"error": {{"message": {asked}, "type": "api_error"}}}}',
    503: "{asked}",
    200: "see: {asked}",
}


@contextmanager
def repeating(status: int) -> Iterator[str]:
    """A server that answers everything with everything it was sent: a proxy's page of debugging."""

    class Handler(Answers):
        def answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            asked = json.dumps(f"{self.path} {dict(self.headers)} {sent}")
            self.send_response(status)
            self.send_header("Location", f"http://127.0.0.1:1/{KEY}")
            self.end_headers()
            self.wfile.write(BODIES[status].format(asked=asked).encode())

    with serving(Handler) as address:
        yield address


def salesforce(address: str) -> object:
    def log_in() -> Salesforce:
        return Salesforce(session_id=KEY, instance="twin.my.salesforce.com", session=guarded_session(address))

    return SalesforceClient(log_in).query("SELECT Id FROM Account")


def erp_reads(address: str) -> object:
    return TrytonSource(TrytonClient(f"{address}/erp", key=KEY)).fetch_page("customers", None)


def erp_writes(address: str) -> object:
    return TrytonClient(f"{address}/erp", key=KEY, company=1).create(
        "party.party", {"name": KEY}, fields=["id"]
    )


def payments(address: str) -> object:
    source = StripeSource(StripePayments(f"sk_{KEY}", address=address), zone=ZoneInfo("UTC"))
    return source.fetch_page("payments", None)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stripe.HTTPClient._sleep_time_seconds", lambda *_: 0)
    monkeypatch.setattr("urllib3.util.retry.Retry.sleep", lambda *_args, **_named: None)


@pytest.mark.parametrize("ask", [salesforce, erp_reads, erp_writes, payments])
@pytest.mark.parametrize("status", [*BODIES, 0])
def test_an_error_shows_no_secret(ask: Callable[[str], object], status: int) -> None:
    if not status:
        assert_silent(lambda: ask("http://127.0.0.1:1"))
        return
    with repeating(status) as address:
        assert_silent(lambda: ask(address))


def assert_silent(act: Callable[[], object]) -> None:
    told = ""
    try:
        act()
    except Stop as stopped:
        told = "".join(traceback.format_exception(stopped)) + repr(stopped)
    assert KEY not in told
