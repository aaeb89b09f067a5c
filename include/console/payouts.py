"""What the payments platform paid out, and whether it reached the bank."""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from include.console.access import Someone
from include.console.render import Page, render, store_of

PAGE = Page("Payouts", "/payouts")
router = APIRouter()

SHOWN = 50


class Wanted(BaseModel):
    """What the address asks for; `day` and `id` are the last line's."""

    currency: str = ""
    day: date | Literal[""] = ""
    id: str = ""


@router.get("/payouts")
def payouts(request: Request, who: Someone, wanted: Annotated[Wanted, Query()]) -> HTMLResponse:
    with store_of(request).transaction() as tx:
        runs = tx.rows("console_run")
        rows = tx.rows(
            "console_payouts",
            run_id=runs[0]["run_id"] if runs else None,
            currency=wanted.currency.strip().upper() or None,
            day=wanted.day or None,
            id=wanted.id,
            limit=SHOWN + 1,
        )
    last = rows[SHOWN - 1] if len(rows) > SHOWN else None
    view: dict[str, Any] = {
        "rows": rows[:SHOWN],
        "last": last,
        "given": wanted.model_dump(mode="json", exclude_defaults=True),
    }
    return render(request, who, "payouts.html", wanted=wanted, run=runs[0] if runs else None, **view)


@router.get("/payouts/{payout_id}")
def one_payout(request: Request, who: Someone, payout_id: str) -> HTMLResponse:
    with store_of(request).transaction() as tx:
        found = [row for row in tx.rows("console_records", ids=[payout_id]) if row["entity"] == "payouts"]
        if not found:
            raise HTTPException(404, f"there is no payout {payout_id}")
        items = tx.rows("console_payout_items", payout_id=payout_id)
        runs = tx.rows("console_run")
        legs = (
            tx.rows("console_matches_of", run_id=runs[0]["run_id"], id=payout_id, limit=SHOWN) if runs else []
        )
    view: dict[str, Any] = {"payout": found[0]["facts"], "items": items, "legs": legs}
    return render(request, who, "payout.html", payout_id=payout_id, **view)
