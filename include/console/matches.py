"""What was matched, and why: the rule, the evidence on both sides, and the rule set it was matched by."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel

from include.console.access import Person, Someone, requires
from include.console.break_page import Refused
from include.console.forms import Form, Sent
from include.console.kept import of_run, rules
from include.console.permissions import May
from include.console.personal import opened_records, visible
from include.console.render import (
    Number,
    Page,
    Sharing,
    fitting,
    opening_store_of,
    render,
    say_money,
    store_of,
)
from include.console.words import OF_TYPE
from include.domain.break_life import BY_HAND, CASH
from include.domain.side_by_side import Record, side_by_side
from include.flows.act_on_break import By, Conflict
from include.flows.pair_by_hand import offer_unmatch, unmatch
from include.flows.show_rulings import Decision, decisions_about, decisions_pending
from include.ports import Rejected, Row, Transaction

PAGE = Page("Matches", "/matches")
router = APIRouter()

SHOWN = 50
LEGS_MAX = 200
RECORDS_SHOWN = 7
"""Side by side; more are no comparison."""
SEPARATOR = "~"
"""Between reconciliation and rule in the address, and between the parts of the last line's key."""


class Wanted(BaseModel):
    """What the address asks for. Empty is any."""

    recon: Literal["", "R1", "R2", "R3", "R4", "R5"] = ""
    rule: str = ""  # R3~P4
    state: Literal["", "posted", "suggested"] = ""
    q: str = ""
    after: str = ""


@router.get("/matches")
def matches(request: Request, who: Someone, wanted: Annotated[Wanted, Query()]) -> HTMLResponse:
    with store_of(request).transaction() as tx:
        runs = tx.rows("console_run")
        rules = of_run(tx, "console_rules", runs[0]["run_id"]) if runs else []
        found = _page(tx, wanted, runs[0]["run_id"]) if runs else []
        if runs and not found and wanted.q.strip():
            wanted = _of_number(tx, wanted)
            found = _page(tx, wanted, runs[0]["run_id"])
        asked_for = wanted.q.strip()
        total = _count(tx, wanted, runs[0]["run_id"], found) if runs else ""
        decided = decisions_about(tx, asked_for) if asked_for else decisions_pending(tx)
    last = found[SHOWN - 1] if len(found) > SHOWN else None
    more = SEPARATOR.join((last["match_id"], last["side_a_id"], last["side_b_id"])) if last else ""
    view: dict[str, Any] = {
        "run": runs[0] if runs else None,
        "rules": rules,
        "rows": found[:SHOWN],
        "more": more,
        "total": total,
        "decided_by_hand": decided,
    }
    given = wanted.model_dump(exclude_defaults=True)
    return render(request, who, "matches.html", wanted=wanted, given=given, **view)


@router.get("/matches/{match_id:path}")
def one_match(request: Request, who: Someone, match_id: str, first: Number = 0) -> HTMLResponse:
    return _match_page(request, who, match_id, first=first)


@router.post("/matches/{match_id:path}/unmatch", dependencies=[Depends(requires(May.WORK))])
def unmatch_one(request: Request, who: Someone, form: Sent, match_id: str) -> Response:
    """Propose to part it, and show its break; or say why not, with what was typed still on the page."""
    by = By(actor=who.name, reason=form.one("reason"))
    try:
        acted = unmatch(store_of(request), match_id, by, policy=rules(), run_id=_seen(form))
    except Conflict as changed:
        return _match_page(request, who, match_id, refused=Refused("unmatch", str(changed), form), status=409)
    except Rejected as why:
        return _match_page(request, who, match_id, refused=Refused("unmatch", str(why), form), status=422)
    root = request.scope.get("root_path", "")
    return RedirectResponse(f"{root}/breaks/{acted.break_id}?done=unmatch", status_code=303)


def _seen(form: Form) -> str:
    """The run that the page was made from."""
    if not form.one("seen"):
        raise Rejected("the page does not say which day you looked at; load it again")
    return form.one("seen")


def _match_page(
    request: Request,
    who: Person,
    match_id: str,
    *,
    first: int = 0,
    refused: Refused | None = None,
    status: int = 200,
) -> HTMLResponse:
    """The page from its `first` record on."""
    with store_of(request).transaction() as tx:
        runs = tx.rows("console_run")
        legs = _legs(tx, runs[0]["run_id"], match_id) if runs else []
        if not legs:
            raise HTTPException(404, f"the newest published run has no match {match_id}")
        records = _records(tx, legs)
        decisions = _decisions(tx, legs)
        may_part = _parted_here(legs[0])
        parting = offer_unmatch(Sharing(tx), match_id, policy=rules()) if may_part else None
    beside = records[first : first + RECORDS_SHOWN]
    opened = opened_records(opening_store_of(request), beside, who, purpose=f"match {match_id}")
    lines = side_by_side(visible(opened, who), say=say_money, parts=len(legs) > 1)
    view: dict[str, Any] = {
        "legs": legs,
        "records": beside,
        "first": first,
        "record_count": len(records),
        "size": RECORDS_SHOWN,
        "lines": lines,
        "run": runs[0],
        "decisions": decisions,
        "parting": parting,
        "refused": refused,
    }
    if parting:
        view["unmatch_refused"] = who.needs(May.WORK) or _at_work(decisions) or parting.refused
    return render(request, who, "match.html", status=status, **view)


