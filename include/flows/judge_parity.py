"""Judges the days that are to be signed: their figures against the limits, with what is accepted at this moment.

What is judged is kept as a window, one for every content: whoever signs, signs that and nothing else.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from include.domain.parity import Counted, Sides, Tally, Window, metrics, shown, window, window_sha256
from include.flows.parity_latencies import latencies
from include.policy import Policy
from include.policy.parity import Limit
from include.ports import Fatal, Row, Store, Transaction

_METRIC = "window_no day metric value at_least at_most required"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A window as it was judged. `obstacles`: why it may not be signed, empty when it may."""

    window_no: int
    first_day: date
    last_day: date
    excused: Sequence[str]
    rules_sha256: str
    content_sha256: str
    days: Sequence[Row]
    metrics: Sequence[Row]
    obstacles: Sequence[str]
    signed: Sequence[Row]


def judge_parity(store: Store, *, last: date, policy: Policy) -> Judged:
    """Judge the days in a row up to `last`, and keep the window if nothing like it was judged before.

    Raises Fatal when none of them was compared.
    """
    asked = policy.parity.window
    days = window(last, days=asked.days, judged=asked.judged_business_days, calendar=policy.calendars.own)
    with store.transaction() as tx:
        tx.run("parity_alone")
        editions = tx.rows("parity_newest_editions", first_day=days.days[0], last_day=last)
        if not editions:
            raise Fatal(f"none of the {asked.days} days up to {last} was compared")
        register = tx.rows("parity_register_of_days", first_day=days.days[0], last_day=last)
        figures = list(_figures(tx, editions, register, policy))
        content = window_sha256(
            judged={day: day in days.judged for day in days.days},
            editions=editions,
            figures=figures,
            accepted=register,
            drills=tx.rows("parity_drills", first_day=days.days[0], last_day=last),
            rules=policy.sha256,
        )
        found = tx.rows("parity_window_of", content_sha256=content)
        window_no: int = (found or [_opened(tx, days, register, policy, content)])[0]["window_no"]
        if not found:
            _fill(tx, window_no, days, editions, figures)
        return judged(tx, window_no)


def red_since(tx: Transaction, after: date, policy: Policy) -> list[str]:
    """What is not green of the last business days that were compared after a day, in words."""
    newest = tx.rows("parity_day", day=None, edition=None)
    if not newest or newest[0]["day"] <= after:
        return []
    asked, last = policy.parity.window, newest[0]["day"]
    days = window(last, days=asked.days, judged=asked.judged_business_days, calendar=policy.calendars.own)
    span = {"first_day": max(days.days[0], after + timedelta(days=1)), "last_day": last}
    editions = [row for row in tx.rows("parity_newest_editions", **span) if row["day"] in days.judged]
    if not editions:
        return []
    register = tx.rows("parity_register_of_days", **span)
    return [
        f"{one['day']} is not green: {one['metric'].replace('_', ' ')} is "
        + ("not measured" if one["value"] is None else f"{one['value'].normalize():f}")
        for one in _figures(tx, editions, register, policy)
        if not policy.parity.limits[one["metric"]].keeps(one["value"])
    ]


def judged(tx: Transaction, window_no: int) -> Judged:
    """A window as it is kept."""
    found = tx.rows("parity_window", window_no=window_no)
    if not found:
        raise Fatal(f"there is no window {window_no}")
    return Judged(
        **found[0],
        days=tx.rows("parity_window_days", window_no=window_no),
        metrics=tx.rows("parity_window_metrics", window_no=window_no),
        obstacles=[row["obstacle"] for row in tx.rows("parity_obstacles", window_no=window_no)],
        signed=tx.rows("parity_signatures", window_no=window_no),
    )


def _figures(
    tx: Transaction, editions: Sequence[Row], register: Sequence[Row], policy: Policy
) -> Iterator[dict[str, Any]]:
    """Every figure of every day, with its limit; `register`: the entries that let differences stay."""
    tallies: defaultdict[date, list[Tally]] = defaultdict(list)
    span = {"first_day": editions[0]["day"], "last_day": editions[-1]["day"]}
    for row in tx.rows("parity_tallies", **span, entries=_numbers(register)):
        tallies[row.pop("day")].append(Tally(**row | {"delta_minor": int(row["delta_minor"])}))
    totals: defaultdict[date, dict[tuple[str, str], int]] = defaultdict(dict)
    for row in tx.rows("parity_totals_apart", **span):
        totals[row["day"]][row["kind"], row["currency"]] = int(row["apart"])
    kinds: defaultdict[date, dict[str, Sides]] = defaultdict(dict)
    for row in tx.rows("parity_kinds", **span):
        kinds[row["day"]][row["kind"]] = Sides(ours=row["ours"], theirs=row["theirs"], pairs=row["pairs"])
    took = latencies(tx, [edition["day"] for edition in editions], zone=policy.calendars.entity.zone)
    for edition in editions:
        day = edition["day"]
        counted = Counted(
            kinds=kinds[day],
            unreadable=edition["quarantined_count"],
            doubled=edition["doubled_count"],
            totals=totals[day],
            tallies=tallies[day],
            reruns=edition["reruns"],
            reruns_same=edition["reruns_same"],
        )
        measured = metrics(counted, excused=policy.parity.excused) | took[day]
        for name, limit in sorted(policy.parity.limits.items()):
            yield _figure(day, name, measured[name], limit)


def _numbers(register: Sequence[Row]) -> list[int]:
    return [row["accepted_no"] for row in register]


def _figure(day: date, name: str, value: Decimal | None, limit: Limit) -> dict[str, Any]:
    return {
        "day": day,
        "metric": name,
        "value": shown(value),
        "at_least": limit.at_least,
        "at_most": limit.at_most,
        "required": limit.required,
    }


def _opened(tx: Transaction, days: Window, register: Sequence[Row], policy: Policy, content: str) -> Row:
    asked = policy.parity.window
    [made] = tx.rows(
        "open_parity_window",
        first_day=days.days[0],
        last_day=days.days[-1],
        days_needed=asked.days,
        judged_needed=asked.judged_business_days,
        excused=sorted(policy.parity.excused),
        drills=list(asked.drills),
        accepted=_numbers(register),
        rules_sha256=policy.sha256,
        content_sha256=content,
    )
    return made


def _fill(
    tx: Transaction,
    window_no: int,
    days: Window,
    editions: Sequence[Row],
    figures: Sequence[Mapping[str, Any]],
) -> None:
    rows = ([window_no, row["day"], row["edition"], row["day"] in days.judged] for row in editions)
    tx.copy_in("parity.window_days", ["window_no", "day", "edition", "judged"], rows)
    tx.copy_in("parity.window_metrics", _METRIC.split(), ([window_no, *one.values()] for one in figures))
