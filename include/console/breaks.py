"""The desk: breaks by filter, order, search and group. The address is the state, so that it can be sent to others."""

from datetime import date, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from include.console.access import Someone
from include.console.break_page import PEOPLE_OFFERED
from include.console.kept import rules
from include.console.render import Page, render, store_of, today_here
from include.ports import Row, Transaction

PAGE = Page("Breaks", "/breaks")
router = APIRouter()

SHOWN = 50
GROUPS_SHOWN = 100
ORDERS = {
    "worst": ("severity", "value_rank", "break_id"),
    "value": ("value_rank", "break_id"),
    "oldest": ("since_on", "break_id"),
    "key": ("key", "break_id"),
}
"""What a reader orders by -> the columns; each has an index that begins with whether it is open."""


class Wanted(BaseModel):
    """What the address asks for. Empty is any."""

    show: Literal["open", "closed"] = "open"
    sort: Literal["worst", "value", "oldest", "key"] = "worst"
    by: Literal["", "code", "owner", "assignee", "severity", "currency", "recon", "state"] = ""
    state: str = ""
    severity: str = ""
    owner: str = ""
    assignee: str = ""  # a login; "-" is nobody, "me" whoever asks
    recon: str = ""
    code: str = ""
    currency: str = ""
    q: str = ""
    older: Literal["", "7", "30", "90"] = ""  # than so many days, as Ageing has it
    after: UUID | Literal[""] = ""

    def filters(self, *, me: str, today: date) -> dict[str, Any]:
        """The same for the query."""
        who = {"": None, "-": "", "me": me}.get(self.assignee, self.assignee.lower())
        return {
            "open": self.show == "open",
            "state": self.state or None,
            "severity": self.severity or None,
            "owner": self.owner or None,
            "assignee": who,
            "recon": self.recon or None,
            "code": self.code.strip().upper() or None,
            "currency": self.currency.strip().upper() or None,
            "q": self.q.strip().lower() or None,
            "since": None,
            "until": today - timedelta(days=int(self.older) + 1) if self.older else None,
        }


@router.get("/breaks")
def breaks(request: Request, who: Someone, wanted: Annotated[Wanted, Query()]) -> HTMLResponse:
    with store_of(request).transaction() as tx:
        today = today_here(tx)
        filters = wanted.filters(me=who.name.lower(), today=today)
        view: dict[str, Any]
        if wanted.by:
            view = {"rows": [], "more": None, "groups": _groups(tx, wanted, filters)}
        else:
            found = _page(tx, wanted, filters)
            more = found[SHOWN - 1]["break_id"] if len(found) > SHOWN else None
            view = {"rows": found[:SHOWN], "more": more, "groups": []}
        people = [row["person"] for row in tx.rows("people_who_work", limit=PEOPLE_OFFERED)]
    codes = rules().breaks.codes
    view |= {"names": {code: rule.name for code, rule in codes.items()}}
    view |= {"owners": sorted({rule.owner for rule in codes.values()}), "today": today, "people": people}
    given = wanted.model_dump(mode="json", exclude_defaults=True)
    return render(request, who, "breaks.html", wanted=wanted, given=given, **view)


def _page(tx: Transaction, wanted: Wanted, filters: dict[str, Any]) -> list[Row]:
    names = {"order": ORDERS[wanted.sort]}
    return tx.rows_for("desk_breaks", names=names, **filters, after=wanted.after or None, limit=SHOWN + 1)


def _groups(tx: Transaction, wanted: Wanted, filters: dict[str, Any]) -> list[Row]:
    return tx.rows_for("desk_groups", names={"by": wanted.by}, **filters, limit=GROUPS_SHOWN)
