"""Faults between a client and a twin's application: refusals, resets, delays, answers cut short or bent."""

import asyncio
import json
import random
import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote_plus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from include.twin.faults import DATA_KINDS, WIRE_KINDS, Asked, Fault, Injector

REFUSALS = {
    "unauthorized": (401, "INVALID_SESSION_ID", "Session expired or invalid"),
    "throttled": (429, "TOO_MANY_REQUESTS", "Too many requests; slow down"),
    "unavailable": (503, "SERVER_UNAVAILABLE", "The service is temporarily unavailable"),
    "request_limit": (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    "lock_row": (400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"),
}
_LISTS = ("records", "data")
"""Where a system keeps the rows of an answer; the ERP answers with the list itself."""

_NO_LINGER = struct.pack("ii", 1, 0)  # closing then resets the connection instead of ending it politely


class Reply(NamedTuple):
    """One whole answer of the application."""

    start: Message
    body: bytes

    def saying(self, value: Any) -> "Reply":
        """The answer with another body."""
        body = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
        kept = [pair for pair in self.start["headers"] if pair[0].lower() != b"content-length"]
        return Reply({**self.start, "headers": [*kept, (b"content-length", b"%d" % len(body))]}, body)


class Faulty:
    """The application of one system, struck by what the injector has armed for it.

    `strike` does a fault of data, `forget` makes the system forget every access token it gave out.
    """

    def __init__(
        self,
        app: ASGIApp,
        injector: Injector,
        system: str,
        *,
        strike: Callable[[Fault], str],
        forget: Callable[[], None],
    ) -> None:
        self._app, self._injector, self._system = app, injector, system
        self._strike, self._forget = strike, forget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._injector.any_for(self._system):
            await self._app(scope, receive, send)
            return
        host, port = scope.get("client") or ("", "")
        asked = Asked(
            system=self._system,
            method=scope["method"],
            path=scope["path"],
            query=unquote_plus(scope["query_string"].decode("latin-1")),
            client=f"{host}:{port}",
        )
        for fault in self._injector.due(asked, DATA_KINDS):
            self._injector.note(fault, asked, self._strike(fault))
        faults = self._injector.due(asked, WIRE_KINDS)
        if not await self._stopped(faults, asked, receive, send):
            await self._answer(faults, asked, scope, receive, send)

    async def _stopped(self, faults: Sequence[Fault], asked: Asked, receive: Receive, send: Send) -> bool:
        """Whether a fault stood in the request's way before the application saw it."""
        for fault in faults:
            if fault.kind == "slow":
                self._injector.note(fault, asked)
                await asyncio.sleep(float(fault.values["seconds"]))
            elif fault.kind == "token_expiry":
                self._injector.note(fault, asked)
                self._forget()
            elif fault.kind == "reset_before":
                self._injector.note(fault, asked)
                await _reset(receive)
                return True
            elif fault.kind in REFUSALS:
                self._injector.note(fault, asked)
                await _send(_refusal(fault), send)
                return True
        return False

    async def _answer(
        self, faults: Sequence[Fault], asked: Asked, scope: Scope, receive: Receive, send: Send
    ) -> None:
        after = [fault for fault in faults if fault.kind in _AFTER]
        if not after:
            await self._app(scope, receive, send)
            return
        reply = await self._reply(after, asked, scope, receive)
        for fault in after:
            if fault.kind in {"reset_after", "reset_midway"}:
                self._injector.note(fault, asked, f"the application had answered {reply.start['status']}")
                if fault.kind == "reset_midway":
                    await send(reply.start)
                    half = {"type": "http.response.body", "body": reply.body[: len(reply.body) // 2]}
                    await send({**half, "more_body": True})
                await _reset(receive)
                return
            if fault.kind in _BENDERS and reply.start["status"] < HTTPStatus.BAD_REQUEST:
                reply, detail = _BENDERS[fault.kind](reply, fault)
                if detail:
                    self._injector.note(fault, asked, detail)
        await _send(reply, send)

    async def _reply(self, faults: Sequence[Fault], asked: Asked, scope: Scope, receive: Receive) -> Reply:
        """The application's answer to the request, or to what a fault left of it."""
        for fault in faults:
            if fault.kind == "partial_batch":
                return await self._partly(fault, asked, scope, receive)
            if fault.kind == "refresh_rotation":
                return await self._spent(fault, asked, scope, receive)
        return await _reply(self._app, scope, receive)

    async def _partly(self, fault: Fault, asked: Asked, scope: Scope, receive: Receive) -> Reply:
        """Some rows of a batch never reach the application; each is answered with an error at its place."""
        body = await _body(receive)
        stated = _parsed(body)
        rows = stated.get("records") if isinstance(stated, dict) else None
        if not isinstance(rows, list) or not rows:
            return await _reply(self._app, scope, _giving(body))
        failing = range(len(rows))[: int(fault.values.get("rows", 1))]
        left = {**stated, "records": rows[len(failing) :]}
        self._injector.note(fault, asked, f"{len(failing)} of {len(rows)} rows")
        code = str(fault.values.get("code", "UNABLE_TO_LOCK_ROW"))
        error = {"statusCode": code, "message": REFUSALS["lock_row"][2], "fields": []}
        failures = [{"success": False, "errors": [error]} for _ in failing]
        if not left["records"]:
            head = [(b"content-type", b"application/json")]
            return Reply({"type": "http.response.start", "status": 200, "headers": head}, b"").saying(
                failures
            )
        reply = await _reply(self._app, scope, _giving(json.dumps(left).encode()))
        answered = _parsed(reply.body)
        return reply.saying([*failures, *answered]) if isinstance(answered, list) else reply

    async def _spent(self, fault: Fault, asked: Asked, scope: Scope, receive: Receive) -> Reply:
        """The refresh token, good once, is used by somebody else just before; the answer to that reaches nobody."""
        body = await _body(receive)
        if dict(parse_qsl(body.decode(errors="replace"))).get("grant_type") == "refresh_token":
            other = await _reply(self._app, scope, _giving(body))
            self._injector.note(fault, asked, f"somebody else was answered {other.start['status']}")
        return await _reply(self._app, scope, _giving(body))


# --- what becomes of a whole answer


def _truncated(reply: Reply, _fault: Fault) -> tuple[Reply, str]:
    # The header states the shorter length: the answer looks whole to HTTP, and only JSON can tell.
    cut = reply.body[: len(reply.body) * 2 // 3]
    return reply.saying(cut), f"{len(cut):,} of {len(reply.body):,} bytes"


def _bending(bend: Callable[[list[Any], Fault], list[Any]]) -> Callable[[Reply, Fault], tuple[Reply, str]]:
    """What changes the rows of a list and leaves the rest of the answer to fit them."""

    def bent(reply: Reply, fault: Fault) -> tuple[Reply, str]:
        stated = _parsed(reply.body)
        name = next((name for name in _LISTS if isinstance(stated, dict) and name in stated), None)
        rows = stated[name] if name else stated
        if not isinstance(rows, list) or not rows:
            return reply, ""
        changed = bend(rows, fault)
        if not name:
            return reply.saying(changed), f"{len(changed)} rows in place of {len(rows)}"
        whole = {**stated, name: changed}
        if len(changed) < len(rows):
            whole |= {"done": True} if name == "records" else {"has_more": False}
            whole.pop("nextRecordsUrl", None)
            whole |= {"totalSize": len(changed)} if "totalSize" in whole else {}
        elif "totalSize" in whole:
            whole["totalSize"] += len(changed) - len(rows)
        return reply.saying(whole), f"{len(changed)} rows in place of {len(rows)}"

    return bent


def _shorter(rows: list[Any], fault: Fault) -> list[Any]:
    return rows[: -int(fault.values.get("rows", 1))]


def _doubled(rows: list[Any], fault: Fault) -> list[Any]:
    return rows + rows[-int(fault.values.get("rows", 1)) :]


def _shuffled(rows: list[Any], _fault: Fault) -> list[Any]:
    return random.Random(len(rows)).sample(rows, len(rows))  # noqa: S311 - the same disorder at every run


_BENDERS = {
    "truncated_json": _truncated,
    "short_list": _bending(_shorter),
    "duplicate_rows": _bending(_doubled),
    "shuffled_rows": _bending(_shuffled),
}
_AFTER = {"reset_after", "reset_midway", "partial_batch", "refresh_rotation", *_BENDERS}


def _refusal(fault: Fault) -> Reply:
    """The refusal in the system's own shape."""
    status, code, message = REFUSALS[fault.kind]
    head = [(b"content-type", b"application/json")]
    if "retry_after_s" in fault.values:
        head.append((b"retry-after", str(fault.values["retry_after_s"]).encode()))
    start = {"type": "http.response.start", "status": status, "headers": head}
    if fault.system == "salesforce":
        return Reply(start, b"").saying([{"message": message, "errorCode": code}])
    if fault.system == "payments":
        kind = "rate_limit" if status == HTTPStatus.TOO_MANY_REQUESTS else "api_error"
        return Reply(start, b"").saying({"error": {"type": kind, "message": message}})
    # A Tryton behind its web server answers errors of this sort with a page.
    page = f"<!doctype html>\n<html lang=en>\n<title>{status} {HTTPStatus(status).phrase}</title>\n"
    start["headers"] = [(b"content-type", b"text/html; charset=utf-8"), *head[1:]]
    return Reply(start, b"").saying(page.encode())


# --- ASGI


async def _reset(receive: Receive) -> None:
    """Cut the connection. Uvicorn shows it to no one but by the method it gave us; a test holds it to that."""
    transport = receive.__self__.transport  # type: ignore[attr-defined]
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
    await asyncio.sleep(0.01)  # so that the server knows of it before we return without an answer


async def _send(reply: Reply, send: Send) -> None:
    await send(reply.start)
    await send({"type": "http.response.body", "body": reply.body})


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


def _giving(body: bytes) -> Receive:
    """A request's body as the application receives it."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


async def _reply(app: ASGIApp, scope: Mapping[str, Any], receive: Receive) -> Reply:
    start: Message = {}
    body = b""

    async def collect(message: Message) -> None:
        nonlocal start, body
        if message["type"] == "http.response.start":
            start = message
        body += message.get("body", b"")

    await app(dict(scope), receive, collect)
    return Reply(start, body)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
