"""People at work on a break: assign, comment, propose, approve, reject, resolve, accept; each act leaves its history.

Whoever acts says which version of the break they saw. The rules are those of `include/domain/break_life.py`; the
database keeps them too, also against whoever goes around this.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from include.domain import break_life
from include.domain.break_life import PENDING, Kind, Life, Move, NotAllowed, Proposal, State, identity
from include.flows.grant_ruling import end_ruling, grant_ruling
from include.flows.keep_limits import refuse_other_limits
from include.flows.reasons import need_reason
from include.policy import Policy
from include.ports import Rejected, Row, Store, Transaction

SHORTEST_BEGINNING = 6
MAY_WORK = "can_work"


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


def find_break(store: Store, text: str) -> UUID:
    """The break whose id is this or begins like it. Raises Rejected when there is none, or several."""
    beginning = text.strip().lower()
    if len(beginning) < SHORTEST_BEGINNING:
        raise Rejected(
            f"{text!r} is too short for a break's id; give {SHORTEST_BEGINNING} characters or more"
        )
    with store.transaction() as tx:
        found = tx.rows("lives_beginning", beginning=beginning)
    if len(found) != 1:
        raise Rejected(
            f"{'several breaks have' if found else 'no break has'} an id beginning with {beginning}"
        )
    break_id: UUID = found[0]["break_id"]
    return break_id


def life_now(store: Store, break_id: UUID) -> Life:
    """The break as it is, with the proposal pending or approved; whoever acts next may find it changed.

    Raises Rejected when there is none of this id.
    """
    with store.transaction() as tx:
        rows = tx.rows("life_state", break_id=break_id)
        if not rows:
            raise Rejected(f"no break has the id {break_id}")
        return _life(tx, rows[0])


def assign(store: Store, break_id: UUID, by: By, *, to: str) -> Acted:
    """Give the break to somebody who is known and may work on it. Raises Conflict, Rejected."""
    return act(store, break_id, by, giving(to))


def giving(to: str) -> Decide:
    """Gives breaks to somebody, of whom is asked once however many there are."""
    known: set[str] = set()

    def decide(tx: Transaction, life: Life, actor: str) -> Move:
        person = identity(to)
        if person not in {actor, *known}:
            _refuse_strangers(tx, person)
            known.add(person)
        return break_life.assign(life, to=person)

    return decide


def _refuse_strangers(tx: Transaction, person: str) -> None:
    """A break that nobody has waits for nobody: a name that was mistyped must not have one."""
    [known] = tx.rows("person_known", person=person)
    if known["may"] is not None and MAY_WORK not in known["may"]:
        raise Rejected(
            f"{person} may not work on breaks, as the console last knew them: give it to somebody who may"
        )
    if known["may"] is None and not known["acted"]:
        raise Rejected(
            f"nobody called {person} is known here: it takes something they did about a break, or one look at the "
            "console by somebody who may work on breaks"
        )


def comment(store: Store, break_id: UUID, by: By) -> Acted:
    """Add a remark to its history. Raises Conflict, Rejected."""
    return act(store, break_id, by, remarking)


def remarking(_: Transaction, life: Life, __: str) -> Move:
    """Adds a remark."""
    return break_life.comment(life)


def propose(store: Store, break_id: UUID, by: By, *, kind: Kind, policy: Policy) -> Acted:
    """Propose what to do about it; how many must approve depends on what and how much. Raises Conflict, Rejected.

    What belongs together is proposed by `pair_by_hand`, which says what.
    """
    return act(store, break_id, by, proposing(by, kind=kind, policy=policy))


def proposing(by: By, *, kind: Kind, policy: Policy) -> Decide:
    """Proposes to do something about breaks."""

    def decide(tx: Transaction, life: Life, _: str) -> Move:
        if kind in break_life.PAIRING and life.recon in break_life.BY_HAND:
            what = "cash" if life.recon == break_life.CASH else "payouts"
            raise Rejected(f"to {kind.replace('_', ' ')} {what}, say what belongs together")
        return keep_proposal(tx, life, by, kind=kind, policy=policy)

    return decide


def keep_proposal(tx: Transaction, life: Life, by: By, *, kind: Kind, policy: Policy) -> Move:
    """Keep what is proposed, about the amounts the break has now. Raises NotAllowed, Rejected."""
    limits = policy.lives.four_eyes
    needed = break_life.checkers_needed(
        kind, amount_minor=life.amount_minor, amount_sgd_minor=life.amount_sgd_minor, limits=limits
    )
    move = break_life.propose(life, maker=identity(by.actor), needed=needed)
    refuse_other_limits(tx, policy)
    tx.run(
        "keep_proposal",
        break_id=life.break_id,
        kind=kind,
        reason=by.reason,
        maker=by.actor,
        rules_sha256=policy.sha256,
        checkers_needed=needed,
    )
    return move


def approve(store: Store, break_id: UUID, by: By) -> Acted:
    """Approve what somebody else proposed. Raises Conflict, Rejected."""
    return act(store, break_id, by, lambda tx, life, actor: approve_in(tx, life, by, actor))


def approve_in(tx: Transaction, life: Life, by: By, actor: str) -> Move:
    """Keep an approval of what is proposed. Raises NotAllowed."""
    move = break_life.approve(life, checker=actor)
    tx.run(
        "keep_approval",
        break_id=life.break_id,
        number=_number(life),
        ordinal=_ordinal(life),
        checker=by.actor,
        reason=by.reason,
    )
    return move


def reject(store: Store, break_id: UUID, by: By) -> Acted:
    """Send its proposal back to whoever has it. Raises Conflict, Rejected."""
    return act(store, break_id, by, lambda _, life, __: break_life.reject(life))


def resolve(store: Store, break_id: UUID, by: By) -> Acted:
    """Say that it is done; a later run that still finds it opens it again. Raises Conflict, Rejected."""
    return act(store, break_id, by, lambda _, life, actor: break_life.resolve(life, actor=actor))


def accept(store: Store, break_id: UUID, by: By) -> Acted:
    """Let it stand, as approved. Raises Conflict, Rejected."""
    return act(store, break_id, by, lambda _, life, __: break_life.accept(life))


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
    life = _life(tx, facts)
    try:
        return _Step(life, decide(tx, life, identity(by.actor)), by)
    except NotAllowed as refused:
        raise Rejected(f"break {break_id}: {refused}") from None


def _life(tx: Transaction, row: Row) -> Life:
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
        approvals=[_ordinal(step.life) if step.move.action == "approved" else None for step in steps],
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
    return _number(step.life) or _newest(tx, step.life)


def _keep_ruling(tx: Transaction, step: _Step, proposal_no: int) -> None:
    """What was approved counts from now on, and what is taken back no longer does."""
    life, to_state = step.life, step.move.to_state
    if life.state != "APPROVED" and to_state == "APPROVED":
        grant_ruling(tx, life.break_id, proposal_no=proposal_no, approved_in=life.version + 1)
    if life.state == "APPROVED" and to_state == "ASSIGNED":
        end_ruling(tx, life.break_id, proposal_no=_number(life))


def _number(life: Life) -> int:
    return life.proposal.number if life.proposal else 0


def _ordinal(life: Life) -> int:
    return len(life.proposal.checkers) + 1 if life.proposal else 0


def _newest(tx: Transaction, life: Life) -> int:
    number: int = tx.rows("newest_proposal_of", break_id=life.break_id)[0]["number"]
    return number
