"""The page Parity: days and figures, causes with their evidence, the register, and nobody's signature yet."""

import re
from datetime import date, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

from include.flows.accept_difference import note_drill
from include.flows.judge_parity import judge_parity
from include.policy import load_policy
from include.store.postgres import PostgresStore
from tests.console.people import Site, know_our_roles
from tests.flows.test_signing_parity import LAST, compared, green, judged, today
from tests.inert import CONSOLE, assert_inert
from tests.naughty import RUN, UNSTORABLE, flat

DAYS = [LAST - timedelta(days=back) for back in range(14)]
MANY = date(2026, 5, 4)
"""A day before all of them, with more than a page of differences."""


@pytest.fixture
def site(tied: PostgresStore, tied_url: str, monkeypatch: pytest.MonkeyPatch) -> Site:
    know_our_roles(monkeypatch)
    compare_days(tied_url)
    return Site(lambda: tied)


def compare_days(url: str) -> None:
    """Fourteen compared and judged days, and one of many differences; once in a database."""
    with psycopg.connect(url) as connection:
        if connection.execute("SELECT FROM parity.days LIMIT 1").fetchone() is None:
            [run] = connection.execute("SELECT run_id FROM recon.runs LIMIT 1").fetchone() or [None]
            for day in DAYS:
                compared(connection, day, run=run)
            many(connection)
    judge_parity(PostgresStore(url), last=LAST, policy=load_policy())


def many(connection: psycopg.Connection) -> None:
    connection.execute(
        "INSERT INTO parity.days SELECT %s, 1, run_id, source, 0, 0, 0, 0, 0, 0, 120, 'o', 't', 'c', 'r', 'many' "
        "FROM parity.days LIMIT 1",
        (MANY,),
    )
    for number in range(120):
        unexplained = number == 0
        connection.execute(
            "INSERT INTO parity.differences (day, edition, kind, key, seq, field, ours, theirs, currency, ours_minor, "
            "theirs_minor, class, cause, evidence) "
            "VALUES (%s, 1, 'invoices', %s, 1, 'amount', '100', '101', 'SGD', 100, 101, %s, %s, %s)",
            (
                MANY,
                f"<b>INV-{number:03d}",
                "logic" if unexplained else "rounding",
                "" if unexplained else "minor_unit",
                Jsonb({} if unexplained else {"off": 1}),
            ),
        )


def test_the_page_shows_every_day_with_its_figures_and_what_is_in_the_way(site: Site):
    page = site.get("/parity", me="vic")
    assert page.status_code == 200
    assert all(f'/parity/{day}"' in page.text for day in DAYS)
    assert page.text.count("<strong>2026-06-") == 5, "the judged days are told apart"
    assert "in the way of signing" in page.text
    assert "rolls to business day" in page.text
    assert page.text.count("not yet") == 3


def test_a_day_is_paged_quickly_filtered_and_escaped(site: Site):
    page = site.get(f"/parity/{MANY}", me="vic").text
    assert "&lt;b&gt;INV-000" in page
    assert "<b>INV" not in page
    assert "unexplained" in page
    shown = re.findall(r"INV-(\d{3})", page)
    following = re.search(r'rel="next" href="([^"]+)"', page)
    assert following
    second = site.get(f"/parity/{MANY}{following[1].replace('&amp;', '&')}", me="vic").text
    assert (shown[-1], re.findall(r"INV-(\d{3})", second)[0]) == ("049", "050")
    none = site.get(f"/parity/{MANY}?kind=orders", me="vic").text
    assert "Nothing differs that fits" in none
    assert site.get("/parity/2020-01-01", me="vic").status_code == 404


