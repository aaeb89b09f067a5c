"""Alerts where people look: on Today and on a page of their own, with playbook, breaks and run; and who watches."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from include.flows.raise_alerts import raise_alerts
from include.policy import load_policy
from include.store.postgres import PostgresStore
from tests.console.people import Site, know_our_roles

LATER = datetime.now(UTC) + timedelta(days=30)


@pytest.fixture
def site(tied: PostgresStore, tied_url: str, monkeypatch: pytest.MonkeyPatch) -> Site:
    know_our_roles(monkeypatch)
    for now in (LATER - timedelta(hours=2), LATER):
        raise_alerts(PostgresStore(tied_url), load_policy(), now=now)
    return Site(lambda: tied)


def test_what_lasts_is_on_its_page_with_where_to_look(site: Site) -> None:
    page = site.get("/alerts", me="vic").text
    assert "The dag fast_lane has not done its work; last: never" in page
    assert 'href="/tieout/playbooks/flow_late"' in page
    assert 'href="/dags/fast_lane" target="_top"' in page
    assert re.search(r"open breaks? \w+ \(.+\) (is past its|are past their) service level", page)
    assert 'href="/tieout/breaks/' in page


def test_today_begins_with_the_alerts_and_says_how_many_there_are(site: Site) -> None:
    page = site.get("/", me="vic").text
    assert page.index('id="alerts"') < page.index('id="needs"')
    assert 'href="/tieout/alerts"' in page


def test_where_nobody_watches_any_more_both_pages_say_so(site: Site, tied_url: str) -> None:
    assert "Nobody has watched for" not in site.get("/alerts", me="vic").text
    with PostgresStore(tied_url).transaction() as tx:
        tx.run("beat", flow="watch", now=datetime.now(UTC) - timedelta(hours=2))
    for path in ("/alerts", "/"):
        page = site.get(path, me="vic").text
        assert "Nobody has watched for 2 h" in page
        assert 'href="/tieout/playbooks/watch_silent"' in page
