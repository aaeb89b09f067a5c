"""The page of a break of every reason code: what it is about, both sides where it names two, and nothing raw."""

import csv
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

import include.flows.reconcile as reconciling
from include.connectors.world.client import WorldSource
from include.console import today as today_page
from include.flows.act_on_break import By
from include.flows.pair_by_hand import unmatch
from include.flows.prove_run import prove_run
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.offline import reconcile_world
from include.policy import load_policy
from include.ports import Cursor, Fatal, Page
from include.store.postgres import As, PostgresStore
from tests.checks import assert_checks_hold
from tests.console.conftest import vault_of_tests
from tests.console.every_code import CAME, FIRST, LATE, LOST, PUBLISHED, REFUSED, SECOND, THIRD, write_world
from tests.console.people import Site, know_our_roles
from tests.console.test_playbooks import blocks
from tests.shared import shared


@pytest.fixture(scope="module")
def broken_url(server_urls: DatabaseUrls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Two published days and a refused one, after which every code has a break."""
    folder = tmp_path_factory.mktemp("every-code")
    with scratch_database(server_urls, strategy="FILE_COPY") as url, pytest.MonkeyPatch.context() as patch:
        given = {"out": folder / "out", "database_url": url, "vault": vault_of_tests()}
        reconcile_world(write_world(folder), as_of=FIRST, **given)
        part(url, "PCA21")
        reconcile_world(write_world(folder, payments=LATE), as_of=SECOND, **given)
        patch.setattr(WorldSource, "fetch_page", forgetful(WorldSource.fetch_page))
        patch.setattr(reconciling, "prove_run", spoilt)
        world = write_world(folder, payments=f"{LATE}\n{CAME}", customers=LOST)
        with pytest.raises(Fatal, match="is not published: DQ02"):
            reconcile_world(world, as_of=THIRD, **given)
        yield url
        assert_checks_hold(url)


def part(url: str, payment: str) -> None:
    """Have somebody question what a payment is matched with."""
    with psycopg.connect(url) as connection:
        [(match_id,)] = connection.execute(
            "SELECT match_id FROM recon.matches WHERE side_a_id = %s AND state = 'posted'", (payment,)
        ).fetchall()
    unmatch(PostgresStore(url), match_id, By(actor="ann", reason="paid by another"), policy=load_policy())


def forgetful(fetch_page: Any) -> Any:
    """A source that counts its last customer and does not hand it out."""

    def fetch(source: WorldSource, entity: str, cursor: Cursor | None) -> Page:
        page: Page = fetch_page(source, entity, cursor)
        kept = page.records[:-1] if entity == "customers" else page.records
        return Page(records=kept, next_cursor=page.next_cursor, has_more=page.has_more)

    return fetch


def spoilt(tx: Any, *args: Any, **kwargs: Any) -> Any:
    """Results that change after they were stored, before they are proven."""
    changed = "UPDATE recon.open_invoices SET open_minor = open_minor + 123456 WHERE invoice_id = 'ICA16' AND run_id = "
    tx._connection.execute(changed + "(SELECT run_id FROM recon.runs ORDER BY computed_at DESC LIMIT 1)")
    return prove_run(tx, *args, **kwargs)


@pytest.fixture
def site(broken_url: str, monkeypatch: pytest.MonkeyPatch) -> Site:
    know_our_roles(monkeypatch)
    return Site(lambda: PostgresStore(broken_url, who=As("tieout_console", "test")))


def found(url: str, code: str, key: str) -> tuple[str, str]:
    """The id of a break, and what the newest run that found it says of it."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT break_id, evidence FROM recon.breaks JOIN recon.runs USING (run_id) WHERE code = %s AND key = %s "
            "ORDER BY as_of DESC LIMIT 1",
            (code, key),
        ).fetchall()
    [(break_id, evidence)] = rows or [(None, "")]
    if break_id is None:  # what somebody asked for between two runs
        with psycopg.connect(url) as connection:
            [(break_id,)] = connection.execute(
                "SELECT break_id FROM recon.break_lives WHERE code = %s AND key = %s", (code, key)
            ).fetchall()
    return str(break_id), evidence


def test_every_code_of_the_specification_is_here() -> None:
    with shared("spec/reason_codes.csv").open() as file:
        assert {row["code"] for row in csv.DictReader(file)} <= PUBLISHED.keys() | REFUSED.keys()
    assert load_policy().breaks.codes.keys() == PUBLISHED.keys() | REFUSED.keys()


RAW = re.compile(
    r"(?<![\w/])[a-z]+_[a-z_]+\b|\{[-0-9]|\bNone\b(?! of)|minor units"
    r"|(?<!like )(?<![\w-])[0-9]{4,}(?:\.[0-9]{2}| [A-Z]{3})\b|\b1 (?:items|charges|rows|days)\b"
)
"""Names of ours, figures nobody filled in or grouped, one of many. A place in a file and an example are neither."""


