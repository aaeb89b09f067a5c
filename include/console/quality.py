"""What was expected of each day's data: the verdicts, and the pages Great Expectations wrote of them."""

from datetime import date
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from include.console.access import Person, Someone
from include.console.render import FRAMED_POLICY, Page, render, store_of
from include.ports import Row, Transaction

DAYS_LISTED = 100
MARKS = {
    "pass": ("good", "met"),
    "warn": ("s3", "not met"),
    "fail": ("bad", "stops the day"),
    "unjudged": ("s4", "not judged"),
}

PAGE = Page("Quality", "/quality")
router = APIRouter()


@router.get(PAGE.path)
def latest(request: Request, who: Someone) -> HTMLResponse:
    with store_of(request).transaction() as tx:
        days = tx.rows("checked_days", as_of=None, limit=DAYS_LISTED)
        return _page(request, who, tx, days, days[0] if days else None)


@router.get("/quality/{as_of}")
def of_day(request: Request, who: Someone, as_of: date) -> HTMLResponse:
    with store_of(request).transaction() as tx:
        days = tx.rows("checked_days", as_of=None, limit=DAYS_LISTED)
        return _page(request, who, tx, days, _day(tx, as_of))


@router.get("/quality/{as_of}/{relation}.html")
def written(request: Request, as_of: date, relation: str) -> HTMLResponse:
    """Pages are looked up by their exact name in the database: no path leads to a file."""
    with store_of(request).transaction() as tx:
        found = tx.rows("quality_page", run_id=_day(tx, as_of)["run_id"], path=f"{relation}.html")
    if not found:
        raise HTTPException(404, f"there is no such page of {as_of}, or it is older than pages are kept")
    return HTMLResponse(bytes(found[0]["body"]), headers={"Content-Security-Policy": FRAMED_POLICY})


def _day(tx: Transaction, as_of: date) -> Row:
    found = tx.rows("checked_days", as_of=as_of, limit=1)
    if not found:
        raise HTTPException(404, f"the data of {as_of} was not checked")
    return found[0]


def _page(request: Request, who: Person, tx: Transaction, days: list[Row], day: Row | None) -> HTMLResponse:
    view: dict[str, Any] = {"days": days, "day": day, "marks": MARKS, "verdicts": [], "written": []}
    view["most"] = DAYS_LISTED
    if day:
        view["verdicts"] = tx.rows("quality_of_day", run_id=day["run_id"])
        view["written"] = [row["path"] for row in tx.rows("quality_paths", run_id=day["run_id"])]
    return render(request, who, "quality.html", **view)
