"""Annual recurring revenue: from one month's end to the next, with what moved it and whose."""

from datetime import date
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from include.console import charts
from include.console.access import Someone
from include.console.kept import of_run, run_read
from include.console.render import Number, Page, money, render, store_of
from include.ports import Row

PAGE = Page("ARR bridge", "/arr")
router = APIRouter()

MONTHS_SHOWN = 120
MOVERS_SHOWN = 25
STEPS = (
    ("new", "new_minor", 1),
    ("expansion", "expansion_minor", 1),
    ("reactivation", "reactivation_minor", 1),
    ("contraction", "contraction_minor", -1),
    ("churn", "churn_minor", -1),
    ("rates", "fx_minor", 1),
)
"""What a step is called, its column, and whether it adds or takes away."""


@router.get("/arr")
def arr(
    request: Request,
    who: Someone,
    month: date | Literal[""] = "",
    first: Number = 0,
    run: UUID | Literal[""] = "",
) -> HTMLResponse:
    """The newest month, or the one that is asked for by any of its days; of the newest published day, or of `run`."""
    wanted = month.replace(day=1) if month else None
    with store_of(request).transaction() as tx:
        shown = run_read(tx, run or None)
        run_id = shown["run_id"] if shown else None
        months = of_run(tx, "console_arr", run_id, month=wanted, limit=MONTHS_SHOWN)
        chosen = _chosen(months, wanted)
        of_month = {"run_id": run_id, "month": chosen["month"]} if chosen else {}
        movers = (
            of_run(tx, "console_arr_movers", **of_month, limit=MOVERS_SHOWN, first=first) if chosen else []
        )
        moved = of_run(tx, "console_count_movers", **of_month)[0]["customers"] if chosen else 0
    view: dict[str, Any] = {
        "run": shown,
        "months": months,
        "chosen": chosen,
        "movers": movers,
        "moved": moved,
        "first": first,
        "size": MOVERS_SHOWN,
    }
    view |= {"bridge": _bridge(chosen) if chosen else None, "steps": STEPS}
    view |= {"floor": charts.floor(chosen["opening_minor"], _steps(chosen)) if chosen else 0}
    view |= {"trend": _trend(months[:MONTHS_SHOWN])}
    return render(request, who, "arr.html", **view)


def _chosen(months: list[Row], wanted: date | None) -> Row | None:
    """The month that is asked for, or the newest; 404 where the newest published day reports no such month."""
    if not months or wanted is None:
        return months[0] if months else None
    found = [row for row in months if row["month"] == wanted]
    if not found:
        raise HTTPException(404, f"the published day shown reports no recurring revenue of {wanted:%Y-%m}")
    return found[0]


def _bridge(row: Row) -> Markup:
    title = f"From opening to closing revenue in {row['month']:%B %Y}"
    return charts.bridge(row["opening_minor"], _steps(row), title=title, say=_in(row["currency"]))


def _steps(row: Row) -> list[tuple[str, int]]:
    return [(name, sign * row[column]) for name, column, sign in STEPS]


def _trend(months: list[Row]) -> Markup | None:
    if not months:
        return None
    points = [(f"{row['month']:%Y-%m}", row["closing_minor"]) for row in reversed(months)]
    title = f"Closing revenue from {points[0][0]} to {points[-1][0]}"
    return charts.trend(points, title=title, say=_in(months[0]["currency"]))


def _in(currency: str) -> charts.Say:
    return lambda _, minor: money(minor, currency)
