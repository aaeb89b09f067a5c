"""What people do about parity: accept differences for a while, and sign; through the flows of the command line."""

from collections.abc import Callable
from datetime import date
from typing import cast

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from include.console.access import Person, Someone, requires
from include.console.break_page import Refused
from include.console.forms import Form, Sent
from include.console.kept import rules
from include.console.parity import SEPARATOR, page
from include.console.permissions import May
from include.console.render import Number, store_of
from include.domain.break_life import NotAllowed
from include.flows import accept_difference as register
from include.flows.act_on_break import Conflict
from include.flows.judge_parity import judged
from include.flows.sign_parity import MAY_SIGN, ROLES, Role, sign
from include.ports import Rejected, Store

router = APIRouter()
PARTS = 4
"""Of which differences: kind, field, class and cause."""


@router.post("/parity/accept", dependencies=[Depends(requires(May.WORK))])
def accept(request: Request, who: Someone, form: Sent) -> Response:
    """Propose that differences may stay, until a day and for a reason."""

    def act(store: Store) -> None:
        register.propose(store, _scope(form), _why(form), maker=who.name, policy=rules())

    return _done(request, who, form, "accept", act, told="accepted_difference")


@router.post("/parity/accepted/{accepted_no}/approve", dependencies=[Depends(requires(May.APPROVE))])
def approve(request: Request, who: Someone, form: Sent, accepted_no: Number) -> Response:
    """Approve what somebody else proposed."""

    def act(store: Store) -> None:
        register.approve(store, accepted_no, checker=who.name)

    return _done(request, who, form, "approve", act, told="approve")


@router.post("/parity/accepted/{accepted_no}/end", dependencies=[Depends(requires(May.WORK))])
def end(request: Request, who: Someone, form: Sent, accepted_no: Number) -> Response:
    """End an entry before its day: what it let stay counts again."""

    def act(store: Store) -> None:
        register.end(store, accepted_no, person=who.name)

    return _done(request, who, form, "end", act, told="ended_difference")


@router.post("/parity/sign/{role}", dependencies=[Depends(requires(May.READ))])
def sign_for(request: Request, who: Someone, form: Sent, role: str) -> Response:
    """Sign for a role what one saw, and nothing that was judged since."""
    if role not in ROLES:
        raise HTTPException(404, f"nobody signs for {role!r}")
    if missing := who.needs(May(MAY_SIGN[cast("Role", role)])):
        raise HTTPException(403, missing)

    def act(store: Store) -> None:
        window_no, reason = _window_seen(store, form), form.one("reason")
        sign(store, window_no, role=cast("Role", role), person=who.name, reason=reason)

    return _done(request, who, form, "sign", act, told="sign")


def _done(
    request: Request, who: Person, form: Form, action: str, act: Callable[[Store], None], *, told: str
) -> Response:
    """Do it and show parity again; or say why not, with what was refused still on the page."""
    try:
        act(store_of(request))
    except (Rejected, NotAllowed) as why:
        status = 409 if isinstance(why, Conflict) else 422
        return page(request, who, refused=Refused(action, str(why), form), status=status)
    return RedirectResponse(f"{request.scope.get('root_path', '')}/parity?done={told}", status_code=303)


def _scope(form: Form) -> register.Scope:
    parts = form.one("which").split(SEPARATOR)
    if len(parts) != PARTS:
        raise Rejected("say which differences may stay")
    kind, field, kind_of, cause = parts
    return register.Scope(kind=kind, field=field, kind_of=kind_of, cause=cause, key=form.one("key") or None)


def _why(form: Form) -> register.Why:
    if not (form.one("owner") and form.one("reason")):
        raise Rejected("say whose it is, and why it may stay")
    try:
        until = date.fromisoformat(form.one("until"))
    except ValueError:
        raise Rejected(f"{form.one('until')!r} is no day; write it as 2026-09-30") from None
    return register.Why(owner=form.one("owner"), reason=form.one("reason"), expires_on=until)


def _window_seen(store: Store, form: Form) -> int:
    """The newest window, if it is what the page showed."""
    with store.transaction() as tx:
        found = tx.rows("parity_newest_window", last=None)
        if not found:
            raise Rejected("no days were judged yet: there is nothing to sign")
        seen = judged(tx, found[0]["window_no"])
    if form.one("seen") != seen.content_sha256:
        raise Conflict("the days were judged anew since you looked: look at them again")
    return seen.window_no
