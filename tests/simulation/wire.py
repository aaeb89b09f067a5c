"""The twin without a network: what our clients send through requests is answered in this process, at once.

Nothing waits here. What a call costs in time, and what goes wrong with it, is decided by whoever listens (`Wire.hook`).
"""

import io
import json
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from functools import partial
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote, urlsplit

import requests
import stripe
from requests.adapters import HTTPAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from urllib3 import HTTPHeaderDict, HTTPResponse

from include.twin import faulty_wire
from include.twin.erp import erp_app
from include.twin.faults import SYSTEMS, Fault, Injector, Script
from include.twin.faulty_data import DataFaults
from include.twin.payments import payments_app
from include.twin.salesforce import salesforce_app
from include.twin.server import TwinKeys, TwinPorts
from include.twin.world import World

PORTS = TwinPorts(salesforce=1, erp=2, payments=3)
PATIENCE_S = 30.0
"""As long as our clients wait for a byte."""

Hook = Callable[[str, requests.PreparedRequest, Callable[[], requests.Response]], requests.Response]
"""(system, request, what the system does with it) -> what the client gets. May raise as requests does."""


_SETTINGS = {"proxies": {}, "stream": False, "verify": True, "cert": None}
"""No proxy is looked for in the environment, and no password in ~/.netrc, which costs more than an answer here."""


_ADAPTER = HTTPAdapter()
"""Builds answers; one made for each would cost as much as the answer."""


class _Cut(Exception):
    """The connection was cut by the twin; `begun`: after a part of its answer."""


@dataclass
class TwinInside:
    """Three systems of one world, held in memory; `clock` is theirs."""

    world: World
    keys: TwinKeys
    clock: Callable[[], datetime]
    seed: int = 0
    apps: dict[str, ASGIApp] = field(init=False)
    injector: Injector = field(init=False)
    data: DataFaults = field(init=False)

    def __post_init__(self) -> None:
        self.injector = Injector(Script((), self.seed), self.clock)
        clocks = {system: self.injector.clock_of(system) for system in SYSTEMS}
        client = {
            "client_id": self.keys.salesforce_client_id,
            "client_secret": self.keys.salesforce_client_secret,
        }
        crm = salesforce_app(self.world, clock=clocks["salesforce"], **client)
        erp = erp_app(self.world, key=self.keys.erp_key, clock=clocks["erp"])
        payments = payments_app(self.world, key=self.keys.payments_key, clock=clocks["payments"])
        self.org, self.listings = crm.state.org, payments.state.listings
        self.database = erp.state.database
        self.data = DataFaults(self.injector, self.org, self.database, self.listings)
        strike: Callable[[Fault], str] = self.data.strike
        self.apps = {
            name: faulty_wire.Faulty(
                app, self.injector, name, strike=strike, forget=self.org.grants.expire_sessions
            )
            for name, app in zip(SYSTEMS, (crm, erp, payments), strict=True)
        }


@dataclass
class Wire:
    """Where requests go while it is up. `twin` and `hook` may be exchanged at any time."""

    twin: TwinInside | None = None
    hook: Hook | None = None
    slept: float = 0.0

    @contextmanager
    def up(self) -> Iterator["Wire"]:
        """Answer this process's requests; nothing reaches a network, and no client waits between tries."""
        with ExitStack() as stack:
            for target, name, value in (
                (HTTPAdapter, "send", _sender(self)),
                (stripe.HTTPClient, "_sleep_time_seconds", lambda *_: 0.0),
                (requests.Session, "merge_environment_settings", lambda *_: dict(_SETTINGS)),
                (requests.sessions, "get_netrc_auth", lambda *_: None),
                *((place, "BaseHTTPMiddleware", _Straight) for place in _MIDDLEWARE),
                *((place, "run_in_threadpool", _at_once) for place in _THREADS),
                (faulty_wire.asyncio, "sleep", self._sleep),
            ):
                stack.enter_context(patch.object(target, name, value))
            yield self

    def answer(self, request: requests.PreparedRequest) -> requests.Response:
        """What the system a request goes to does with it. Raises as requests does."""
        assert self.twin, "there is no twin yet"
        url = urlsplit(str(request.url))
        system = next(name for name in SYSTEMS if getattr(PORTS, name) == url.port)
        call = partial(_call, self, system, request)
        return self.hook(system, request, call) if self.hook else call()

    async def _sleep(self, seconds: float) -> None:
        if seconds > PATIENCE_S:
            raise requests.ReadTimeout("it takes longer than anybody waits")
        self.slept += seconds


def _sender(wire: Wire) -> Callable[..., requests.Response]:
    def send(_adapter: HTTPAdapter, request: requests.PreparedRequest, **_options: Any) -> requests.Response:
        return wire.answer(request)

    return send


