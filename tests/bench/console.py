"""How quick the console is on a large day: every page over loopback, and when a browser has something to show."""
# ruff: noqa: PLC0415  # Airflow is set up before anything of it is imported

import json
import os
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import requests

from include.flows.keep_limits import keep_limits
from include.flows.seal_audit import seal_audit
from include.local.databases import DatabaseUrls
from include.local.home import PROJECT
from include.local.scratch import scratch_database
from include.policy import load_policy
from include.signing import signer_of
from include.store.postgres import PostgresStore
from tests.bench.console_acts import ACTS, WHO, compare_days, forms
from tests.loopback import mounted

ROWS = Path(__file__).with_name("console_rows.sql")
BROWSER = PROJECT / "var" / "browser" / "bin" / "python"
PAINT = PROJECT / "tests" / "console" / "browser" / "paint.py"
ASKED = 40
"""Times that each page is asked for, after two that are not counted."""

PAGES = (
    "/",
    "/?stops=all",
    "/breaks",
    "/breaks?sort=value",
    "/breaks?sort=oldest&older=90",
    "/breaks?owner=Tax&severity=S1",
    "/breaks?q=abc",
    "/breaks?q=INV-{number}",
    "/breaks?by=code",
    "/breaks?by=owner",
    "/breaks?show=closed",
    "/breaks?show=closed&sort=oldest",
    "/breaks?after={break_place}",
    "/breaks/{break_id}",
    "/breaks/{stop}",
    "/matches",
    "/matches?recon=R3&state=suggested",
    "/matches?recon=R5&state=suggested",
    "/matches?rule=R5~S1&state=suggested",
    "/matches?rule=R3~P8",
    "/matches?q=I{number}",
    "/matches?q=INV-{number}",
    "/matches?after={match_id}",
    "/matches/{match_id}",
    "/payouts",
    "/payouts/po_{number}",
    "/ageing",
    "/arr",
    "/delivery",
    "/delivery?state=parked",
    "/delivery?asked=50",
    "/delivery/{number}",
    "/payouts/po_7",
    "/breaks/{payout_break}",
    "/breaks/{ruled_break}",
    "/matches?rule=R3~manual",
    "/records/invoices/I{number}",
    "/parity",
    "/parity/2026-06-30",
    "/parity/2026-06-30?kind=invoices&cause=nowhere",
    "/ageing?first=25",
    "/audit",
    "/audit?who=all",
    "/audit?actor=ann",
    "/audit?actor=nobody",
    "/audit?entity=breaks/{break_id}",
    "/reports",
    "/reports/2026-06-30",
    "/quality",
    "/reports/2026-06-30/report.html",
    "/reports/2026-06-30/editions/weekly.html",
    "/reports/2026-06-30/editions/month_end.html",
    "/reports/2026-06-30/editions/restated.html",
    "/quality/2026-06-30",
    "/quality/2026-06-30/invoices.html",
    "/alerts",
    "/alerts?over=250",
    "/playbooks",
    "/playbooks/CA01",
    "/training/finance",
)
DONE = (200, 303)
ANSWERED = {"parity sign": (422,)}
"""Act -> what it is answered: the days of the bench are not to be signed, which takes as long to find out."""
DOWNLOADS = (
    "/reports/2026-06-30/breaks.csv",
    "/reports/2026-06-30/matches.csv",
    "/audit/export.zip?actor=dee",
    "/audit/export.zip?entity=breaks/{break_id}",
)
"""Files, each as large as its day; asked for some times."""


def measured(urls: DatabaseUrls, *, matches: int, breaks: int) -> dict[str, Any]:
    """Milliseconds by page, act and file: median and p95 of requests in line, and first meaningful paint in Chromium.

    Who asks is played: Airflow's own login is not in it.
    """
    with scratch_database(urls) as url:
        filled_s = _fill(url, matches=matches, breaks=breaks)
        known = _known(url)
        with _served(url) as address:
            pages = {page: _asked(address + page.format(**known)) for page in PAGES}
            downloads = {page: _fetched(address + page.format(**known)) for page in DOWNLOADS}
            acts = {act: _posted(address, url, act) for act in ACTS}
            paint = _painted(
                [
                    address + page.format(**known)
                    for page in ("/", "/breaks", "/breaks/{break_id}", "/delivery")
                ]
            )
    sizes = {"matches": matches, "breaks": breaks, "filled_s": filled_s}
    return sizes | {"pages": pages, "acts": acts, "downloads": downloads, "paint": paint}


def _fill(url: str, *, matches: int, breaks: int) -> float:
    started = time.monotonic()
    with psycopg.connect(url) as connection:
        for statement in ROWS.read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                psycopg.ClientCursor(connection).execute(statement, {"matches": matches, "breaks": breaks})  # type: ignore[arg-type]
    store = PostgresStore(url)
    with store.transaction() as tx:
        keep_limits(tx, load_policy())
    compare_days(url)
    seal_audit(store, sign=signer_of("1" * 64))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")  # as a server does by itself, and a bench's does not
    return time.monotonic() - started


