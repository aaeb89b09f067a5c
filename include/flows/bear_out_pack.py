"""What a parity pack says as a whole, held against its tables: people, days, figures, limits, register and drills."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, get_args

from include.domain.break_life import identity
from include.domain.parity import Counted, Path, Sides, Tally, metrics, shown, window_sha256
from include.flows.sign_parity import ROLES
from include.policy.parity import Drill, Metric

DAYS_MIN, JUDGED_MIN = 14, 5
EXCUSABLE = {"timing", "legacy_error"}
ELSEWHERE = {"reruns", "status_latency_s", "invoice_latency_percent", "doubled_tasks"}
"""Figures that no table of the pack bears out: they are of re-runs and of what ours wrote."""

Rows = Sequence[Mapping[str, str]]


def contradictions(tables: Mapping[str, Rows], manifest: Mapping[str, Any]) -> Iterator[str]:
    """Where the tables say something else than the pack as a whole."""
    yield from _people(tables["signatures.csv"], manifest["signed_by"])
    days = [row["day"] for row in tables["days.csv"]]
    if [manifest["first_day"], manifest["last_day"]] != [*days[:1], *days[-1:]]:
        yield f"it says {manifest['first_day']} to {manifest['last_day']}, and its days are others"
    yield from _days(tables["days.csv"], tables["differences.csv"], tables["quarantine.csv"])
    yield from _limits(tables["metrics.csv"], tables["days.csv"])
    yield from _figures(tables, manifest)
    yield from _register(tables["differences.csv"], tables["accepted.csv"])
    yield from _drills(tables["drills.csv"], manifest)
    for one in manifest["obstacles"]:
        yield f"it could not be signed: {one}"
    if not manifest["obstacles"] and _signed(tables, manifest) != manifest["content_sha256"]:
        yield "its days, figures, limits, register and drills are not those that were signed"


def _signed(tables: Mapping[str, Rows], manifest: Mapping[str, Any]) -> str:
    """The hash of what the tables say that three people signed."""
    columns = ("day", "metric", "value", "at_least", "at_most")
    figures = [
        {name: row[name] or None for name in columns} | {"required": row["required"] == "true"}
        for row in sorted(tables["metrics.csv"], key=lambda row: (row["day"], row["metric"]))
    ]
    return window_sha256(
        judged={date.fromisoformat(row["day"]): row["judged"] == "true" for row in tables["days.csv"]},
        editions=[{**row, "edition": int(row["edition"])} for row in tables["days.csv"]],
        figures=figures,
        accepted=[
            {**row, "accepted_no": int(row["accepted_no"]), "key": row["key"] or None}
            for row in tables["accepted.csv"]
        ],
        drills=tables["drills.csv"],
        rules=manifest["rules_sha256"],
    )


def _people(signatures: Rows, told: Mapping[str, str]) -> Iterator[str]:
    for role, who in told.items() - {(row["role"], row["person"]) for row in signatures}:
        yield f"it says that {who} signed as {role}, and its signatures do not"
    for role in ROLES:
        if role not in {row["role"] for row in signatures}:
            yield f"nobody signed as {role}"
    if len({identity(row["person"]) for row in signatures}) < len(signatures):
        yield "one person signed for several roles"


def _days(days: Rows, differences: Rows, quarantine: Rows) -> Iterator[str]:
    dates = [date.fromisoformat(row["day"]) for row in days]
    if len(dates) < DAYS_MIN or dates != [dates[0] + timedelta(days=n) for n in range(len(dates))]:
        yield f"it is not of {DAYS_MIN} days in a row"
    judged = [one for one, row in zip(dates, days, strict=True) if row["judged"] == "true"]
    if len(judged) < JUDGED_MIN:
        yield f"fewer than {JUDGED_MIN} days were judged"
    elif not any((one + timedelta(days=1)).day == 1 for one in judged):
        yield "no month ends in the judged days"
    for what, rows, column in (
        ("differences", differences, "differences"),
        ("unreadable rows", quarantine, "quarantined_count"),
    ):
        many = Counter(row["day"] for row in rows)
        for row in days:
            if many[row["day"]] != int(row[column]):
                yield f"{row['day']} says {row[column]} {what}, and {many[row['day']]} are listed"


def _limits(figures: Rows, days: Rows) -> Iterator[str]:
    judged = [row["day"] for row in days if row["judged"] == "true"]
    told = {(row["day"], row["metric"]) for row in figures}
    for day in judged:
        for name in get_args(Metric):
            if (day, name) not in told:
                yield f"{day} has no figure for {name}"
    for row in figures:
        if row["day"] in judged and not _passes(row):
            yield f"{row['day']}: {row['metric']} is {row['value'] or 'not measured'}"


def _passes(row: Mapping[str, str]) -> bool:
    if not row["value"]:
        return row["required"] == "false"
    try:
        value = Decimal(row["value"])
        low = not row["at_least"] or value >= Decimal(row["at_least"])
        return low and (not row["at_most"] or value <= Decimal(row["at_most"]))
    except InvalidOperation:
        return False


def _figures(tables: Mapping[str, Rows], manifest: Mapping[str, Any]) -> Iterator[str]:
    """Figures that are not what the tables come to, and kinds of which nothing was compared."""
    excused: set[Any] = set(manifest["excused"])
    if not excused <= EXCUSABLE:
        yield f"it excuses {', '.join(sorted(excused - EXCUSABLE))}"
    judged = {row["day"] for row in tables["days.csv"] if row["judged"] == "true"}
    for row in tables["kinds.csv"]:
        if row["day"] in judged and row["pairs_count"] == "0":
            yield f"{row['day']}: no {row['kind']} were compared"
    told = {(row["day"], row["metric"]): row["value"] for row in tables["metrics.csv"]}
    for day in tables["days.csv"]:
        found = metrics(_counted(day, tables), excused=frozenset(excused & EXCUSABLE))
        for name in found.keys() - ELSEWHERE:
            said = told.get((day["day"], name), "")
            if shown(found[name]) != (Decimal(said) if said else None):
                yield f"{day['day']}: {name} is {said or 'not measured'}, and its tables come to {found[name]}"


def _counted(day: Mapping[str, str], tables: Mapping[str, Rows]) -> Counted:
    """A day as its tables count it."""

    def of_day(name: str) -> Rows:
        return [row for row in tables[name] if row["day"] == day["day"]]

    return Counted(
        kinds={
            row["kind"]: Sides(
                ours=int(row["ours_count"]), theirs=int(row["theirs_count"]), pairs=int(row["pairs_count"])
            )
            for row in of_day("kinds.csv")
        },
        unreadable=int(day["quarantined_count"]),
        doubled=int(day["doubled_count"]),
        totals={
            (row["kind"], row["currency"]): int(row["ours_minor"]) - int(row["theirs_minor"])
            for row in of_day("totals.csv")
        },
        tallies=list(_tallies(of_day("differences.csv"))),
    )


def _tallies(differences: Rows) -> Iterator[Tally]:
    """Every difference by itself. Where the currency differs, each path's amount is in its own."""
    in_two = {
        _item(row)
        for row in differences
        if row["field"] == "currency" and row["ours_minor"] + row["theirs_minor"]
    }
    for row in differences:
        ours, theirs = int(row["ours_minor"] or 0), int(row["theirs_minor"] or 0)
        if row["field"] == "currency":
            yield _tally(row, currency=row["ours"], delta=ours)
            yield _tally(row, currency=row["theirs"], delta=-theirs, count=0)
        else:
            apart = 0 if row["field"] == "amount" and _item(row) in in_two else ours - theirs
            yield _tally(row, currency=row["currency"], delta=apart)


