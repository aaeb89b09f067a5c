"""Which payouts and lines may be matched by hand, why not, and what a run carries out of it."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from include.domain.payout_pairings import Group, GroupByHand, Key, Side, SideType, carry_out, refusal


def side(kind: SideType, name: str, minor: int, **facts: Any) -> tuple[Key, Side]:
    known = {"side": kind, "side_id": name, "currency": "SGD", "amount_minor": minor}
    return (kind, name), Side(**known | facts)


def ruling(number: int, group: Group) -> GroupByHand:
    return GroupByHand(ruling_no=number, group=group, currency="SGD", maker="ann", checkers=("ben",))


@pytest.mark.parametrize(
    ("changed", "group", "why"),
    [
        ({}, Group(("P",), ("A", "B")), ""),
        ({}, Group(("P", "Q"), ("C",)), ""),
        ({}, Group(("P",), ()), "say which lines of the bank it is"),
        ({}, Group(("P",), ("A", "A")), "something is named twice"),
        ({}, Group(("P",), ("Z",)), "the newest published day knows no line of the bank Z"),
        (
            {},
            Group(("P",), ("A",)),
            "100.00 SGD was paid out and the bank has 60.00 SGD: 40.00 SGD is between",
        ),
        ({"currency": "USD"}, Group(("P",), ("A", "B")), "they are in SGD and USD"),
        ({"usable": False}, Group(("P",), ("A", "B")), "line of the bank A cannot be used"),
        ({"used_for": ("Q",)}, Group(("P",), ("A", "B")), "line of the bank A is matched already, with Q"),
        (
            {"ruled_by": "cho"},
            Group(("P",), ("A", "B")),
            "line of the bank A is matched by hand already, by cho",
        ),
    ],
)
def test_what_may_be_matched_and_why_not(changed: dict[str, Any], group: Group, why: str) -> None:
    sides = dict([
        side("payout", "P", 100_00), side("payout", "Q", 20_00), side("bank_line", "A", 60_00, **changed),
        side("bank_line", "B", 40_00), side("bank_line", "C", 120_00),
    ])  # fmt: skip
    assert refusal(group, sides).startswith(why)
    assert bool(refusal(group, sides)) is bool(why)


def test_one_to_one_is_named_by_the_payout_whichever_side_it_was_proposed_on() -> None:
    assert Group.of("bank_line", "A", ["P"]).item == ("payout", "P")
    together = Group.of("bank_line", "A", ["P", "Q"])
    assert (together.item, together.others) == (("bank_line", "A"), ("P", "Q"))


def test_money_back_is_matched_with_the_line_that_took_it() -> None:
    sides = dict([side("payout", "P", -5_00), side("bank_line", "A", -5_00)])
    done = carry_out([ruling(1, Group(("P",), ("A",)))], sides)
    assert [minor for *_, minor in done.pairs] == [-5_00]
    assert Group(("P",), ("A",)).amounts(sides) == [5_00]


@given(
    some.lists(some.integers(1, 3), min_size=4, max_size=4),
    some.lists(
        some.tuples(some.integers(0, 3), some.sets(some.integers(0, 3), min_size=1, max_size=3)), max_size=8
    ),
)
def test_whatever_people_decided_each_side_is_used_once_and_whole(amounts: list[int], decided: Any) -> None:
    payouts = [side("payout", f"P{n}", amount) for n, amount in enumerate(amounts)]
    lines = [side("bank_line", f"L{n}", amount) for n, amount in enumerate(reversed(amounts))]
    groups = [Group((f"P{one}",), tuple(f"L{n}" for n in sorted(some_))) for one, some_ in decided]
    done = carry_out([ruling(n, group) for n, group in enumerate(groups)], dict(payouts + lines))
    spent: Counter[str] = Counter()
    for _, payout, line, minor in done.pairs:
        spent[payout] += minor
        spent[line] += minor
    whole = {key[1]: one.amount_minor for key, one in payouts + lines}
    assert all(minor == whole[name] for name, minor in spent.items())
    posted = {group.payouts[0] for group, *_ in done.pairs}
    assert {group.payouts[0] for group in groups} <= posted | set(done.refused)