def test_who_owns_a_difference_and_why_is_shown_to_the_letter_or_refused(
    site: Site, tied: PostgresStore
) -> None:
    form = {
        "which": "invoices~due_date~logic~rolls_to_business_day",
        "until": f"{today(tied) + timedelta(days=30)}",
    }
    for name, text in [*list(RUN.items())[::3], *UNSTORABLE.items()]:
        given = text.encode(errors="replace").decode()
        answer = site.post("/parity/accept", form | {"owner": given, "reason": given}, me="ann")
        if name in {"a NUL", "too long"}:
            assert answer.status_code == {"a NUL": 422, "too long": 413}[name]
            continue
        assert answer.status_code == 303, name
        page = site.get("/parity", me="ben").text
        assert assert_inert(page, ours=CONSOLE).text.count(flat(given)) >= 2, name
        [number] = set(re.findall(r"/parity/accepted/(\d+)/end", page))
        assert site.post(f"/parity/accepted/{number}/end", {}, me="ann").status_code == 303


def test_differences_are_accepted_by_two_people_and_the_days_signed_by_three(
    site: Site, tied: PostgresStore
) -> None:
    which = "invoices~due_date~logic~rolls_to_business_day"
    page = site.get("/parity", me="ann").text
    assert f'<option value="{which}"' in page
    assert "It takes the role" in site.get("/parity", me="vic").text.replace("it takes", "It takes")
    form = {"which": which, "owner": "AR", "until": "2020-01-01", "reason": 'agreed with "sales"'}
    late = site.post("/parity/accept", form, me="ann")
    assert (late.status_code, "it must end between today and" in late.text) == (422, True)
    assert 'value="agreed with &#34;sales&#34;"' in late.text
    assert site.post("/parity/accept", form | {"until": "soon"}, me="ann").status_code == 422
    until = f"{today(tied) + timedelta(days=30)}"
    assert site.post("/parity/accept", form | {"until": until}, me="ann").status_code == 303
    number = re.search(r"/parity/accepted/(\d+)/approve", site.get("/parity", me="ben").text)
    assert number
    entry = f"/parity/accepted/{number[1]}"
    assert site.post(f"{entry}/approve", {}, me="ann").status_code == 403
    assert f"{entry}/approve" not in site.get("/parity", me="ann").text, (
        "her own is somebody else's to approve"
    )
    assert site.post(f"{entry}/approve", {}, me="ben").status_code == 303
    again = site.post(f"{entry}/approve", {}, me="cat")
    assert (again.status_code, "ben has approved it already" in again.text) == (409, True)

    assert "Something is in the way" in site.get("/parity", me="ben").text
    as_judged = {"seen": judged(PostgresStore(tied.url)).content_sha256, "reason": "ok"}
    early = site.post("/parity/sign/controller", as_judged, me="ben")
    assert (early.status_code, "cannot be signed yet" in early.text) == (422, True)
    green(PostgresStore(tied.url))
    shown = site.get("/parity", me="ben").text
    old = site.post("/parity/sign/controller", {"seen": "older", "reason": "looked"}, me="ben")
    assert (old.status_code, "judged anew since you looked" in old.text) == (409, True)
    form = {"seen": seen(shown), "reason": "looked at every day"}
    assert site.post("/parity/sign/controller", form | {"reason": ""}, me="ben").status_code == 422
    for role, who in (("controller", "ben"), ("it", "adm"), ("revops", "rev")):
        assert site.post(f"/parity/sign/{role}", form, me=who).status_code == 303
        drilled = {
            "drill": "replay",
            "day": LAST,
            "person": "ops",
            "found": f"as {role} signed",
            "policy": load_policy(),
        }
        note_drill(PostgresStore(tied.url), **drilled)
        assert judged(PostgresStore(tied.url)).signed == [], "judged anew, it is another window"
    twice = site.post("/parity/sign/controller", form, me="cat")
    assert (twice.status_code, "ben has signed as controller already" in twice.text) == (422, True)
    assert "not yet" not in site.get("/parity", me="vic").text
    ended = site.post("/parity/accepted/999/end", {}, me="ann")
    assert (ended.status_code, "the register has no entry 999" in ended.text) == (422, True)


def seen(page: str) -> str:
    found = re.search(r'name="seen" value="(\w+)"', page)
    return found[1] if found else ""
