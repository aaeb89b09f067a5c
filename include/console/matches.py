"""What was matched, and why: the rule, the evidence on both sides, and the rule set it was matched by."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from include.console.access import Someone
from include.console.kept import of_run
from include.console.personal import visible
from include.console.render import Page, render, say_money, store_of
from include.console.words import OF_TYPE
from include.domain.side_by_side import Record, side_by_side
from include.ports import Row, Transaction

PAGE = Page("Matches", "/matches")
router = APIRouter()

SHOWN = 50
LEGS_MAX = 200
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
    last = found[SHOWN - 1] if len(found) > SHOWN else None
    more = SEPARATOR.join((last["match_id"], last["side_a_id"], last["side_b_id"])) if last else ""
    view: dict[str, Any] = {
        "run": runs[0] if runs else None,
        "rules": rules,
        "rows": found[:SHOWN],
        "more": more,
    }
    given = wanted.model_dump(exclude_defaults=True)
    return render(request, who, "matches.html", wanted=wanted, given=given, **view)


@router.get("/matches/{match_id}")
def one_match(request: Request, who: Someone, match_id: str) -> HTMLResponse:
    with store_of(request).transaction() as tx:
        runs = tx.rows("console_run")
        legs = (
            tx.rows("console_match", run_id=runs[0]["run_id"], match=match_id, limit=LEGS_MAX) if runs else []
        )
        if not legs:
            raise HTTPException(404, f"the newest published run has no match {match_id}")
        records = visible(_records(tx, legs), who)
    lines = side_by_side(records, say=say_money, parts=len(legs) > 1)
    view: dict[str, Any] = {"legs": legs, "records": records, "lines": lines, "run": runs[0]}
    return render(request, who, "match.html", **view)


def _page(tx: Transaction, wanted: Wanted, run_id: Any) -> list[Row]:
    if wanted.q.strip():
        return tx.rows("console_matches_of", run_id=run_id, id=wanted.q.strip(), limit=SHOWN)
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
    recon, _, rule = wanted.rule.partition(SEPARATOR)
    if rule:
        return tx.rows("console_matches_by_rule", **page, recon=recon, rule=rule)
    return tx.rows("console_matches", **page, until=f"{wanted.recon}." if wanted.recon else "S")


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
