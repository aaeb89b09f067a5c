"""What the twin's HTTP servers share: their clock in the Date header, a health check, JSON."""

import json
from collections.abc import Sequence
from email.utils import format_datetime
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from include.twin.world import Clock


def json_reply(body: Any, *, status: int = 200, **headers: str) -> Response:
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return Response(
        text, status, {name.replace("_", "-"): value for name, value in headers.items()}, "application/json"
    )


def web_app(routes: Sequence[BaseRoute], *, clock: Clock, **options: Any) -> Starlette:
    """A Starlette application with GET /healthz and the twin's clock in every Date header."""
    middleware = [Middleware(_Dated, clock=clock), *options.pop("middleware", ())]
    return Starlette(routes=[Route("/healthz", _healthy), *routes], middleware=middleware, **options)


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
