"""The page Parity: days and figures, causes with their evidence, the register, and nobody's signature yet."""

import re
from datetime import date, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb

from include.flows.judge_parity import judge_parity
from include.policy import load_policy
from include.store.postgres import PostgresStore
from tests.console.people import Site, know_our_roles
from tests.flows.test_signing_parity import LAST, compared

DAYS = [LAST - timedelta(days=back) for back in range(14)]
MANY = date(2026, 5, 4)
"""A day before all of them, with more than a page of differences."""


@pytest.fixture
def site(tied: PostgresStore, tied_url: str, monkeypatch: pytest.MonkeyPatch) -> Site:
    know_our_roles(monkeypatch)
    with psycopg.connect(tied_url) as connection:
        if connection.execute("SELECT FROM parity.days LIMIT 1").fetchone() is None:
            [run] = connection.execute("SELECT run_id FROM recon.runs LIMIT 1").fetchone() or [None]
            for day in DAYS:
                compared(connection, day, run=run)
            many(connection)
    judge_parity(tied, last=LAST, policy=load_policy())
    return Site(lambda: tied)


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
