"""What people do about breaks: through the same flows as the command line, with the version they saw."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import cast, get_args
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from include.console.access import Person, Someone, requires
from include.console.break_page import Refused, break_page, missing_for
from include.console.forms import Form, Sent
from include.console.kept import rules
from include.console.permissions import May
from include.console.render import render, store_of
from include.domain.break_life import Kind
from include.domain.shown import cut
from include.flows import act_on_break, pair_by_hand
from include.flows import resolve_break as desk
from include.flows.act_on_break import Acted, By, Conflict, Decide
from include.flows.pair_by_hand import Part
from include.ports import Rejected, Store, Transaction

BULK_MAX = 200
VERSION_DIGITS_MAX = 9
"""What the database counts versions up to."""
Act = Callable[[Store, UUID, By, Form], Acted]

router = APIRouter()


@router.post("/breaks/bulk", dependencies=[Depends(requires(May.WORK))])
def act_on_many(request: Request, who: Someone, form: Sent) -> Response:
    """Each break for itself: what somebody else changed meanwhile is left alone, and named."""
    action = form.one("action")
    if action not in _IN_BULK:
        raise HTTPException(422, f"{action!r} cannot be done to many breaks at once")
    chosen = _each_once(form.all("chosen"))
    if len(chosen) > BULK_MAX:
        raise HTTPException(422, f"choose at most {BULK_MAX} breaks at once")
    with store_of(request).transaction() as tx:
        outcomes = _act_on_each(tx, who, form, chosen)
    counts = Counter(not refused for _, refused in outcomes)
    return render(
        request,
        who,
        "bulk.html",
        status=200 if not counts[False] else 409,
        action=action,
        done_count=counts[True],
        outcomes=outcomes,
        reason=form.one("reason"),
        back=_own_query(form.one("back")),
    )


@router.post("/breaks/{break_id}/{action}", dependencies=[Depends(requires(May.READ))])
def act_on_one(request: Request, who: Someone, form: Sent, break_id: UUID, action: str) -> Response:
    """Do it and show the break again; or say why not, with what was refused still on the page."""
    if action not in _ACTS:
        raise HTTPException(404, f"there is nothing called {action!r} to do")
    if missing := missing_for(who, action):
        raise HTTPException(403, missing)
    try:
        _ACTS[action](store_of(request), break_id, _by(who, form, action, form.one("seen")), form)
    except Conflict as changed:
        return break_page(request, who, break_id, refused=Refused(action, str(changed), form), status=409)
    except Rejected as refused:
        return break_page(request, who, break_id, refused=Refused(action, str(refused), form), status=422)
    root = request.scope.get("root_path", "")
    return RedirectResponse(f"{root}/breaks/{break_id}?done={action}", status_code=303)


def _each_once(chosen: list[str]) -> list[str]:
    """What was chosen, each break as it was seen first: whoever acts twice has not seen what the first act left."""
    first: dict[str, str] = {}
    for one in chosen:
        first.setdefault(one.partition(":")[0].lower(), one)
    return list(first.values())


def _act_on_each(tx: Transaction, who: Person, form: Form, chosen: list[str]) -> list[tuple[str, str]]:
    """The id of each break, and why it was refused; empty when it was done. One commit for all."""
    action = form.one("action")
    acts: dict[UUID, By] = {}
    refused: dict[str, str] = {}
    for one in chosen:
        text, _, seen = one.partition(":")
        try:
            acts[UUID(text)] = _by(who, form, action, seen)
        except ValueError:
            refused[one] = "this is no break's id"
        except Rejected as unseen:
            refused[one] = str(unseen)
    by = By(actor=who.name, reason=form.one("reason"))
    try:
        done = act_on_break.act_on_many(tx, acts, _IN_BULK[action](by, form))
    except Rejected as nothing:
        done = dict.fromkeys(acts, str(nothing))
    return [_outcome(one, refused, done) for one in chosen]


def _outcome(chosen: str, refused: Mapping[str, str], done: Mapping[UUID, str]) -> tuple[str, str]:
    text = chosen.partition(":")[0]
    return (text[:36], refused[chosen]) if chosen in refused else (text, done[UUID(text)])


def _by(who: Person, form: Form, action: str, seen: str) -> By:
    if not (seen.isdecimal() and len(seen) <= VERSION_DIGITS_MAX):
        raise Rejected("the page does not say which version of the break you looked at; load it again")
    otherwise = f"assigned to {form.one('to') or who.name}" if action == "assign" else ""
    return By(actor=who.name, reason=form.one("reason") or otherwise, seen=int(seen))


def _assign(store: Store, break_id: UUID, by: By, form: Form) -> Acted:
    return desk.assign(store, break_id, by, to=form.one("to") or by.actor)


def _propose(store: Store, break_id: UUID, by: By, form: Form) -> Acted:
    return desk.propose(store, break_id, by, kind=_kind(form), policy=rules())


def _kind(form: Form) -> Kind:
    kind = form.one("kind")
    if kind not in get_args(Kind):
        raise Rejected(f"{cut(kind, 60)!r} is nothing that can be proposed")
    return cast("Kind", kind)


def _match(store: Store, break_id: UUID, by: By, form: Form) -> Acted:
    parts = [Part(invoice, form.one(f"amount:{invoice}")) for invoice in form.all("invoice")]
    if form.one("other_amount"):
        parts.append(Part(form.one("other"), form.one("other_amount")))
    else:
        parts += [Part(one.strip()) for one in form.one("other").split(",") if one.strip()]
    return pair_by_hand.match(store, break_id, by, parts=parts, policy=rules())


def _withdraw(store: Store, break_id: UUID, by: By, _: Form) -> Acted:
    return pair_by_hand.withdraw(store, break_id, by, policy=rules())


def _own_query(back: str) -> str:
    """Where to go back to: a query string of the desk, and nothing else."""
    return back if back.startswith("?") else ""


_ACTS: dict[str, Act] = {
    "assign": _assign,
    "comment": lambda store, break_id, by, _: desk.comment(store, break_id, by),
    "propose": _propose,
    "match": _match,
    "withdraw": _withdraw,
    "approve": lambda store, break_id, by, _: desk.approve(store, break_id, by),
    "reject": lambda store, break_id, by, _: desk.reject(store, break_id, by),
    "resolve": lambda store, break_id, by, _: desk.resolve(store, break_id, by),
    "accept": lambda store, break_id, by, _: desk.accept(store, break_id, by),
}

_IN_BULK: dict[str, Callable[[By, Form], Decide]] = {
    "assign": lambda by, form: desk.giving(form.one("to") or by.actor),
    "comment": lambda _, __: desk.remarking,
    "propose": lambda by, form: desk.proposing(by, kind=_kind(form), policy=rules()),
}
"""What may be done to many at once. Checking is done one by one: whoever approves has looked."""
