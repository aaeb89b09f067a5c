"""What was expected of each day's data: the verdicts, and the pages Great Expectations wrote of them."""

from collections.abc import Callable
from datetime import date
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment

from include.ports import Row, Store, Transaction

DAYS_LISTED = 400
MARKS = {"pass": "✔ met", "warn": "▲ not met", "fail": "✘ stops the day"}


def quality_pages(store: Callable[[], Store], templates: Environment) -> APIRouter:
    """The routes below /quality. Who may see them is decided by the app they are included in."""
    router = APIRouter(prefix="/quality")

    @router.get("")
    def latest(request: Request) -> HTMLResponse:
        with store().transaction() as tx:
            days = tx.rows("checked_days", as_of=None, limit=DAYS_LISTED)
            return _page(templates, request, tx, days, days[0] if days else None)

    @router.get("/{as_of}")
    def of_day(request: Request, as_of: date) -> HTMLResponse:
        with store().transaction() as tx:
            days = tx.rows("checked_days", as_of=None, limit=DAYS_LISTED)
            return _page(templates, request, tx, days, _day(tx, as_of))

    @router.get("/{as_of}/{relation}.html")
    def written(as_of: date, relation: str) -> HTMLResponse:
        """Pages are looked up by their exact name in the database: no path leads to a file."""
        with store().transaction() as tx:
            found = tx.rows("quality_page", run_id=_day(tx, as_of)["run_id"], path=f"{relation}.html")
        if not found:
            raise HTTPException(404, f"there is no such page of {as_of}, or it is older than pages are kept")
        return HTMLResponse(bytes(found[0]["body"]))

    return router


def _day(tx: Transaction, as_of: date) -> Row:
    found = tx.rows("checked_days", as_of=as_of, limit=1)
    if not found:
        raise HTTPException(404, f"the data of {as_of} was not checked")
    return found[0]


def _page(
    templates: Environment, request: Request, tx: Transaction, days: list[Row], day: Row | None
) -> HTMLResponse:
    view: dict[str, Any] = {
        "root": request.scope.get("root_path", ""),
        "days": days,
        "day": day,
        "marks": MARKS,
    }
    if day:
        view["verdicts"] = tx.rows("quality_of_day", run_id=day["run_id"])
        view["pages"] = [row["path"] for row in tx.rows("quality_paths", run_id=day["run_id"])]
    return HTMLResponse(templates.get_template("quality.html").render(view))
