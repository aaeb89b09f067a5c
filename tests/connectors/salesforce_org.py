"""A twin's Salesforce in this process, whose organisation a test can change behind its API's back."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import Any

import requests
import uvicorn
from simple_salesforce.api import Salesforce

from include.connectors.salesforce.client import SalesforceClient
from include.connectors.salesforce.session import guarded_session
from include.connectors.salesforce.source import SalesforceSource
from include.connectors.salesforce.writer import SalesforceWriter
from include.twin.prompt import PromptServer
from include.twin.salesforce import salesforce_app
from include.twin.salesforce_org import Org
from include.twin.world import World
from tests.connectors.conftest import KEYS, Clock

Tables = Mapping[str, Sequence[Mapping[str, str]]]
Alter = Callable[[requests.PreparedRequest, requests.Response], requests.Response]


@dataclass
class Running:
    """`asked`: method and path of every request; `alter`: what becomes of answers on their way."""

    address: str
    org: Org
    clock: Clock
    asked: list[str]
    sessions: list[requests.Session] = field(default_factory=list)
    alter: Alter | None = None

    def connect(self) -> Salesforce:
        """A new login."""
        session = guarded_session(self.address)
        self.sessions.append(session)
        session.hooks["response"].append(self._answered)
        return Salesforce(
            consumer_key=KEYS.salesforce_client_id,
            consumer_secret=KEYS.salesforce_client_secret,
            domain="twin.my",
            session=session,
        )

    def client(self) -> SalesforceClient:
        return SalesforceClient(self.connect)

    def source(self, **options: Any) -> SalesforceSource:
        return SalesforceSource(self.client(), **options)

    def writer(self, **options: Any) -> SalesforceWriter:
        return SalesforceWriter(self.client(), **options)

    def _answered(self, response: requests.Response, **_options: Any) -> requests.Response:
        self.asked.append(f"{response.request.method} {(response.request.path_url or '').split('?')[0]}")
        return self.alter(response.request, response) if self.alter else response


@contextmanager
def salesforce_running(tables: Tables) -> Iterator[Running]:
    clock = Clock()
    world = World({f"salesforce/{name}": [dict(row) for row in rows] for name, rows in tables.items()})
    app = salesforce_app(
        world,
        client_id=KEYS.salesforce_client_id,
        client_secret=KEYS.salesforce_client_secret,
        clock=clock,
    )
    quiet: dict[str, Any] = {"log_config": None, "date_header": False, "lifespan": "off"}
    quiet["timeout_graceful_shutdown"] = 5
    server = PromptServer(uvicorn.Config(app, host="127.0.0.1", port=0, **quiet))
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    [port] = [socket.getsockname()[1] for one in server.servers for socket in one.sockets]
    try:
        running = Running(f"http://127.0.0.1:{port}", app.state.org, clock, [])
        yield running
        for session in running.sessions:
            session.close()
    finally:
        server.stop()
        thread.join()


def cut(response: requests.Response, text: str, **headers: str) -> requests.Response:
    """The answer with another text."""
    assert response.content is not None  # read to its end, so that the connection is free again
    response._content = text.encode()
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response
