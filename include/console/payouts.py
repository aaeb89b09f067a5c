"""What the payments platform paid out, and whether it reached the bank."""

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from include.console.access import Person, Someone
from include.console.break_page import eyes_for_match
from include.console.permissions import May
from include.console.render import Page, Sharing, fitting, render, store_of
from include.domain.break_life import PAYOUTS, Life, NotAllowed
from include.domain.break_offers import offers
from include.flows.resolve_break import life_now
from include.flows.show_rulings import Pairable, decisions_about, pairable
from include.ports import Row, Transaction

PAGE = Page("Payouts", "/payouts")
router = APIRouter()

SHOWN = 50
MATCHED_IN = ("PO01", "CA21")
"""The breaks in which a payout is matched by hand: it is not in the bank, or what it was matched with is questioned."""


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
        whole, currency = not last and not wanted.day, wanted.currency.strip().upper() or None
        total = fitting(tx, "console_count_payouts", whole=whole, currency=currency)
    view: dict[str, Any] = {
        "rows": rows[:SHOWN],
        "last": last,
        "total": total,
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
        legs, count = _legs(tx, runs[0]["run_id"], payout_id) if runs else ([], 0)
        lives = tx.rows("open_lives_of", key=payout_id, recon=PAYOUTS)
        decisions = decisions_about(tx, payout_id)
        by_hand = _by_hand(tx, lives, legs, who)
    view: dict[str, Any] = {"payout": found[0]["facts"], "items": items, "legs": legs, "leg_count": count}
    view |= {"lives": lives, "decisions": decisions, "by_hand": by_hand}
    return render(request, who, "payout.html", payout_id=payout_id, **view)


@dataclass(frozen=True)
class ByHand:
    """The break in which the payout may be matched by hand, and with which lines, or why it may not."""

    life: Life
    pairs: Pairable
    refused: str
    eyes: int


def _legs(tx: Transaction, run_id: Any, payout_id: str) -> tuple[list[Row], int]:
    """What it is matched with, the bank first, and of how many pieces these are."""
    wanted = {"run_id": run_id, "id": payout_id}
    count: int = tx.rows("console_count_matches_of", **wanted)[0]["legs"]
    legs = tx.rows("console_bank_legs_of", **wanted, limit=SHOWN)
    beside = tx.rows("console_matches_of", **wanted, limit=SHOWN)
    known = {(leg["match_id"], leg["side_a_id"], leg["side_b_id"]) for leg in legs}
    more = [one for one in beside if (one["match_id"], one["side_a_id"], one["side_b_id"]) not in known]
    return [*legs, *more][:SHOWN], count


def _by_hand(tx: Transaction, lives: list[Row], legs: list[Row], who: Person) -> ByHand | None:
    """None where no open break says that the payout is missing."""
    missing = next((one for one in lives if one["code"] in MATCHED_IN), None)
    if missing is None:
        return None
    store = Sharing(tx)
    life = life_now(store, missing["break_id"])
    lines = [leg["side_b_id"] for leg in legs if leg["side_b_type"] == "bank_line"]
    pairs = pairable(store, life, lines)
    if pairs is None:
        return None
    try:
        offered = offers(life, actor=who.name)["match"].refused
    except NotAllowed as nobody:
        offered = str(nobody)
    refused = pairs.refused or who.needs(May.WORK) or offered
    return ByHand(life, pairs, refused, eyes_for_match(life))
