"""Annual recurring revenue: from one month's end to the next, with what moved it and whose."""

from datetime import date
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from include.console import charts
from include.console.access import Someone
from include.console.kept import of_run
from include.console.render import Page, render, store_of
from include.ports import Row

PAGE = Page("ARR bridge", "/arr")
router = APIRouter()

MONTHS_SHOWN = 24
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
def arr(request: Request, who: Someone, month: date | Literal[""] = "") -> HTMLResponse:
    with store_of(request).transaction() as tx:
        runs = tx.rows("console_run")
        run_id = runs[0]["run_id"] if runs else None
        months = of_run(tx, "console_arr", run_id, limit=MONTHS_SHOWN)
        chosen = next((row for row in months if row["month"] == month), months[0] if months else None)
        movers = (
            of_run(tx, "console_arr_movers", run_id, month=chosen["month"], limit=MOVERS_SHOWN)
            if chosen
            else []
        )
    view: dict[str, Any] = {
        "run": runs[0] if runs else None,
        "months": months,
        "chosen": chosen,
        "movers": movers,
    }
    view |= {"bridge": _bridge(chosen) if chosen else None, "steps": STEPS}
    view |= {
        "trend": charts.trend([(f"{row['month']:%Y-%m}", row["closing_minor"]) for row in reversed(months)])
    }
    return render(request, who, "arr.html", **view)


def _bridge(row: Row) -> charts.Bridge:
    steps = [(name, sign * row[column]) for name, column, sign in STEPS]
    return charts.bridge(row["opening_minor"], steps)
