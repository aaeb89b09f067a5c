"""The life of a break: what may happen to it, who may do it, and how many people must look.

The database holds all of this too (sql/schema/085_break_lives.sql); here it is said with a reason.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from include.domain.shown import cut

State = Literal["NEW", "OPEN", "ASSIGNED", "PROPOSED", "APPROVED", "RESOLVED", "ACCEPTED"]
Kind = Literal[
    "correct", "write_off", "accept", "manual_match", "unmatch", "withdraw", "merge", "config_change"
]
Actor = Literal["run", "policy", "person"]
Step = tuple[str, Actor, State, State]
"""What is done, by whom, from which state, to which."""

CLOSED: frozenset[State] = frozenset({"RESOLVED", "ACCEPTED"})
PENDING: frozenset[State] = frozenset({"PROPOSED", "APPROVED"})
WORKED_ON: tuple[State, ...] = ("OPEN", "ASSIGNED", "PROPOSED", "APPROVED")
LET_STAND: frozenset[Kind] = frozenset({"write_off", "accept"})
PROGRAMS = frozenset({"run", "policy"})
PAIRING: frozenset[Kind] = frozenset({"manual_match", "unmatch", "withdraw"})
"""What runs carry out, where it is about cash or payouts: such a proposal says what belongs together."""
CASH, PAYOUTS = "R3", "R4"
BY_HAND = frozenset({CASH, PAYOUTS})
"""The reconciliations of which runs carry out what people match and part."""

TO_DO: Mapping[Kind, str] = {
    "correct": "correct it",
    "write_off": "write it off",
    "accept": "let it stand",
    "manual_match": "match it by hand",
    "unmatch": "unmatch it",
    "withdraw": "withdraw its unmatch",
    "merge": "merge it",
    "config_change": "change the rules for it",
}
"""What a proposal is to do."""

_IDENTITY = re.compile(r"[a-z0-9]([a-z0-9._@+-]*[a-z0-9])?")


class NotAllowed(Exception):
    """The break may not be treated so now, or not by this person."""


@dataclass(frozen=True)
class FourEyes:
    """Above which value (SGD minor units) a manual match needs a checker, and anything needs two."""

    manual_match_sgd_minor: int
    two_checkers_sgd_minor: int


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What a maker proposed, and who has approved it so far."""

    number: int
    kind: Kind
    maker: str
    checkers_needed: int
    checkers: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Life:
    """A break as it is now, and what it is about. `proposal` is the one pending or approved."""

    break_id: UUID
    state: State
    version: int
    assignee: str | None = None
    proposal: Proposal | None = None
    amount_minor: int | None = None
    amount_sgd_minor: int | None = None
    recon: str = ""
    code: str = ""
    key: str = ""
    currency: str | None = None


@dataclass(frozen=True)
class Move:
    """Where an act leads: the next state, and who has the break from there on."""

    action: str
    to_state: State
    assignee: str | None


def _steps(action: str, actor: Actor, to_state: State | None, *from_states: State) -> Iterable[Step]:
    return ((action, actor, state, to_state or state) for state in from_states)


STEPS: frozenset[Step] = frozenset(
    {
        *_steps("opened", "run", "OPEN", "NEW"),
        *_steps("reopened", "run", "OPEN", "RESOLVED", "ACCEPTED"),
        *_steps("changed", "run", None, *WORKED_ON),
        *_steps("lapsed", "run", "ASSIGNED", "PROPOSED", "APPROVED"),
        *_steps("vanished", "run", "RESOLVED", *WORKED_ON, "ACCEPTED"),
        *_steps("written_off", "policy", "ACCEPTED", "OPEN"),
        *_steps("questioned", "person", "OPEN", "NEW", "OPEN", "ASSIGNED", "RESOLVED", "ACCEPTED"),
        *_steps("assigned", "person", "ASSIGNED", "OPEN", "ASSIGNED"),
        *_steps("commented", "person", None, *WORKED_ON, "RESOLVED", "ACCEPTED"),
        *_steps("proposed", "person", "PROPOSED", "OPEN", "ASSIGNED"),
        *_steps("proposed", "person", "APPROVED", "OPEN", "ASSIGNED"),
        *_steps("approved", "person", "PROPOSED", "PROPOSED"),
        *_steps("approved", "person", "APPROVED", "PROPOSED"),
        *_steps("rejected", "person", "ASSIGNED", "PROPOSED", "APPROVED"),
        *_steps("resolved", "person", "RESOLVED", "ASSIGNED", "APPROVED"),
        *_steps("accepted", "person", "ACCEPTED", "APPROVED"),
    }
)
"""All that may happen. `changed` in PROPOSED and APPROVED is of severity only: other facts make a proposal lapse."""


