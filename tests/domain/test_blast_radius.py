"""How sure an estimate is, and what several days come to."""

from datetime import date
from decimal import Decimal

import pytest

from include.domain.blast_radius import Change, DayRadius, Radius, judged, total, wilson


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [
        (0, 0, "0", "1"),
        (0, 10, "0", "0.2775"),
        (10, 10, "0.7225", "1"),
        (5, 10, "0.2366", "0.7634"),
        (1, 1000, "0.0002", "0.0056"),
    ],
)
def test_wilsons_interval_is_the_one_of_the_tables(hits: int, of: int, low: str, high: str) -> None:
    found = wilson(hits, of)
    assert [one.quantize(Decimal("0.0001")) for one in found] == [
        Decimal(low).quantize(Decimal("0.0001")),
        Decimal(high).quantize(Decimal("0.0001")),
    ]


def test_where_nobody_ruled_nothing_is_known() -> None:
    found = judged(right=0, wrong=0, left_open=3)
    assert (found.share, found.low, found.high) == (None, 0, 1)
    assert judged(right=3, wrong=1, left_open=0).share == Decimal("0.25")


def test_days_are_added_up_by_kind_and_currency() -> None:
    one = Change(of="R3", currency="SGD", gained=1, gained_minor=100, lost=2, lost_minor=50, changed=0)
    other = Change(of="R3", currency="USD", gained=0, gained_minor=0, lost=0, lost_minor=0, changed=1)
    summed = total([one, other, one])
    assert [(c.currency, c.gained, c.gained_minor, c.lost_minor, c.changed) for c in summed] == [
        ("SGD", 2, 200, 100, 0),
        ("USD", 0, 0, 0, 1),
    ]
    radius = Radius(
        old_rules="a",
        new_rules="b",
        code_sha256="c",
        days=[DayRadius(as_of=date(2026, 6, 30), matches=[], breaks=[])],
        estimates=[],
    )
    assert radius.changes_nothing
