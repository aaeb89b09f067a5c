"""The desk: breaks by filter, order, search and group. The address is the state, so that it can be sent to others."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, BeforeValidator, model_validator

from include.console.access import Someone
from include.console.break_page import PEOPLE_OFFERED
from include.console.kept import rules
from include.console.render import Page, fitting, render, store_of, today_here
from include.domain.break_life import CLOSED
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


def _rank(text: str) -> int:
    rank = int(text)
    if not -(2**63) < rank < 2**63:
        raise ValueError(text)
    return rank


READS: Mapping[str, Callable[[str], Any]] = {
    "severity": str,
    "value_rank": _rank,
    "since_on": date.fromisoformat,
    "key": str,
    "break_id": UUID,
}
"""How the address of a next page is read, column by column."""
SEPARATOR = "~"

Upper = BeforeValidator(lambda given: given.strip().upper() if isinstance(given, str) else given)


class Wanted(BaseModel):
    """What the address asks for. Empty is any."""

    show: Literal["open", "closed"] = "open"
    sort: Literal["worst", "value", "oldest", "key"] = "worst"
    by: Literal["", "code", "owner", "assignee", "severity", "currency", "recon", "state"] = ""
    state: Annotated[
        Literal["", "OPEN", "ASSIGNED", "PROPOSED", "APPROVED", "RESOLVED", "ACCEPTED"], Upper
    ] = ""
    severity: Annotated[Literal["", "S1", "S2", "S3", "S4"], Upper] = ""
    owner: str = ""
    assignee: str = ""  # a login; "-" is nobody, "me" whoever asks, "=me" who is called so
    recon: str = ""
    code: str = ""
    currency: str = ""
    q: str = ""
    older: Literal["", "7", "30", "90"] = ""  # than so many days, as Ageing has it
    after: str = ""  # the last line's values of the columns it is ordered by

    @model_validator(mode="after")
    def _a_state_says_whether_it_is_open(self) -> Self:
        if self.state:
            self.show = "closed" if self.state in CLOSED else "open"
        return self

    def filters(self, *, me: str, today: date) -> dict[str, Any]:
        """The same for the query."""
        asked = self.assignee.strip().lower()
        who = {"": None, "-": "", "me": me}.get(asked, asked.removeprefix("="))
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
            "numbers": [self.q.strip(), self.q.strip().upper()],  # of a document, as people know it
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
            view = {"rows": [], "more": "", "groups": _groups(tx, wanted, filters)}
        else:
            found = _page(tx, wanted, filters)
            more = _place(found[SHOWN - 1], wanted) if len(found) > SHOWN else ""
            whole = not more and not wanted.after
            total = fitting(tx, "desk_count", whole=whole, **filters)
            view = {"rows": found[:SHOWN], "more": more, "total": total, "groups": []}
        people = [row["person"] for row in tx.rows("people_who_work", limit=PEOPLE_OFFERED)]
    codes = rules().breaks.codes
    view |= {"names": {code: rule.name for code, rule in codes.items()}}
    view |= {"owners": sorted({rule.owner for rule in codes.values()}), "today": today, "people": people}
    given = wanted.model_dump(mode="json", exclude_defaults=True)
    return render(request, who, "breaks.html", wanted=wanted, given=given, **view)


def _page(tx: Transaction, wanted: Wanted, filters: dict[str, Any]) -> list[Row]:
    names, after = {"order": ORDERS[wanted.sort]}, _after(wanted)
    return tx.rows_for("desk_breaks", names=names, **filters, after=after, limit=SHOWN + 1)


def _place(row: Row, wanted: Wanted) -> str:
    """Where the page behind this line begins: its values, for the line itself may move while somebody reads."""
    return SEPARATOR.join(str(row[column]) for column in ORDERS[wanted.sort])


def _after(wanted: Wanted) -> dict[str, str] | None:
    """The values behind which the page begins, by column. Raises HTTPException 422 where they are none."""
    if not wanted.after:
        return None
    columns = ORDERS[wanted.sort]
    values = wanted.after.rsplit(SEPARATOR, len(columns) - 1)
    try:
        read = [READS[column](value) for column, value in zip(columns, values, strict=True)]
    except ValueError:
        raise HTTPException(422, f"after is no place in a list ordered by {' and '.join(columns)}") from None
    return dict(zip(columns, map(str, read), strict=True))


def _groups(tx: Transaction, wanted: Wanted, filters: dict[str, Any]) -> list[Row]:
    return tx.rows_for("desk_groups", names={"by": wanted.by}, **filters, limit=GROUPS_SHOWN)
