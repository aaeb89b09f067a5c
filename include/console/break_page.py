"""One break: both sides, what differs, what it could be, what would decide, what may be done, and its history."""

from dataclasses import dataclass, replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse

from include.console.access import Person, Someone
from include.console.forms import Form
from include.console.kept import rules
from include.console.permissions import May
from include.console.personal import hidden_from, opened_payloads, opened_records, visible
from include.console.playbooks import PLAYBOOKS
from include.console.render import Sharing, opening_store_of, render, say_money, store_of
from include.console.words import DECIDING
from include.domain.break_life import BY_HAND, CLOSED, Life, NotAllowed, checkers_needed
from include.domain.break_offers import Offer, offers, proposals
from include.domain.entities import ENTITIES
from include.domain.side_by_side import Record, side_by_side
from include.flows.explain_break import PAYLOADS_MAX, Explained, explain_break, lineage
from include.flows.explain_stop import Stop, explain_stop
from include.flows.resolve_break import life_now
from include.flows.show_breaks import Shown, show_break
from include.flows.show_rulings import Pairable, decisions_about, pairable
from include.flows.weigh_candidates import make_up, weigh_candidates
from include.ports import Rejected, Store
from include.wiring import links

router = APIRouter()

PAYLOADS_SHOWN = 100
ANY_BREAK = "working_a_break"
"""The playbook of a break whose code has none of its own."""
PEOPLE_OFFERED = 200
"""To give a break to; whoever is known beyond them may be typed."""


@dataclass(frozen=True)
class Refused:
    """An act that was not done, why, and what was typed for it."""

    action: str
    why: str
    form: Form

    def chosen(self, action: str, field: str) -> list[str]:
        """What was chosen in a field of an act's form; nothing for the other acts."""
        return self.form.all(field) if action == self.action else []

    def typed(self, action: str, field: str) -> str:
        """What was typed in a field of an act's form; empty for the other acts."""
        return self.form.one(field) if action == self.action else ""


@router.get("/breaks/{break_id}")
def one_break(request: Request, who: Someone, break_id: UUID) -> HTMLResponse:
    return break_page(request, who, break_id)


@router.get("/records/{entity}/{native_id:path}")
def record(
    request: Request,
    who: Someone,
    entity: str,
    native_id: str,
    shown: Annotated[int, Query(ge=1, le=PAYLOADS_SHOWN)] = PAYLOADS_MAX,
) -> HTMLResponse:
    """The payloads behind a record; for those who may see personal data."""
    if missing := who.needs(May.TRACE):
        raise HTTPException(403, missing)
    if entity not in ENTITIES:
        raise HTTPException(404, f"there is no entity {entity}")
    purpose = f"record {entity}/{native_id}"
    kept = lineage(store_of(request), entity=entity, native_id=native_id, limit=shown)
    found = opened_payloads(opening_store_of(request), kept, who, purpose=purpose)
    view: dict[str, Any] = {"entity": entity, "native_id": native_id, "payloads": found.value}
    return render(request, who, "record.html", **view, sealed=found.sealed, most=PAYLOADS_SHOWN)


