"""Where payments platforms knock: one route, for whoever's signature fits, answered once the hint is kept.

Who knocks at the same moment shares a commit: while one is under way the next hints gather, so that a crowd costs a
transaction a moment and not one each.
"""

from asyncio import Future, Lock, Task, create_task, get_running_loop, timeout
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.concurrency import run_in_threadpool

from include.connectors.stripe.webhooks import BODY_BYTES_MAX, Refused, TooSlow
from include.ports import Fatal, Retryable, Stop
from include.wiring.hooks import Door

if TYPE_CHECKING:
    from include.flows.drain_inbox import Hint

PREFIX = "/tieout-hooks"
"""Below which the app is mounted, wherever it runs."""

BODY_S_MAX = 15.0
"""In which a body must be here: whoever sends a byte now and then holds a place without being anybody."""

WAITING_MAX = 5_000
"""Events in memory while Postgres keeps us waiting: who comes then is told to come again, and does, for days."""

REFUSALS_TOLD_EVERY_S = 10.0
KEPT_TOLD_EVERY_S = 5.0


def build_hooks(open_door: Callable[[], Door] = Door.open) -> FastAPI:
    """The app, to be mounted by Airflow and by `tieout webhooks serve`.

    It has no login: the signature over the raw body is the key.
    """
    app = FastAPI(title="Tie-out webhooks", openapi_url=None, redirect_slashes=False)
    porter = Porter(open_door)

    async def payments(request: Request) -> JSONResponse:
        body = await _body(request)
        return JSONResponse(
            {"event": await porter.receive(body, request.headers.get("stripe-signature", ""))}
        )

    # A bare route: there is nothing of it for FastAPI to read or to describe.
    app.add_route("/payments", payments, methods=["POST"])
    app.exception_handler(Stop)(_refused)
    return app


class Porter:
    """Checks every delivery, and keeps the hints of those that came while the ones before were being kept."""

    def __init__(self, open_door: Callable[[], Door]) -> None:
        self._open_door = open_door
        self._door: Door | None = None
        self._key = Lock()
        self._waiting: list[tuple[Hint, Future[bool]]] = []
        self._keeping: Task[None] | None = None
        self._renewing: Task[None] | None = None
        self._refused, self._told_at = 0, -REFUSALS_TOLD_EVERY_S
        self._kept_told_at = -KEPT_TOLD_EVERY_S

    async def receive(self, body: bytes, signature: str) -> str:
        """What became of the event, said only once its hint is durable. Raises a Refused, Retryable, Fatal."""
        door = await self._at_hand()
        try:
            found = door.read(body, signature)
        except Refused:
            await self._count_refused(door)
            raise
        if isinstance(found, str):
            return found
        if len(self._waiting) >= WAITING_MAX:
            raise Retryable(f"webhook: {WAITING_MAX:,} events wait to be kept; Postgres does not keep up")
        kept: Future[bool] = get_running_loop().create_future()
        self._waiting.append((found, kept))
        if self._keeping is None or self._keeping.done():
            self._keeping = create_task(self._keep(door))
        return "kept" if await kept else "known"

    async def _count_refused(self, door: Door) -> None:
        """Written down now and then: who knocks with the wrong key must not cost a transaction each time."""
        self._refused += 1
        if monotonic() < self._told_at + REFUSALS_TOLD_EVERY_S:
            return
        count, self._refused, self._told_at = self._refused, 0, monotonic()
        with suppress(Stop):
            await run_in_threadpool(door.note_refused, count)

    async def _at_hand(self) -> Door:
        if self._door and self._door.fresh:
            return self._door
        if self._door and self._door.believed:  # nobody waits for what the connection says by now
            if self._renewing is None or self._renewing.done():
                self._renewing = create_task(self._renew(self._door))
            return self._door
        async with self._key:  # who come first at once open it once
            if self._door is None:
                self._door = await run_in_threadpool(self._open_door)
            elif not self._door.fresh:
                self._door = await run_in_threadpool(self._door.renewed)
            return self._door

    async def _renew(self, door: Door) -> None:
        with suppress(Stop):  # whoever comes once it is not believed any more is told
            self._door = await run_in_threadpool(door.renewed)

    async def _keep(self, door: Door) -> None:
        while self._waiting:
            some, self._waiting = self._waiting, []
            tell = monotonic() >= self._kept_told_at + KEPT_TOLD_EVERY_S
            try:
                news = await run_in_threadpool(door.keep, [hint for hint, _ in some], note=tell)
            except Exception as error:  # noqa: BLE001 - each of those who wait is told, and answers for it
                for _, kept in some:
                    if not kept.done():
                        kept.set_exception(error)
                continue
            if tell:
                self._kept_told_at = monotonic()
            for hint, kept in some:
                if not kept.done():  # who hung up does not wait any more
                    kept.set_result(hint.event_id in news)


async def _body(request: Request) -> bytes:
    """As much of the body as could still be an event: a larger one is not read to its end. Raises TooSlow."""
    body = bytearray()
    try:
        async with timeout(BODY_S_MAX):
            async for piece in request.stream():
                body += piece
                if len(body) > BODY_BYTES_MAX:
                    break
    except TimeoutError:
        raise TooSlow(f"webhook: the body did not come within {BODY_S_MAX:.0f} s") from None
    return bytes(body)


def _refused(_request: Request, stop: Exception) -> PlainTextResponse:
    if isinstance(stop, Refused):
        return PlainTextResponse(f"{stop}\n", status_code=stop.status)
    # The sender tries again; what is wrong here is not for strangers.
    known = isinstance(stop, Retryable | Fatal)
    return PlainTextResponse("not kept; send it again\n", status_code=503 if known else 500)
