"""Every day's report as finance was told it, with its result files."""

from collections.abc import Iterator
from datetime import date
from itertools import chain
from threading import BoundedSemaphore
from typing import Any, Literal, get_args

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, StreamingResponse

from include.console.access import Person, Someone
from include.console.render import Page, framed, render, store_of
from include.flows.spreadsheets import spreadsheet
from include.ports import Row, Transaction

DAG_ID = "tie_out"
DAYS_LISTED = 400
DOWNLOADS_MAX = 8
"""Files sent at once by one process; pages have more connections than these."""
_DOWNLOADS = BoundedSemaphore(DOWNLOADS_MAX)
File = Literal["matches", "breaks", "aging", "control_totals", "arr"]
FILES: tuple[File, ...] = get_args(File)
Edition = Literal["restated", "weekly", "month_end"]
EDITIONS: dict[str, str] = {
    "restated": "as restated",
    "weekly": "the week it ended",
    "month_end": "the month it ended",
}

PAGE = Page("Reports", "/reports")
router = APIRouter()


@router.get(PAGE.path)
def latest(request: Request, who: Someone) -> HTMLResponse:
    with store_of(request).transaction() as tx:
        days = tx.rows("list_reports", limit=DAYS_LISTED)
        return _page(request, who, tx, days, days[0] if days else None)


@router.get("/reports/{as_of}")
def report(request: Request, who: Someone, as_of: date) -> HTMLResponse:
    with store_of(request).transaction() as tx:
        return _page(request, who, tx, tx.rows("list_reports", limit=DAYS_LISTED), _report_of(tx, as_of))


@router.get("/reports/{as_of}/report.html")
def as_mailed(request: Request, as_of: date) -> HTMLResponse:
    with store_of(request).transaction() as tx:
        return framed(_report_of(tx, as_of)["html"])


@router.get("/reports/{as_of}/editions/{edition}.html")
def as_edited(request: Request, as_of: date, edition: Edition) -> HTMLResponse:
    with store_of(request).transaction() as tx:
        found = [one for one in tx.rows("editions_of_day", as_of=as_of) if one["edition"] == edition]
    if not found:
        raise HTTPException(404, f"{as_of} has no edition {edition}")
    return framed(found[0]["html"])


@router.get("/reports/{as_of}/{file}.csv")
def result_file(request: Request, as_of: date, file: File) -> Response:
    """The file as it is read: its first line at once, whatever the day's size."""
    store = store_of(request)
    with store.transaction() as tx:
        run_id = _report_of(tx, as_of)["run_id"]
    pieces = _taking_turns(spreadsheet(store, run_id, f"{file}.csv"))
    begun = [next(pieces)]  # what keeps it from being read is said before anything is sent
    disposition = f'attachment; filename="{as_of}-{file}.csv"'
    return StreamingResponse(
        chain(begun, pieces), media_type="text/csv", headers={"Content-Disposition": disposition}
    )


def _taking_turns(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Each holds a connection for as long as its reader takes: pages keep theirs, whoever reads slowly."""
    if not _DOWNLOADS.acquire(blocking=False):
        raise HTTPException(503, f"{DOWNLOADS_MAX} files are being sent already; try again in a minute")
    try:
        yield from pieces
    finally:
        _DOWNLOADS.release()


def _report_of(tx: Transaction, as_of: date) -> Row:
    reports = tx.rows("report_of_day", as_of=as_of)
    if not reports:
        raise HTTPException(404, f"{as_of} was not reported; run the dag {DAG_ID} for it")
    return reports[0]


def _page(request: Request, who: Person, tx: Transaction, days: list[Row], found: Row | None) -> HTMLResponse:
    kept = tx.rows("editions_of_day", as_of=found["as_of"]) if found else []
    editions = {one["edition"]: EDITIONS[one["edition"]] for one in kept}
    view: dict[str, Any] = {"days": days, "report": found, "files": FILES, "editions": editions}
    return render(request, who, "reports.html", **view, most=DAYS_LISTED)
