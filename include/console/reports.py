"""Every day's report as finance was told it, with its result files."""

from datetime import date
from typing import Literal, get_args

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse

from include.console.access import Someone
from include.console.render import Page, render, store_of
from include.flows.report_day import spreadsheets
from include.ports import Row, Transaction

DAG_ID = "tie_out"
DAYS_LISTED = 400
File = Literal["matches", "breaks", "aging", "control_totals"]
FILES: tuple[File, ...] = get_args(File)
REPORT_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
"""A mail carries its style in its tags. It stands in a frame where nothing runs and nothing is ours."""

PAGE = Page("Reports", "/reports")
router = APIRouter()


@router.get(PAGE.path)
def latest(request: Request, who: Someone) -> HTMLResponse:
    with store_of(request).transaction() as tx:
        days = tx.rows("list_reports", limit=DAYS_LISTED)
    return render(request, who, "reports.html", days=days, report=days[0] if days else None, files=FILES)


@router.get("/reports/{as_of}")
def report(request: Request, who: Someone, as_of: date) -> HTMLResponse:
    with store_of(request).transaction() as tx:
        days, found = tx.rows("list_reports", limit=DAYS_LISTED), _report_of(tx, as_of)
    return render(request, who, "reports.html", days=days, report=found, files=FILES)


@router.get("/reports/{as_of}/report.html")
def as_mailed(request: Request, as_of: date) -> HTMLResponse:
    with store_of(request).transaction() as tx:
        found = _report_of(tx, as_of)
    return HTMLResponse(found["html"], headers={"Content-Security-Policy": REPORT_POLICY})


@router.get("/reports/{as_of}/{file}.csv")
def result_file(request: Request, as_of: date, file: File) -> Response:
    with store_of(request).transaction() as tx:
        content = spreadsheets(tx, _report_of(tx, as_of)["run_id"])[f"{file}.csv"]
    disposition = f'attachment; filename="{as_of}-{file}.csv"'
    return Response(content, media_type="text/csv", headers={"Content-Disposition": disposition})


def _report_of(tx: Transaction, as_of: date) -> Row:
    reports = tx.rows("report_of_day", as_of=as_of)
    if not reports:
        raise HTTPException(404, f"{as_of} was not reported; run the dag {DAG_ID} for it")
    return reports[0]