def _call(wire: Wire, system: str, request: requests.PreparedRequest) -> requests.Response:
    assert wire.twin
    url = urlsplit(str(request.url))
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else bytes(body)
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(url.path),
        "raw_path": url.path.encode(),
        "query_string": url.query.encode(),
        "root_path": "",
        "headers": [
            (name.lower().encode(), str(value).encode()) for name, value in _headers(request, url.netloc)
        ],
        "server": (url.hostname, url.port),
        "client": ("127.0.0.1", 0),
    }
    got = _Received(body)
    try:
        _drive(wire.twin.apps[system](scope, got.receive, got.send))
    except _Cut:
        if not got.start:
            raise requests.ConnectionError("the connection was reset") from None
        raise requests.exceptions.ChunkedEncodingError("the answer broke off") from None
    return _response(request, got)


def _headers(request: requests.PreparedRequest, host: str) -> list[tuple[str, Any]]:
    told = [(name, _text(value)) for name, value in request.headers.items()]
    return [("host", host), *told]


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


class _Received:
    """One request on its way in and its answer on its way out, as an ASGI application sees them."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.transport = self
        self.start: Message = {}
        self.answer = b""

    async def receive(self) -> Message:
        return {"type": "http.request", "body": self._body, "more_body": False}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
        self.answer += message.get("body", b"")

    def get_extra_info(self, _name: str) -> "_Received":
        return self

    def setsockopt(self, *_: Any) -> None:
        """There is no socket."""

    def abort(self) -> None:
        raise _Cut


def _response(request: requests.PreparedRequest, got: _Received) -> requests.Response:
    headers = HTTPHeaderDict([(n.decode(), v.decode("latin-1")) for n, v in got.start["headers"]])
    raw = HTTPResponse(
        body=io.BytesIO(got.answer), headers=headers, status=got.start["status"], preload_content=False
    )
    return _ADAPTER.build_response(request, raw)


def refusal(request: requests.PreparedRequest, system: str, kind: str, at: datetime) -> requests.Response:
    """A refusal in the system's own shape that never came to the application."""
    reply = faulty_wire._refusal(Fault(kind=kind, system=system))
    got = _Received(b"")
    got.start = {
        **reply.start,
        "headers": [*reply.start["headers"], (b"date", format_datetime(at, usegmt=True).encode())],
    }
    got.answer = reply.body
    return _response(request, got)


def _drive(work: Awaitable[None]) -> None:
    """Run a coroutine that waits for nothing to its end."""
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration:
        return
    raise AssertionError("the twin waited for something; here nothing ever comes")


async def _at_once(do: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return do(*args, **kwargs)


class _Straight:
    """A middleware that asks `dispatch`, without the task groups of Starlette's."""

    def __init__(self, app: ASGIApp, dispatch: Callable[..., Awaitable[Response]]) -> None:
        self._app, self._dispatch = app, dispatch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def go_on(request: Request) -> Response:
            inner = _Received(b"")
            await self._app(request.scope, receive, inner.send)
            response = Response(inner.answer, inner.start["status"])
            response.raw_headers = list(inner.start["headers"])
            return response

        response = await self._dispatch(Request(scope, receive), go_on)
        await response(scope, receive, send)


def _modules(*names: str) -> list[Any]:
    import importlib  # noqa: PLC0415 - names are told once, above

    return [importlib.import_module(name) for name in names]


_MIDDLEWARE = _modules("include.twin.salesforce", "include.twin.erp", "include.twin.payments")
_THREADS = _modules("starlette.routing", "starlette._exception_handler", "include.twin.erp")


class Numbered:
    """In place of `secrets`: tokens that are others each time and the same at every run."""

    def __init__(self) -> None:
        self._count = 0

    def _next(self) -> int:
        self._count += 1
        return self._count

    def token_hex(self, size: int = 32) -> str:
        return f"{self._next():0{2 * size}x}"

    def token_urlsafe(self, size: int = 32) -> str:
        return f"{self._next():0{size}x}"

    def token_bytes(self, size: int = 32) -> bytes:
        return self._next().to_bytes(size, "big")


@contextmanager
def numbered() -> Iterator[None]:
    """The twin's ids by number instead of chance."""
    dice = Numbered()
    with ExitStack() as stack:
        for name in ("token_hex", "token_urlsafe", "token_bytes"):
            stack.enter_context(patch.object(secrets, name, getattr(dice, name)))
        yield


def json_body(request: requests.PreparedRequest) -> Mapping[str, Any]:
    """A request's JSON, empty when it is none."""
    try:
        told = json.loads(request.body or b"{}")
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
