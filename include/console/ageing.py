"""What customers owe by how late it is, and what open breaks wait for how long."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from include.console import charts
from include.console.access import Someone
from include.console.kept import of_run, run_read
from include.console.render import Number, Page, money, render, store_of, today_here
from include.ports import Row
from include.report.words import BUCKETS, SEVERITIES

PAGE = Page("Ageing", "/ageing")
router = APIRouter()

CUSTOMERS_SHOWN = 25
KNOWN_FOR = ("in the future", "0 to 7 days", "8 to 30 days", "31 to 90 days", "over 90 days")
"""What width_bucket over 0, 8, 31 and 91 calendar days numbers from 0."""


@router.get("/ageing")
def ageing(
    request: Request, who: Someone, currency: str = "", first: Number = 0, run: UUID | Literal[""] = ""
) -> HTMLResponse:
    """Of the newest published day, or of the one that a list began with: its places are that one's."""
    with store_of(request).transaction() as tx:
        shown = run_read(tx, run or None)
        run_id = shown["run_id"] if shown else None
        totals = _by_currency(of_run(tx, "console_aging", run_id))
        chosen = currency.strip().upper() or _busiest(totals)
        owing = of_run(tx, "console_owing", run_id, currency=chosen, limit=CUSTOMERS_SHOWN, first=first)
        owing_count = of_run(tx, "console_count_owing", run_id, currency=chosen)[0]["customers"]
        waiting = tx.rows("desk_ageing", today=today_here(tx))
    view: dict[str, Any] = {
        "run": shown,
        "totals": totals,
        "owing": owing,
        "owing_count": owing_count,
        "chosen": chosen,
        "first": first,
        "size": CUSTOMERS_SHOWN,
    }
    view |= {"owed": _owed(totals), "waiting": _waiting(waiting)}
    return render(request, who, "ageing.html", **view)


def _busiest(totals: Mapping[str, Mapping[str, Row]]) -> str:
    """The currency with most open invoices; the first of several."""
    counts = {name: sum(row["invoices"] for row in by.values()) for name, by in totals.items()}
    return max(counts, key=counts.__getitem__, default="")


def _by_currency(rows: list[Row]) -> dict[str, dict[str, Row]]:
    found: defaultdict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        found[row["currency"]][row["bucket"]] = row
    return dict(found)


def _owed(totals: Mapping[str, Mapping[str, Row]]) -> Markup | None:
    bars = [
        (name, [by.get(bucket, {}).get("open_minor", 0) for bucket in BUCKETS]) for name, by in totals.items()
    ]
    title = "What customers owe by currency and lateness"
    named = list(BUCKETS.values())
    return (
        charts.shares(bars, named, title=title, say=lambda currency, minor: money(minor, currency))
        if bars
        else None
    )


def _waiting(rows: list[Row]) -> Markup:
    counts = {(row["bucket"], row["severity"]): row["breaks"] for row in rows}
    known = [number for number in range(len(KNOWN_FOR)) if number or any(key[0] == 0 for key in counts)]
    bars = [(KNOWN_FOR[number], [counts.get((number, level), 0) for level in SEVERITIES]) for number in known]
    title = "Open breaks by how long they are known, and by severity"
    return charts.stacks(
        bars, list(SEVERITIES.values()), title=title, say=lambda age, many: f"{age}: {many:,}"
    )
