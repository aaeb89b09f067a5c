"""Where the console sends a browser on to: always to a page of its own, whatever an address, form or header says."""

import ast
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from include.console import render
from include.store.postgres import As, PostgresStore
from tests.console.conftest import waiting_messages
from tests.console.people import ORIGIN, Site, know_our_roles
from tests.console.test_access import FILLED, TABLE
from tests.flows.test_signing_parity import today, url  # noqa: F401 - a database with days compared

CONSOLE = Path(render.__file__).parent
ELSEWHERE = {
    "referer": "https://evil.example/breaks",
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "javascript",
    "x-forwarded-prefix": "//evil.example",
    "x-original-url": "https://evil.example/",
    "forwarded": "host=evil.example;proto=https",
}
FOLLOWED = ("break_acts", "delivery", "matches", "parity_acts")
"""Modules whose redirect a test below follows, with everything at once that could lead it elsewhere."""
BACK = (
    "https://evil.example/?state=queued",
    "//evil.example",
    "?//evil.example",
    "/\\evil.example",
    "?state=queued&done=//evil.example",
    "?subject=https://evil.example&state=parked",
    "javascript:alert(1)",
    "\r\nLocation: https://evil.example",
)


@pytest.fixture
def site(tied: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> Site:
    know_our_roles(monkeypatch)
    return Site(lambda: tied)


def sent_on_to(answer: httpx.Response) -> str:
    """The page a browser goes on to, which is one of ours on the host it asked."""
    assert answer.status_code == 303, answer.text
    [where] = answer.headers.get_list("location")
    parts = urlsplit(where)
    assert (parts.scheme, parts.netloc) == ("", "")
    assert parts.path.startswith("/tieout/")
    assert "evil" not in parts.path
    assert not set(where) & set("\r\n\\")
    return parts.path


def test_every_redirect_of_the_console_is_made_of_its_own_root_and_a_path_written_there() -> None:
    made: dict[str, int] = {}
    for path in CONSOLE.glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "RedirectResponse":
                assert isinstance(call.args[0], ast.JoinedStr), path.name
                first, then, *_ = call.args[0].values
                root = ast.unparse(first)
                assert "root" in root, path.name
                assert isinstance(then, ast.Constant), path.name
                assert str(then.value).startswith("/"), path.name
                assert not str(then.value).startswith("//"), path.name
                made[path.stem] = made.get(path.stem, 0) + 1
    assert made == dict.fromkeys(FOLLOWED, 1), "a new one has a test below"


@pytest.mark.parametrize("back", BACK)
@pytest.mark.parametrize("action", ["hold", "replay"])
def test_who_acts_on_messages_comes_back_to_them_wherever_the_form_says(
    site: Site, tied: PostgresStore, action: str, back: str
) -> None:
    with tied.transaction() as tx:
        [first] = waiting_messages(tx, "queued", "parked", "uncertain")
    for chosen in ([], [first]):
        fields = {"chosen": chosen, "reason": "a test", "back": back, "next": back}
        headers = {"origin": ORIGIN, **ELSEWHERE}
        answer = site.post(
            f"/delivery/{action}?next={ELSEWHERE['referer']}", fields, me="adm", headers=headers
        )
        assert sent_on_to(answer) == "/tieout/delivery"


@pytest.mark.parametrize("back", BACK)
def test_who_acts_on_a_break_comes_back_to_it_wherever_the_form_says(
    site: Site, tied_url: str, back: str
) -> None:
    with psycopg.connect(tied_url) as connection:
        query = (
            "SELECT break_id::text, version FROM recon.break_lives WHERE is_open ORDER BY break_id LIMIT 1"
        )
        [(one, version)] = connection.execute(query).fetchall()
    fields = {"seen": version, "reason": "a test", "back": back, "next": back}
    answer = site.post(f"/breaks/{one}/comment", fields, me="ann", headers={"origin": ORIGIN, **ELSEWHERE})
    assert sent_on_to(answer) == f"/tieout/breaks/{one}"


@pytest.mark.parametrize("back", BACK)
def test_who_questions_a_match_comes_to_its_break_wherever_the_form_says(
    site: Site, tied_url: str, back: str
) -> None:
    with psycopg.connect(tied_url) as connection:
        query = (
            "SELECT match_id, run_id FROM recon.matches WHERE recon = 'R3' AND state = 'posted' AND NOT EXISTS ("
            "SELECT FROM recon.break_lives WHERE key = side_a_id AND is_open) ORDER BY match_id DESC LIMIT 1"
        )
        [(one, run)] = connection.execute(query).fetchall()
    fields = {"seen": str(run), "reason": "a test", "back": back, "next": back}
    answer = site.post(f"/matches/{one}/unmatch", fields, me="ann", headers={"origin": ORIGIN, **ELSEWHERE})
    assert sent_on_to(answer).startswith("/tieout/breaks/")


@pytest.mark.parametrize("back", BACK)
def test_who_acts_on_parity_comes_back_to_it_wherever_the_form_says(
    url: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    back: str,
) -> None:
    know_our_roles(monkeypatch)
    tied = PostgresStore(url, who=As("tieout_console", "test"))
    site = Site(lambda: tied)
    given = {"owner": back, "reason": back, "until": f"{today(tied) + timedelta(days=30)}"}
    fields = given | {"which": "invoices~due_date~logic~rolls_to_business_day", "back": back, "next": back}
    headers = {"origin": ORIGIN, **ELSEWHERE}
    answer = site.post("/parity/accept", fields, me="ann", headers=headers)
    assert sent_on_to(answer) == "/tieout/parity"
    with psycopg.connect(url) as connection:
        [(number,)] = connection.execute(
            "SELECT max(accepted_no) FROM parity.accepted_differences"
        ).fetchall()
    for action, person in (("approve", "ben"), ("end", "ann")):
        answer = site.post(f"/parity/accepted/{number}/{action}", fields, me=person, headers=headers)
        assert sent_on_to(answer) == "/tieout/parity"


def test_no_address_with_a_slash_too_many_leads_to_the_host_that_somebody_else_named(site: Site) -> None:
    hostile: dict[str, Any] = {"host": "evil.example", **ELSEWHERE}
    for method, path in TABLE:
        if method != "GET":
            continue
        here = path.replace(":path", "").format(**FILLED).rstrip("/")
        for asked in (f"{here}/", f"{here}//", f"//evil.example{here}", f"{here}/%2e%2e//evil.example/"):
            answer = site.get_with(asked, me="aud", headers=hostile)
            where = answer.headers.get("location", "")
            assert "evil" not in where, f"{asked} leads to {where}"
            assert answer.status_code < 500, asked


@pytest.mark.parametrize("asked", ["/breaks", "//evil.example", "/breaks?next=https://evil.example"])
def test_the_link_to_the_login_leads_back_to_the_page_and_never_to_another_site(
    site: Site, asked: str
) -> None:
    answer = site.get_with(asked, me="", headers={**ELSEWHERE})
    assert answer.status_code in {401, 403, 404}
    assert 'href="https://evil' not in answer.text
    assert (
        "next=https://evil" not in answer.text.replace("%3A", ":").replace("%2F", "/").split("%3Fnext", 1)[0]
    )