@pytest.mark.parametrize("code", PUBLISHED)
def test_the_page_of_a_break_shows_what_it_is_about_in_words(site: Site, broken_url: str, code: str) -> None:
    key, *beside = PUBLISHED[code]
    break_id, _ = found(broken_url, code, key)
    answer = site.get(f"/breaks/{break_id}", me="ann")
    assert answer.status_code == 200
    page = answer.text
    assert re.search(rf"<h1>{code} .+</h1>", page)
    assert re.search(r'href="/tieout/playbooks/\w+">playbook', page)
    assert "The one fact that would decide" in page
    told = shown(page)
    columns = re.findall(r'<th scope="col">[^<]+<br><span class="id">([^<]*)</span>', page)
    assert set(beside) <= set(columns), (columns, told)
    assert RAW.findall(told) == [], told


@pytest.mark.parametrize("code", REFUSED)
def test_what_stops_a_day_has_a_page_with_both_sides_and_nothing_to_press(
    site: Site, broken_url: str, code: str
) -> None:
    break_id, _ = found(broken_url, code, REFUSED[code])
    answer = site.get(f"/breaks/{break_id}", me="ann")
    assert answer.status_code == 200
    told = shown(answer.text)
    assert f'href="/tieout/playbooks/{code}">playbook' in answer.text
    assert "stops its day" in told
    assert "differs" in told
    assert "<form" not in answer.text
    assert RAW.findall(told) == [], told
    today = site.get("/", me="ann").text
    assert f'href="/tieout/breaks/{break_id}"' in today, "what is refused says why, and where to look"


def test_today_says_how_much_stops_a_day_and_leads_to_all_of_it(
    site: Site, broken_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {f'href="/tieout/breaks/{found(broken_url, code, key)[0]}"' for code, key in REFUSED.items()}
    monkeypatch.setattr(today_page, "SHOWN", 1)
    few = site.get("/", me="ann").text
    assert re.search(r"<p>1 of \d+ shown\. <a href=\"/tieout/\?stops=all\">All that stop it</a></p>", few)
    assert sum(place in few for place in places) <= 1
    everything = site.get("/?stops=all", me="ann").text
    assert all(place in everything for place in places)
    assert "stops=all" not in everything


@pytest.mark.parametrize("code", REFUSED)
def test_an_act_on_what_stops_a_day_is_refused_on_its_page(site: Site, broken_url: str, code: str) -> None:
    break_id, _ = found(broken_url, code, REFUSED[code])
    answer = site.post(f"/breaks/{break_id}/comment", {"reason": "mine", "seen": "1"}, me="ann")
    assert answer.status_code == 422
    assert 'role="alert">Not done, for nobody acts on a break that stops its day' in answer.text
    assert "stops its day" in answer.text


@pytest.mark.parametrize("code", REFUSED)
def test_the_playbook_of_what_stops_a_day_finds_it_first(broken_url: str, code: str) -> None:
    break_id, evidence = found(broken_url, code, REFUSED[code])
    asked = next(text for name, text in blocks("sql") if name == code)
    with psycopg.connect(broken_url, row_factory=dict_row) as connection:
        rows = connection.execute(asked.encode()).fetchall()
    [one] = [row for row in rows if str(row["break_id"]) == break_id]
    assert (one["as_of"], one["key"], one["evidence"]) == (THIRD, REFUSED[code], evidence)


def test_a_source_that_lost_a_row_stands_beside_what_came_of_it(site: Site, broken_url: str) -> None:
    told = shown(site.get(f"/breaks/{found(broken_url, 'DQ02', REFUSED['DQ02'])[0]}", me="ann").text)
    assert "World holds Are here" in told
    assert "Missing are CDQ02" in told


def test_a_proof_that_fails_says_both_its_figures(site: Site, broken_url: str) -> None:
    told = shown(site.get(f"/breaks/{found(broken_url, 'DQ06', REFUSED['DQ06'])[0]}", me="ann").text)
    assert "Gross less settled and credited is Open are" in told
    assert "a difference of SGD 1,234.56" in told
    assert "first is ICA16" in told


def test_of_a_payout_that_nobody_told_of_it_is_said_that_only_its_items_are_known(
    site: Site, broken_url: str
) -> None:
    page = site.get(f"/breaks/{found(broken_url, 'PO05', 'PO-0005')[0]}", me="ann").text
    assert "only items that name it are known" in page


@pytest.mark.parametrize("code", ["ID08", "OR03", "OR04", "CA03", "CA04", "CA20", "PO08", "SU05"])
def test_what_differs_between_two_sides_is_marked(site: Site, broken_url: str, code: str) -> None:
    break_id, _ = found(broken_url, code, PUBLISHED[code][0])
    assert 'class="differs"' in site.get(f"/breaks/{break_id}", me="ann").text


def shown(page: str) -> str:
    """What a reader sees of it, without what is quoted, ids of runs and what payers wrote."""
    body = page[page.index("<h1>") : page.index('<h2 id="todo"')]
    body = re.sub(r"<(code|details)\b.*?</\1>", " ", body, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body)))
