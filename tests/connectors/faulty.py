"""A twin that fails as told, a reader as patient as the scheduler, and what the database then holds."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import requests

from include.flows.check_completeness import Proof, check_completeness
from include.flows.land_records import land_records
from include.flows.pull_changes import pull_changes, rewind
from include.ports import Retryable, Source, Store
from tests.connectors.conftest import Live
from tests.serving import Answers, serving

ROWS = 25
ATTEMPTS_MAX = 4
STAMP = "2026-06-30T23:4{minute}:{second:02}.000+0000"

ACCOUNTS = [
    {
        "Id": f"0010000000000{n:02}AAA",
        "Name": f"Customer {n}",
        "Website": f"c{n}.example",
        "LastModifiedDate": STAMP.format(minute=n // 6, second=n),
    }
    for n in range(ROWS)
]
INVOICES = [
    {
        "id": f"I{n:02}",
        "number": f"INV-{n}",
        "customer_id": "C1",
        "issue_date": f"2026-01-{n + 1:02}",
        "due_date": "2026-02-28",
        "currency": "SGD",
        "gross": f"{n}.10",
        "status": "posted",
    }
    for n in range(ROWS)
]
PAYMENTS = [
    {
        "id": f"ch_{n:02}",
        "currency": "SGD",
        "amount": f"{n}.10",
        "paid_on": f"2026-01-{n + 1:02}",
        "status": "succeeded",
        "reference": f"INV-{n}",
    }
    for n in range(ROWS)
]
ATTEMPTS = [
    {
        "id": f"evt_{n:02}",
        "payment_id": f"ch_{n:02}",
        "attempt_no": "1",
        "outcome": "succeeded",
        "occurred_at": f"2026-01-{n + 1:02}T04:00:00Z",
    }
    for n in range(ROWS)
]
DEALS = [
    {
        "Id": f"0060000000000{n:02}AAA",
        "StageName": "Closed Won",
        "Amount": f"{n}.50",
        "CurrencyIsoCode": "SGD",
        "CloseDate": "2026-01-05",
    }
    for n in range(ROWS)
]
WORLD = {
    "salesforce/Account": ACCOUNTS,
    "salesforce/Opportunity": DEALS,
    "erp/invoices": INVOICES,
    "payments/payments": PAYMENTS,
    "payments/attempts": ATTEMPTS,
}
ENTITY = {"salesforce": "accounts", "erp": "invoices", "payments": "payments"}
PATH = {"salesforce": "/services/data/*/query*", "erp": "*/account.invoice", "payments": "/v1/charges"}
OBJECT = {"salesforce": "Account", "erp": "account.invoice", "payments": "charges"}
IDS = {
    "accounts": {row["Id"] for row in ACCOUNTS},
    "opportunities": {row["Id"] for row in DEALS},
    "invoices": {row["id"] for row in INVOICES},
    "payments": {row["id"] for row in PAYMENTS},
    "attempts": {row["id"] for row in ATTEMPTS},
}


def small_pages(twin: Live, system: str) -> Source:
    """The source reading four rows at a time, so that a fault strikes in the middle of a walk."""
    match system:
        case "salesforce":
            return twin.salesforce(page_rows=4)
        case "erp":
            return twin.erp(page_rows=4)
        case _:
            return twin.payments(list_rows=4, lists_per_page=2)


def arm(twin: Live, kind: str, system: str, /, **stated: Any) -> None:
    """Arm a fault through the twin's control endpoint; `with_` is the kind's own values."""
    stated["with"] = stated.pop("with_", {})
    reply = requests.post(
        twin.url("control") + "/_twin/faults", json={"kind": kind, "system": system, **stated}, timeout=30
    )
    assert reply.status_code == 201, reply.text


def injected(twin: Live) -> list[dict[str, Any]]:
    """Every fault that really happened."""
    log: list[dict[str, Any]] = requests.get(
        twin.url("control") + "/_twin/faults/injected", timeout=30
    ).json()
    return log


@dataclass(frozen=True)
class Extracted:
    """The last proof, and what was told to try again later on the way to it."""

    proof: Proof
    waits: list[str]


def extract(source: Source, store: Store, entity: str) -> Extracted:
    """Pull, land and prove as the scheduler does: later again on Retryable, the unproven window once more."""
    waits: list[str] = []
    for _ in range(ATTEMPTS_MAX):
        try:
            pull_changes(source, store, entity=entity)
            land_records(source, store, entity=entity)
            proof = check_completeness(source, store, entity=entity)
        except Retryable as wait:
            waits.append(str(wait))
            continue
        if proof.proven:
            return Extracted(proof, waits)
        waits.append(str(proof))
        rewind(store, system=source.system, entity=entity)
    raise Retryable("; ".join(waits))


def canonical(url: str, entity: str, columns: str = "native_id") -> list[tuple[Any, ...]]:
    """The rows the platform works with."""
    with psycopg.connect(url) as connection:
        query = f"SELECT {columns} FROM canonical.{entity} WHERE superseded_in IS NULL ORDER BY native_id"
        return connection.execute(query.encode()).fetchall()


def ids(url: str, entity: str) -> list[str]:
    return [native_id for (native_id,) in canonical(url, entity)]


def send_webhooks(twin: Live, url: str, *, secret: str) -> None:
    """Have the payments platform send every event there is to an address."""
    control = twin.url("control") + "/_twin/webhooks"
    requests.post(control, json={"url": url, "secret": secret}, timeout=30).raise_for_status()
    requests.post(f"{control}/send", timeout=60).raise_for_status()


@contextmanager
def webhook_receiver() -> Iterator[tuple[str, list[tuple[bytes, Mapping[str, str]]]]]:
    """An address that takes webhooks, and the bodies and headers it was sent."""
    received: list[tuple[bytes, Mapping[str, str]]] = []

    class Receiver(Answers):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append((body, dict(self.headers)))
            self.send_response(200)
            self.end_headers()

    with serving(Receiver) as address:
        yield f"{address}/", received
