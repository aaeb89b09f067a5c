"""Systems in memory that answer what they are told to, over the connectors' own sessions."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import requests
from requests.adapters import HTTPAdapter

from include.connectors.salesforce.client import SalesforceClient
from include.connectors.salesforce.source import SalesforceSource
from include.connectors.salesforce.translate import FIELDS
from include.connectors.salesforce.watch import SalesforceWatch
from include.connectors.stripe.client import StripePayments
from include.connectors.stripe.source import StripeSource
from include.connectors.stripe.watch import StripeWatch
from include.connectors.tryton.client import TrytonClient
from include.connectors.tryton.source import TrytonSource
from include.connectors.tryton.translate import READINGS, STAMP, paths
from include.vault.edge import SealedSource, Vault, sealed
from include.vault.keys import new_keys, read_keyring
from tests.fuzz.anything import as_json

CALLS_MAX = 100
"""Whoever asks more often of these few records asks for ever."""

KEYS = new_keys()
VAULT = Vault(lambda: read_keyring(KEYS))
DATE = "Wed, 01 Jul 2026 12:00:00 GMT"
STAMPED = "2026-06-30T12:00:00.000+0000"

Answers = Callable[[str], Any]
"""The JSON at a path, or bytes."""


class Saying(HTTPAdapter):
    """Answers every request with 200 and what `say` has for its path."""

    def __init__(self, say: Answers) -> None:
        super().__init__()
        self.say, self.calls = say, 0

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]
        self.calls += 1
        assert self.calls <= CALLS_MAX, "it does not stop asking"
        found = self.say(str(request.path_url))
        response = requests.Response()
        response.status_code, response.url, response.request = 200, str(request.url), request
        response.headers.update({"Date": DATE, "Content-Type": "application/json", "Request-Id": "req_1"})
        response._content = found if isinstance(found, bytes) else as_json(found)
        return response


def _through(session: requests.Session, say: Answers) -> requests.Session:
    for scheme in ("https://", "http://"):
        session.mount(scheme, Saying(say))
    return session


def salesforce_client(say: Answers) -> SalesforceClient:
    session = _through(requests.Session(), say)
    base = "https://acme.my.salesforce.com/services/data/v59.0/"
    return SalesforceClient(
        lambda: SimpleNamespace(base_url=base, headers={}, session=session, sf_version="59.0")
    )  # type: ignore[arg-type, return-value]


def salesforce(say: Answers, page_rows: int = 3) -> SealedSource:
    return sealed(SalesforceSource(salesforce_client(say), page_rows=page_rows), VAULT)


def salesforce_watch(say: Answers) -> SalesforceWatch:
    return SalesforceWatch(salesforce_client(say))


def tryton_client(say: Answers) -> TrytonClient:
    client = TrytonClient("https://erp.example/erp", key="k")
    _through(client._session, say)
    return client


def tryton(say: Answers, page_rows: int = 3) -> SealedSource:
    return sealed(TrytonSource(tryton_client(say), page_rows=page_rows), VAULT)


def stripe_client(say: Answers) -> StripePayments:
    client = StripePayments("sk_test", list_rows=2)
    assert client._http._session is not None
    _through(client._http._session, say)
    return client


def stripe(say: Answers) -> SealedSource:
    return sealed(StripeSource(stripe_client(say), zone=ZoneInfo("Asia/Singapore")), VAULT)


def stripe_watch(say: Answers) -> StripeWatch:
    return StripeWatch(stripe_client(say))


def salesforce_says(entity: str) -> dict[str, Any]:
    """What Salesforce answers about an entity, by the beginning of a path below its version."""
    fields = [{"name": name, "type": "string"} for name in (*FIELDS[entity], "SystemModstamp", "IsDeleted")]
    row = dict.fromkeys(FIELDS[entity], "x") | {
        "Id": "001000000000001",
        "SystemModstamp": STAMPED,
        "IsDeleted": False,
        "IsWon": True,
        "total": 12.5,
        "attributes": {"type": "T", "url": "/services/data/v59.0/sobjects/T/001000000000001"},
    }
    rows = [row, row | {"Id": "001000000000002"}]
    page = {"totalSize": 2, "done": True, "records": rows}
    return {
        "sobjects/": {"fields": fields, "latestDateCovered": STAMPED},
        "query": page,
        "limits": {"DailyApiRequests": {"Max": 15000, "Remaining": 14000}},
        "jobs/query": {"id": "750000000000001", "state": "JobComplete", "numberRecordsProcessed": 2},
    }


def tryton_says(entity: str) -> dict[str, Any]:
    """What the ERP answers about an entity."""
    stamp = {
        "__class__": "datetime", "year": 2026, "month": 6, "day": 30, "hour": 1, "minute": 2, "second": 3,
        "microsecond": 4,
    }  # fmt: skip
    day, amount = (
        {"__class__": "date", "year": 2026, "month": 6, "day": 30},
        {"__class__": "Decimal", "decimal": "1.50"},
    )
    row: dict[str, Any] = {"id": 1, STAMP: stamp}
    for number, path in enumerate(paths(entity)):
        here, *inner = path.split(".")
        value: Any = (day, amount, "text", 7, None)[number % 5]
        for name in reversed(inner):
            value = [{name: value}]
        row.setdefault(here, value)
    return {"company.company": [{"id": 1}], "": [row, row | {"id": 2}]} | (
        {READINGS[entity].model: [row, row | {"id": 2}]}
    )


def stripe_says(collection: str) -> dict[str, Any]:
    """What Stripe answers about a list."""
    charge = {
        "id": "ch_1", "object": "charge", "created": 1_782_000_000, "amount": 1050, "currency": "sgd",
        "status": "succeeded", "description": "INV-1", "customer": {"id": "C-1"}, "metadata": {"payer_text": "ADA"},
        "balance_transaction": {"id": "txn_1", "fee": 30, "currency": "sgd"}, "outcome": {"reason": "x"},
        "payment_method_details": {"card": {"brand": "visa", "fingerprint": "f", "last4": "4242"}},
        "billing_details": {"name": "Ada", "email": "a@b.example", "address": {"line1": "1"}}, "automatic": True,
        "charge": "ch_0", "type": "charge.failed", "arrival_date": 1_782_000_000, "source": "ch_1", "net": 1, "fee": 2,
    }  # fmt: skip
    item = charge | ({"data": {"object": charge}} if collection == "events" else {})
    page = {"object": "list", "data": [item, item | {"id": "ch_2"}], "has_more": False}
    return {f"/v1/{collection}": page, "/v1/": page}
