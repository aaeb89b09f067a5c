"""Faults of the twin: told by a script or live, the same for the same seed, and written down when they happen."""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from include.twin.faults import SYSTEMS, BadFault, Fault, Injector, Script, read_script
from include.twin.faulty_wire import Faulty
from tests.twin.conftest import KEYS

ACCOUNTS = [{"Id": f"00100000000000{n}AAA", "Name": f"Customer {n}"} for n in range(4)]
CHARGES = [
    {"id": f"ch_{n}", "currency": "SGD", "amount": "1.00", "paid_on": "2026-01-05", "status": "succeeded"}
    for n in range(4)
]
INVOICES = [
    {"id": f"I{n}", "number": f"INV-{n}", "customer_id": "C1", "issue_date": "2026-01-05", "gross": "1.00"}
    for n in range(4)
]
WORLD = {"salesforce/Account": ACCOUNTS, "erp/invoices": INVOICES, "payments/payments": CHARGES}
KEY = {"Authorization": "Bearer sk_test_twin"}


def now() -> datetime:
    return datetime(2026, 7, 1, tzinfo=UTC)


def injected(twin: Any) -> list[dict[str, Any]]:
    log: list[dict[str, Any]] = twin.get("control", "/_twin/faults/injected").json()
    return log


def test_a_script_says_what_goes_wrong_and_the_log_says_that_it_did(
    twin_of: Callable[..., Any], tmp_path: Path
) -> None:
    script = tmp_path / "faults.yaml"
    script.write_text(
        "seed: 7\n"
        "faults:\n"
        "  - {kind: throttled, system: payments, path: /v1/charges, skip: 1, with: {retry_after_s: 7}}\n"
        "  - {kind: hidden_field, system: salesforce, with: {object: Account, field: Name}}\n"
    )
    twin = twin_of(WORLD, faults=read_script(script))
    answers = [twin.get("payments", "/v1/charges", headers=KEY) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 429, 200]
    assert answers[1].headers["Retry-After"] == "7"
    assert "Name" not in [field["name"] for field in twin.salesforce().Account.describe()["fields"]]
    hidden, throttled = injected(twin)
    assert (hidden["kind"], throttled["kind"]) == ("hidden_field", "throttled")
    assert (throttled["method"], throttled["path"]) == ("GET", "/v1/charges")
    assert throttled["client"].startswith("127.0.0.1:")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("faults: [{kind: earthquake, system: erp}]", "no fault 'earthquake'"),
        ("faults: [{kind: slow, system: erp}]", "slow needs seconds"),
        ("faults: [{kind: slow, system: mail, with: {seconds: 1}}]", "not 'mail'"),
        ("faults: [{kind: slow, system: erp, often: 3}]", "no often"),
        ("seed: 1\nfault: []", "nothing else"),
        ("faults: [", "not YAML"),
    ],
)
def test_a_script_nobody_can_play_is_refused_with_its_mistake(tmp_path: Path, text: str, says: str) -> None:
    script = tmp_path / "faults.yaml"
    script.write_text(text)
    with pytest.raises(BadFault, match=says):
        read_script(script)


def test_a_fault_armed_live_strikes_until_it_is_disarmed(twin_of: Callable[..., Any]) -> None:
    twin = twin_of(WORLD)
    control = twin.url("control", "/_twin/faults")
    fault = {"kind": "unavailable", "system": "payments", "times": 0}
    assert requests.post(control, json=fault, timeout=30).status_code == 201
    assert [twin.get("payments", "/v1/charges", headers=KEY).status_code for _ in range(3)] == [503] * 3
    assert requests.get(control, timeout=30).json()[0]["struck"] == 3
    requests.delete(control, timeout=30)
    assert twin.get("payments", "/v1/charges", headers=KEY).status_code == 200
    assert len(injected(twin)) == 3


def test_a_mistaken_fault_is_refused_live_too(twin_of: Callable[..., Any]) -> None:
    told = {"kind": "hard_delete", "system": "erp", "with": {"object": "stock.move", "ids": ["1"]}}
    reply = requests.post(twin_of({}).url("control", "/_twin/faults"), json=told, timeout=30)
    assert (reply.status_code, "erp has no stock.move" in reply.json()["error"]) == (400, True)


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "reset_midway"])
def test_a_reset_is_a_reset_and_tells_whether_the_application_had_answered(
    twin_of: Callable[..., Any], kind: str
) -> None:
    twin = twin_of(WORLD, faults=Script([Fault(kind=kind, system="payments")]))
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        twin.get("payments", "/v1/charges", headers=KEY)
    [one] = injected(twin)
    assert one["detail"] == ("" if kind == "reset_before" else "the application had answered 200")
    assert twin.get("payments", "/v1/charges", headers=KEY).status_code == 200


