"""Whatever stands in an address or a form: an answer, or a refusal with its reason; never a fault of ours."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from include.console import render
from include.console.breaks import Wanted
from include.store.postgres import PostgresStore, PostgresTransaction
from tests.console.people import Site, know_our_roles
from tests.console.test_access import ACTIONS, FILLED, TABLE

CONSOLE = Path(render.__file__).parent
NASTY = (
    *("9" * 30, "-1", "\x00", "\U0001f9fe" * 200, "~~~~", "0001-01-01T00:00:00+14:00"),
    *("0001-01-01", "9999-12-31", "\u0661.\u0661"),
)


@pytest.fixture
def site(tied: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> Site:
    know_our_roles(monkeypatch)
    return Site(lambda: tied)


def asked(site: Site) -> dict[str, list[str]]:
    """Every page -> what its address may say behind the question mark."""
    return {
        path: [one["name"] for one in acts["get"].get("parameters", ()) if one["in"] == "query"]
        for path, acts in site.app.openapi()["paths"].items()
        if "get" in acts
    }


def test_whatever_an_address_asks_for_is_answered_or_refused_with_a_reason(site: Site) -> None:
    wrong: dict[str, int] = {}
    pages = asked(site)
    for path, names in pages.items():
        here = path.format(**FILLED)
        for name in names:
            for value in NASTY:
                answer = site.app_get(here, {name: value}, me="aud")
                if answer.status_code >= 500 or not answer.text.strip():
                    wrong[f"{here}?{name}={value[:40]!r}"] = answer.status_code
    assert wrong == {}
    assert sum(map(len, pages.values())) > 25, "the pages' parameters are found"


def test_whatever_stands_in_a_path_is_found_or_not(site: Site) -> None:
    wrong: dict[str, int] = {}
    for method, path in TABLE:
        for name in (one for one in FILLED if method == "GET" and f"{{{one}" in path):
            for value in ("9" * 30, "%00", "-1", "0001-01-01", "9999-12-31", "%F0%9F%A7%BE", "a%2Fb%23c"):
                here = path.replace(":path", "").format(**FILLED | {name: value})
                status = site.get(here, me="aud").status_code
                if status >= 500:
                    wrong[here] = status
    assert wrong == {}


FORMS = {
    "break_acts": [("/breaks/{break_id}/" + action) for action in ACTIONS] + ["/breaks/bulk"],
    "parity_acts": [path for method, path in TABLE if method == "POST" and path.startswith("/parity")],
    "delivery": [
        f"/delivery/{action}" for action in ("hold", "replay", "ask", "approve", "refuse", "withdraw")
    ],
    "matches": ["/matches/{match_id}/unmatch"],
}
"""Module that reads forms -> where they are sent."""


def fields_of(module: str) -> set[str]:
    """The fields that it asks forms for."""
    source = (CONSOLE / f"{module}.py").read_text(encoding="utf-8")
    return set(re.findall(r"""form\.(?:one|all)\(f?"([a-z_]+:?)""", source))


READ_BY = {
    f"/breaks/{{break_id}}/{action}": {"seen", "reason"}
    for action in ACTIONS
    if action not in ("match", "propose")
}
"""Forms of a break that have few fields."""
NASTY_FIELDS = ("9" * 5000, "\u0663" * 12 + "\x00\U0001f9fe")
GIVEN = {
    "reason": "a test",
    "action": "comment",
    "kind": "correct",
    "other": "INV-none",
    "invoice": "INV-none",
}


def test_every_form_is_fuzzed() -> None:
    reads = re.compile(r"form\.(one|all)\(")
    reading = {path.stem for path in CONSOLE.glob("*.py") if reads.search(path.read_text(encoding="utf-8"))}
    assert reading - {"forms", "break_page"} == FORMS.keys(), (
        "the page of a break shows again what was refused"
    )
    sent = {path.replace(":path", "") for method, path in TABLE if method == "POST"}
    fuzzed = {path for paths in FORMS.values() for path in paths}
    for action, one in (
        (r"(/breaks/{break_id})/.*", r"\1/{action}"),
        (r"(/delivery)/(?!approve|refuse|withdraw).*", r"\1/{action}"),
    ):
        fuzzed = {re.sub(action, one, path) for path in fuzzed}
    assert fuzzed == sent