def _legs(tx: Transaction, run_id: Any, match_id: str) -> list[Row]:
    """What it joins. A credit note matched by hand is no row of a run's matches: it goes by its own id."""
    legs = tx.rows("console_match", run_id=run_id, match=match_id, limit=LEGS_MAX)
    return legs or tx.rows("console_ruled_credit_note", run_id=run_id, item=match_id)


def _decisions(tx: Transaction, legs: list[Row]) -> list[Decision]:
    """What people decided about what it joins; of several payouts in one line, about the line."""
    if legs[0]["recon"] not in BY_HAND:
        return []
    items = {leg["side_a_id"] for leg in legs}
    return decisions_about(tx, legs[0]["side_a_id"] if len(items) == 1 else legs[0]["side_b_id"])


def _parted_here(leg: Row) -> bool:
    """Whether people may part such a match: cash, or a payout from the bank."""
    of_payouts = (leg["side_a_type"], leg["side_b_type"]) == ("payout", "bank_line")
    return leg["state"] == "posted" and (leg["recon"] == CASH or of_payouts)


def _at_work(decisions: list[Decision]) -> str:
    """Why a match cannot be questioned now: somebody has done so; empty when nobody has."""
    for one in decisions:
        if one.kind == "unmatch" and one.stage in ("waits", "pending"):
            return f"to unmatch it was proposed already by {one.people}, and {one.where}"
    return ""


def _of_number(tx: Transaction, wanted: Wanted) -> Wanted:
    """The same for the id of the document, where one alone has the number that is asked for."""
    asked_for = wanted.q.strip()
    ids = {row["native_id"] for row in tx.rows("records_numbered", numbers=[asked_for, asked_for.upper()])}
    return wanted.model_copy(update={"q": ids.pop()}) if len(ids) == 1 else wanted


def _page(tx: Transaction, wanted: Wanted, run_id: Any) -> list[Row]:
    recon, _, rule = wanted.rule.strip().partition(SEPARATOR)
    if recon and not rule:
        raise HTTPException(
            422, f"a rule goes by its reconciliation, as in R3~P1: {wanted.rule!r} names none"
        )
    match, a, b = [*wanted.after.split(SEPARATOR), "", "", ""][:3]
    start = f"{wanted.recon}-" if wanted.recon and not match else match
    page = {
        "run_id": run_id,
        "match": start,
        "a": a,
        "b": b,
        "state": wanted.state or None,
        "limit": SHOWN + 1,
    }
    if wanted.q.strip():
        of = {"id": wanted.q.strip(), "recon": recon or wanted.recon, "rule": rule}
        return tx.rows("console_matches_searched", **page, **of)
    if rule:
        return tx.rows("console_matches_by_rule", **page, recon=recon, rule=rule)
    return tx.rows("console_matches", **page, until=f"{wanted.recon}." if wanted.recon else "S")


def _count(tx: Transaction, wanted: Wanted, run_id: Any, found: list[Row]) -> str:
    recon, _, rule = wanted.rule.strip().partition(SEPARATOR)
    asked = {"recon": recon or wanted.recon or None, "rule": rule or None, "state": wanted.state or None}
    whole = len(found) <= SHOWN and not wanted.after
    of = {"run_id": run_id, "id": wanted.q.strip() or None}
    return fitting(tx, "console_count_matches", whole=whole, **asked, **of)


def _records(tx: Transaction, legs: list[Row]) -> list[Record]:
    """Each side once, in the order of the legs."""
    sides = [(leg[f"side_{side}_type"], leg[f"side_{side}_id"]) for side in "ab" for leg in legs]
    wanted = dict.fromkeys((OF_TYPE.get(kind, kind), native_id) for kind, native_id in sides)
    found = tx.rows("console_records", ids=[native_id for _, native_id in wanted])
    known = {(row["entity"], row["native_id"]): row for row in found}
    return [
        Record(entity, native_id, row["version"], row["place"], row["facts"])
        for entity, native_id in wanted
        if (row := known.get((entity, native_id)))
    ]
