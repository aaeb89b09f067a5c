"""A running twin of a small world, and clients of its systems."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import stripe
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce

from include.twin.server import TwinKeys, TwinPorts, running

KEYS = TwinKeys("the-client", "the-secret", "the-erp-key", "sk_test_twin")

Table = Sequence[Mapping[str, str]]


class _ToLoopback(HTTPAdapter):
    """simple-salesforce speaks https to salesforce.com only; this brings it to the twin."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        parts = urlsplit(request.url or "")
        request.url = parts._replace(scheme="http", netloc=f"127.0.0.1:{self.port}").geturl()
        return super().send(request, **options)


@dataclass(frozen=True)
class Twin:
    ports: TwinPorts
    mailbox: Path

    def url(self, system: str, path: str = "") -> str:
        return f"http://127.0.0.1:{getattr(self.ports, system)}{path}"

    def salesforce(self, client_id: str = KEYS.salesforce_client_id) -> Salesforce:
        session = requests.Session()
        session.mount("https://", _ToLoopback(self.ports.salesforce))
        return Salesforce(
            consumer_key=client_id,
            consumer_secret=KEYS.salesforce_client_secret,
            domain="twin.my",
            session=session,
        )

    def stripe(self, key: str = KEYS.payments_key) -> stripe.StripeClient:
        return stripe.StripeClient(key, base_addresses={"api": self.url("payments")}, max_network_retries=0)

    def get(self, system: str, path: str, **options: Any) -> requests.Response:
        return requests.get(self.url(system, path), timeout=30, **options)


def write_world(folder: Path, tables: Mapping[str, Table]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, rows in tables.items():
        path = folder / f"{name}.csv"
        path.parent.mkdir(exist_ok=True)
        header = list(dict.fromkeys(column for row in rows for column in row))
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, header)
            writer.writeheader()
            writer.writerows(rows)
    return folder


@pytest.fixture(scope="module")
def twin_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Twin]]:
    """Starts twins of the tables given, each stopped when the module's tests are done."""
    with ExitStack() as stack:

        def start(tables: Mapping[str, Table], **options: Any) -> Twin:
            folder = tmp_path_factory.mktemp("twin")
            world, mailbox = write_world(folder / "world", tables), folder / "mailbox"
            return Twin(
                stack.enter_context(running(world=world, mailbox=mailbox, keys=KEYS, **options)), mailbox
            )

        yield start
