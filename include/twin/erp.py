"""The ERP: Tryton's REST API and JSON-RPC over the ERP files of a world, and over what is written to it.

Shapes (domains, typed values, pages of errors, the words of a refusal) are those a real Tryton 8.2 showed; the same
tests are asked of both (tests/contract). Every REST call needs the key as bearer.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from include.twin.erp_database import Database, Record, UnknownName
from include.twin.erp_models import load_database
from include.twin.erp_rpc import NotCallable, NotLoggedIn, Rpc
from include.twin.erp_rules import NoSuchButton, RuleBroken, access, change, create, delete, press
from include.twin.erp_search import BadDomain, search
from include.twin.web import json_reply, web_app
from include.twin.world import Clock, World, utc_now

SERIES = "8.2"
_REST = "/erp/rest/model/{model}"
COUNTED_AT_MOST = 10
"""Of a range, Tryton counts so many times what was asked for, then gives up: `*`."""


def erp_app(world: World, *, key: str, clock: Clock = utc_now) -> Starlette:
    routes = [
        Route(_REST, _search, methods=["GET"]),
        Route(_REST, _create, methods=["POST"]),
        Route("/erp/rest/model/ir.model.access/get_access", _get_access, methods=["POST"]),
        Route(_REST + "/fields_get", _fields_get, methods=["POST"]),
        Route(_REST + "/{id}/{button}", _press, methods=["POST"]),
        Route(_REST + "/{id:path}", _read, methods=["GET"]),
        Route(_REST + "/{id:path}", _change, methods=["PUT"]),
        Route(_REST + "/{id:path}", _delete, methods=["DELETE"]),
        Route("/erp/rpc/", _rpc, methods=["POST"]),
        Route("/rpc/", _tell, methods=["POST"]),
    ]
    app = web_app(
        routes,
        clock=clock,
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=_guard)],
        exception_handlers={
            RuleBroken: _refused,
            BadDomain: _broken,
            UnknownName: _broken,
            NotLoggedIn: lambda _request, _error: _page(HTTPStatus.UNAUTHORIZED),
            NotCallable: lambda _request, _error: _page(HTTPStatus.FORBIDDEN),
            NoSuchButton: lambda _request, _error: _page(HTTPStatus.FORBIDDEN),
            HTTPException: _no_such_page,
        },
    )
    app.state.database, app.state.key = load_database(world, clock), key
    app.state.rpc = Rpc(app.state.database, password=key)
    return app


async def _guard(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    right = scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), request.app.state.key.encode())
    if request.url.path.startswith("/erp/rest/") and not right:
        return _page(HTTPStatus.UNAUTHORIZED)
    return await go_on(request)


async def _tell(request: Request) -> Response:
    """What a server tells strangers by JSON-RPC: its series."""
    asked = await request.json()
    if asked.get("method") != "common.server.version":
        return _page(HTTPStatus.NOT_FOUND)
    return json_reply({"id": asked.get("id", 0), "result": SERIES})


def _search(request: Request) -> Response:
    database, model, asked = _database(request), request.path_params["model"], request.query_params
    table = database.table(model)
    active_only = _decoded(request.headers.get("x-tryton-context"), {}).get("active_test", True)
    start, limit, ranged = _window(request)
    with database.lock:
        wanted = None if ranged or limit is None else start + limit
        found = search(
            table,
            _decoded(asked.get("d"), []),
            _decoded(asked.get("o"), []),
            active_only=active_only,
            limit=wanted,
        )
        shown = found[start:] if limit is None else found[start : start + limit]
        rows = [_shown(request, record) for record in shown]
    if not ranged:
        return json_reply(rows)
    if not rows and start:
        raise HTTPException(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    many = limit is not None and len(found) >= COUNTED_AT_MOST * (start + limit)
    total = "*" if many else str(len(found))
    return json_reply(
        rows, Accept_Ranges="records", Content_Range=f"records {start}-{start + len(rows)}/{total}"
    )


def _window(request: Request) -> tuple[int, int | None, bool]:
    """The first record asked for, how many, and whether by a Range header, whose end is not in it."""
    asked = request.headers.get("range", "")
    try:
        if asked and "," not in asked:
            start, _, end = asked.partition("=")[2].partition("-")
            return int(start), (int(end) - int(start) if end else None), True
        size, first = (request.query_params.get(name) for name in ("s", "p"))
        return int(first or 0), (int(size) if size is not None else None), False
    except ValueError:
        raise BadDomain("the size and the page are whole numbers") from None


def _read(request: Request) -> Response:
    with _database(request).lock:
        return json_reply(_shown(request, _record(request)))


async def _create(request: Request) -> Response:
    values = await _body(request)

    def act(database: Database) -> Record:
        return create(database, request.path_params["model"], values)

    return await _written(request, act)


async def _change(request: Request) -> Response:
    values = await _body(request)

    def act(database: Database) -> Record:
        record = _record(request)
        change(database, request.path_params["model"], record, values)
        return record

    return await _written(request, act)


async def _press(request: Request) -> Response:
    await _body(request)

    def act(database: Database) -> Record:
        record = _record(request)
        press(database, request.path_params["model"], record, request.path_params["button"])
        return record

    return await _written(request, act)


def _delete(request: Request) -> Response:
    database = _database(request)
    with database.transaction():
        delete(database, request.path_params["model"], _record(request))
    return Response(status_code=HTTPStatus.NO_CONTENT)


async def _written(request: Request, act: Callable[[Database], Record]) -> Response:
    """Do it, all or nothing, and show the record; what it shows is part of it, as in Tryton."""

    def write() -> dict[str, Any]:
        database = _database(request)
        with database.transaction():
            return _shown(request, act(database))

    return json_reply(await run_in_threadpool(write))


async def _fields_get(request: Request) -> Response:
    asked = await _body(request)
    fields = _database(request).table(request.path_params["model"]).fields
    names = asked.get("fields_names") or list(fields)
    return json_reply({name: {"name": name} for name in names if name in fields})


async def _get_access(request: Request) -> Response:
    asked = await _body(request)
    return json_reply(access(_database(request), asked.get("models") or []))


async def _rpc(request: Request) -> Response:
    body = await _body(request)
    rpc: Rpc = request.app.state.rpc
    given = request.headers.get("authorization", "")
    answer = await run_in_threadpool(rpc.answer, str(body.get("method")), body.get("params") or [], given)
    return json_reply({"id": body.get("id"), **answer})


def _database(request: Request) -> Database:
    database: Database = request.app.state.database
    return database


def _record(request: Request) -> Record:
    found = _database(request).find(request.path_params["model"], request.path_params["id"])
    if found is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return found


def _shown(request: Request, record: Record) -> dict[str, Any]:
    names: Sequence[str] = request.query_params.getlist("f") or ["rec_name"]
    return _database(request).read(request.path_params["model"], record, names)


async def _body(request: Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        raise BadDomain("the body is not JSON") from None
    return body if isinstance(body, dict) else {}


def _decoded(encoded: str | None, empty: Any) -> Any:
    """The JSON in URL-safe base64. Raises BadDomain."""
    if not encoded:
        return empty
    try:
        return json.loads(base64.b64decode(encoded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise BadDomain("not JSON in URL-safe base64") from None


def _refused(_request: Request, rule: Exception) -> Response:
    body = {"status": 400, "message": str(rule), "description": ""}
    return json_reply(body, status=HTTPStatus.BAD_REQUEST)


def _broken(_request: Request, _why: Exception) -> Response:
    return _page(HTTPStatus.INTERNAL_SERVER_ERROR)


def _no_such_page(_request: Request, refused: Exception) -> Response:
    return _page(getattr(refused, "status_code", HTTPStatus.NOT_FOUND))


def _page(status: int) -> Response:
    named = HTTPStatus(status)
    head = (
        f"<!doctype html>\n<html lang=en>\n<title>{status} {named.phrase}</title>\n<h1>{named.phrase}</h1>\n"
    )
    return HTMLResponse(f"{head}<p>{named.description}</p>\n", status)
