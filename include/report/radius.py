"""The blast radius of a change of rules, in words, as a table and as a page."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from include.domain.blast_radius import Change, Judged, Radius
from include.domain.currencies import EXPONENTS
from include.report.figures import Figures
from include.report.render import fill

COLUMNS = ("of", "currency", "gained", "money gained", "lost", "money lost", "other amount")
_SHOWN = Figures("en_SG")


def summary(radius: Radius) -> str:
    """In one sentence."""
    days = f"{len(radius.days)} published day" + ("s" if len(radius.days) != 1 else "")
    if radius.changes_nothing:
        return f"The new rules change nothing on {days}."
    matches, breaks = radius.matches, radius.breaks
    gained, lost = sum(one.gained for one in matches), sum(one.lost for one in matches)
    more, fewer = sum(one.gained for one in breaks), sum(one.lost for one in breaks)
    return (
        f"Over {days}: {gained:,} pairs matched that were not, {lost:,} no longer; {more:,} breaks more, "
        f"{fewer:,} fewer. Each day counts what it would have shown."
    )


def table(changes: Sequence[Change]) -> list[tuple[str, ...]]:
    """Rows below their header."""
    rows = [_row(one) for one in changes]
    return [COLUMNS, *(tuple(str(value) for value in row.values()) for row in rows)]


def sureness(radius: Radius) -> list[tuple[str, ...]]:
    """How often matches are wrong, by rules and method."""
    head = ("by", "rules", "right", "wrong", "left open", "share wrong", "interval (95 %)")
    rows = [(one.by, row) for one in radius.estimates for row in _judged(one.old, one.new)]
    return [head, *((by, *(str(value) for value in row.values())) for by, row in rows)]


def render_radius(radius: Radius) -> str:
    """As an HTML page that needs nothing else."""
    first, last = radius.days[0].as_of, radius.days[-1].as_of
    estimates = [{"method": one.method, "rows": _judged(one.old, one.new)} for one in radius.estimates]
    sections = [("Matches", radius.matches), ("Breaks", radius.breaks)]
    return fill(
        "radius.html",
        {
            "title": f"What other rules would change, {first} to {last}",
            "summary": summary(radius),
            "radius": radius,
            "sections": [(heading, [_row(one) for one in changes]) for heading, changes in sections],
            "estimates": estimates,
            "days": ", ".join(day.as_of.isoformat() for day in radius.days),
        },
    )


def _row(one: Change) -> dict[str, Any]:
    return {
        "of": one.of,
        "currency": one.currency,
        "gained": one.gained,
        "gained_money": _money(one.gained_minor, one.currency),
        "lost": one.lost,
        "lost_money": _money(one.lost_minor, one.currency),
        "changed": one.changed,
    }


def _judged(old: Judged | None, new: Judged) -> list[dict[str, Any]]:
    named = [("old", old), ("new", new)]
    return [
        {
            "rules": name,
            "right": one.right,
            "wrong": one.wrong,
            "left_open": one.left_open,
            "share": _percent(one.share) if one.share is not None else "unknown",
            "interval": f"{_percent(one.low)} to {_percent(one.high)}",
        }
        for name, one in named
        if one is not None
    ]


def _percent(share: Decimal) -> str:
    return f"{share * 100:.2f} %"


def _money(minor: int, currency: str) -> str:
    return _SHOWN.money(minor, currency) if currency in EXPONENTS else ""
