"""Matching by hand and unmatching in the console: offered with reasons, approved by another, shown as on its way."""

import re
from typing import Any

import psycopg
import pytest

from include.store.postgres import PostgresStore
from tests.console.people import Site, know_our_roles
from tests.flows.conftest import Draw, draw  # noqa: F401 - a fixture
from tests.flows.lives import Days


@pytest.fixture
def site(tied: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> Site:
    know_our_roles(monkeypatch)
    return Site(lambda: tied)


def one(url: str, query: str) -> Any:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode()).fetchone()


def test_a_held_payment_is_matched_by_hand_by_two_people_and_shown_as_on_its_way(
    site: Site, tied_url: str
) -> None:
    key, invoice, break_id = one(
        tied_url,
        "SELECT key, side_b_id, life.break_id FROM recon.break_lives AS life JOIN recon.matches ON side_a_id = key "
        "WHERE is_open AND code = 'CA16' AND matches.state = 'suggested' AND matches.recon = 'R3' "
        "AND life.amount_sgd_minor BETWEEN 10001 AND 5000000 AND life.state IN ('OPEN', 'ASSIGNED') "
        "ORDER BY key, side_b_id LIMIT 1",
    )
    path = f"/breaks/{break_id}"
    page = site.get(path, me="ann").text
    seen = re.search(r'name="seen" value="(\d+)"', page)
    assert seen
    assert f'name="invoice" value="{invoice}"' in page
    assert "1 other person must approve it." in page
    assert "it takes the role" in site.get(path, me="vic").text
    form = {"seen": seen[1], "invoice": invoice, "reason": "as the payer's mail says"}
    late = site.post(f"{path}/match", form | {"seen": "7"}, me="ann")
    assert (late.status_code, f'value="{invoice}" checked' in late.text) == (409, True)
    wrong = site.post(f"{path}/match", form | {f"amount:{invoice}": "1e3"}, me="ann")
    assert (wrong.status_code, "is not a plain decimal number" in wrong.text) == (422, True)
    assert site.post(f"{path}/match", form, me="ann").status_code == 303
    waiting = site.get(path, me="ann").text
    assert "waits for 1 other person to approve it" in waiting
    approval = {"seen": str(int(seen[1]) + 1), "reason": "agreed"}
    assert site.post(f"{path}/approve", approval, me="ann").status_code == 403  # an analyst
    assert site.post(f"{path}/approve", approval, me="ben").status_code == 303
    on_its_way = site.get("/matches", me="vic").text
    assert "approved; the next reconciliation carries it out" in on_its_way
    assert "ann, approved by ben" in on_its_way
    assert f"{key} is matched by hand already, by ann" in site.get(path, me="cat").text


def test_a_posted_match_is_questioned_on_its_page_and_by_one_person_only(site: Site, tied_url: str) -> None:
    match, payment, run = one(
        tied_url,
        "SELECT match_id, side_a_id, run_id FROM recon.matches WHERE recon = 'R3' AND state = 'posted' "
        "ORDER BY match_id LIMIT 1",
    )
    path = f"/matches/{match}"
    assert "it takes the role" in site.get(path, me="vic").text
    offered = site.get(path, me="ann").text
    assert f'name="seen" value="{run}"' in offered
    assert "1 other person must approve it. The next reconciliation then parts them" in offered
    stale = site.post(f"{path}/unmatch", {"seen": "an older run", "reason": 'not "ours"'}, me="ann")
    assert (stale.status_code, "was published anew since you looked" in stale.text) == (409, True)
    assert 'value="not &#34;ours&#34;"' in stale.text
    form = {"seen": str(run), "reason": "the payer names another invoice"}
    done = site.post(f"{path}/unmatch", form, me="ann")
    assert done.status_code == 303
    page = site.get(done.headers["location"].removeprefix("/tieout"), me="ben").text
    assert "posted match questioned" in page
    assert "ann proposed to unmatch it" in page
    assert (
        "To unmatch it was proposed already by ann, and waits for 1 other person"
        in site.get(path, me="ben").text
    )
    again = site.post(f"{path}/unmatch", form, me="ben")
    assert (again.status_code, f"{payment}: it is questioned already, and PROPOSED" in again.text) == (
        422,
        True,
    )


def test_a_credit_note_matched_by_hand_is_parted_on_a_page_of_its_own(
    store: PostgresStore,
    database_url: str,
    draw: Draw,  # noqa: F811 - the same fixture
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    know_our_roles(monkeypatch)
    site, days = Site(lambda: store), Days(store, database_url, draw)
    days.load(
        invoices="1 INV-1 C1 2026-01-01 2026-01-31 SGD 300.00",
        credit_notes="N/1#a CN-1 C1 - 2026-01-20 SGD -120.00",
    )
    days.publish("2026-02-02")
    here = "/matches/N%2F1%23a"
    assert site.get(here, me="ann").status_code == 404
    path = f"/breaks/{days.break_id('N/1#a')}"
    form = {"seen": "1", "invoice": "1", "reason": "as the note says"}
    assert site.post(f"{path}/match", form, me="ann").status_code == 303
    assert site.post(f"{path}/approve", {"seen": "2", "reason": "agreed"}, me="ben").status_code == 303
    waiting = site.get(here, me="ann").text
    assert ("Why it is to be matched" in waiting, "Propose to unmatch" in waiting) == (True, False)
    days.publish("2026-02-03")
    for where in (path, "/matches?q=N/1%23a"):
        assert f'<a href="/tieout{here}">N/1#a</a>' in site.get(where, me="ann").text
    page = site.get(here, me="ann").text
    assert f'action="/tieout{here}/unmatch"' in page
    assert "a person matched them" in page
    seen = re.search(r'name="seen" value="([0-9a-f-]+)"', page)
    assert seen
    parted = site.post(f"{here}/unmatch", {"seen": seen[1], "reason": "it is for another"}, me="ann")
    assert parted.status_code == 303
    assert (
        "ann proposed to unmatch it" in site.get(parted.headers["location"][len("/tieout") :], me="ben").text
    )
