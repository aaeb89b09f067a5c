"""The register of accepted differences: proposed by one, approved by another, ended by anybody, over by itself."""

from dataclasses import dataclass
from datetime import date, timedelta

from include.domain.break_life import identity
from include.flows.act_on_break import Conflict
from include.flows.reasons import NAME_MAX, REASON_MAX, need_fitting, need_reason
from include.policy import Policy
from include.ports import Rejected, Row, Store, Transaction


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Which differences: all of a kind, field, class and cause, or those of one key. The unexplained have a key."""

    kind: str
    field: str
    kind_of: str
    cause: str
    key: str | None = None


@dataclass(frozen=True, kw_only=True)
class Why:
    """Whose it is, why it may stay, and the last day it may."""

    owner: str
    reason: str
    expires_on: date


def propose(store: Store, scope: Scope, why: Why, *, maker: str, policy: Policy) -> int:
    """Propose that differences may stay; the entry's number. Raises Rejected when there are none, or for too long.

    Conflict when somebody was quicker.
    """
    identity(maker)
    with store.transaction() as tx:
        today = tx.rows("parity_today", zone=policy.calendars.entity.zone.key)[0]["today"]
        _refuse(tx, scope, why, today, policy)
        made = tx.rows(
            "propose_accepted",
            kind=scope.kind,
            field=scope.field,
            kind_of=scope.kind_of,
            cause=scope.cause,
            key=scope.key,
            owner=why.owner,
            reason=why.reason,
            maker=maker,
            made_on=today,
            expires_on=why.expires_on,
        )
        if not made:
            raise Conflict("somebody has proposed the same at this moment")
        number: int = made[0]["accepted_no"]
        return number


def _refuse(tx: Transaction, scope: Scope, why: Why, today: date, policy: Policy) -> None:
    need_reason(why.reason)
    need_fitting("the owner", why.owner, most=NAME_MAX)
    latest = today + timedelta(days=policy.parity.accepted_days_max)
    if not today <= why.expires_on <= latest:
        raise Rejected(f"it must end between today and {latest}, and be looked at again then")
    if not scope.cause and scope.key is None:
        raise Rejected("what nothing explains is accepted key by key")
    asked = {"kind": scope.kind, "field": scope.field, "kind_of": scope.kind_of, "cause": scope.cause}
    if not tx.rows("parity_any_such", **asked, key=scope.key):
        raise Rejected("no day that was compared has such a difference")
    for entry in tx.rows("parity_accepted_already", **asked, key=scope.key):
        raise Rejected(
            f"entry {entry['accepted_no']} is for these already, until {entry['expires_on']}: end it, and propose anew"
        )


def approve(store: Store, accepted_no: int, *, checker: str) -> None:
    """Approve what somebody else proposed. Raises Rejected when it is not to be approved, or not by them.

    Conflict when somebody was quicker.
    """
    with store.transaction() as tx:
        entry = _entry(tx, accepted_no)
        if entry["checker"]:
            raise Conflict(f"{entry['checker']} has approved it already")
        if identity(entry["maker"]) == identity(checker):
            raise Rejected("whoever proposed it does not approve it")
        tx.run("approve_accepted", accepted_no=accepted_no, checker=checker)


def end(store: Store, accepted_no: int, *, person: str) -> None:
    """End an entry, approved or not. Raises Conflict when it is over already."""
    identity(person)
    with store.transaction() as tx:
        _entry(tx, accepted_no)
        tx.run("end_accepted", accepted_no=accepted_no, person=person)


def _entry(tx: Transaction, accepted_no: int) -> Row:
    found = tx.rows("claim_accepted", accepted_no=accepted_no)
    if not found:
        raise Rejected(f"the register has no entry {accepted_no}")
    if found[0]["ended_at"]:
        raise Conflict(f"entry {accepted_no} has ended: {found[0]['ended_by']} ended it")
    return found[0]


def note_drill(store: Store, *, drill: str, day: date, person: str, found: str, policy: Policy) -> None:
    """Note that something was tried out on purpose, and what came of it. Raises Rejected for a day that is to come."""
    identity(person)
    need_fitting("what was found", found, most=REASON_MAX)
    with store.transaction() as tx:
        tx.run("parity_alone")  # whoever judges has seen it, or it was noted later
        if day > (today := tx.rows("parity_today", zone=policy.calendars.entity.zone.key)[0]["today"]):
            raise Rejected(f"nothing can have been tried out on {day} yet: today is {today}")
        tx.run("note_drill", drill=drill, day=day, person=person, found=found)
