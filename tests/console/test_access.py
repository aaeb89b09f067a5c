"""Which role may go where: one table, and nobody without a login anywhere."""

from typing import Any
from uuid import UUID

import pytest
from fastapi.routing import APIRoute

from include.console.permissions import RESOURCE, ROLES, SIGNING, May
from include.console.roles import MENU, wanted
from include.store.postgres import PostgresStore
from tests.console.people import PEOPLE, Site, know_our_roles
from tests.console.test_parity_page import compare_days

NOBODY = UUID(int=0)
READERS = "vic ann ben rev adm aud view user oper root"
WORKERS = "ann ben rev root"
TABLE: dict[tuple[str, str], str] = {
    ("GET", "/"): READERS,
    ("GET", "/breaks"): READERS,
    ("GET", "/breaks/{break_id}"): READERS,
    ("GET", "/alerts"): READERS,
    ("GET", "/playbooks"): READERS,
    ("GET", "/playbooks/{name}"): READERS,
    ("GET", "/training/{name}"): READERS,
    ("GET", "/{folder}/{picture}.png"): READERS,
    ("GET", "/matches"): READERS,
    ("GET", "/matches/{match_id:path}"): READERS,
    ("GET", "/payouts"): READERS,
    ("GET", "/payouts/{payout_id}"): READERS,
    ("GET", "/ageing"): READERS,
    ("GET", "/arr"): READERS,
    ("GET", "/delivery"): READERS,
    ("GET", "/delivery/{message_id}"): READERS,
    ("GET", "/reports"): READERS,
    ("GET", "/reports/{as_of}"): READERS,
    ("GET", "/reports/{as_of}/report.html"): READERS,
    ("GET", "/reports/{as_of}/editions/{edition}.html"): READERS,
    ("GET", "/reports/{as_of}/{file}.csv"): READERS,
    ("GET", "/quality"): READERS,
    ("GET", "/quality/{as_of}"): READERS,
    ("GET", "/quality/{as_of}/{relation}.html"): READERS,
    ("GET", "/parity"): READERS,
    ("GET", "/parity/{day}"): READERS,
    ("GET", "/static/{name}"): READERS,
    ("GET", "/records/{entity}/{native_id:path}"): "ann ben rev adm aud oper root",
    ("GET", "/audit"): "ben adm aud root",
    ("GET", "/audit/export.zip"): "ben adm aud root",
    ("POST", "/breaks/bulk"): WORKERS,
    ("POST", "/breaks/{break_id}/{action}"): WORKERS,  # action: see ACTIONS
    ("POST", "/matches/{match_id:path}/unmatch"): WORKERS,
    ("POST", "/delivery/{action}"): "adm oper root",
    ("POST", "/delivery/approve"): "ben root",
    ("POST", "/delivery/refuse"): "ben root",
    ("POST", "/delivery/withdraw"): "adm oper root",
    ("POST", "/parity/accept"): WORKERS,
    ("POST", "/parity/accepted/{accepted_no}/approve"): "ben root",
    ("POST", "/parity/accepted/{accepted_no}/end"): WORKERS,
    ("POST", "/parity/sign/{role}"): "ben root",  # role: see SIGNERS
}
"""Method and route -> who may. A route without a row fails."""

FIRST = {"recon": "R3", "rule": "P1", "match": "", "a": "", "b": "", "state": "posted", "limit": 1}

ACTIONS = {
    "assign": WORKERS,
    "comment": WORKERS,
    "propose": WORKERS,
    "match": WORKERS,
    "withdraw": WORKERS,
    "approve": "ben root",
    "reject": WORKERS,
    "resolve": WORKERS,
    "accept": WORKERS,
}
SIGNERS = {"revops": "rev root", "it": "adm root"}
FILLED = {
    "accepted_no": 999,
    "role": "controller",
    "break_id": NOBODY,
    "code": "CA16",
    "match_id": "R3-none",
    "payout_id": "po_none",
    "message_id": 0,
    "as_of": "2026-06-30",
    "day": "1999-12-31",
    "file": "breaks",
    "edition": "weekly",
    "relation": "invoices",
    "name": "console.css",
    "folder": "mail",
    "picture": "day-600-light",
    "entity": "invoices",
    "native_id": "none",
}


def routes() -> list[tuple[str, str]]:
    found = Site(lambda: pytest.fail("nobody asked the database")).app.routes
    assert all(isinstance(route, APIRoute) for route in found), "a route without the permission of the app"
    return [(next(iter(route.methods)), route.path) for route in found if isinstance(route, APIRoute)]


def cases() -> list[tuple[str, str, str]]:
    """Method, path and who may."""
    found = [
        (method, path.replace(":path", "").format(**FILLED, action="replay"), allowed)
        for (method, path), allowed in TABLE.items()
        if path != "/breaks/{break_id}/{action}"
    ]
    found += [("POST", f"/breaks/{NOBODY}/{action}", who) for action, who in ACTIONS.items()]
    return found + [("POST", f"/parity/sign/{role}", who) for role, who in SIGNERS.items()]