def test_the_same_seed_strikes_the_same_requests(twin_of: Callable[..., Any]) -> None:
    fault = Fault(kind="unavailable", system="payments", times=0, chance=0.5)

    def statuses(seed: int) -> list[int]:
        twin = twin_of(WORLD, faults=Script([fault], seed))
        return [twin.get("payments", "/v1/charges", headers=KEY).status_code for _ in range(12)]

    assert statuses(1) == statuses(1) != statuses(2)


# --- faults of data, in every system


class Kept(NamedTuple):
    """An object of a system: one of its rows, a field of it, and where it says when it changed."""

    system: str
    name: str
    native_id: str
    field: str
    stamp: str

    def rows(self, twin: Any, field: str = "") -> dict[str, dict[str, Any]]:
        """What the system shows of every row, by id."""
        names = [field or self.field, self.stamp]
        if self.system == "salesforce":
            found = twin.salesforce().query(f"SELECT Id, {', '.join(names)} FROM Account")["records"]
            return {row["Id"]: row for row in found}
        if self.system == "payments":
            found = twin.get("payments", "/v1/charges", headers=KEY).json()["data"]
        else:
            asked = {"headers": {"Authorization": "Bearer the-erp-key"}, "params": {"f": ["id", *names]}}
            found = twin.get("erp", f"/erp/rest/model/{self.name}", **asked).json()
        return {row["id"]: row for row in found}


OBJECTS = [
    Kept("salesforce", "Account", ACCOUNTS[1]["Id"], "Name", "SystemModstamp"),
    Kept("erp", "account.invoice", "I1", "number", "last_modified_at"),
    Kept("payments", "charges", "ch_1", "description", "created"),
]


@pytest.mark.parametrize("kept", OBJECTS, ids=lambda kept: kept.system)
def test_every_fault_of_data_does_to_every_system_what_it_says(
    twin_of: Callable[..., Any], kept: Kept
) -> None:
    twin = twin_of(WORLD)

    def arm(kind: str, **values: Any) -> None:
        fault = {"kind": kind, "system": kept.system, "with": {"object": kept.name, **values}}
        reply = requests.post(twin.url("control", "/_twin/faults"), json=fault, timeout=30)
        assert reply.status_code == 201, reply.text

    before = kept.rows(twin)
    other = next(native_id for native_id in before if native_id != kept.native_id)
    arm("change", ids=[kept.native_id], values={kept.field: "Changed"}, stamp="kept")
    assert kept.rows(twin)[kept.native_id] == {**before[kept.native_id], kept.field: "Changed"}
    arm("tie", ids=[kept.native_id, other], stamp="2026-02-03T04:05:06Z")
    stamps = [kept.rows(twin)[native_id][kept.stamp] for native_id in (kept.native_id, other)]
    assert stamps[0] == stamps[1] != before[other][kept.stamp]
    arm("new_field", field="brand_new", value="x")
    assert {row["brand_new"] for row in kept.rows(twin, "brand_new").values()} == {"x"}
    arm("hard_delete", ids=[kept.native_id])
    assert kept.rows(twin).keys() == before.keys() - {kept.native_id}
    arm("hidden_field", field="brand_new")
    with pytest.raises(Exception, match=r"brand_new|Expecting value"):
        assert "brand_new" in kept.rows(twin, "brand_new")[other], "brand_new is hidden"
    assert kept.rows(twin).keys() == before.keys() - {kept.native_id}