@pytest.mark.parametrize("module", FORMS)
def test_whatever_stands_in_a_field_of_a_form_is_answered_or_refused(
    site: Site, tied_url: str, module: str
) -> None:
    """Of the many that act on a break each field has either value by turns."""
    wrong: dict[str, int] = {}
    with psycopg.connect(tied_url, autocommit=True) as connection:
        [(break_id,)] = connection.execute(
            "SELECT max(break_id::text) FROM recon.break_lives WHERE is_open AND recon = 'R3'"
        ).fetchall()
        for turn, path in enumerate(FORMS[module]):
            for place, name in enumerate(
                sorted(fields_of(module) & (READ_BY.get(path) or fields_of(module)))
            ):
                first = (turn + place) % 2 if module == "break_acts" else 0
                for value in NASTY_FIELDS[first : first + 1 if module == "break_acts" else 2]:
                    [(version,)] = connection.execute(
                        "SELECT version FROM recon.break_lives WHERE break_id = %s", (break_id,)
                    ).fetchall()
                    given = GIVEN | {"seen": str(version), "chosen": f"{break_id}:{version}"}
                    here = path.format(**FILLED | {"break_id": break_id})
                    sent = given | {f"{name}INV-none" if name.endswith(":") else name: value}
                    status = site.post(here, sent, me="root").status_code
                    if status >= 500:
                        wrong[f"{here} {name}={value[:9]!r}"] = status
    assert wrong == {}


def test_a_number_no_message_can_have_is_named_as_what_is_wrong(site: Site) -> None:
    answer = site.get(f"/delivery?before={'9' * 30}", me="vic")
    assert answer.status_code == 422
    assert "Before is &#39;9999" in answer.text
    assert "less than" in answer.text
    form = {"chosen": ["9" * 30], "reason": "a test"}
    assert site.post("/delivery/hold", form, me="adm").headers["location"].endswith("done=unchosen")


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/arr?month=1999-01-31", 404, "reports no recurring revenue of 1999-01"),
        ("/arr?month=2026-05-31", 200, "ARR bridge of May 2026"),
        ("/arr?first=9999", 200, "and none after the first 9,999"),
        ("/ageing?first=9999", 200, "and none after the first 9,999"),
        ("/ageing?currency=XXX", 200, "Nobody owes anything in XXX"),
        (f"/ageing?run={UUID(int=0)}", 404, "No published day has the run"),
        (f"/arr?run={UUID(int=0)}", 404, "No published day has the run"),
        ("/matches?rule=P1", 422, "A rule goes by its reconciliation"),
        ("/breaks?state=open&after=S1~5", 422, "After is no place in a list ordered by"),
        (f"/breaks?sort=key&after=%00~{UUID(int=0)}", 422, ""),
        ("/breaks?severity=S9", 422, "Severity is"),
        ("/breaks?severity=%20s1&state=Open", 200, ""),
        ("/matches/{match}?first=50", 200, "and none after the first 50"),
        ("/audit?at=\u0661.\u0661", 422, "At is"),
        ("/audit/export.zip?until=9999-12-31", 422, "less than or equal to 9000-01-01"),
        ("/audit?actor=%20{program}", 200, '<th scope="row">program:'),
    ],
)
def test_what_an_address_names_and_is_not_there_is_said_and_not_passed_over(
    site: Site, tied_url: str, path: str, status: int, said: str
) -> None:
    with psycopg.connect(tied_url) as connection:
        [match] = connection.execute(
            "SELECT match_id FROM recon.matches WHERE recon = 'R3' AND state = 'posted' LIMIT 1"
        ).fetchone() or [""]
        [program] = connection.execute(
            "SELECT initcap(actor) FROM audit.events WHERE starts_with(actor, 'program:') LIMIT 1"
        ).fetchone() or [""]
    answer = site.get(path.format(match=match, program=program), me="aud")
    assert (answer.status_code, said in answer.text) == (status, True)


def test_over_so_many_days_is_the_same_on_the_desk_and_in_ageing(tied_url: str) -> None:
    """What is known for exactly so many days is not over them."""
    spread = (
        "UPDATE recon.break_lives SET since_on = %s::date - (ARRAY[7, 8, 30, 31, 90, 91])[place %% 6 + 1] "
        "FROM (SELECT break_id, row_number() OVER (ORDER BY break_id) AS place FROM recon.break_lives WHERE is_open) "
        "AS numbered WHERE numbered.break_id = break_lives.break_id"
    )
    with psycopg.connect(tied_url, row_factory=dict_row) as connection:
        tx = PostgresTransaction(connection)
        today = render.today_here(tx)
        connection.execute(spread, (today,))
        aged = tx.rows("desk_ageing", today=today)
        for days, bucket in ((7, 2), (30, 3), (90, 4)):
            wanted = Wanted(older=str(days), by="recon").filters(me="ann", today=today)
            groups = tx.rows_for("desk_groups", names={"by": "recon"}, **wanted, limit=99)
            over = sum(row["breaks"] for row in aged if row["bucket"] >= bucket)
            assert sum(one["breaks"] for one in groups) == over > 0
        connection.rollback()


def test_the_console_counts_days_as_the_entity_does() -> None:
    """At five in the afternoon in London it is tomorrow in Singapore."""

    class Evening:
        def rows(self, _name: str) -> list[dict[str, datetime]]:
            return [{"now": datetime(2026, 6, 30, 17, tzinfo=UTC)}]

    evening: Any = Evening()
    assert render.today_here(evening) == date(2026, 7, 1)
