"""Parity of the old path and ours: days and figures, what differs and why, what was accepted, and who signed."""

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from include.console.access import Person, Someone
from include.console.break_page import Refused
from include.console.permissions import May
from include.console.render import Number, Page, Sharing, render, store_of, today_here
from include.domain.parity import KINDS
from include.flows.judge_parity import Judged, judged
from include.flows.show_parity import show_parity
from include.flows.sign_parity import MAY_SIGN, ROLES, Role
from include.ports import NothingUsable, Row, Transaction
from include.report.parity import CLASSES, METRICS, plain

PAGE = Page("Parity", "/parity")
router = APIRouter()

SHOWN = 50
SEPARATOR = "~"
"""Between the parts of which differences a form is about."""


class Wanted(BaseModel):
    """What the address asks for of a day; `after` is the last line's number."""

    kind: Literal["", "orders", "invoices", "statuses", "arr", "matches"] = ""
    cause: str = ""
    after: Number | Literal[""] = ""


@router.get("/parity")
def parity(request: Request, who: Someone) -> HTMLResponse:
    return page(request, who)


def page(request: Request, who: Person, *, refused: Refused | None = None, status: int = 200) -> HTMLResponse:
    """The page as it is now; `refused` is the act that was not done, whose form is filled in as it was sent."""
    with store_of(request).transaction() as tx:
        found = tx.rows("parity_newest_window", last=None)
        seen = judged(tx, found[0]["window_no"]) if found else None
        register = tx.rows("parity_register")
        view: dict[str, Any] = {"causes": _causes(tx, seen) if seen else [], "today": today_here(tx)}
    view |= {
        "refused": refused,
        "signing": {role: _may_sign(who, seen, role) for role in ROLES} if seen else {},
    }
    view |= {"which": [(_which(row), row) for row in view["causes"]]}
    view |= {"seen": seen, "register": register, "roles": ROLES, "classes": CLASSES, "plain": plain}
    view |= {"figures": _figures(seen), "called": METRICS}
    view |= {"signed": {row["role"]: row for row in seen.signed} if seen else {}}
    return render(request, who, "parity.html", status=status, **view)


@router.get("/parity/{day}")
def one_day(request: Request, who: Someone, day: date, wanted: Annotated[Wanted, Query()]) -> HTMLResponse:
    only = {"kind": wanted.kind, "cause": wanted.cause}
    with store_of(request).transaction() as tx:
        try:
            shown = show_parity(Sharing(tx), day=day, only=only, limit=SHOWN + 1, after=wanted.after or None)
        except NothingUsable as nothing:
            raise HTTPException(404, str(nothing)) from None
    more = shown.differences[SHOWN - 1]["place"] if len(shown.differences) > SHOWN else None
    view: dict[str, Any] = {"shown": shown, "rows": shown.differences[:SHOWN], "more": more, "size": SHOWN}
    view |= {
        "given": wanted.model_dump(exclude_defaults=True),
        "kinds": [(kind, kind) for kind in KINDS],
        "classes": CLASSES,
    }
    return render(request, who, "parity_day.html", wanted=wanted, **view)


def _which(row: Row) -> str:
    return SEPARATOR.join((row["kind"], row["field"], row["class"], row["cause"]))


def _may_sign(who: Person, seen: Judged, role: Role) -> str:
    """Why this person may not sign for the role now; empty when they may."""
    if missing := who.needs(May(MAY_SIGN[role])):
        return missing
    if seen.obstacles:
        return "something is in the way, see above"
    own = [one["role"] for one in seen.signed if one["person"].lower() == who.name.lower()]
    return f"you have signed as {own[0]}; three roles are three people" if own else ""


def _figures(seen: Judged | None) -> dict[date, dict[str, Row]]:
    found: dict[date, dict[str, Row]] = {}
    for row in seen.metrics if seen else ():
        found.setdefault(row["day"], {})[row["metric"]] = row
    return found


def _causes(tx: Transaction, seen: Judged) -> list[Row]:
    """Differences of the last day by class and cause."""
    last = seen.days[-1]
    return tx.rows("parity_causes", day=last["day"], edition=last["edition"])