@pytest.mark.parametrize("kept", OBJECTS, ids=lambda kept: kept.system)
def test_a_late_commit_shows_its_row_with_the_stamp_it_had(twin_of: Callable[..., Any], kept: Kept) -> None:
    twin = twin_of(WORLD)
    before = kept.rows(twin)
    path = {"salesforce": "*/query*", "erp": "*/account.invoice", "payments": "/v1/charges"}[kept.system]
    told = {"object": kept.name, "ids": [kept.native_id]}
    fault = {"kind": "late_commit", "system": kept.system, "path": path, "skip": 1, "with": told}
    requests.post(twin.url("control", "/_twin/faults"), json=fault, timeout=30).raise_for_status()
    assert kept.rows(twin).keys() == before.keys() - {kept.native_id}
    assert kept.rows(twin) == before


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_clock_may_be_wrong_in_one_system_alone(twin_of: Callable[..., Any], system: str) -> None:
    fault = Fault(kind="clock_skew", system=system, values={"seconds": 86_400})
    twin = twin_of(WORLD, clock=now, faults=Script([fault]))
    days = {one: twin.get(one, "/healthz").headers["Date"][:7] for one in SYSTEMS}
    assert days == {one: "Thu, 02" if one == system else "Wed, 01" for one in SYSTEMS}


# --- what only a system that takes writes can show: a stand-in for one


async def _upsert(request: Request) -> Response:
    rows = json.loads(await request.body())["records"]
    request.app.state.committed += [row["Name"] for row in rows]
    return JSONResponse([{"id": row["Name"], "success": True, "errors": []} for row in rows])


def struck(kind: str, **values: Any) -> tuple[Starlette, Faulty, Injector]:
    app = Starlette(routes=[Route("/rows", _upsert, methods=["PATCH"])])
    app.state.committed = []
    injector = Injector(Script(), now)
    injector.arm(Fault(kind=kind, system="salesforce", times=0, values=values))
    return (
        app,
        Faulty(app, injector, "salesforce", strike=lambda _fault: "", forget=lambda: None),
        injector,
    )


def ask(app: Faulty, method: str, path: str, body: bytes) -> tuple[int, Any]:
    """One request over ASGI."""
    sent: list[Mapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "query_string": b"", "headers": []}
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], json.loads(b"".join(message.get("body", b"") for message in sent))


def test_rows_of_a_batch_fail_alone_and_are_not_committed() -> None:
    app, faulty, injector = struck("partial_batch", rows=2)
    rows = [{"Name": name} for name in "abc"]
    status, results = ask(
        faulty, "PATCH", "/rows", json.dumps({"allOrNone": False, "records": rows}).encode()
    )
    assert (status, [one["success"] for one in results]) == (200, [False, False, True])
    assert results[0]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"
    assert app.state.committed == ["c"]
    assert injector.log()[0]["detail"] == "2 of 3 rows"


def test_a_whole_batch_may_fail_row_by_row() -> None:
    app, faulty, _ = struck("partial_batch", rows=9, code="DUPLICATE_VALUE")
    _, results = ask(faulty, "PATCH", "/rows", json.dumps({"records": [{"Name": "a"}]}).encode())
    assert results[0]["errors"][0]["statusCode"] == "DUPLICATE_VALUE"
    assert app.state.committed == []


# --- refresh tokens


def test_a_refresh_token_somebody_else_used_first_is_refused_and_costs_the_grant(
    twin_of: Callable[..., Any],
) -> None:
    twin = twin_of(WORLD)
    oauth = twin.url("salesforce", "/services/oauth2")
    client = {"client_id": KEYS.salesforce_client_id, "client_secret": KEYS.salesforce_client_secret}

    def token(**form: str) -> tuple[int, Any]:
        reply = requests.post(f"{oauth}/token", data={**client, **form}, timeout=30)
        return reply.status_code, reply.json()

    back = requests.get(
        f"{oauth}/authorize",
        params={"client_id": client["client_id"], "redirect_uri": "http://here/back"},
        allow_redirects=False,
        timeout=30,
    )
    code = back.headers["Location"].partition("code=")[2]
    first = token(grant_type="authorization_code", code=code)[1]["refresh_token"]
    second = token(grant_type="refresh_token", refresh_token=first)[1]["refresh_token"]
    fault = {"kind": "refresh_rotation", "system": "salesforce", "path": "*/oauth2/token"}
    requests.post(twin.url("control", "/_twin/faults"), json=fault, timeout=30).raise_for_status()
    status, answer = token(grant_type="refresh_token", refresh_token=second)
    assert (status, answer["error"]) == (400, "invalid_grant")
    assert injected(twin)[0]["detail"] == "somebody else was answered 200"
