"""Every day's report as finance was told it, with its result files."""

from datetime import date
from typing import Any, Literal, get_args

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from include.console.access import Person, Someone
from include.console.render import Page, framed, render, store_of
from include.flows.spreadsheets import spreadsheet
from include.ports import Row, Transaction

DAG_ID = "tie_out"
DAYS_LISTED = 400
File = Literal["matches", "breaks", "aging", "control_totals"]
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
    with store_of(request).transaction() as tx:
        content = spreadsheet(tx, _report_of(tx, as_of)["run_id"], f"{file}.csv")
    disposition = f'attachment; filename="{as_of}-{file}.csv"'
    return Response(content, media_type="text/csv", headers={"Content-Disposition": disposition})


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
