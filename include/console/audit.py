"""Who did what, newest first: decisions on breaks, write-offs by policy, messages held or sent again, and runs."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from include.console.access import Someone, requires
from include.console.permissions import May
from include.console.render import Page, render, store_of

PAGE = Page("Audit", "/audit", May.AUDIT)
router = APIRouter(dependencies=[Depends(requires(May.AUDIT))])

SHOWN = 50
RUNS_SHOWN = 10


class Wanted(BaseModel):
    """What the address asks for; `at` and `ref` are the last line's."""

    actor: str = ""
    at: datetime | Literal[""] = ""
    ref: str = ""


@router.get("/audit")
def audit(request: Request, who: Someone, wanted: Annotated[Wanted, Query()]) -> HTMLResponse:
    with store_of(request).transaction() as tx:
        rows = tx.rows(
            "console_audit",
            actor=wanted.actor.strip().lower() or None,
            at=wanted.at or None,
            ref=wanted.ref,
            limit=SHOWN + 1,
        )
        runs = tx.rows("console_runs", limit=RUNS_SHOWN)
    last = rows[SHOWN - 1] if len(rows) > SHOWN else None
    given = wanted.model_dump(mode="json", exclude_defaults=True)
    view: dict[str, Any] = {"rows": rows[:SHOWN], "last": last, "runs": runs, "given": given}
    return render(request, who, "audit.html", wanted=wanted, **view)
