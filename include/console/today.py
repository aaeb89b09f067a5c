"""Does it tie? What needs whom? How fresh is what we know, and what is on its way?"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from include.console.access import Someone
from include.console.delivery import LATENCY_OF
from include.console.kept import of_run, rules
from include.console.playbooks import PLAYBOOKS
from include.console.render import Page, Sharing, render, store_of
from include.flows.explain_stop import ALL, SHOWN, stops_of
from include.flows.show_alerts import show_alerts
from include.flows.watch_promises import promises
from include.ports import Row, Transaction

PAGE = Page("Today", "/")
router = APIRouter()

CASH = ("payment", "invoice")
"""The sides whose totals say whether cash ties."""


class Wanted(BaseModel):
    """What the address asks for; `stops=all`: all that stops the day that was refused last."""

    stops: Literal["", "all"] = ""


@router.get("/")
def today(request: Request, who: Someone, wanted: Annotated[Wanted, Query()]) -> HTMLResponse:
    policy = rules()
    with store_of(request).transaction() as tx:
        runs = tx.rows("console_run")
        view: dict[str, Any] = {
            "playbooks": PLAYBOOKS.names(),
            "run": runs[0] if runs else None,
            "attempt": (attempt := next(iter(tx.rows("console_newest_attempt")), None)),
            "stops_all": bool(wanted.stops),
            "stops": _stops(tx, attempt, wanted),
            "desks": tx.rows("console_desks"),
            "asked": [row for row in tx.rows("replays_asked") if row["stage"] == "waits"],
            "sources": tx.rows("console_freshness", zone=policy.calendars.entity.zone.key),
            "queues": tx.rows("delivery_queue"),
            "most_told": LATENCY_OF,
            "latency": tx.rows("console_latency", count_max=LATENCY_OF)[0],
            "alerts": show_alerts(Sharing(tx), policy),
            **(_tied(tx, runs[0]) if runs else {"ties": None, "currencies": [], "proofs": [], "others": []}),
        }
        stand = promises(tx, policy)
    read = {row["system"] for row in view["sources"]}
    view["never_read"] = sorted({flow.system for flow in policy.freshness.flows.values()} - read)
    view["promised"] = {
        flow.system: flow.behind_minutes
        for name, flow in policy.freshness.flows.items()
        if (stand[name].stands if name in stand else flow.system in read)
    }
    return render(request, who, "today.html", **view)


def _stops(tx: Transaction, attempt: Row | None, wanted: Wanted) -> list[Row]:
    if not attempt or attempt["state"] != "refused":
        return []
    return stops_of(tx, attempt["run_id"], limit=ALL if wanted.stops else SHOWN)


def _tied(tx: Transaction, run: Row) -> dict[str, Any]:
    totals = of_run(tx, "control_totals", run["run_id"])
    proofs = of_run(tx, "console_proofs", run["run_id"])
    ties = all(row["proven"] for row in totals) and all(row["figures"] == row["hold"] for row in proofs)
    return {"ties": ties, "currencies": _cash(totals), "proofs": proofs, "others": _others(totals)}


def _cash(totals: Sequence[Row]) -> list[dict[str, Any]]:
    """Currency by currency: what came in, what of it is matched, what is still owed."""
    found: defaultdict[str, dict[str, Row]] = defaultdict(dict)
    for row in totals:
        if row["recon"] == "R3" and row["currency"] and row["side"] in CASH:
            found[row["currency"]][row["side"]] = row
    return [{"currency": currency, "sides": sides} for currency, sides in sorted(found.items())]


def _others(totals: Sequence[Row]) -> list[dict[str, Any]]:
    """The other reconciliations in one line each: how many figures, and how many of them are proven."""
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in totals:
        found[row["recon"]].append(row)
    return [
        {
            "recon": recon,
            "figures": len(rows),
            "proven": sum(row["proven"] for row in rows),
            "rows": sum(row["loaded_count"] for row in rows),
            "quarantined": sum(row["quarantined_count"] for row in rows),
        }
        for recon, rows in sorted(found.items())
    ]
