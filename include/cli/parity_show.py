"""How `tieout parity` writes what it found: figures by day, causes, differences, the register."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from include.cli.shared import print_json, print_table
from include.domain.money import Money
from include.domain.shown import on_terminal

if TYPE_CHECKING:
    from include.flows.judge_parity import Judged
    from include.flows.show_parity import ShownDay

ROLES = 3


def show_judged(seen: "Judged", *, as_json: bool) -> None:
    """Figures of every day, who signed, and what is in the way."""
    if as_json:
        print_json(asdict(seen))
        return
    print(f"window {seen.window_no}: {seen.first_day} to {seen.last_day}, content {seen.content_sha256[:12]}")
    names = sorted({row["metric"] for row in seen.metrics})
    figures: dict[date, dict[str, Mapping[str, Any]]] = {}
    for row in seen.metrics:
        figures.setdefault(row["day"], {})[row["metric"]] = row
    print_table([("day", *names), *(_figures(day, figures[day], names) for day in sorted(figures))])
    for one in seen.signed:
        print(f"signed as {one['role']} by {one['person']}: {on_terminal(one['reason'])}")
    for obstacle in seen.obstacles:
        print(f"in the way: {obstacle}")
    if not seen.obstacles and len(seen.signed) < ROLES:
        print("nothing is in the way of signing")


def _figures(day: date, figures: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> tuple[str, ...]:
    return (str(day), *(_figure(figures[name]) for name in names))


def _figure(row: Mapping[str, Any]) -> str:
    value = "-" if row["value"] is None else f"{row['value'].normalize():f}"
    return value if row["passes"] else f"{value} !"


def tables_of_day(shown: "ShownDay") -> Iterator[list[tuple[str, ...]]]:
    """What a day came to, table by table, each with its header; none that would be empty."""
    for header, line, rows in (
        (("class", "cause", "of", "count", "accepted"), cause_line, shown.causes),
        (("of", "key", "field", "ours", "theirs", "why"), difference_line, shown.differences),
        (("unreadable", "of", "key", "column", "why"), unreadable_line, shown.quarantined),
        (("learnt since", "id", "was", "is", "why"), restated_line, shown.restated),
    ):
        if rows:
            yield [header, *map(line, rows)]


def unreadable_line(row: Mapping[str, Any]) -> tuple[str, ...]:
    """A row of theirs that could not be read: where it is, and why."""
    return (row["place"], row["kind"], row["key"] or "-", row["column_name"], row["reason"])


def restated_line(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What is known by now of something that the day left open."""
    amounts = (str(Money(row[name], row["currency"])) for name in ("was_minor", "now_minor"))
    return (row["side"], row["item_id"], *amounts, row["why"])


def cause_line(row: Mapping[str, Any]) -> tuple[str, ...]:
    """How many differences are of a class and cause."""
    of = f"{row['kind']} {row['field']}"
    return (row["class"], row["cause"] or "unexplained", of, str(row["count"]), str(row["accepted"]))


def difference_line(row: Mapping[str, Any]) -> tuple[str, ...]:
    """A difference, with its evidence."""
    why = "; ".join(f"{name} {value}" for name, value in row["evidence"].items())
    return (
        row["kind"],
        row["key"],
        row["field"],
        row["ours"] or "-",
        row["theirs"] or "-",
        why or "unexplained",
    )


def entry_line(row: Mapping[str, Any]) -> tuple[str, ...]:
    """An entry of the register."""
    which = " ".join(filter(None, (row["kind"], row["field"], row["cause"] or "unexplained", row["key"])))
    over = f", ended by {row['ended_by']}" if row["ended_at"] else ""
    facts = (which, row["owner"], row["maker"], row["checker"] or "nobody yet", f"{row['expires_on']}{over}")
    return (str(row["accepted_no"]), *facts, row["reason"])
