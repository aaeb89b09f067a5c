"""Whatever stands in an address or a form: an answer, or a refusal with its reason; never a fault of ours."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from include.console import render
from include.store.postgres import PostgresStore
from tests.console.people import Site, know_our_roles
from tests.console.test_access import FILLED, TABLE

NASTY = ("9" * 30, "-1", "\x00", "\U0001f9fe" * 200, "~~~~", "0001-01-01T00:00:00+14:00")


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
            for value in ("9" * 30, "%00", "-1", "9999-12-31", "%F0%9F%A7%BE"):
                here = path.replace(":path", "").format(**FILLED | {name: value})
                status = site.get(here, me="aud").status_code
                if status >= 500:
                    wrong[here] = status
    assert wrong == {}


def test_a_number_no_message_can_have_is_named_as_what_is_wrong(site: Site) -> None:
    answer = site.get(f"/delivery?before={'9' * 30}", me="vic")
    assert answer.status_code == 422
    assert "Before is &#39;9999" in answer.text
    assert "less than" in answer.text
    form = {"chosen": ["9" * 30], "reason": "a test"}
    assert site.post("/delivery/hold", form, me="adm").headers["location"].endswith("done=unchosen")


def test_the_console_counts_days_as_the_entity_does() -> None:
    """At five in the afternoon in London it is tomorrow in Singapore."""

    class Evening:
        def rows(self, _name: str) -> list[dict[str, datetime]]:
            return [{"now": datetime(2026, 6, 30, 17, tzinfo=UTC)}]

    evening: Any = Evening()
    assert render.today_here(evening) == date(2026, 7, 1)
