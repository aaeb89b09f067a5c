"""The Tie-out pages, for Airflow's users with a permission of the console's.

Import this in Airflow's api-server only: it brings in the API's own permissions.
"""

from collections.abc import Awaitable, Callable

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, PlainTextResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from include.console import (
    ageing,
    alerts,
    arr,
    audit,
    break_acts,
    break_page,
    breaks,
    delivery,
    matches,
    parity,
    parity_acts,
    payouts,
    playbooks,
    quality,
    reports,
    today,
    training,
)
from include.console.access import requires
from include.console.known import note
from include.console.permissions import May
from include.console.refusals import refused
from include.console.render import STATIC
from include.ports import Rejected, Stop, Store
from include.wiring import console

HEADERS = {
    # No script, style, frame or form of anybody else; and only Airflow may show the pages inside its own.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "frame-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'self'",
    "Cache-Control": "no-store",
    # Not no-referrer: browsers would then hide the origin of our own forms from us.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

PARTS = (today, alerts, breaks, matches, payouts, ageing, arr, delivery, quality, parity, reports, audit)
"""The navigation, in its order; a part that a later change adds goes here with its PAGE and router."""


def build_app(
    store: Callable[[], Store] = console.console_store,
    opening_store: Callable[[], Store] = console.opening_store,
) -> FastAPI:
    """The app, to be mounted by Airflow; both stores are asked for at every request.

    Airflow protects nothing that a plugin mounts: the permission stands on the app, before every route.
    """
    app = FastAPI(
        title="Tie-out",
        dependencies=[Depends(requires(May.READ))],
        openapi_url=None,
        redirect_slashes=False,  # it would lead, before every permission, to whatever host a header names
    )
    app.state.store, app.state.opening_store = store, opening_store
    app.state.pages = tuple(part.PAGE for part in PARTS)
    for part in (*PARTS, break_page, break_acts, parity_acts, playbooks, training):
        # Who was let in is kept: a break may be given to them, and they may answer in Airflow as far as here.
        noted = [Depends(note)] if part not in (playbooks, training) else []
        app.include_router(part.router, dependencies=noted)

    @app.get("/static/{name}")
    def static(name: str) -> Response:
        known = {path.name: path for path in STATIC.iterdir()}
        if name not in known:
            raise HTTPException(404, "no such file")
        return FileResponse(known[name], headers={"Cache-Control": "private, max-age=31536000, immutable"})

    app.middleware("http")(_with_headers)
    app.exception_handler(Stop)(_unavailable)
    for refusal in (StarletteHTTPException, RequestValidationError):
        app.exception_handler(refusal)(refused)
    return app


async def _with_headers(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await proceed(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _unavailable(_request: Request, stop: Exception) -> PlainTextResponse:
    return PlainTextResponse(f"{stop}\n", status_code=422 if isinstance(stop, Rejected) else 503)
