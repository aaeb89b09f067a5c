"""Whoever knocks at the webhooks' door, with whatever body and header: an answer is due, and nothing kept unsigned."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.connectors.stripe.webhooks import BODY_BYTES_MAX, Refused, receive
from include.console.hooks import build_hooks
from include.flows.drain_inbox import Hint
from include.wiring.hooks import Door
from tests.fuzz.anything import as_json, drawing, twisted

SECRET = "whsec_fuzz"
EVENT: dict[str, Any] = {
    "id": "evt_1",
    "object": "event",
    "created": 1_782_900_000,
    "type": "charge.succeeded",
    "livemode": False,
    "data": {"object": {"id": "ch_1", "object": "charge", "amount": 1}},
}
ANSWERS = {200, 400, 413}


class Keeping:
    """Where hints are kept, in memory."""

    def __init__(self) -> None:
        self.kept: list[Hint] = []

    def door(self) -> Door:
        door = Door(
            secrets=[SECRET],
            livemode=False,
            looked_up_at=time.monotonic(),
            database="",
            store=None,
            close=lambda: None,  # type: ignore[arg-type]
        )
        object.__setattr__(door, "keep", self.keep)
        object.__setattr__(door, "note_refused", lambda _count: None)
        return door

    def keep(self, hints: list[Hint], *, note: bool = True) -> set[str]:  # noqa: ARG002
        self.kept += hints
        return {hint.event_id for hint in hints}


def signature(body: bytes, *, stamp: int) -> str:
    made = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={made}"


def knock(
    body: bytes, headers: list[tuple[bytes, bytes]], *, path: str = "/payments", method: str = "POST"
) -> tuple[int, list[Hint]]:
    keeping = Keeping()

    async def ask() -> int:
        transport = httpx.ASGITransport(build_hooks(keeping.door), raise_app_exceptions=True)
        async with httpx.AsyncClient(transport=transport, base_url="http://door") as client:
            return (await client.request(method, path, content=body, headers=headers)).status_code

    return asyncio.run(ask()), keeping.kept


HEADER_VALUES = st.binary(max_size=60).map(lambda some: bytes(one for one in some if one not in b"\r\n\0"))
SIGNATURES = HEADER_VALUES | st.sampled_from(
    (
        b"t=1,v1=",
        b"t=,v1=x",
        b"t=99999999999,v1=" + b"0" * 64,
        b"v1=a,t=b",
        b"=,=,=",
        b"t=1" * 20,
        b"t=-1,v1=a",
    )
)


@drawing(20)
@given(body=st.binary(max_size=300), header=SIGNATURES)
def test_what_nobody_signed_is_refused_whatever_it_says(body: bytes, header: bytes) -> None:
    status, kept = knock(body, [(b"stripe-signature", header), (b"content-type", header or b"x")])
    assert status == 400
    assert kept == []


@drawing(20)
@given(data=st.data())
def test_what_is_signed_is_an_event_or_refused(data: st.DataObject) -> None:
    body = as_json(data.draw(twisted(EVENT)))
    status, kept = knock(body, [(b"stripe-signature", signature(body, stamp=int(time.time())).encode())])
    assert status in ANSWERS
    assert len(kept) <= 1
    for hint in kept:
        for text in (hint.event_id, hint.kind, hint.native_id):
            assert text.isprintable()
            assert len(text) <= 255


@drawing(20)
@given(body=st.binary(max_size=200), stamp=st.integers(0, 10**11) | st.just(1_782_900_000))
def test_any_signed_body_is_read_or_refused_by_name(body: bytes, stamp: int) -> None:
    now = datetime(2026, 7, 1, tzinfo=UTC)
    with pytest.raises(Refused) as refused:
        receive(body, signature(body, stamp=stamp), secrets=[SECRET], now=now, livemode=False)
    assert str(refused.value).startswith("webhook: ")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[" * BODY_BYTES_MAX, 400),
        (b'{"a":' * 10_000, 400),
        (b"1" * 10_000, 400),
        (b"{" * (BODY_BYTES_MAX + 1), 413),
        (json.dumps({**EVENT, "id": "e" * 256}).encode(), 400),
    ],
    ids=["lists in lists", "records in records", "digits", "too large", "a long id"],
)
def test_what_is_made_to_cost_is_refused_at_once(body: bytes, status: int) -> None:
    began = time.process_time()
    assert knock(body, [(b"stripe-signature", signature(body, stamp=int(time.time())).encode())]) == (
        status,
        [],
    )
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/payments"), ("PUT", "/payments"), ("POST", "/"), ("POST", "/payments/../x")],
)
def test_there_is_no_other_door(method: str, path: str) -> None:
    status, kept = knock(b"{}", [], method=method, path=path)
    assert status in {404, 405}
    assert kept == []


def knocked_with(pieces: Callable[[], Awaitable[bytes]]) -> tuple[int, list[Any]]:
    """What the door answers to a body whose pieces never end, and what it kept."""
    keeping, told = Keeping(), list[dict[str, Any]]()

    async def more() -> dict[str, Any]:
        return {"type": "http.request", "body": await pieces(), "more_body": True}

    async def tell(message: dict[str, Any]) -> None:
        told.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/payments", "raw_path": b"/payments", "query_string": b"",
        "headers": [(b"stripe-signature", b"t=1,v1=x")], "http_version": "1.1", "scheme": "http", "root_path": "",
        "server": ("door", 80), "client": ("somebody", 1),
    }  # fmt: skip

    async def knock_on() -> None:
        await asyncio.wait_for(build_hooks(keeping.door)(scope, more, tell), timeout=20)

    asyncio.run(knock_on())
    return told[0]["status"], keeping.kept


def test_a_body_that_trickles_in_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def trickle() -> bytes:
        await asyncio.sleep(0.02)
        return b" "

    monkeypatch.setattr("include.console.hooks.BODY_S_MAX", 0.1)
    assert knocked_with(trickle) == (408, [])


def test_of_a_body_without_end_no_more_is_read_than_an_event_may_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = 0

    async def pour() -> bytes:
        nonlocal read
        read += 2**16
        await asyncio.sleep(0)
        return b" " * 2**16

    monkeypatch.setattr("include.console.hooks.BODY_S_MAX", 1.0)
    assert knocked_with(pour) == (413, [])
    assert read <= BODY_BYTES_MAX + 2 * 2**16
