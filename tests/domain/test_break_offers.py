from typing import Any, get_args
from uuid import UUID

import pytest

from include.domain.break_life import STEPS, FourEyes, Kind, Life, NotAllowed, Proposal
from include.domain.break_offers import offers, proposals

LIMITS = FourEyes(manual_match_sgd_minor=10_000, two_checkers_sgd_minor=5_000_000)


def life(state: Any, **facts: Any) -> Life:
    return Life(break_id=UUID(int=1), state=state, version=3, **facts)


def proposal(**facts: Any) -> Proposal:
    return Proposal(**{"number": 1, "kind": "write_off", "maker": "ann", "checkers_needed": 2} | facts)


def possible(one: Life, actor: str = "ann") -> set[str]:
    return {name for name, offer in offers(one, actor=actor).items() if not offer.refused}


def test_what_is_offered_is_what_the_steps_allow():
    word = {"assign": "assigned", "comment": "commented", "propose": "proposed", "resolve": "resolved"}
    word |= {"match": "proposed", "withdraw": "proposed"}
    for state in ("OPEN", "ASSIGNED", "RESOLVED", "ACCEPTED"):
        allowed = {step[0] for step in STEPS if step[1] == "person" and step[2] == state}
        allowed -= {"questioned"}  # on the page of the match
        found = possible(life(state, assignee="ann" if state == "ASSIGNED" else None))
        assert {word[name] for name in found} == allowed


def test_a_maker_is_not_offered_to_approve_and_hears_why():
    one = life("PROPOSED", assignee="ann", proposal=proposal())
    assert "somebody else must check it" in offers(one, actor="Ann ")["approve"].refused
    assert "approve" in possible(one, "ben")


def test_who_approved_is_not_offered_to_approve_again():
    one = life("PROPOSED", assignee="ann", proposal=proposal(checkers=("ben",)))
    assert "has approved it already" in offers(one, actor="ben")["approve"].refused


def test_a_name_that_is_nobodys_is_offered_nothing():
    with pytest.raises(NotAllowed):
        offers(life("OPEN"), actor="policy")


@pytest.mark.parametrize(
    ("worth", "eyes"),
    [(9_999, {"correct": 0, "manual_match": 0, "write_off": 1}), (None, {"correct": 0, "write_off": 2})],
)
def test_each_proposal_says_how_many_must_approve(worth: int | None, eyes: dict[str, int]):
    found = {
        one.kind: one.checkers
        for one in proposals(life("OPEN", amount_minor=1, amount_sgd_minor=worth), limits=LIMITS)
    }
    assert set(found) == set(get_args(Kind))
    assert found | eyes == found