def break_page(
    request: Request, who: Person, break_id: UUID, *, refused: Refused | None = None, status: int = 200
) -> HTMLResponse:
    """The page as it is now; `refused` is the act that was not done, whose form is filled in as it was sent."""
    with store_of(request).transaction() as tx:
        store = Sharing(tx)
        try:
            found, history = show_break(store, break_id, rules())
        except Rejected as missing:
            if stop := explain_stop(tx, break_id, say=say_money):
                return _stop_page(request, who, stop, refused=refused, status=status)
            raise HTTPException(404, str(missing)) from None
        explained = explain_break(store, break_id)
        life = life_now(store, break_id)
        possible = _possible(life, who)
        pairs = _pairs(store, life, explained)
        decisions = decisions_about(tx, life.key) if life.recon in BY_HAND else []
        people = [row["person"] for row in tx.rows("people_who_work", limit=PEOPLE_OFFERED)]
    purpose = f"break {break_id}"
    explained = replace(
        explained, records=opened_records(opening_store_of(request), explained.records, who, purpose=purpose)
    )
    key, together = found["key"], make_up(found["key"], explained)
    code, link_to = found["code"], links.record_links()
    found["action"] = found["action"] or rules().breaks.codes[code].action  # no run has found it yet
    view: dict[str, Any] = {
        "one": found,
        "history": history,
        "deciding": _deciding(found),
        "refused": refused,
        "explained": explained,
        "lines": side_by_side(visible(explained.records, who), say=say_money, parts=together),
        "records": [_shown(one, who, link_to) for one in explained.records],
        "candidates": weigh_candidates(explained, rules(), key=key, say=say_money),
        "pairs": pairs,
        "match_eyes": eyes_for_match(life),
        "decisions": decisions,
        "people": people,
        "playbook": code if PLAYBOOKS.has(code) else ANY_BREAK,
        **possible,
    }
    return render(request, who, "break.html", status=status, **view)


def _stop_page(
    request: Request, who: Person, stop: Stop, *, refused: Refused | None, status: int
) -> HTMLResponse:
    """A break that stops its day: there is nothing to do about it here, and all there is to know."""
    called = rules().breaks.codes[stop.found["code"]].name
    view = {"one": stop.found, "stop": stop, "called": called, "refused": refused}
    return render(request, who, "stop.html", status=status, **view)


def eyes_for_match(life: Life) -> int:
    """How many other people must approve a match by hand."""
    limits = rules().lives.four_eyes
    worth = {"amount_minor": life.amount_minor, "amount_sgd_minor": life.amount_sgd_minor}
    return checkers_needed("manual_match", **worth, limits=limits)


def _pairs(store: Store, life: Life, explained: Explained) -> Pairable | None:
    """What a person may match by hand here; None where that is no question."""
    if life.state in CLOSED:
        return None
    sides = (side for row in explained.candidates for side in (row["side_a_id"], row["side_b_id"]))
    return pairable(store, life, dict.fromkeys(one for one in sides if one != life.key))


def _possible(life: Life, who: Person) -> dict[str, Any]:
    """Every act with the reason why this person may not, and how many eyes each proposal takes."""
    eyes = proposals(life, limits=rules().lives.four_eyes)
    try:
        possible = offers(life, actor=who.name)
    except NotAllowed as nobody:
        possible = {}
        return {"offers": possible, "nobody": str(nobody), "eyes": eyes, "life": life}
    allowed = {name: _with_permission(one, who) for name, one in possible.items()}
    return {"offers": allowed, "nobody": "", "eyes": eyes, "life": life}


def _with_permission(offer: Offer, who: Person) -> Offer:
    missing = missing_for(who, offer.action)
    return Offer(offer.action, missing) if missing else offer


def missing_for(who: Person, action: str) -> str:
    """Which permission an act lacks; empty when it lacks none.

    A proposal is sent back by whoever checks it, or withdrawn by whoever works on it.
    """
    if action == "reject" and May.APPROVE in who.may:
        return ""
    return who.needs(May.APPROVE if action == "approve" else May.WORK)


def _deciding(found: Shown) -> str:
    """The one fact that would decide: what the evidence names, or what this kind of break always turns on."""
    last = (found["evidence"] or "").rpartition(";")[2].strip()
    if last.endswith("would decide"):
        return last.removesuffix("would decide").strip()
    return DECIDING.get(found["code"], "")


def _shown(one: Record, who: Person, link_to: links.Links) -> dict[str, Any]:
    """A record for the page: personal data only for those who may see it."""
    hidden = hidden_from(who, one.entity)
    internal = {"native_id", "row_hash", "recorded_in", "superseded_in", "version", "place", "id"}
    facts = {
        name: "(hidden)" if name in hidden else value
        for name, value in one.facts.items()
        if value not in (None, "", []) and name not in internal
    }
    return {"record": one, "facts": facts, "link": link_to(one.system, one.entity, one.native_id)}
