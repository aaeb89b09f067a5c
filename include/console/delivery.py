"""What is on its way to other systems, what may have happened, what is parked; holding back and sending again."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, ValidationError

from include.console.access import Person, Someone, requires
from include.console.forms import Form, Sent
from include.console.kept import rules
from include.console.permissions import May
from include.console.render import Number, Page, fitting, render, store_of, url_with
from include.flows import replay as flow
from include.ports import Rejected, Row, Store

PAGE = Page("Delivery", "/delivery")
router = APIRouter()

SHOWN = 50
CHOSEN_MAX = 200
DIGITS_MAX = 18
"""Of a message's number; there is none of more."""
NOTHING = Form({})
LATENCY_OF = 5_000
"""Confirmed messages, the newest, that say how long messages take."""
WAITING = ("queued", "called", "uncertain", "parked")


class Wanted(BaseModel):
    """What the address asks for; `before` is the last line's number, `asked` that of what somebody asked to be sent."""

    state: Literal["", "queued", "called", "uncertain", "parked"] = ""
    target: str = ""
    subject: str = ""
    asked: Number | Literal[""] = ""
    before: Number | Literal[""] = ""


@router.get("/delivery")
def delivery(request: Request, who: Someone, wanted: Annotated[Wanted, Query()]) -> HTMLResponse:
    return _page(request, who, wanted)


@router.get("/delivery/{message_id}")
def one_message(request: Request, who: Someone, message_id: Number) -> HTMLResponse:
    with store_of(request).transaction() as tx:
        found = tx.rows("console_message", message_id=message_id)
        if not found:
            raise HTTPException(404, f"there is no message {message_id}")
        attempts = tx.rows("console_attempts", message_id=message_id)
        acts = tx.rows("console_acts_on_message", message_id=message_id)
    mends = rules().delivery.reasons.get(found[0]["reason"] or "", "")
    view: dict[str, Any] = {"message": found[0], "attempts": attempts, "acts": acts, "mends": mends}
    return render(request, who, "message.html", **view)


@router.post("/delivery/approve", dependencies=[Depends(requires(May.APPROVE))])
def approve(request: Request, who: Someone, form: Sent) -> Response:
    """Send what somebody else asked for: whoever approves money lets it go, and not who delivers."""
    return _answer(request, who, form, _approved)


@router.post("/delivery/refuse", dependencies=[Depends(requires(May.APPROVE))])
def refuse(request: Request, who: Someone, form: Sent) -> Response:
    """Send back, with a reason, what somebody else asked for."""
    return _answer(request, who, form, partial(_ended, ended="refused"))


@router.post("/delivery/withdraw", dependencies=[Depends(requires(May.DELIVER))])
def withdraw(request: Request, who: Someone, form: Sent) -> Response:
    """Take back what one asked for."""
    return _answer(request, who, form, partial(_ended, ended="withdrawn"))


def _answer(
    request: Request, who: Person, form: Form, answer: Callable[[Store, int, flow.By], str]
) -> Response:
    """What becomes of what was asked for; where that is refused, the page with what was typed."""
    wanted, by = _wanted_by(form), flow.By(who.name, form.one("reason"))
    [number, *_] = _numbers(form, "replay") or [0]
    try:
        done = answer(store_of(request), number, by)
    except Rejected as refused:
        return _page(request, who, wanted, refused=str(refused), typed=form, status=422)
    return _back(request, wanted, done)


def _approved(store: Store, number: int, by: flow.By) -> str:
    """What the page is to say of it."""
    moved = flow.approve_replay(store, number, by, flow.most_of(rules()))
    return "replaced" if moved["superseded"] else "replay"


def _ended(store: Store, number: int, by: flow.By, *, ended: flow.End) -> str:
    """The same of what is not sent."""
    flow.end_replay(store, number, by, ended=ended)
    return f"replay {ended}"


