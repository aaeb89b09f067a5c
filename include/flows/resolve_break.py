"""What people do about a break: assign, comment, propose, approve, reject, resolve, accept."""

from uuid import UUID

from include.domain import break_life
from include.domain.break_life import Kind, Life, Move, identity
from include.flows.act_on_break import Acted, By, Decide, act, life_of, number_of, ordinal_of
from include.flows.keep_limits import refuse_other_limits
from include.policy import Policy
from include.ports import Rejected, Store, Transaction

SHORTEST_BEGINNING = 6
MAY_WORK = "can_work"


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
        return life_of(tx, rows[0])


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
        number=number_of(life),
        ordinal=ordinal_of(life),
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
