import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest
from airflow.api_fastapi.core_api import security
from fastapi import FastAPI
from fastapi.routing import APIRoute

from include.console.app import FILES, build_app
from include.ports import Retryable

DAY = date(2026, 6, 30)
REPORT = {
    "as_of": DAY,
    "run_id": "7",
    "subject": "2026-06-30 ties: <1> payment",
    "html": '<p class="x">report "of" the day</p><script>alert(1)</script>',
    "published_at": datetime(2026, 7, 1, 2, 3, tzinfo=UTC),
    "sent_at": None,
    "certificate_sha256": "c0ffee" * 10,
}

CHECKED = {
    "as_of": DAY,
    "run_id": "7",
    "checked_at": datetime(2026, 7, 1, 1, 2, tzinfo=UTC),
    "checking_s": Decimal("6.94"),
    "rendering_s": Decimal("1.06"),
    "not_held": ["credit_notes"],
    "pass": 1,
    "warn": 1,
    "fail": 0,
}
VERDICTS = [
    {
        "expectation": "<b>one</b>",
        "verdict": "warn",
        "sentence": "3 <i>rows</i>",
        "observed": "3 of 9",
        "owner": "AR",
    },
    {
        "expectation": "two",
        "verdict": "pass",
        "sentence": "All is well.",
        "observed": "0 of 9",
        "owner": "AR",
    },
]


WEEK = {
    "edition": "weekly",
    "subject": "Week to 2026-06-30: <2>",
    "html": "<p>the week</p>",
    "kept_at": REPORT["published_at"],
}
LIFE = {
    "break_id": UUID(int=7),
    "recon": "R3",
    "code": "CA01",
    "key": "<script>PAY-1",
    "currency": "SGD",
    "amount_minor": -1250,
    "amount_sgd_minor": -1250,
    "severity": "S2",
    "owner": "AR",
    "state": "OPEN",
    "assignee": None,
    "version": 1,
    "since_on": DAY,
    "opened_at": REPORT["published_at"],
    "first_seen_on": DAY,
    "last_seen_on": DAY,
    "action": "apply or refund",
    "evidence": "names nothing",
    "now": REPORT["published_at"],
}


class PlayedStore:
    """Answers named queries from a table, and remembers which were asked."""

    def __init__(self, answers: dict[str, list[dict[str, Any]]]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    @contextmanager
    def transaction(self) -> Iterator["PlayedStore"]:
        yield self

    def rows(self, name: str, **_params: Any) -> list[dict[str, Any]]:
        self.asked.append(name)
        return self._answers.get(name, [])

    def copy_out(self, name: str, **_params: Any) -> Iterator[bytes]:
        self.asked.append(name)
        yield b"break_id,key,currency,amount\nb,=1+1,USD,-12.50\n" if name == "file_breaks" else b"currency\n"


def full() -> PlayedStore:
    return PlayedStore(
        {"list_reports": [REPORT], "report_of_day": [REPORT], "editions_of_day": [WEEK], "life_of": [LIFE]}
    )


def get(app: FastAPI, path: str, *, method: str = "GET") -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app, root_path="/tieout")
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow.test/tieout") as client:
            return await client.request(method, path)

    return asyncio.run(ask())


