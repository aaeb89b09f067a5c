"""What other rules would change: matches and breaks gained and lost, money moved, and how sure the new matches are."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

Z_95 = Decimal("1.959963985")
"""Standard deviations that hold 95 % of a normal distribution."""

BY_RULINGS = (
    "What people matched or parted is kept from the rules, as is what was posted before, and the newest day is "
    "computed anew. Of the payments they decided, a match to the same invoices is right and to others wrong; one they "
    "parted is wrong when it is posted again; what the rules leave open is neither. Interval: Wilson's, 95 %. People "
    "look at hard cases, so the share of all matches that is wrong is likely lower."
)
BY_TRUTH = (
    "Each pair that the new rules post and the old ones do not is looked up among the world's true links. "
    "Interval: Wilson's, 95 %."
)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is otherwise of one kind, in one currency: how many and how much (minor units) came and went.

    `of`: a reconciliation for matches, a code for breaks; `changed`: the same by name, over another amount.
    """

    of: str
    currency: str
    gained: int
    gained_minor: int
    lost: int
    lost_minor: int
    changed: int


@dataclass(frozen=True, kw_only=True)
class DayRadius:
    """One published day under both rules."""

    as_of: date
    matches: Sequence[Change]
    breaks: Sequence[Change]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Matches held against what is known to be so. `low`, `high`: of the share that is wrong; 0 and 1 when none was."""

    right: int
    wrong: int
    left_open: int
    low: Decimal
    high: Decimal

    @property
    def share(self) -> Decimal | None:
        """Of those that are known, how many are wrong."""
        known = self.right + self.wrong
        return Decimal(self.wrong) / known if known else None


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """How often matches are wrong, and how that was found out. `old` is None where only what is new was judged."""

    by: Literal["rulings", "truth"]
    method: str
    old: Judged | None
    new: Judged


@dataclass(frozen=True, kw_only=True)
class Radius:
    """The blast radius of other rules, over some days."""

    old_rules: str
    new_rules: str
    code_sha256: str
    days: Sequence[DayRadius]
    estimates: Sequence[Estimate]

    @property
    def matches(self) -> list[Change]:
        """Over all days."""
        return total(change for day in self.days for change in day.matches)

    @property
    def breaks(self) -> list[Change]:
        """Over all days."""
        return total(change for day in self.days for change in day.breaks)

    @property
    def changes_nothing(self) -> bool:
        """Whether every day would be as it was."""
        return not any(day.matches or day.breaks for day in self.days)


def total(changes: Iterable[Change]) -> list[Change]:
    """Changes of several days together, by what they are of and currency."""
    sums: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * 5)
    for one in changes:
        counted = (one.gained, one.gained_minor, one.lost, one.lost_minor, one.changed)
        sums[one.of, one.currency] = [
            have + more for have, more in zip(sums[one.of, one.currency], counted, strict=True)
        ]
    names = ("gained", "gained_minor", "lost", "lost_minor", "changed")
    return [
        Change(of=of, currency=currency, **dict(zip(names, counted, strict=True)))
        for (of, currency), counted in sorted(sums.items())
    ]


def judged(*, right: int, wrong: int, left_open: int) -> Judged:
    """With the interval in which the true share of wrong ones lies, at 95 % (Wilson)."""
    low, high = wilson(wrong, right + wrong)
    return Judged(right=right, wrong=wrong, left_open=left_open, low=low, high=high)


def wilson(hits: int, of: int) -> tuple[Decimal, Decimal]:
    """Where a share lies, seen so often among so many; (0, 1) when nothing was seen."""
    if not of:
        return Decimal(0), Decimal(1)
    n, share, z2 = Decimal(of), Decimal(hits) / of, Z_95 * Z_95
    middle = share + z2 / (2 * n)
    spread = Z_95 * ((share * (1 - share) + z2 / (4 * n)) / n).sqrt()
    scale = 1 + z2 / n
    low, high = ((middle - spread) / scale, (middle + spread) / scale)
    return max(low, Decimal(0)) if hits else Decimal(0), min(high, Decimal(1)) if hits < of else Decimal(1)
