"""The door for payments platforms: open to signatures alone, and answered only once the hint is kept."""

import asyncio
import json
import time
from collections.abc import Callable
from threading import Event
from typing import Any

import psycopg
import pytest
import stripe
from fastapi.testclient import TestClient

from include.console.hooks import WAITING_MAX, Porter, build_hooks
from include.flows.drain_inbox import Hint
from include.ports import Retryable
from include.store.postgres import PostgresStore
from include.wiring import connections

SECRET = "whsec_one"
URL = "/payments"


def event(number: str = "evt_1", *, kind: str = "charge", livemode: bool = False) -> str:
    facts: dict[str, Any] = {
        "id": number,
        "object": "event",
        "type": f"{kind}.updated",
        "created": 1_780_000_000,
        "livemode": livemode,
        "data": {"object": {"id": "ch_1", "object": kind, "amount": 999_999}},
    }
    return json.dumps(facts)


def signed(body: str, *, secret: str = SECRET, at: float | None = None) -> dict[str, str]:
    stamp = int(time.time() if at is None else at)
    mark = stripe.WebhookSignature._compute_signature(f"{stamp}.{body}", secret)
    return {"Stripe-Signature": f"t={stamp},v1={mark}"}


@pytest.fixture
def door(store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    connection = {"conn_type": "http", "password": f"whsec_old {SECRET}"}
    monkeypatch.setenv("AIRFLOW_CONN_PAYMENTS_WEBHOOK", json.dumps(connection))
    monkeypatch.setenv("AIRFLOW_CONN_TIEOUT_DB", "postgresql://nobody@nowhere/asks")
    monkeypatch.setattr(connections, "store", lambda *_: store)
    return TestClient(build_hooks(), raise_server_exceptions=False)


def kept(url: str) -> list[tuple[str, str]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT entity, native_id FROM delivery.inbox").fetchall()


def test_a_signed_event_is_kept_as_a_hint_before_it_is_answered(door: TestClient, database_url: str) -> None:
    answer = door.post(URL, content=event(), headers=signed(event()))
    assert (answer.status_code, answer.json()) == (200, {"event": "kept"})
    assert kept(database_url) == [("payments", "ch_1")]


def test_a_repeat_is_answered_and_kept_once(door: TestClient, database_url: str) -> None:
    for _ in range(3):
        assert door.post(URL, content=event(), headers=signed(event())).status_code == 200
    assert len(kept(database_url)) == 1


def test_both_secrets_open_while_they_are_rotated(door: TestClient) -> None:
    assert door.post(URL, content=event(), headers=signed(event(), secret="whsec_old")).status_code == 200


def test_an_event_about_something_else_is_answered_and_not_kept(door: TestClient, database_url: str) -> None:
    body = event(kind="customer")
    assert door.post(URL, content=body, headers=signed(body)).status_code == 200
    assert kept(database_url) == []


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (event(), lambda _: {}, 400),
        (event(), lambda body: signed(body, secret="whsec_other"), 400),
        (event(), lambda body: signed(body + " "), 400),
        (event(), lambda body: signed(body, at=time.time() - 3600), 400),
        (event(), lambda body: signed(body, at=time.time() + 3600), 400),
        (event(livemode=True), signed, 400),
        ("[]", signed, 400),
        ("x" * (2**20 + 1), signed, 413),
    ],
    ids=["unsigned", "forged", "changed", "old", "from the future", "live", "no event", "too large"],
)
def test_what_is_not_theirs_fresh_and_whole_is_refused_and_not_kept(
    door: TestClient, database_url: str, body: str, headers: Callable[[str], dict[str, str]], status: int
) -> None:
    assert door.post(URL, content=body, headers=headers(body)).status_code == status
    assert kept(database_url) == []


def test_what_could_not_be_kept_is_to_be_sent_again_and_says_nothing_of_us(
    door: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: str) -> Any:
        raise Retryable("Postgres: password of 10.0.0.7")

    monkeypatch.setattr(connections, "store", away)
    answer = door.post(URL, content=event(), headers=signed(event()))
    assert (answer.status_code, answer.text) == (503, "not kept; send it again\n")


