"""What the twin's HTTP servers share: their clock in the Date header, a health check, JSON."""

import json
from collections.abc import Callable, Mapping, Sequence
from email.utils import format_datetime
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from include.twin.world import Clock


def json_of(body: Any) -> bytes:
    """JSON without spaces, as the systems send it."""
    return json.dumps(body, separators=(",", ":")).encode()


def json_reply(body: Any, *, status: int = 200, **headers: str) -> Response:
    """`headers` by their names, underscores standing for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(json_of(body), status, named, "application/json")


def web_app(
    routes: Sequence[BaseRoute],
    *,
    clock: Clock,
    middleware: Sequence[Middleware] = (),
    exception_handlers: Mapping[Any, Callable[[Request, Exception], Response]] | None = None,
) -> Starlette:
    """A Starlette application with GET /healthz and the twin's clock in every Date header."""
    return Starlette(
        routes=[Route("/healthz", _healthy), *routes],
        middleware=[Middleware(_Dated, clock=clock), *middleware],
        exception_handlers=exception_handlers,
    )


def _healthy(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


class _Dated:
    def __init__(self, app: ASGIApp, *, clock: Clock) -> None:
        self.app, self.clock = app, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), (b"date", self._date())]
            await send(message)

        await self.app(scope, receive, send_dated)

    def _date(self) -> bytes:
        return format_datetime(self.clock(), usegmt=True).encode()