def _item(row: Mapping[str, str]) -> tuple[str, ...]:
    return row["kind"], row["key"], row["seq"]


def _tally(row: Mapping[str, str], *, currency: str, delta: int, count: int = 1) -> Tally:
    facts: dict[str, Any] = {name: row[name] for name in ("kind", "field", "cause")}
    whole: Path = "ours" if row["ours"] else "theirs"
    return Tally(
        **facts,
        side=whole if row["field"] == "key" else None,
        kind_of=row["class"],  # type: ignore[arg-type]
        accepted=bool(row["accepted_no"]),
        count=count,
        currency=currency or None,
        delta_minor=delta,
    )


def _drills(drills: Rows, manifest: Mapping[str, Any]) -> Iterator[str]:
    first, last = date.fromisoformat(manifest["first_day"]), date.fromisoformat(manifest["last_day"])
    noted = {row["drill"] for row in drills if first <= date.fromisoformat(row["day"]) <= last}
    for one in get_args(Drill):
        if one not in noted:
            yield f"no {one} was tried out between {first} and {last}"


def _register(differences: Rows, accepted: Rows) -> Iterator[str]:
    """Every entry has two people, and every difference that names one is such a difference."""
    entries = {row["accepted_no"]: row for row in accepted}
    for row in accepted:
        if not row["checker"] or identity(row["maker"]) == identity(row["checker"]):
            yield f"entry {row['accepted_no']} of the register was not approved by a second person"
    shared = ("kind", "field", "class", "cause")
    for row in differences:
        number = row["accepted_no"]
        if not number:
            continue
        entry = entries.get(number)
        if (
            entry is None
            or any(entry[name] != row[name] for name in shared)
            or entry["key"] not in {"", row["key"]}
            or entry["expires_on"] < row["day"]
        ):
            yield f"{row['day']} {row['kind']} {row['key']}: entry {number} of the register does not let it stay"