@pytest.fixture
def log_in(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Someone is logged in, who may read the dags named."""

    def do(app: FastAPI, *, reads: set[str]) -> None:
        manager = SimpleNamespace(
            is_authorized_dag=lambda *, method, details, **_: method == "GET" and details.id in reads
        )
        monkeypatch.setattr(security, "get_auth_manager", lambda: manager)
        monkeypatch.setattr(security.DagModel, "get_team_name", lambda _dag_id: None)
        app.dependency_overrides[security.get_user] = lambda: SimpleNamespace(name="finance")

    return do


def paths() -> list[str]:
    """Every route of the app, those included that a later change adds."""
    known = {
        "as_of": str(DAY),
        "file": "breaks",
        "relation": "invoices",
        "edition": "weekly",
        "break_id": str(UUID(int=7)),
    }
    routes = [route for route in build_app(full).routes if isinstance(route, APIRoute)]
    assert len(routes) == len(build_app(full).routes), "a route without the permission of the app"
    return [route.path.format(**known) for route in routes] + ["/reports/not-a-day", f"/reports/{DAY}/no.csv"]


@pytest.mark.parametrize("path", paths())
def test_no_route_answers_who_is_not_logged_in(path: str):
    store = full()
    assert get(build_app(lambda: store), path).status_code == 401
    assert store.asked == []


@pytest.mark.parametrize("path", paths())
def test_no_route_answers_who_may_not_read_the_dag(path: str, log_in: Callable[..., None]):
    store = full()
    app = build_app(lambda: store)
    log_in(app, reads={"another_dag"})
    assert get(app, path).status_code == 403
    assert store.asked == []


@pytest.fixture
def app(log_in: Callable[..., None]) -> FastAPI:
    app = build_app(full)
    log_in(app, reads={"tie_out"})
    return app


@pytest.mark.parametrize("path", ["/", f"/reports/{DAY}"])
def test_a_page_shows_the_report_in_a_frame_that_runs_nothing(app: FastAPI, path: str):
    page = get(app, path)
    assert page.status_code == 200
    assert '<iframe title="2026-06-30 ties: &lt;1&gt; payment" sandbox srcdoc="&lt;p class=' in page.text
    assert "<script" not in page.text
    assert 'href="/tieout/reports/2026-06-30/breaks.csv"' in page.text


def test_a_day_leads_to_the_week_that_ended_with_it(app: FastAPI):
    assert 'href="/tieout/reports/2026-06-30/weekly.html"' in get(app, f"/reports/{DAY}").text
    page = get(app, f"/reports/{DAY}/weekly.html")
    assert (page.status_code, "&lt;p&gt;the week&lt;/p&gt;" in page.text) == (200, True)
    assert get(app, f"/reports/{DAY}/restated.html").status_code == 404


def test_a_break_shows_what_is_known_of_it_as_text(app: FastAPI):
    page = get(app, f"/breaks/{UUID(int=7)}")
    assert page.status_code == 200
    assert "Unapplied cash" in page.text or "unapplied cash" in page.text
    assert "-12.50 SGD" in page.text
    assert "<script" not in page.text


def test_every_answer_forbids_scripts_and_strange_frames(app: FastAPI):
    for path in ("/", f"/reports/{DAY}/breaks.csv", "/reports/not-a-day"):
        headers = get(app, path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("file", FILES)
def test_every_result_file_can_be_downloaded(app: FastAPI, file: str):
    answer = get(app, f"/reports/{DAY}/{file}.csv")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="2026-06-30-{file}.csv"'


def test_a_downloaded_file_is_safe_in_a_spreadsheet(app: FastAPI):
    assert "'=1+1,USD,-12.50" in get(app, f"/reports/{DAY}/breaks.csv").text


def test_a_day_without_a_report_says_how_to_get_one(log_in: Callable[..., None]):
    app = build_app(lambda: PlayedStore({}))
    log_in(app, reads={"tie_out"})
    assert "No day was reported yet" in get(app, "/").text
    answer = get(app, f"/reports/{DAY}")
    assert (answer.status_code, "run the dag tie_out" in answer.text) == (404, True)


def test_a_database_that_is_away_is_one_sentence(log_in: Callable[..., None]):
    def away() -> PlayedStore:
        raise Retryable("Postgres: away")

    app = build_app(away)
    log_in(app, reads={"tie_out"})
    answer = get(app, "/")
    assert (answer.status_code, answer.text) == (503, "Postgres: away\n")


@pytest.fixture
def checked(log_in: Callable[..., None]) -> FastAPI:
    """A day whose data was checked, and of which one page is kept."""

    class Paged(PlayedStore):
        def rows(self, name: str, **params: Any) -> list[dict[str, Any]]:
            if name == "quality_page" and params["path"] != "invoices.html":
                return []
            return super().rows(name, **params)

    answers = {
        "checked_days": [CHECKED],
        "quality_of_day": VERDICTS,
        "quality_paths": [{"path": "invoices.html"}],
        "quality_page": [{"body": b"<p>kept</p>"}],
    }
    app = build_app(lambda: Paged(answers))
    log_in(app, reads={"tie_out"})
    return app


@pytest.mark.parametrize("path", ["/quality", f"/quality/{DAY}"])
def test_verdicts_are_told_with_what_they_cost_and_what_was_not_asked(checked: FastAPI, path: str):
    page = get(checked, path).text
    assert "1 of 2 expectations met" in page
    assert "Rendering took 1.1 s of 8.0 s" in page
    assert "nothing of it is held or shown to us: credit notes" in page
    assert "▲ not met" in page
    assert 'href="/tieout/quality/2026-06-30/invoices.html"' in page


def test_what_a_verdict_says_is_shown_as_text(checked: FastAPI):
    page = get(checked, f"/quality/{DAY}").text
    assert "3 &lt;i&gt;rows&lt;/i&gt;" in page
    assert "<b>one" not in page


def test_a_page_that_was_written_is_served_as_it_is_kept(checked: FastAPI):
    answer = get(checked, f"/quality/{DAY}/invoices.html")
    assert (answer.status_code, answer.text) == (200, "<p>kept</p>")
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "name",
    [
        "..%2F..%2F..%2Fetc%2Fpasswd",
        "../../../app",
        "%2e%2e/%2e%2e/app",
        "orders.html",
        "invoices.html%00",
        "invoices",
    ],
)
def test_no_other_name_leads_anywhere(checked: FastAPI, name: str):
    assert get(checked, f"/quality/{DAY}/{name}").status_code == 404


def test_before_the_first_check_the_page_says_when_there_will_be_one(log_in: Callable[..., None]):
    app = build_app(lambda: PlayedStore({}))
    log_in(app, reads={"tie_out"})
    assert "No day was checked yet" in get(app, "/quality").text
    assert get(app, f"/quality/{DAY}").status_code == 404