@router.post("/delivery/{action}", dependencies=[Depends(requires(May.DELIVER))])
def act(request: Request, who: Someone, form: Sent, action: Literal["replay", "hold", "ask"]) -> Response:
    """Each message only if it is still in the state that was seen: the rest stays as it is."""
    wanted, by, store = _wanted_by(form), flow.By(who.name, form.one("reason")), store_of(request)
    chosen = _numbers(form, "chosen")
    if len(chosen) > CHOSEN_MAX:
        raise HTTPException(422, f"choose at most {CHOSEN_MAX} messages at once")
    if not chosen:
        return _back(request, wanted, "unchosen")
    try:
        done = _ACTS[action](store, chosen, by)
    except Rejected as refused:
        return _page(request, who, wanted, refused=str(refused), typed=form, status=422)
    return _back(request, wanted, done)


def _numbers(form: Form, name: str) -> list[int]:
    numbers = [int(one) for one in form.all(name) if one.isdecimal() and len(one) <= DIGITS_MAX]
    return list(dict.fromkeys(numbers))


def _held(store: Store, chosen: list[int], by: flow.By) -> str:
    """What the page is to say of it."""
    return _done("hold", flow.hold(store, chosen, by), of=len(chosen))


def _replayed(store: Store, chosen: list[int], by: flow.By) -> str:
    """The same of what was to be sent again."""
    moved = flow.replay(store, flow.Wanted(messages=chosen), by, flow.most_of(rules()))
    return _done("replaced" if moved["superseded"] else "replay", moved.total(), of=len(chosen))


def _asked(store: Store, chosen: list[int], by: flow.By) -> str:
    """The same of what somebody else is to send again."""
    limits, wanted = rules().delivery, flow.Wanted(messages=chosen)
    asked = flow.ask_replay(store, wanted, by, lives=limits.asked_for, hourly=limits.replayed_hourly_max)
    return _done("ask", asked.messages, of=len(chosen))


_ACTS = {"hold": _held, "replay": _replayed, "ask": _asked}


def _asked_for(asked: Sequence[Row], number: int) -> list[int]:
    """The messages that somebody asked for, and that still wait for it."""
    return next((row["messages"] for row in asked if row["replay_id"] == number), [])


def _done(action: str, moved: int, *, of: int) -> str:
    return action if moved == of else "some" if moved else "none"


def _wanted_by(form: Form) -> Wanted:
    """What the page showed on which somebody acted; all that waits where that cannot be told."""
    try:
        return Wanted.model_validate(dict(parse_qsl(form.one("back").removeprefix("?"))))
    except ValidationError:
        return Wanted()


def _back(request: Request, wanted: Wanted, done: str) -> Response:
    root, given = request.scope.get("root_path", ""), wanted.model_dump(exclude_defaults=True)
    return RedirectResponse(f"{root}/delivery{url_with(given, done=done)}", status_code=303)


def _page(
    request: Request,
    who: Someone,
    wanted: Wanted,
    *,
    refused: str = "",
    typed: Form = NOTHING,
    status: int = 200,
) -> HTMLResponse:
    """The page as it is now; where an act was refused, with what was chosen and typed for it."""
    with store_of(request).transaction() as tx:
        asked = tx.rows("replays_asked")
        fits = {
            "states": [wanted.state] if wanted.state else list(WAITING),
            "target": wanted.target or None,
            "subject": wanted.subject.strip() or None,
            "numbers": _asked_for(asked, wanted.asked) if wanted.asked else None,
        }
        rows = tx.rows("console_messages", **fits, before=wanted.before or None, limit=SHOWN + 1)
        whole = len(rows) <= SHOWN and not wanted.before
        view: dict[str, Any] = {
            "queues": tx.rows("delivery_queue"),
            "spared": tx.rows("spared_systems"),
            "asked": asked,
            "latency": tx.rows("console_latency", count_max=LATENCY_OF)[0],
            "most_told": LATENCY_OF,
            "rows": rows[:SHOWN],
            "total": fitting(tx, "console_count_messages", whole=whole, **fits),
            "more": rows[SHOWN - 1]["message_id"] if len(rows) > SHOWN else None,
            "now": tx.rows("console_now")[0]["now"],
        }
    view |= {
        "given": wanted.model_dump(exclude_defaults=True),
        "states": WAITING,
        "refused": refused,
        "typed": typed,
        "chosen_max": CHOSEN_MAX,
    }
    view |= {"reasons": rules().delivery.reasons}
    return render(request, who, "delivery.html", status=status, wanted=wanted, **view)
