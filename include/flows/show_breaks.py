"""What there is to do about breaks, worst first, and all that is known of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from include.domain.break_life import CLOSED, WORKED_ON, State
from include.domain.money import Money
from include.domain.service_levels import age_bucket
from include.policy import Policy
from include.ports import Rejected, Row, Store

Shown = dict[str, Any]
"""A break in words and figures a person reads; instants and dates as they are."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which breaks to list; None is any."""

    states: Sequence[State] = WORKED_ON
    owner: str | None = None
    assignee: str | None = None
    recon: str | None = None
    limit: int = 50


def list_breaks(store: Store, wanted: Wanted, policy: Policy) -> list[Shown]:
    """Breaks with their age, deadline and escalation, worst first."""
    with store.transaction() as tx:
        rows = tx.rows(
            "list_lives",
            states=list(wanted.states),
            owner=wanted.owner,
            assignee=wanted.assignee,
            recon=wanted.recon,
            limit=wanted.limit,
        )
    return [_shown(row, policy) for row in rows]


def show_break(store: Store, break_id: UUID, policy: Policy) -> tuple[Shown, list[Shown]]:
    """One break and its whole history, oldest first. Raises Rejected when there is none of this id."""
    with store.transaction() as tx:
        rows = tx.rows("life_of", break_id=break_id)
        history = tx.rows("history_of", break_id=break_id)
    if not rows:
        raise Rejected(f"no break has the id {break_id}")
    return _shown(rows[0], policy), [{**row, "amount": _money(row)} for row in history]


def _shown(row: Row, policy: Policy) -> Shown:
    zone = policy.calendars.entity.zone
    now = row["now"]
    age = policy.calendars.own.between(row["since_on"], now.astimezone(zone).date())
    waiting = policy.desk.waiting(row["severity"], opened_at=row["opened_at"], now=now)
    closed = row["state"] in CLOSED
    kept = {
        name: value for name, value in row.items() if name not in {"now", "amount_minor", "amount_sgd_minor"}
    }
    return kept | {
        "name": policy.breaks.codes[row["code"]].name if row["code"] in policy.breaks.codes else "",
        "amount": _money(row),
        "age_business_days": age,
        "bucket": age_bucket(age),
        "due_at": None if closed else waiting.due_at,
        "missed": 0 if closed else waiting.missed,
        "escalated_to": None if closed else waiting.escalated_to,
    }


def _money(row: Row) -> str | None:
    known = row["amount_minor"] is not None and row["currency"]
    return str(Money(row["amount_minor"], row["currency"])) if known else None
