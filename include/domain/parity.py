"""Parity: where two paths answer alike, how a day measures, and which days must be green before anybody signs.

What may differ, and how far, is policy (include/policy/parity.yaml); which differences there are, and why, is found by
include/domain/parity_classes.py.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any, Literal

from include.domain.business_days import Calendar
from include.domain.canonical_json import sha256

Path = Literal["ours", "theirs"]
Kind = Literal["orders", "invoices", "statuses", "arr", "matches"]
Field = Literal["key", "amount", "tax", "currency", "on_date", "due_date", "status", "text"]
Class = Literal["timing", "rounding", "mapping", "logic", "legacy_error"]

KINDS: tuple[Kind, ...] = ("orders", "invoices", "statuses", "arr", "matches")
EXACT: frozenset[Field] = frozenset({"amount", "tax", "currency", "on_date", "due_date"})
"""Fields of which nothing may differ."""
HUNDRED = Decimal(100)
SHARE_DIGITS = Decimal("0.0001")
OF_KIND: Mapping[Kind, frozenset[Field]] = {
    "orders": frozenset({"amount", "currency", "on_date", "status", "text"}),
    "invoices": frozenset({"amount", "tax", "currency", "on_date", "due_date"}),
    "statuses": frozenset({"on_date", "status"}),
    "arr": frozenset({"amount", "currency"}),
    "matches": frozenset({"amount", "currency", "text"}),
}
"""The fields in which answers of a kind are compared."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """One path's answer about one key; amounts in minor units of `currency`, None where it says nothing."""

    amount_minor: int | None = None
    tax_minor: int | None = None
    currency: str | None = None
    on_date: date | None = None
    due_date: date | None = None
    status: str | None = None  # canonical; ?word where nobody said what a word means
    text: str | None = None
    at: datetime | None = None

    def value(self, name: Field) -> Any:
        """What stands in a field that is compared."""
        return getattr(self, {"amount": "amount_minor", "tax": "tax_minor"}.get(name, name))


FIELDS: tuple[Field, ...] = ("amount", "tax", "currency", "on_date", "due_date", "status", "text")
TOLD: tuple[str, ...] = tuple(Told.__dataclass_fields__)
"""The columns of an answer, as every query and table of parity names them."""


def told_of(row: Mapping[str, Any], *, prefix: str = "") -> Told:
    """An answer out of a row that has its columns, each after the prefix."""
    return Told(**{name: row[f"{prefix}{name}"] for name in TOLD})


@dataclass(frozen=True, kw_only=True)
class Pair:
    """What both say about a key; None where one says nothing. `seq`: which of several rows with this key."""

    kind: Kind
    key: str
    seq: int
    ours: Told | None
    theirs: Told | None

    @property
    def differing(self) -> tuple[Field, ...]:
        """The fields that differ: `key` alone where only one has the row."""
        if self.ours is None or self.theirs is None:
            return ("key",)
        ours, theirs = self.ours, self.theirs
        return tuple(name for name in FIELDS if ours.value(name) != theirs.value(name))


@dataclass(frozen=True, kw_only=True)
class Explained:
    """The class of a difference, what explains it in a word, and the facts that show it."""

    kind_of: Class
    cause: str
    evidence: Mapping[str, Any]


UNEXPLAINED = Explained(kind_of="logic", cause="", evidence={})
"""Two paths follow different rules, and nobody can say which."""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How many differences of a day are alike, and their money: ours less theirs, in minor units.

    A difference of currency is told twice, with each path's amount in its own; only the first counts.
    """

    kind: Kind
    field: Field
    side: Path | None  # of whole rows: who has them
    kind_of: Class
    cause: str
    accepted: bool
    count: int
    currency: str | None
    delta_minor: int


@dataclass(frozen=True, kw_only=True)
class Sides:
    """How many answers of a kind each path has, and how many of the keys both."""

    ours: int
    theirs: int
    pairs: int


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A compared day in figures."""

    kinds: Mapping[str, Sides]
    unreadable: int
    doubled: int  # orders and invoices of ours beyond the first of a key
    totals: Mapping[tuple[str, str], int]  # (kind, currency): ours less theirs
    tallies: Sequence[Tally] = field(default=())
    reruns: int = 0
    reruns_same: int = 0


