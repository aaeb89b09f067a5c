"""The ERPs the same tests run against: the twin, and a real Tryton where `make erp` has started one."""

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
import requests

from include.connectors.tryton.client import TrytonClient
from include.connectors.tryton.ledger import TrytonLedger
from include.connectors.tryton.source import TrytonSource
from include.connectors.tryton.wizards import TrytonWizards
from include.local.erp import RunningErp, erp_home, running
from include.local.home import Home
from include.local.secrets import load_secrets
from include.twin.server import TwinKeys
from include.twin.server import running as running_twin
from tests.connectors.conftest import read  # noqa: F401 - a fixture of these tests too

KEYS = TwinKeys("the-client", "the-secret", "the-erp-key", "sk_test_twin")
NOT_THERE = "no real ERP runs here; start one with: make erp"


@dataclass(frozen=True, repr=False)
class Erp:
    """One database of an ERP, the twin's or Tryton's, by REST, by JSON-RPC and through our connector.

    The connector is our user, with the role of our module. Plain calls are a clerk's: somebody who works there.
    Without a repr, or a failing test would print its key.
    """

    kind: str
    address: str
    key: str
    user: str
    password: str
    clerk: "Clerk | None" = None

    def source(self, **options: Any) -> TrytonSource:
        return TrytonSource(TrytonClient(self.address, key=self.key), **options)

    def ledger(self) -> TrytonLedger:
        wizards = TrytonWizards(self.address, user=self.user, password=self.password)
        return TrytonLedger(TrytonClient(self.address, key=self.key), wizards)

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """A plain REST call: `domain`, `order`, `fields` encoded as Tryton wants them."""
        params = [("f", name) for name in options.pop("fields", ())]
        params += [(name[0], encoded(options.pop(name))) for name in ("domain", "order") if name in options]
        params += list(options.pop("params", {}).items())
        key = self.clerk.key if self.clerk else self.key
        headers = {"Authorization": f"Bearer {key}", "X-Tryton-Context": encoded({"company": 1})}
        url = f"{self.address}/rest/model/{path}"
        given = headers | options.pop("headers", {})
        return requests.request(method, url, params=params, headers=given, timeout=30, **options)

    def rows(self, model: str, domain: Any = (), fields: Any = (), **options: Any) -> list[dict[str, Any]]:
        answer = self.ask("GET", model, domain=domain, fields=fields, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def only(self, model: str, domain: Any, fields: Any) -> dict[str, Any]:
        [row] = self.rows(model, domain, fields)
        return row

    def rpc(self, method: str, *parameters: Any, session: str = "") -> requests.Response:
        headers = {"Authorization": f"Session {session}"} if session else {}
        body = {"id": 1, "method": method, "params": list(parameters)}
        return requests.post(f"{self.address}/rpc/", json=body, headers=headers, timeout=30)

    def session(self) -> str:
        who = self.clerk or self
        return session_of(self, user=who.user, password=who.password)


@dataclass(frozen=True, repr=False)
class Clerk:
    """Somebody who works in the ERP, with Tryton's own groups."""

    key: str
    user: str
    password: str


CLERKS = ("Sales", "Accounting", "Payment", "Payment Approval", "Party Administration")


def session_of(erp: Erp, *, user: str, password: str) -> str:
    """A login's session, as JSON-RPC wants it."""
    user_id, token, *_ = erp.rpc("common.db.login", user, {"password": password}, "en").json()["result"]
    return base64.b64encode(f"{user}:{user_id}:{token}".encode()).decode()


def hired(erp: Erp, *, admin_password: str) -> Erp:
    """The ERP with a clerk, whom its administrator lets in."""
    session = session_of(erp, user="admin", password=admin_password)

    def asked(method: str, *parameters: Any) -> Any:
        return erp.rpc(method, *parameters, {}, session=session).json()["result"]

    clerk = Clerk(key="0" * 40, user="clerk", password="a long word of the clerk's")
    groups = asked("model.res.group.search", [["name", "in", list(CLERKS)]], 0, None, None)
    companies = [["add", [1]]]
    values = {"name": "Clerk", "login": clerk.user, "password": clerk.password, "company": 1}
    values |= {"companies": companies, "groups": [["add", groups]]}
    [user] = asked("model.res.user.create", [values])
    key = {"user": user, "application": "rest", "key": clerk.key}
    asked("model.res.user.application.create", [key])
    return replace(erp, clerk=clerk)


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.fixture(scope="session")
def tryton() -> RunningErp:
    """The running Tryton; a test that needs it is skipped where there is none."""
    found = running(erp_home(Home.from_environment()))
    if found is None:
        pytest.skip(NOT_THERE)
    return found


@pytest.fixture(scope="module", params=["twin", "tryton"])
def erp(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Erp]:
    """An ERP with a company and products and nothing sold yet."""
    if request.param == "tryton":
        real: RunningErp = request.getfixturevalue("tryton")
        with real.copy(f"erp_test_{os.getpid()}") as copy:
            ours = Erp("tryton", copy.address, copy.key, copy.user, copy.password)
            yield hired(ours, admin_password=load_secrets(real.home).admin_password)
        return
    folder = tmp_path_factory.mktemp("world")
    with running_twin(world=folder, mailbox=folder / "mailbox", keys=KEYS) as ports:
        address = f"http://127.0.0.1:{ports.erp}/erp"
        yield Erp("twin", address, KEYS.erp_key, "tieout", KEYS.erp_key)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is settled as soon as it is written: the horizon lies ahead, where nothing can be written yet."""
    monkeypatch.setattr("include.connectors.tryton.source.SETTLE", timedelta(seconds=-2))
