"""The desk shows what fits and nothing else: whatever is filtered, ordered, searched, grouped and turned over."""

import re
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from html import unescape
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row

from include.console import breaks
from include.domain.break_life import CLOSED
from include.policy import load_policy
from include.store.postgres import PostgresStore
from include.store.queries import query
from tests.console.people import Site, know_our_roles

Row = dict[str, Any]
SAME = ("state", "severity", "owner", "recon", "code", "currency")
ORDERS: Mapping[str, Callable[[Row], Any]] = {
    "worst": lambda row: (row["severity"], row["value_rank"], row["break_id"]),
    "value": lambda row: (row["value_rank"], row["break_id"]),
    "oldest": lambda row: (row["since_on"], row["break_id"]),
    "key": lambda row: (row["key"].encode(), row["break_id"]),
}
ZONE = load_policy().calendars.entity.zone


@pytest.fixture
def site(tied: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> Site:
    know_our_roles(monkeypatch)
    return Site(lambda: tied)


@pytest.fixture
def lives(tied_url: str, site: Site) -> list[Row]:
    """All breaks, some of them assigned."""
    page = site.get("/breaks?sort=value&assignee=-", me="ann").text
    for one in re.findall(r'name="chosen" value="([^"]+)"', page)[:3]:
        site.post("/breaks/bulk", {"action": "assign", "chosen": one, "to": "", "reason": "mine"}, me="ann")
    with psycopg.connect(tied_url, row_factory=dict_row) as connection:
        return connection.execute(
            "SELECT *, break_id::text AS break_id, clock_timestamp() AS now FROM recon.break_lives"
        ).fetchall()


def fitting(lives: list[Row], wanted: Mapping[str, str]) -> list[str]:
    """The ids of what is wanted, in its order, by reading all there is."""

    def fits(row: Row) -> bool:
        assignee = {"-": "", "me": "ann"}.get(wanted["assignee"].strip(), wanted["assignee"].strip())
        today = row["now"].astimezone(ZONE).date()
        is_open = wanted["state"] not in CLOSED if wanted["state"] else wanted["show"] == "open"
        return (
            row["is_open"] == is_open
            and all(wanted[name] in ("", row[name]) for name in SAME)
            and (not wanted["assignee"] or (row["assignee"] or "") == assignee)
            and (wanted["q"].lower() in row["key"].lower() or row["break_id"].startswith(wanted["q"].lower()))
            and (not wanted["older"] or row["since_on"] < today - timedelta(days=int(wanted["older"])))
        )

    return [row["break_id"] for row in sorted(filter(fits, lives), key=ORDERS[wanted["sort"]])]


@pytest.mark.parametrize("typed", [str, str.lower, " {} ".format])
def test_a_document_is_found_by_the_number_people_know_it_by(
    site: Site, tied_url: str, typed: Callable[[str], str]
) -> None:
    with psycopg.connect(tied_url) as connection:
        numbered = connection.execute(
            "SELECT number, break_id::text FROM recon.break_lives JOIN canonical.orders ON native_id = key "
            "WHERE is_open AND superseded_in IS NULL AND number <> key"
        ).fetchall()
    number, wanted = numbered[0]
    found = shown(site, {"q": typed(number)})
    assert found == [one for named, one in numbered if named == number] == [wanted]


def asked_for(lives: list[Row]) -> st.SearchStrategy[dict[str, str]]:
    """Addresses of the desk, most of which find something."""

    def some(name: str) -> st.SearchStrategy[str]:
        return st.sampled_from(["", "", *sorted({row[name] for row in lives if row[name]})])

    keys = sorted({part for row in lives for part in (row["key"], row["key"][:3], row["break_id"][:6])})
    return st.fixed_dictionaries(
        {name: some(name) for name in SAME}
        | {
            "show": st.sampled_from(["open", "closed"]),
            "sort": st.sampled_from(list(ORDERS)),
            "assignee": st.sampled_from(["", "", "-", "me", "ann ", "nobody"]),
            "q": st.sampled_from(["", "", "%", "_", *keys]),
            "older": st.sampled_from(["", "", "7", "30", "90"]),
        }
    )


def shown(site: Site, wanted: Mapping[str, str]) -> list[str]:
    """The ids on all pages, one after another, as their links lead."""
    found: list[str] = []
    answer = site.app_get("/breaks", dict(wanted), me="ann")
    while True:
        assert answer.status_code == 200, answer.text
        found += re.findall(r'<td><a href="/tieout/breaks/([0-9a-f-]{36})"', answer.text)
        more = re.search(r'<a rel="next" href="([^"]+)"', answer.text)
        if more is None:
            return found
        answer = site.get(f"/breaks{unescape(more[1])}", me="ann")


def groups(page: str) -> list[tuple[int, str]]:
    """Of each group how many it says there are, and where it leads."""
    rows = re.findall(r'<th scope="row"><a href="([^"]+)".*?</th><td class="n">([\d,]+)</td>', page)
    return [(int(count.replace(",", "")), unescape(link)) for link, count in rows]


def test_of_breaks_of_which_no_worth_is_known_none_is_said(tied_url: str) -> None:
    with psycopg.connect(tied_url, row_factory=dict_row) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("UPDATE recon.break_lives SET amount_sgd_minor = NULL WHERE owner = 'AR'")
        worth = {
            row["owner"]: row["sgd_minor"]
            for row in connection.execute(query("console_desks").encode()).fetchall()
        }
        connection.rollback()
    assert worth.pop("AR") is None
    assert all(worth.values())


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_all_pages_together_hold_what_fits_once_and_in_order(
    data: st.DataObject, site: Site, lives: list[Row]
) -> None:
    wanted = data.draw(asked_for(lives))
    with patch.object(breaks, "SHOWN", data.draw(st.sampled_from([1, 2, 7, 50]))):
        assert shown(site, wanted) == fitting(lives, wanted)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_group_counts_what_its_link_leads_to(data: st.DataObject, site: Site, lives: list[Row]) -> None:
    wanted = data.draw(asked_for(lives))
    by = data.draw(st.sampled_from(["code", "owner", "assignee", "severity", "recon", "state", "currency"]))
    page = site.app_get("/breaks", wanted | {"by": by}, me="ann").text
    for count, link in groups(page):
        total = re.search(
            r'class="soft">(\d+)(?: of (\d+))? shown', site.get(f"/breaks{link}", me="ann").text
        )
        assert total, link
        assert int(total[2] or total[1]) == count, link


def test_a_login_with_a_blank_behind_it_is_that_login(site: Site, lives: list[Row]) -> None:
    has = [row["break_id"] for row in lives if row["is_open"] and row["assignee"] == "ann"]
    assert has
    assert sorted(shown(site, {"assignee": "Ann "})) == sorted(has)
    assert sorted(shown(site, {"assignee": " me"})) == sorted(has)


def test_somebody_who_is_called_me_is_found_by_who_is_not(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = {"breaks": 1, "urgent": 0, "sgd_minor": 0, "oldest_on": date(2026, 6, 1), "groups": 2}
    monkeypatch.setattr(breaks, "_groups", lambda *_: [one | {"name": "me"}, one | {"name": None}])
    page = site.get("/breaks?by=assignee", me="ann").text
    assert [link for _, link in groups(page)] == ["?assignee=%3Dme", "?assignee=-"]
    today = date(2026, 6, 30)
    said = [breaks.Wanted(assignee=who).filters(me="ann", today=today)["assignee"] for who in ("=me", "me")]
    assert said == ["me", "ann"]
