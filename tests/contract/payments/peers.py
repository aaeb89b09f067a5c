"""Payments platforms others wrote, run here as processes, beside our twin: how to start each, and how to pay there."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from shutil import which

import pytest

from include.connectors.stripe.client import StripePayments, write_key
from include.local.home import PROJECT
from include.twin.server import TwinKeys, running

INSTALLED = PROJECT / "var" / "contract"
LOCALSTRIPE = INSTALLED / "localstripe" / "bin" / "localstripe"
STATEFUL_MOCK = INSTALLED / "stripe_mock" / "node_modules" / "stripe-stateful-mock" / "dist" / "autostart.js"
KEY = "sk_test_contract"
START_TIMEOUT_S = 20.0

# Where a peer differs from Stripe itself, by what a test asks for: such a test is skipped there, with this reason.
LOCALSTRIPE_QUIRKS = {
    "keys": "knows no Idempotency-Key: the same key makes a second object",
    "authentication": "takes any key that begins with sk_",
    "codes": "its errors name neither code nor param",
    "newest first": "lists oldest first",
    "fees": "its fees are 0",
    "throttling": "throttles nobody",
    "over-refunds": "refunds more than was paid",
    "created filters": "answers 500 or 400 to created[lte] on charges, refunds and payouts",
    "latest charge": "shows an intent's latest charge whole, and not its id",
}
MOCK_QUIRKS = {
    "newest first": "lists oldest first",
    "events": "has no events",
    "balance transactions": "cannot be asked for a balance transaction",
    "payment intents": "has no payment intents",
    "invoices": "has no invoices",
    "payouts": "has no payouts",
}
TWIN_QUIRKS = {"throttling": "throttles when its faults are on, which have tests of their own"}


@dataclass(frozen=True)
class Peer:
    """A running platform; `intents` says that it is paid by payment intents, and not by charges."""

    name: str
    address: str
    quirks: Mapping[str, str] = field(default_factory=dict)
    intents: bool = False

    def client(self, key: str = KEY, **options: int) -> StripePayments:
        return StripePayments(key, address=self.address, **options)

    def needs(self, *wanted: str) -> None:
        """Skip the test when this peer differs from Stripe in what it asks for."""
        for want in wanted:
            if want in self.quirks:
                pytest.skip(f"{self.name} {self.quirks[want]}")

    def pay(self, amount: int, *, refused: bool = False, **metadata: str) -> str:
        """Try to pay so much SGD (minor units); the id of the charge. Raises Rejected when `refused`."""
        form = {"amount": amount, "currency": "sgd", "metadata": metadata, "description": f"pays {metadata}"}
        key = write_key("pay", self.name, str(amount), str(metadata), str(refused))
        if not self.intents:
            source = "tok_chargeDeclined" if refused else "tok_visa"
            return str(self.client().create("charges", form | {"source": source}, key=key)["id"])
        del form["description"]  # a quirk: an intent has none there
        form |= self._card("4000000000000341" if refused else "4242424242424242") | {"confirm": "true"}
        intent = self.client().create("payment_intents", form, key=key)
        return str(intent["charges"]["data"][0]["id"])

    def _card(self, number: str) -> dict[str, str]:
        client = self.client()
        year = str(datetime.now(UTC).year + 2)
        card = {"number": number, "exp_month": "12", "exp_year": year, "cvc": "123"}
        customer = client.create("customers", {"email": "payer@example.com"}, key="unused")["id"]
        method = client.create("payment_methods", {"type": "card", "card": card}, key="unused")["id"]
        client._stripe.v1.payment_methods.attach(method, {"customer": customer})
        return {"customer": customer, "payment_method": method}


@contextmanager
def twin(folder: Path) -> Iterator[Peer]:
    """Our own, of an empty world."""
    (folder / "world").mkdir()
    keys = TwinKeys("client", "secret", "erp", KEY)
    with running(world=folder / "world", mailbox=folder / "mailbox", keys=keys) as ports:
        yield Peer("twin", f"http://127.0.0.1:{ports.payments}", TWIN_QUIRKS)


@contextmanager
def localstripe(folder: Path) -> Iterator[Peer]:
    """localstripe 1.15.10 (GPLv3, a process of its own); its state lies in its own temporary folder."""
    if not LOCALSTRIPE.exists():
        pytest.skip("localstripe is not installed here; make counterparts installs it")
    port = free_port()
    command = [str(LOCALSTRIPE), "--port", str(port), "--from-scratch"]
    with served(command, port, folder, TMPDIR=str(folder)):
        yield Peer("localstripe", f"http://127.0.0.1:{port}", LOCALSTRIPE_QUIRKS, intents=True)


@contextmanager
def stateful_mock(folder: Path) -> Iterator[Peer]:
    """stripe-stateful-mock 0.0.16 (MIT, from npm)."""
    node = which("node")
    if not node or not STATEFUL_MOCK.exists():
        pytest.skip("stripe-stateful-mock is not installed here; make counterparts installs it, with Node")
    port = free_port()
    with served([node, str(STATEFUL_MOCK)], port, folder, PORT=str(port), LOG_LEVEL="silent"):
        yield Peer("stripe-stateful-mock", f"http://127.0.0.1:{port}", MOCK_QUIRKS)


PEERS = {"twin": twin, "localstripe": localstripe, "stripe-stateful-mock": stateful_mock}


@contextmanager
def served(command: list[str], port: int, folder: Path, **environment: str) -> Iterator[None]:
    """The process, until the block ends."""
    log = folder / "peer.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=os.environ | environment, cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not listens(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(START_TIMEOUT_S)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