def metrics(day: Counted, *, excused: frozenset[Class]) -> dict[str, Decimal | None]:
    """How a day measures; None where there was nothing to measure. Shares are percent.

    What counts against a figure is neither accepted nor explained by a class that is `excused`, but against
    `keys_in_both` whatever was not accepted: half an export looks like many errors of the old path, all explained. A
    share is that of the worst kind and field: the many rows of one kind hide nothing of another.
    """
    lone: defaultdict[tuple[str, str | None], int] = defaultdict(int)
    for one in day.tallies:
        if one.field == "key" and not one.accepted:
            lone[one.kind, one.side] += one.count
    left = [one for one in day.tallies if not _is_excused(one, excused)]
    wrong: defaultdict[tuple[str, str, str | None], int] = defaultdict(int)
    for one in left:
        wrong[one.kind, one.field, one.side] += one.count
    return {
        "keys_in_ours": _worst(
            _share(one.theirs, wrong[kind, "key", "theirs"]) for kind, one in day.kinds.items()
        ),
        "keys_in_theirs": _worst(
            _share(one.ours, wrong[kind, "key", "ours"]) for kind, one in day.kinds.items()
        ),
        "keys_in_both": _worst(
            share
            for kind, one in day.kinds.items()
            for share in (_share(one.ours, lone[kind, "ours"]), _share(one.theirs, lone[kind, "theirs"]))
        ),
        "money": _worst(_shares(day, EXACT, wrong)),
        "status": _worst(_shares(day, {"status"}, wrong)),
        "text": _worst(_shares(day, {"text"}, wrong)),
        "totals": Decimal(sum(1 for _ in totals_off(day, excused=excused))),
        "duplicates": Decimal(day.doubled),
        "unreadable": Decimal(day.unreadable),
        "unexplained": Decimal(sum(one.count for one in left if not one.cause)),
        "reruns": _share(day.reruns, day.reruns - day.reruns_same),
    }


def shown(value: Decimal | None) -> Decimal | None:
    """A figure as it is kept: cut, not rounded, for 99.99999 is not all."""
    return None if value is None else value.quantize(SHARE_DIGITS, rounding=ROUND_DOWN)


def totals_off(day: Counted, *, excused: frozenset[Class]) -> Iterator[tuple[str, str, int]]:
    """Kinds and currencies whose totals differ by more than what is excused, and by how much, in minor units."""
    explained: dict[tuple[str, str], int] = defaultdict(int)
    for one in day.tallies:
        if one.field in {"key", "amount", "currency"} and one.currency and _is_excused(one, excused):
            explained[one.kind, one.currency] += one.delta_minor
    for key in sorted(day.totals.keys() | explained.keys()):
        if rest := day.totals.get(key, 0) - explained[key]:
            yield (*key, rest)


def _is_excused(one: Tally, excused: frozenset[Class]) -> bool:
    return one.accepted or (one.cause != "" and one.kind_of in excused)


def _shares(
    day: Counted, fields: AbstractSet[str], wrong: Mapping[tuple[str, str, str | None], int]
) -> Iterator[Decimal | None]:
    """What is right of each kind in each of the fields that it has, or that differ though it has none."""
    for kind, sides in day.kinds.items():
        for name in fields:
            many = wrong.get((kind, name, None), 0)
            if many or name in OF_KIND[kind]:  # type: ignore[index]
                yield _share(sides.pairs, many)


def _share(of: int, wrong: int) -> Decimal | None:
    """Percent that is right; of nothing, None."""
    return HUNDRED * (of - min(wrong, of)) / of if of else None


def _worst(shares: Iterable[Decimal | None]) -> Decimal | None:
    return min((one for one in shares if one is not None), default=None)


def window_sha256(
    *,
    judged: Mapping[date, bool],
    editions: Sequence[Mapping[str, Any]],
    figures: Sequence[Mapping[str, Any]],
    accepted: Sequence[Mapping[str, Any]],
    drills: Sequence[Mapping[str, Any]],
    rules: str,
) -> str:
    """The hash over all that a signature is for. `judged`: day -> whether it must be green."""
    return sha256(
        {
            "days": list(judged),
            "judged": [day for day, is_judged in judged.items() if is_judged],
            "editions": [
                {name: row[name] for name in ("day", "edition", "verdict_sha256")} for row in editions
            ],
            "figures": [dict(one) for one in figures],
            "accepted": [dict(one) for one in accepted],
            "drills": [dict(one) for one in drills],
            "rules": rules,
        }
    )


@dataclass(frozen=True, kw_only=True)
class Window:
    """A row of days, and the last business days of it with a month's end among them, which must all be green."""

    days: tuple[date, ...]
    judged: tuple[date, ...]


def window(last: date, *, days: int, judged: int, calendar: Calendar) -> Window:
    """The `days` in a row up to `last`, of which the last `judged` business days are judged.

    So is a month's last day from the first of these on, though nobody works on it: its figures close the month.
    """
    row = tuple(last - timedelta(days=back) for back in reversed(range(days)))
    worked = [day for day in row if calendar.is_business_day(day)][-judged:]
    first = min(worked, default=last)
    ends = {day for day in row if day >= first and (day + timedelta(days=1)).day == 1}
    return Window(days=row, judged=tuple(sorted(ends.union(worked))))
