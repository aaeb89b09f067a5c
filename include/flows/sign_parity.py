"""Signs what was judged: three roles, three people, and only while nothing stands in the way. The database decides."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal

from include.domain.break_life import NotAllowed, identity
from include.domain.shown import cut
from include.flows.allow_switch import sign_off
from include.flows.asking import FRESH, PATIENCE, Answered, Ask, plain
from include.flows.judge_parity import Judged, judge_parity, judged
from include.flows.need_permission import need_permission
from include.flows.reasons import REASON_MAX, need_reason
from include.policy import Policy
from include.ports import Fatal, Rejected, Row, Store, Transaction

Role = Literal["controller", "revops", "it"]
ROLES: Sequence[Role] = ("controller", "revops", "it")
MAY_SIGN = {"controller": "can_sign_controller", "revops": "can_sign_revops", "it": "can_sign_it"}
"""Role -> the permission of the console that whoever signs for it must have."""


def sign(store: Store, window_no: int, *, role: Role, person: str, reason: str) -> Judged:
    """Sign a window for a role. Raises Rejected, with why, when it may not be signed, or not by this person."""
    identity(person)
    need_reason(reason, missing="a signature without one says nothing")
    with store.transaction() as tx:
        tx.run("parity_alone")
        seen = judged(tx, window_no)
        _refuse(seen, role, person, before=tx.rows("went_back")[0])
        tx.run("sign_parity", window_no=window_no, role=role, person=person, reason=reason)
        return judged(tx, window_no)


def sign_known(store: Store, window_no: int, *, role: Role, person: str, reason: str) -> Judged:
    """Sign as somebody whom the console knows to have the role. Raises Rejected as `sign` does, and for strangers."""
    _need_role(store, person, role)
    return sign(store, window_no, role=role, person=person, reason=reason)


def _refuse(seen: Judged, role: Role, person: str, *, before: Row) -> None:
    """In words what the database would refuse, and what would not stand. `before`: anybody had to go back."""
    if _led_there(seen, before):
        raise Rejected(
            f"somebody had to go back at {before['at']:%Y-%m-%d %H:%M} UTC, after days up to {before['signed']} were "
            "signed: judge days that end later, which all three sign"
        )
    if seen.obstacles:
        raise Rejected(f"window {seen.window_no} cannot be signed yet: {'; '.join(seen.obstacles[:5])}")
    for one in seen.signed:
        if one["role"] == role:
            raise Rejected(f"{one['person']} has signed as {role} already")
        if identity(one["person"]) == identity(person):
            raise Rejected(f"{person} has signed as {one['role']}; three roles are three people")


def _led_there(seen: Judged, before: Row) -> bool:
    """Whether the days end no later than what was signed before anybody had to go back."""
    return bool(before["signed"] and seen.last_day <= before["signed"])


def signed_or_judged(store: Store, *, last: date, policy: Policy) -> Judged:
    """The days up to `last` as some have signed them, while nothing is in the way of that; else as they are judged now.

    So three people sign the same, and a pack is of what they signed, whatever was compared, noted or accepted since.
    """
    with store.transaction() as tx:
        for row in tx.rows("parity_newest_window", last=last):
            if row["begun"]:
                return judged(tx, row["window_no"])
    return judge_parity(store, last=last, policy=policy)


def ask_signatures(
    store: Store, *, policy: Policy, asked_in: str, link_to: str = "", last: date | None = None
) -> list[Ask]:
    """Judge the days up to `last`, and ask for each missing signature; for none while something is in the way.

    Without `last`: what some have signed already, and else the days up to the last one compared, unless a sign-off of
    what runs here stands for some of these: the end of a month is signed once.
    """
    seen = _to_sign(store, last, policy)
    if seen is None:
        return []
    with store.transaction() as tx:
        tx.run("give_up_sign_asks", asked_in=asked_in, patience=PATIENCE)
        if not (seen.obstacles or _led_there(seen, tx.rows("went_back")[0])):
            tx.run("ask_for_signatures", window_no=seen.window_no, roles=list(ROLES), asked_in=asked_in)
        return [_ask(row, seen, link_to) for row in tx.rows("sign_asks_of", asked_in=asked_in)]


def asked(store: Store, ask_no: int, *, asked_in: str, link_to: str = "") -> Ask | None:
    """One question as its run asks it; None when it is over, or another run's."""
    with store.transaction() as tx:
        rows = [row for row in tx.rows("sign_asks_of", asked_in=asked_in) if row["ask_no"] == ask_no]
        return _ask(rows[0], judged(tx, rows[0]["window_no"]), link_to) if rows else None


