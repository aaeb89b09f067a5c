"""Where payments platforms knock: one route, for whoever's signature fits, answered once the hint is kept."""

from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.concurrency import run_in_threadpool

from include import wiring_effects
from include.connectors.stripe.webhooks import BODY_BYTES_MAX, Refused
from include.ports import Fatal, Retryable, Stop


def build_hooks(receive: Callable[[bytes, str], str] = wiring_effects.receive) -> FastAPI:
    """The app, to be mounted by Airflow. It has no login: the signature over the raw body is the key."""
    app = FastAPI(title="Tie-out webhooks", openapi_url=None)

    @app.post("/payments")
    async def payments(request: Request) -> JSONResponse:
        body = await _body(request)
        signature = request.headers.get("stripe-signature", "")
        return JSONResponse({"event": await run_in_threadpool(receive, body, signature)})

    app.exception_handler(Stop)(_refused)
    return app


async def _body(request: Request) -> bytes:
    """As much of the body as could still be an event: a larger one is not read to its end."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_BYTES_MAX:
            break
    return bytes(body)


def _refused(_request: Request, stop: Exception) -> PlainTextResponse:
    if isinstance(stop, Refused):
        return PlainTextResponse(f"{stop}\n", status_code=stop.status)
    # The sender tries again; what is wrong here is not for strangers.
    known = isinstance(stop, Retryable | Fatal)
    return PlainTextResponse("not kept; send it again\n", status_code=503 if known else 500)
