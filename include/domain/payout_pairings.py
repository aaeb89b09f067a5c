"""Payouts and lines of the bank that a person matches by hand, why not, and what a run carries out of it (R4).

Only what adds up to the minor unit is matched: one payout that came as some lines, or one line that is some payouts.
The same reasons refuse a proposal, its approval, and the run that would carry it out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal

from include.domain.money import Money
from include.domain.pairings import people

SideType = Literal["payout", "bank_line"]
SAID: Mapping[SideType, str] = {"payout": "payout", "bank_line": "line of the bank"}
MANY: Mapping[SideType, str] = {"payout": "payouts", "bank_line": "lines of the bank"}
SIDES: frozenset[str] = frozenset(SAID)

Key = tuple[SideType, str]


@dataclass(frozen=True, kw_only=True)
class Side:
    """A payout or a line of the bank; amounts in minor units, signed.

    `usable`: it is money that moved, and can be read. `used_for`: what it is matched with. `ruled_by`: whose match by
    hand stands for it and is not carried out yet.
    """

    side: SideType
    side_id: str
    currency: str
    amount_minor: int
    usable: bool = True
    used_for: tuple[str, ...] = ()
    ruled_by: str | None = None

    @property
    def said(self) -> str:
        return f"{SAID[self.side]} {self.side_id}"


@dataclass(frozen=True)
class Group:
    """What is matched together: one payout and its lines, or several payouts and the one line that is all of them."""

    payouts: tuple[str, ...]
    lines: tuple[str, ...]

    @classmethod
    def of(cls, item: SideType, item_id: str, others: Iterable[str]) -> "Group":
        """An item and what it is matched with."""
        named = tuple(others)
        return cls((item_id,), named) if item == "payout" else cls(named, (item_id,))

    @property
    def item(self) -> Key:
        """What names it: the payout, or of several payouts their line."""
        return ("payout", self.payouts[0]) if len(self.payouts) == 1 else ("bank_line", self.lines[0])

    @property
    def others(self) -> tuple[str, ...]:
        """What the item is matched with."""
        return self.lines if len(self.payouts) == 1 else self.payouts

    @property
    def keys(self) -> list[Key]:
        """Every side of it."""
        return [*(("payout", one) for one in self.payouts), *(("bank_line", one) for one in self.lines)]

    def amounts(self, sides: Mapping[Key, Side]) -> list[int]:
        """What each of `others` is worth, without its sign."""
        kind: SideType = "bank_line" if len(self.payouts) == 1 else "payout"
        return [abs(sides[kind, one].amount_minor) for one in self.others]


@dataclass(frozen=True, kw_only=True)
class GroupByHand:
    """A match by hand that stands: its number, what it joins, and who proposed and who approved it."""

    ruling_no: int
    group: Group
    currency: str
    maker: str
    checkers: tuple[str, ...]


@dataclass
class Posted:
    """`pairs` to post (group, payout, line, minor units); of what is not carried out, why, by each side's id."""

    pairs: list[tuple[Group, str, str, int]] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def refusal(group: Group, sides: Mapping[Key, Side]) -> str:
    """Why these may not be matched; empty when they may. `sides` has the payouts and lines there are."""
    if not group.payouts or not group.lines:
        return "say which lines of the bank it is, or which payouts"
    for key in group.keys:
        if key not in sides:
            return f"the newest published day knows no {SAID[key[0]]} {key[1]}"
    if len(set(group.keys)) < len(group.keys):
        return "something is named twice"
    all_ = [sides[key] for key in group.keys]
    return next(filter(None, map(unusable, all_)), "") or _unequal(group, sides)


def carry_out(rulings: Iterable[GroupByHand], sides: Mapping[Key, Side]) -> Posted:
    """Post each match by hand, in the order of decision, as far as facts still allow it: whole or not at all."""
    found, left = Posted(), dict(sides)
    for one in sorted(rulings, key=lambda ruling: ruling.ruling_no):
        group = one.group
        why = refusal(group, left) or _changed(one, left)
        if why:
            said = (
                f"the match by hand with {{}} ({people(one.maker, one.checkers)}) is not carried out: {why}"
            )
            found.refused |= {payout: said.format(", ".join(group.lines)) for payout in group.payouts}
            found.refused |= {line: said.format(", ".join(group.payouts)) for line in group.lines}
            continue
        for payout in group.payouts:
            for line in group.lines:
                of: Key = ("bank_line", line) if len(group.payouts) == 1 else ("payout", payout)
                found.pairs.append((group, payout, line, left[of].amount_minor))
        for key in group.keys:
            others = group.lines if key[0] == "payout" else group.payouts
            left[key] = _used(left[key], others)
    return found


def parted_words(others: Sequence[str], decided: str) -> str:
    """What is said of a payout or a line that somebody parted from what it was matched with."""
    return f"was parted from {', '.join(others)} by {decided}, and the rules do not pair them again"


def _used(side: Side, others: Sequence[str]) -> Side:
    return Side(
        side=side.side,
        side_id=side.side_id,
        currency=side.currency,
        amount_minor=side.amount_minor,
        used_for=tuple(others),
    )


def unusable(side: Side) -> str:
    """Why nothing may be matched with it; empty when something may."""
    if side.ruled_by:
        return f"{side.said} is matched by hand already, by {side.ruled_by}"
    if side.used_for:
        return f"{side.said} is matched already, with {', '.join(side.used_for)}: unmatch that first"
    if not side.usable:
        return f"{side.said} cannot be used: it did not go through, is of nothing, or cannot be read"
    return ""


def _unequal(group: Group, sides: Mapping[Key, Side]) -> str:
    payouts, lines = ([sides[key] for key in group.keys if key[0] == kind] for kind in SAID)
    currencies = sorted({one.currency for one in chain(payouts, lines)})
    if len(currencies) > 1:
        return f"they are in {' and '.join(currencies)}: one currency is matched by hand"
    paid, came = (sum(one.amount_minor for one in some) for some in (payouts, lines))
    if paid != came:
        paid_out, banked, left = (Money(minor, currencies[0]) for minor in (paid, came, paid - came))
        return (
            f"{paid_out} was paid out and the bank has {banked}: {left} is between them, "
            "and only what adds up is matched"
        )
    return ""


def _changed(one: GroupByHand, sides: Mapping[Key, Side]) -> str:
    currency = sides[one.group.keys[0]].currency
    if currency != one.currency:
        return f"they are in {currency} now, and were matched in {one.currency}"
    return ""