def _known(url: str) -> dict[str, Any]:
    with psycopg.connect(url) as connection:
        [break_id] = connection.execute(
            "SELECT break_id FROM recon.break_lives WHERE code = 'CA16' LIMIT 1"
        ).fetchone() or [""]
        [break_place] = connection.execute(
            "SELECT concat_ws('~', severity, value_rank, break_id) FROM recon.break_lives WHERE code = 'CA16' LIMIT 1"
        ).fetchone() or [""]
        [match_id] = connection.execute(
            "SELECT match_id FROM recon.matches OFFSET 777 LIMIT 1"
        ).fetchone() or [""]
        [ruled] = connection.execute("SELECT break_id FROM recon.rulings LIMIT 1").fetchone() or [""]
        [stop] = connection.execute("SELECT md5('stop1')::uuid").fetchone() or [""]
        [payout] = connection.execute("SELECT md5('po7')::uuid").fetchone() or [""]
    found = {
        "break_id": break_id,
        "match_id": match_id,
        "ruled_break": ruled,
        "payout_break": payout,
        "stop": stop,
    }
    return found | {"number": 70, "break_place": break_place}


@contextmanager
def _served(url: str) -> Iterator[str]:
    """The console on a port of its own, asked by somebody who may do everything."""
    _without_an_airflow_of_our_own()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from airflow.api_fastapi.core_api import security

        from include.console import access
        from include.console.app import build_app

    manager = SimpleNamespace(is_authorized_custom_view=lambda **_: True)
    access.airflow.get_auth_manager = lambda: manager  # type: ignore[assignment]
    with PostgresStore(url).keeping() as store:
        console = build_app(lambda: store, lambda: store)
        console.dependency_overrides[security.get_user] = lambda: SimpleNamespace(get_name=lambda: WHO)
        with mounted(console) as address:
            yield address


def _without_an_airflow_of_our_own() -> None:
    os.environ |= {
        "AIRFLOW_HOME": tempfile.mkdtemp(prefix="tieout-bench-"),
        "AIRFLOW__API__SECRET_KEY": "a key of the bench",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tempfile.gettempdir()}/none.db",
    }


def _asked(address: str, *, times: int = ASKED) -> dict[str, float]:
    took = []
    with requests.Session() as session:
        for number in range(times + 2):
            started = time.monotonic()
            answer = session.get(address, timeout=60)
            if number >= 2:
                took.append(time.monotonic() - started)
            if answer.status_code != 200:
                raise RuntimeError(f"{address} answered {answer.status_code}")
    return _percentiles(took)


def _fetched(address: str, *, times: int = 5) -> dict[str, float]:
    """Until a file's first bytes are there, and all of them: a day of a million matches is a hundred megabytes."""
    began, whole = [], []
    with requests.Session() as session:
        for _ in range(times):
            started = time.monotonic()
            with session.get(address, timeout=60, stream=True) as answer:
                answer.raise_for_status()
                pieces = answer.iter_content(1 << 16)
                next(pieces)
                began.append(time.monotonic() - started)
                for _piece in pieces:
                    pass
                whole.append(time.monotonic() - started)
    return {"first_p95_ms": round(max(began) * 1000, 1), **_percentiles(whole)}


def _percentiles(took: list[float]) -> dict[str, float]:
    took.sort()
    return {
        "p50_ms": round(took[len(took) // 2] * 1000, 1),
        "p95_ms": round(took[max(0, len(took) * 95 // 100 - 1)] * 1000, 1),
    }


def _posted(address: str, url: str, act: str) -> dict[str, float]:
    """Forms as our pages send them, one after another; two that are not counted go first."""
    from include.console.forms import token_for

    origin = "/".join(address.split("/")[:3])
    took = []
    with requests.Session() as session:
        for number, (path, fields) in enumerate(forms(url, act, count=ASKED + 2)):
            sent = {"reason": "the bench"} | fields | {"token": token_for(WHO)}
            started = time.monotonic()
            answer = session.post(
                address + path, sent, headers={"origin": origin}, timeout=60, allow_redirects=False
            )
            if number >= 2:
                took.append(time.monotonic() - started)
            if answer.status_code not in ANSWERED.get(act, DONE):
                raise RuntimeError(f"{act}: {path} answered {answer.status_code}: {answer.text[-600:]}")
    return _percentiles(took)


def _painted(addresses: Sequence[str]) -> dict[str, Any]:
    """First meaningful paint in milliseconds by address; or why there is none."""
    if not BROWSER.exists():
        return {"skipped": "no headless Chromium is set up (make browser)"}
    done = subprocess.run([BROWSER, PAINT, *addresses], capture_output=True, text=True, check=False)
    if done.returncode:
        return {"skipped": done.stderr.strip()[-200:]}
    found: dict[str, float] = json.loads(done.stdout)
    return {address.partition("/tieout")[2]: figure for address, figure in found.items()}