class Slow:
    """A door whose hints take a while to keep."""

    fresh = True

    def __init__(self, broken: int = 0) -> None:
        self.commits: list[int] = []
        self.broken = broken

    def read(self, body: bytes, _signature: str) -> Hint:
        number = body.decode()
        return Hint(
            source="payments", event_id=number, entity="payments", native_id="ch_1", kind="charge.updated"
        )

    def keep(self, hints: list[Hint], *, note: bool = True) -> set[str]:  # noqa: ARG002
        time.sleep(0.05)
        self.commits.append(len(hints))
        if len(self.commits) <= self.broken:
            raise Retryable("Postgres is away")
        return {hint.event_id for hint in hints if hint.event_id != "known"}


def knock_at_once(door: Slow, bodies: list[str]) -> list[str | BaseException]:
    async def all_of_them() -> list[str | BaseException]:
        porter = Porter(lambda: door)  # type: ignore[arg-type, return-value]
        first = asyncio.create_task(porter.receive(bodies[0].encode(), ""))
        await asyncio.sleep(0.02)
        rest = [porter.receive(body.encode(), "") for body in bodies[1:]]
        return await asyncio.gather(first, *rest, return_exceptions=True)

    return asyncio.run(all_of_them())


def test_those_who_knock_while_others_are_being_kept_share_the_next_commit() -> None:
    door = Slow()
    bodies = ["evt_1", *(f"evt_{n}" for n in range(2, 40)), "known"]
    assert knock_at_once(door, bodies) == ["kept"] * 39 + ["known"]
    assert door.commits == [1, 39]


def test_when_a_commit_fails_each_who_shared_it_is_told_and_nobody_else() -> None:
    door = Slow(broken=1)
    first, *rest = knock_at_once(door, ["evt_1", "evt_2", "evt_3"])
    assert isinstance(first, Retryable)
    assert rest == ["kept", "kept"]


def test_who_knocks_while_too_many_wait_is_told_to_come_again() -> None:
    door = Slow()
    told = knock_at_once(door, [f"evt_{n}" for n in range(WAITING_MAX + 3)])
    assert told[: WAITING_MAX + 1] == ["kept"] * (WAITING_MAX + 1), (
        "the first is being kept, and waits no more"
    )
    assert [type(one) for one in told[WAITING_MAX + 1 :]] == [Retryable, Retryable]
    assert door.commits == [1, WAITING_MAX]


class Forgetful(Slow):
    """A door that must be looked up again, which takes until somebody lets it end."""

    fresh = False

    def __init__(self, *, believed: bool) -> None:
        super().__init__()
        self.believed, self.renewals, self.may_end = believed, 0, Event()
        if not believed:
            self.may_end.set()

    def renewed(self) -> "Forgetful":
        self.may_end.wait(10)
        self.renewals += 1
        self.fresh = True
        return self


def test_nobody_waits_for_a_connection_that_is_looked_up_again() -> None:
    door = Forgetful(believed=True)

    async def knock() -> tuple[list[str], int]:
        porter = Porter(lambda: door)  # type: ignore[arg-type, return-value]
        told = [await porter.receive(f"evt_{n}".encode(), "") for n in range(3)]
        renewals = door.renewals
        door.may_end.set()
        return told, renewals

    assert asyncio.run(knock()) == (["kept"] * 3, 0)


def test_a_connection_that_is_too_old_to_believe_is_looked_up_first_and_once() -> None:
    door = Forgetful(believed=False)
    assert knock_at_once(door, ["evt_1", "evt_2", "evt_3"]) == ["kept"] * 3
    assert door.renewals == 1


def test_there_is_nothing_else_to_find(door: TestClient) -> None:
    assert door.get(URL).status_code == 405
    for path in ("/", "/docs", "/openapi.json"):
        assert door.get(path).status_code == 404


def test_refusals_are_counted_now_and_then_and_forgotten_once_something_is_kept(
    door: TestClient, database_url: str
) -> None:
    def heard() -> list[tuple[Any, ...]]:
        query = "SELECT kept_at IS NOT NULL, refused_since IS NOT NULL, refused_count FROM ops.hearing"
        with psycopg.connect(database_url) as connection:
            return connection.execute(query).fetchall()

    for _ in range(5):
        door.post(URL, content=event(), headers={})
    assert heard() == [(False, True, 1)]
    door.post(URL, content=event(), headers=signed(event()))
    assert heard() == [(True, False, 0)]
