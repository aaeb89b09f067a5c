"""The ERP: Tryton's REST API over the ERP files of a world.

Shapes (domains, typed values, HTML errors) are those a real Tryton 8.2 showed. Every path needs the key as
bearer. Without `f` a record comes with all its fields.
"""

import base64
import binascii
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from include.twin.erp_models import Model, Record, load_models, to_json
from include.twin.erp_search import BadDomain, UnknownField, check_field, search
from include.twin.web import json_reply, web_app
from include.twin.world import Clock, World, utc_now

SERIES = "8.2"


def erp_app(world: World, *, key: str, clock: Clock = utc_now) -> Starlette:
    path = "/erp/rest/model/{model}"
    app = web_app(
        [Route(path, _search), Route(path + "/{id:path}", _read), Route("/rpc/", _tell, methods=["POST"])],
        clock=clock,
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=_guard)],
        exception_handlers={
            BadDomain: _bad_request,
            UnknownField: _unknown_field,
            HTTPException: _no_such_page,
        },
    )
    app.state.models, app.state.key = load_models(world), key
    return app


async def _guard(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    right = scheme.lower() == "bearer" and hmac.compare_digest(given.encode(), request.app.state.key.encode())
    if request.url.path.startswith("/erp/") and not right:
        return _page(HTTPStatus.UNAUTHORIZED)
    return await go_on(request)


async def _tell(request: Request) -> Response:
    """What a server tells strangers by JSON-RPC: its series."""
    asked = await request.json()
    if asked.get("method") != "common.server.version":
        return _page(HTTPStatus.NOT_FOUND)
    return json_reply({"id": asked.get("id", 0), "result": SERIES})


def _search(request: Request) -> Response:
    model, asked = _model(request), request.query_params
    names = _fields(request, model)
    found = search(model, _decoded(asked.get("d"), "domain"), _decoded(asked.get("o"), "order"))
    shown, headers = _window(request, found)
    status = HTTPStatus.PARTIAL_CONTENT if headers else HTTPStatus.OK
    return json_reply([_shown(record, names) for record in shown], status=status, **headers)


def _read(request: Request) -> Response:
    model = _model(request)
    record = model.by_id.get(request.path_params["id"])
    if record is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return json_reply(_shown(record, _fields(request, model)))


def _model(request: Request) -> Model:
    model: Model | None = request.app.state.models.get(request.path_params["model"])
    if model is None:
        raise HTTPException(HTTPStatus.NOT_FOUND)
    return model


def _fields(request: Request, model: Model) -> Sequence[str]:
    names = request.query_params.getlist("f") or list(model.fields)
    for name in names:
        check_field(model, name)
    return names


def _shown(record: Record, names: Sequence[str]) -> dict[str, Any]:
    return {name: to_json(record[name]) for name in dict.fromkeys(["id", *names])}


def _decoded(encoded: str | None, what: str) -> Any:
    """The JSON in a parameter of URL-safe base64; an empty list when there is none. Raises BadDomain."""
    if not encoded:
        return []
    try:
        return json.loads(base64.b64decode(encoded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise BadDomain(f"the {what} is not JSON in URL-safe base64") from None


def _window(request: Request, found: Sequence[Record]) -> tuple[Sequence[Record], dict[str, str]]:
    """The page asked for by `s` and `p`, or by a Range header (counted from 0, both ends in)."""
    asked = re.fullmatch(r"records=(\d{1,12})-(\d{1,12})", request.headers.get("range", ""))
    if asked:
        first, last = int(asked[1]), min(int(asked[2]), len(found) - 1)
        shown = found[first : last + 1]
        return shown, {
            "Content_Range": f"records {first}-{last}/{len(found)}" if shown else f"records */{len(found)}"
        }
    size, page = (request.query_params.get(name) for name in ("s", "p"))
    if not all(re.fullmatch(r"\d{0,12}", text or "") for text in (size, page)):
        raise BadDomain("the size and the page are whole numbers")
    if not size:
        return found, {}
    start = int(size) * int(page or 0)
    return found[start : start + int(size)], {}


def _bad_request(_request: Request, refused: Exception) -> Response:
    body = {"status": 400, "message": "Bad request", "description": str(refused)}
    return json_reply(body, status=HTTPStatus.BAD_REQUEST)


def _unknown_field(_request: Request, _refused: Exception) -> Response:
    # A real Tryton answers so, and without the field's name.
    return _page(HTTPStatus.INTERNAL_SERVER_ERROR)


def _no_such_page(_request: Request, refused: Exception) -> Response:
    return _page(getattr(refused, "status_code", HTTPStatus.NOT_FOUND))


def _page(status: int) -> Response:
    named = HTTPStatus(status)
    head = (
        f"<!doctype html>\n<html lang=en>\n<title>{status} {named.phrase}</title>\n<h1>{named.phrase}</h1>\n"
    )
    return HTMLResponse(f"{head}<p>{named.description}</p>\n", status)
