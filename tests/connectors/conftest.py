"""Sources reading a twin over HTTP, and worlds written in a line each."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import stripe
from simple_salesforce.api import Salesforce
from urllib3.util.retry import Retry

from include.connectors.salesforce.client import SalesforceClient, guarded_session
from include.connectors.salesforce.source import SalesforceSource
from include.connectors.stripe.client import StripePayments
from include.connectors.stripe.source import StripeSource
from include.connectors.tryton.client import TrytonClient
from include.connectors.tryton.source import TrytonSource
from include.ports import Cursor, RawRecord, Source
from include.twin.server import TwinKeys, TwinPorts, running

KEYS = TwinKeys("the-client", "the-secret", "the-erp-key", "sk_test_twin")
ZONE = ZoneInfo("Asia/Singapore")

Tables = Mapping[str, Sequence[Mapping[str, str]]]
Start = Callable[[Tables], "Live"]
Read = Callable[..., tuple[list[RawRecord], Cursor]]


@pytest.fixture(autouse=True)
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients wait between tries for a twentieth of their time."""
    whole = Retry.get_backoff_time, stripe.HTTPClient._sleep_time_seconds
    monkeypatch.setattr(Retry, "get_backoff_time", lambda *told: whole[0](*told) / 20)
    monkeypatch.setattr(stripe.HTTPClient, "_sleep_time_seconds", lambda *told: whole[1](*told) / 20)


class Clock:
    """The twin's clock, which stands until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 7, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Live:
    """A running twin and our sources of it."""

    ports: TwinPorts
    clock: Clock

    def url(self, system: str) -> str:
        return f"http://127.0.0.1:{getattr(self.ports, system)}"

    def salesforce(self, *, secret: str = KEYS.salesforce_client_secret, **options: Any) -> SalesforceSource:
        session = guarded_session(self.url("salesforce"))

        def connect() -> Salesforce:
            return Salesforce(
                consumer_key=KEYS.salesforce_client_id,
                consumer_secret=secret,
                domain="twin.my",
                session=session,
            )

        return SalesforceSource(SalesforceClient(connect), **options)

    def erp(self, *, key: str = KEYS.erp_key, **options: Any) -> TrytonSource:
        return TrytonSource(TrytonClient(f"{self.url('erp')}/erp", key=key), **options)

    def payments(self, *, key: str = KEYS.payments_key, list_rows: int = 100, **options: Any) -> StripeSource:
        client = StripePayments(key, address=self.url("payments"), list_rows=list_rows)
        return StripeSource(client, zone=ZONE, **options)

    def of(self, system: str) -> Source:
        return {"salesforce": self.salesforce, "erp": self.erp, "payments": self.payments}[system]()


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Start]:
    """Starts a twin of the tables given: file below the world, without suffix -> rows."""
    numbers = count(1)
    with ExitStack() as stack:

        def start(tables: Tables) -> Live:
            world, clock = tmp_path / f"world-{next(numbers)}", Clock()
            write_world(world, tables)
            twin = running(world=world, mailbox=tmp_path / "mailbox", keys=KEYS, clock=clock)
            return Live(stack.enter_context(twin), clock)

        yield start


def write_world(folder: Path, tables: Tables) -> None:
    folder.mkdir()
    for name, rows in tables.items():
        path = folder / f"{name}.csv"
        path.parent.mkdir(exist_ok=True)
        columns = dict.fromkeys(column for row in rows for column in row)
        with path.open("w", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, columns)
            writer.writeheader()
            writer.writerows(rows)


@pytest.fixture
def read() -> Read:
    """Reads an entity to its end: the records, and the cursor there."""

    def read_all(source: Source, entity: str, cursor: Cursor | None = None) -> tuple[list[RawRecord], Cursor]:
        records: list[RawRecord] = []
        while True:
            page = source.fetch_page(entity, cursor)
            records += page.records
            cursor = page.next_cursor
            if not page.has_more:
                return records, cursor

    return read_all