NOT_THERE = (
    str(NOBODY),
    "none",
    "/delivery/0",
    "2026-06-30",
    "1999-12-31",
    "/playbooks/console.css",
    "/training/console.css",
)
"""What stands in the address of something that there is not: 404 for whoever may ask."""


def answered(method: str, path: str) -> int:
    """What whoever may gets: a page, the way back after an act, or why there is nothing to do."""
    if path.startswith("/records/"):
        return 200  # also of what never came: the page says so
    if any(one in path for one in NOT_THERE):
        return 404
    if method == "GET" or path.endswith("/bulk"):
        return 200
    if path.startswith("/parity/sign/"):
        return 409  # what is signed is never what was seen
    return 303 if path == "/delivery/replay" else 422


@pytest.fixture(scope="module")
def days(tied_url: str) -> None:
    """Days compared, as tests beside these leave some."""
    compare_days(tied_url)


def test_every_route_has_a_row() -> None:
    assert sorted(routes()) == sorted(TABLE)


@pytest.mark.usefixtures("days")
@pytest.mark.parametrize(("method", "path", "allowed"), cases(), ids=str)
def test_a_route_answers_those_of_its_row_and_refuses_the_others(
    method: str, path: str, allowed: str, tied: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    know_our_roles(monkeypatch)
    site = Site(lambda: tied)

    def ask(me: str) -> int:
        fields: dict[str, Any] = {"seen": "1", "reason": "a test", "action": "comment"}
        answer = site.get(path, me=me) if method == "GET" else site.post(path, fields, me=me)
        return answer.status_code

    answers = {who: ask(who) for who in PEOPLE if who != "cat"}  # who is as ben
    may = dict.fromkeys(allowed.split(), answered(method, path))
    assert answers == dict.fromkeys(answers, 403) | may
    assert ask("") == 401


def test_whom_history_could_not_name_is_told_so_wherever_there_is_a_form_and_finds_none(
    tied: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    know_our_roles(monkeypatch)
    monkeypatch.setitem(PEOPLE, "Ann Lee", "Admin")
    site = Site(lambda: tied)
    with tied.transaction() as tx:
        run = tx.rows("console_run")[0]
        [leg] = tx.rows("console_matches_by_rule", **FIRST, run_id=run["run_id"])
        life = tx.rows("list_lives", states=["OPEN"], owner=None, assignee=None, recon=None, limit=1)[0]
    for path in ("/breaks", f"/breaks/{life['break_id']}", f"/matches/{leg['match_id']}", "/delivery"):
        page = site.get(path, me="Ann Lee").text
        assert ('method="post"' in page, "history could not say who you are" in page) == (False, True), path
        assert 'method="post"' in site.get(path, me="root").text, path
    refused = site.post("/delivery/hold", {"chosen": "1", "reason": "x"}, me="Ann Lee")
    assert (refused.status_code, "history could not say who you are" in refused.text) == (403, True)


def test_the_last_look_says_what_somebody_may_do_whichever_server_it_came_to(
    tied: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    know_our_roles(monkeypatch)
    one, another = Site(lambda: tied), Site(lambda: tied)
    kept = []
    for role, server in (("Viewer", one), ("Controller", another), ("Viewer", one)):
        monkeypatch.setitem(PEOPLE, "zoe", f"Tie-out {role}")
        server.get("/alerts", me="zoe")
        with tied.transaction() as tx:
            kept.append(tx.rows("permissions_of", person="zoe", fresh="1 hour")[0]["may"])
    assert ["can_approve" in may for may in kept] == [False, True, False]


@pytest.mark.parametrize("path", ["/reports/not-a-day", "/breaks/not-an-id", "/breaks?sort=nothing"])
def test_what_is_wrong_is_not_even_read_for_who_is_not_logged_in(path: str) -> None:
    assert Site(lambda: pytest.fail("nobody may ask the database")).get(path).status_code == 401


def test_each_role_is_made_in_airflow_with_its_permissions_and_the_way_to_the_pages() -> None:
    made = {one["role"]: set(one["perms"]) for one in wanted()}
    assert set(made) == set(ROLES)
    assert made["Tie-out Analyst"] == {
        *MENU,
        *((may, RESOURCE) for may in ("can_read", "can_work", "can_trace")),
    }


def test_nobody_may_sign_parity_for_two_roles() -> None:
    several = [role for role, may in ROLES.items() if len(SIGNING & may) > 1 and role != "Admin"]
    assert several == []
    assert {may for role, all_ in ROLES.items() if role != "Admin" for may in SIGNING & all_} == SIGNING


def test_who_signs_may_answer_the_dag_that_asks_and_no_other() -> None:
    made = {one["role"]: set(one["perms"]) for one in wanted()}
    asked = {("can_edit", f"DAG:{dag}") for dag in ("approve_breaks", "sign_parity")}
    assert made["Tie-out RevOps"] & asked == {("can_edit", "DAG:sign_parity")}
    assert made["Tie-out Controller"] & asked == asked
    assert made["Tie-out Analyst"] & asked == set()


def test_who_approves_is_not_who_operates() -> None:
    both = [role for role, may in ROLES.items() if {May.APPROVE, May.DELIVER} <= may and role != "Admin"]
    assert both == []
