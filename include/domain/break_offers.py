"""What one person may do about a break now, and why not the rest: said before anybody tries."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from include.domain.break_life import (
    BY_HAND,
    PAIRING,
    FourEyes,
    Kind,
    Life,
    Move,
    NotAllowed,
    accept,
    approve,
    assign,
    checkers_needed,
    comment,
    identity,
    propose,
    reject,
    resolve,
)


@dataclass(frozen=True)
class Offer:
    """An act, and why it would be refused; empty when it would not."""

    action: str
    refused: str = ""


@dataclass(frozen=True)
class ProposalOffer:
    """What could be proposed, and how many other people must then approve it."""

    kind: Kind
    checkers: int


def offers(life: Life, *, actor: str) -> dict[str, Offer]:
    """Every act by its name. Raises NotAllowed when the actor's name is nobody's."""
    who = identity(actor)
    acts: dict[str, Callable[[], Move]] = {
        "assign": lambda: assign(life, to=who),
        "comment": lambda: comment(life),
        "propose": lambda: propose(life, maker=who, needed=1),
        "match": lambda: propose(life, maker=who, needed=1),
        "withdraw": lambda: propose(life, maker=who, needed=1),
        "approve": lambda: approve(life, checker=who),
        "reject": lambda: reject(life),
        "resolve": lambda: resolve(life, actor=who),
        "accept": lambda: accept(life),
    }
    return {name: _offer(name, act) for name, act in acts.items()}


def proposals(life: Life, *, limits: FourEyes) -> list[ProposalOffer]:
    """How many pairs of eyes each kind of proposal takes here.

    What cash and payouts are matched with is proposed elsewhere.
    """
    value, worth = life.amount_minor, life.amount_sgd_minor
    return [
        ProposalOffer(kind, checkers_needed(kind, amount_minor=value, amount_sgd_minor=worth, limits=limits))
        for kind in get_args(Kind)
        if life.recon not in BY_HAND or kind not in PAIRING
    ]


def _offer(name: str, act: Callable[[], Move]) -> Offer:
    try:
        act()
    except NotAllowed as refused:
        return Offer(name, str(refused))
    return Offer(name)