def _to_sign(store: Store, last: date | None, policy: Policy) -> Judged | None:
    if last is None:
        with store.transaction() as tx:
            begun = [judged(tx, row["window_no"]) for row in tx.rows("parity_windows_begun")]
            found = tx.rows("parity_day", day=None, edition=None)
        if unfinished := [one for one in begun if not one.obstacles]:
            return unfinished[0]
        if not found:
            return None
        last = found[0]["day"]
        with store.transaction() as tx:
            _, about, others = sign_off(tx, policy)
        if about and not others and about["last_day"] > last - timedelta(days=policy.parity.window.days):
            return None
    return signed_or_judged(store, last=last, policy=policy)


def look(store: Store, ask_no: int) -> Answered | None:
    """Whether the question is over, because somebody signed elsewhere or the days changed; None while it waits."""
    with store.transaction() as tx:
        ask = _looked_at(tx, ask_no)
        return _over(tx, ask)


def answer(store: Store, ask_no: int, *, actor: str, signs: bool, reason: str) -> Answered:
    """Write what somebody answered; what is refused is said, and asked again by the next run."""
    with store.transaction() as tx:
        ask = _looked_at(tx, ask_no)
        if over := _over(tx, ask):
            return over
    try:
        if not signs:
            _need_role(store, actor, ask["role"])
            why = cut(reason, REASON_MAX)
            return _closed(store, ask_no, "declined", actor, f"{actor} does not sign as {ask['role']}: {why}")
        sign_known(store, ask["window_no"], role=ask["role"], person=actor, reason=reason)
    except (Rejected, NotAllowed) as refused:
        return _closed(store, ask_no, "refused", actor, str(refused))
    return _closed(store, ask_no, "signed", actor, f"{actor} signed as {ask['role']}")


def _looked_at(tx: Transaction, ask_no: int) -> Row:
    found = tx.rows("look_at_sign_ask", ask=ask_no)
    if not found:
        raise Fatal(f"nobody asks question {ask_no}")
    return found[0]


def _over(tx: Transaction, ask: Row) -> Answered | None:
    if ask["waits"]:
        return None
    words = "it was signed in the console, or the days were judged anew"
    tx.run("close_sign_ask", ask=ask["ask_no"], outcome="elsewhere", by=None, words=words)
    return Answered("elsewhere", words)


def _closed(store: Store, ask_no: int, outcome: str, by: str, words: str) -> Answered:
    with store.transaction() as tx:
        tx.run("close_sign_ask", ask=ask_no, outcome=outcome, by=by, words=words)
    return Answered(outcome, words)


def _need_role(store: Store, actor: str, role: str) -> None:
    refused = (
        f"{actor} may not sign as {role}: it takes that role, and a look at the console's page Parity within "
        f"{FRESH // timedelta(hours=1)} hours, which then knows them"
    )
    with store.transaction() as tx:
        need_permission(tx, actor, {MAY_SIGN[role]}, refused=refused)


def _ask(row: Row, seen: Judged, link_to: str) -> Ask:
    differences, accepted = (sum(one[name] for one in seen.days) for name in ("differences", "accepted"))
    green = sum(one["judged"] for one in seen.days)
    lines = [
        f"{seen.first_day} to {seen.last_day}: {len(seen.days)} days were compared.",
        f"Every limit is kept on the {green} days that must be green.",
        f"{differences:,} differences; {accepted:,} of them accepted.",
        f"What is signed has the hash `{seen.content_sha256}`.",
        f"The last answer was refused. {plain(row['refused'])}." if row["refused"] else "",
        f"[The days in the console]({link_to})" if link_to else "",
    ]
    subject = f"Parity {seen.first_day} to {seen.last_day}: sign as {row['role']}?"
    return Ask(row["ask_no"], subject, "\n\n".join(filter(None, lines)))
