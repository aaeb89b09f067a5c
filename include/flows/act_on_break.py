"""One act about a break, or about many, and its history: judged, kept, and the break moved, in one transaction.

Whoever acts says which version of the break they saw. The rules are those of `include/domain/break_life.py`; the
database keeps them too, also against whoever goes around this.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from include.domain.break_life import PENDING, Life, Move, NotAllowed, Proposal, State, identity
from include.flows.grant_ruling import end_ruling, grant_ruling
from include.flows.reasons import need_reason
from include.ports import Rejected, Row, Store, Transaction


class Conflict(Rejected):
    """Somebody changed the break after it was read; read it again."""


@dataclass(frozen=True, kw_only=True)
class By:
    """Who acts and why. `seen` is the version of the break they looked at; None acts on whatever is there now."""

    actor: str
    reason: str
    seen: int | None = None


@dataclass(frozen=True)
class Acted:
    """Where the break is after the act."""

    break_id: UUID
    state: State
    version: int
    assignee: str | None


Decide = Callable[[Transaction, Life, str], Move]
"""What becomes of a break; may keep a proposal or an approval first. The text is who acts."""


def act(store: Store, break_id: UUID, by: By, decide: Decide) -> Acted:
    """Do what `decide` says about the break as it is now, while nobody else can. Raises Conflict, Rejected."""
    with store.transaction() as tx:
        return act_in(tx, break_id, by, decide)


def act_in(tx: Transaction, break_id: UUID, by: By, decide: Decide) -> Acted:
    """The same within a transaction."""
    rows = tx.rows("claim_lives_of", break_ids=[break_id])
    [acted] = _record(tx, [_decided(tx, rows[0] if rows else None, break_id, by, decide)])
    return acted


def act_on_many(tx: Transaction, acts: Mapping[UUID, By], decide: Decide) -> dict[UUID, str]:
    """The same act about many breaks, each for itself: why it was refused, empty where it was done.

    In few statements, however many there are, and locked in one order: two people who choose the same ones wait for
    each other, and none for both. Where the database refuses them together, they are tried one by one.
    """
    try:
        with tx.apart():
            return _all_at_once(tx, acts, decide)
    except Rejected:
        return {one: _alone(tx, one, by, decide) for one, by in sorted(acts.items())}


def _all_at_once(tx: Transaction, acts: Mapping[UUID, By], decide: Decide) -> dict[UUID, str]:
    claimed = {row["break_id"]: row for row in tx.rows("claim_lives_of", break_ids=list(acts))}
    outcomes = dict.fromkeys(acts, "")
    steps = []
    for one, by in acts.items():
        try:
            steps.append(_decided(tx, claimed.get(one), one, by, decide))
        except Rejected as refused:
            outcomes[one] = str(refused)
    _record(tx, steps)
    return outcomes


def _alone(tx: Transaction, break_id: UUID, by: By, decide: Decide) -> str:
    """What is refused leaves nothing behind."""
    try:
        with tx.apart():
            act_in(tx, break_id, by, decide)
    except Rejected as refused:
        return str(refused)
    return ""


@dataclass(frozen=True)
class _Step:
    life: Life
    move: Move
    by: By


def _decided(tx: Transaction, facts: Row | None, break_id: UUID, by: By, decide: Decide) -> _Step:
    """What becomes of a claimed break."""
    need_reason(by.reason)
    if facts is None:
        raise Rejected(f"no break has the id {break_id}")
    if by.seen is not None and by.seen != facts["version"]:
        [last] = tx.rows("last_act_on", break_id=break_id)
        raise Conflict(
            f"break {break_id} was {last['action']} by {last['actor_id']} "
            f"at {last['happened_at']:%Y-%m-%d %H:%M:%S} UTC; it is version {facts['version']} and you saw {by.seen}: "
            "look at it again"
        )
    life = life_of(tx, facts)
    try:
        return _Step(life, decide(tx, life, identity(by.actor)), by)
    except NotAllowed as refused:
        raise Rejected(f"break {break_id}: {refused}") from None


def life_of(tx: Transaction, row: Row) -> Life:
    """The break of a row of `life_state` or `claim_lives_of`, with the proposal pending or approved."""
    facts = {name: value for name, value in row.items() if name != "proposal_no"}
    number = row["proposal_no"]
    found = tx.rows("proposal_of", break_id=row["break_id"], number=number) if number else []
    proposals = [Proposal(**row | {"checkers": tuple(row["checkers"])}) for row in found]
    return Life(**facts, proposal=proposals[0] if proposals else None)


def _record(tx: Transaction, steps: Sequence[_Step]) -> list[Acted]:
    """Keep the acts, and move the breaks."""
    after = [_proposal_after(tx, step) for step in steps]
    moved: dict[str, Any] = {
        "break_ids": [step.life.break_id for step in steps],
        "to_states": [step.move.to_state for step in steps],
        "assignees": [step.move.assignee for step in steps],
        "proposals_after": after,
    }
    tx.run(
        "record_acts",
        **moved,
        actions=[step.move.action for step in steps],
        actors=[step.by.actor for step in steps],
        reasons=[step.by.reason for step in steps],
        approvals=[ordinal_of(step.life) if step.move.action == "approved" else None for step in steps],
    )
    tx.run("move_acted", **moved, versions=[step.life.version for step in steps])
    for step, proposal_no in zip(steps, after, strict=True):
        _keep_ruling(tx, step, proposal_no)
    return [
        Acted(step.life.break_id, step.move.to_state, step.life.version + 1, step.move.assignee)
        for step in steps
    ]


def _proposal_after(tx: Transaction, step: _Step) -> int:
    if step.move.to_state not in PENDING:
        return 0
    return number_of(step.life) or _newest(tx, step.life)


def _keep_ruling(tx: Transaction, step: _Step, proposal_no: int) -> None:
    """What was approved counts from now on, and what is taken back no longer does."""
    life, to_state = step.life, step.move.to_state
    if life.state != "APPROVED" and to_state == "APPROVED":
        grant_ruling(tx, life.break_id, proposal_no=proposal_no, approved_in=life.version + 1)
    if life.state == "APPROVED" and to_state == "ASSIGNED":
        end_ruling(tx, life.break_id, proposal_no=number_of(life))


def number_of(life: Life) -> int:
    """Of its proposal; 0 where there is none."""
    return life.proposal.number if life.proposal else 0


def ordinal_of(life: Life) -> int:
    """Which approval the next one would be; 0 where nothing is proposed."""
    return len(life.proposal.checkers) + 1 if life.proposal else 0


def _newest(tx: Transaction, life: Life) -> int:
    number: int = tx.rows("newest_proposal_of", break_id=life.break_id)[0]["number"]
    return number