def identity(name: str) -> str:
    """Who somebody is: `Alice` and `alice ` are one person. Raises NotAllowed on what is no login or mail address."""
    found = name.strip().lower()
    if not _IDENTITY.fullmatch(found):
        raise NotAllowed(
            f"{cut(name, 60)!r} is no login or mail address (letters a to z, digits, and . _ @ + - inside)"
        )
    if found in PROGRAMS:
        raise NotAllowed(f"{found!r} is the program's own name, and nobody's")
    return found


def checkers_needed(
    kind: Kind, *, amount_minor: int | None, amount_sgd_minor: int | None, limits: FourEyes
) -> int:
    """How many people besides the maker must approve. Money of unknown value might be large."""
    if kind == "correct":
        return 0
    if amount_minor is None:
        return 1
    if amount_sgd_minor is None or abs(amount_sgd_minor) > limits.two_checkers_sgd_minor:
        return 2
    return 0 if kind == "manual_match" and abs(amount_sgd_minor) <= limits.manual_match_sgd_minor else 1


def question(before: State) -> State:
    """Question a posted match: opens its break, or opens it again from the state it was in, which is given back."""
    if ("questioned", "person", before, "OPEN") not in STEPS:
        raise NotAllowed(f"it is questioned already, and {before}: decide that first")
    return before


def assign(life: Life, *, to: str) -> Move:
    """Give it to somebody; also away from somebody else."""
    return _move(life, "assigned", "ASSIGNED", assignee=to)


def comment(life: Life) -> Move:
    """Say something about it; nothing changes."""
    return _move(life, "commented", life.state)


def propose(life: Life, *, maker: str, needed: int) -> Move:
    """Propose what to do. Where nobody needs to check, it may be done at once."""
    return _move(life, "proposed", "PROPOSED" if needed else "APPROVED", assignee=life.assignee or maker)


def approve(life: Life, *, checker: str) -> Move:
    """Approve what somebody else proposed; the last of the checkers needed makes it so."""
    proposal = _pending(life, "approved")
    if checker == identity(proposal.maker):
        raise NotAllowed(f"{checker} proposed it, and somebody else must check it")
    if checker in map(identity, proposal.checkers):
        raise NotAllowed(f"{checker} has approved it already; {proposal.checkers_needed} people must")
    last = len(proposal.checkers) + 1 == proposal.checkers_needed
    return _move(life, "approved", "APPROVED" if last else "PROPOSED")


def reject(life: Life) -> Move:
    """Send a proposal back; its maker withdraws it so too."""
    if life.state == "APPROVED" and life.proposal and life.proposal.kind == "withdraw":
        raise NotAllowed("the parting was withdrawn when that was approved: resolve it")
    return _move(life, "rejected", "ASSIGNED")


def resolve(life: Life, *, actor: str) -> Move:
    """Say that it is done; the next run that still finds it opens it again."""
    proposal = life.proposal
    if proposal and proposal.kind in LET_STAND:
        raise NotAllowed(f"what was approved is to {TO_DO[proposal.kind]}: accept it, or reject the proposal")
    if (
        life.state == "APPROVED"
        and proposal
        and life.recon in BY_HAND
        and proposal.kind in PAIRING - {"withdraw"}
    ):
        raise NotAllowed(
            "the next reconciliation carries out what was approved; reject it if it is not to be"
        )
    if life.state == "ASSIGNED" and actor != life.assignee:
        raise NotAllowed(f"{life.assignee} has it; have it assigned to you first")
    return _move(life, "resolved", "RESOLVED")


def accept(life: Life) -> Move:
    """Let it stand, as approved."""
    if life.proposal and life.proposal.kind not in LET_STAND:
        raise NotAllowed(f"what was approved is to {TO_DO[life.proposal.kind]}: resolve it when that is done")
    return _move(life, "accepted", "ACCEPTED")


def _pending(life: Life, action: str) -> Proposal:
    if life.proposal is None:
        raise NotAllowed(_refusal(life, action))
    return life.proposal


def _move(life: Life, action: str, to_state: State, *, assignee: str | None = None) -> Move:
    if (action, "person", life.state, to_state) not in STEPS:
        raise NotAllowed(_refusal(life, action))
    return Move(action, to_state, assignee or life.assignee)


def _refusal(life: Life, action: str) -> str:
    states = sorted({step[2] for step in STEPS if step[:2] == (action, "person")})
    return f"it is {life.state}; only what is {' or '.join(states)} can be {action}"
