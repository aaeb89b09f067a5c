"""Compares one day's answers of another path with ours, from the snapshot of our run; writes no effect anywhere."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from include.domain.canonical_json import sha256
from include.domain.parity import KINDS, Explained, Field, Pair, Told, told_of
from include.domain.parity_classes import explain
from include.domain.parity_evidence import Lens
from include.flows.parity_facts import Known, facts_of
from include.flows.snapshot import see_run
from include.flows.tell_answers import TheirTable, tell_answers
from include.policy import Policy
from include.ports import Fatal, OldPath, Retryable, Row, Store, Transaction
from include.version import code_sha256

DIFFERING_MAX = 200_000
"""Rows that differ: more is no difference to explain but another set of books."""

_KEPT = "day edition kind key seq field ours theirs currency ours_minor theirs_minor class cause evidence"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What a comparison came to. `unchanged`: to the edition that stood already."""

    day: date
    edition: int
    unchanged: bool
    ours: int
    theirs: int
    quarantined: int
    differences: int
    by_class: Mapping[str, int]
    unexplained: int
    verdict_sha256: str

    def __str__(self) -> str:
        classes = ", ".join(f"{count} {name}" for name, count in self.by_class.items()) or "none"
        again = ", as before" if self.unchanged else ""
        return (
            f"{self.day}, edition {self.edition}{again}: {self.ours:,} answers of ours, {self.theirs:,} of theirs, "
            f"{self.quarantined:,} unreadable; differences: {classes}; {self.unexplained:,} unexplained"
        )


class _Undone(Exception):
    """Takes back a comparison that came to what is kept already, with what it came to."""

    def __init__(self, compared: Compared) -> None:
        super().__init__()
        self.compared = compared


class _Difference(NamedTuple):
    pair: Pair
    field: Field
    explained: Explained


def compare_parity(store: Store, *, day: date, policy: Policy, theirs: OldPath | TheirTable) -> Compared:
    """Compare a day, and keep the verdict if it is another than the one that is kept; others may be compared beside it.

    Raises Fatal when no run of the day is published, or too much differs; NothingUsable when they say nothing of it.
    """
    try:
        with store.transaction() as tx:
            tx.run("parity_day_alone", day=day)
            compared, known = _compare(tx, day, policy, theirs)
            if known and _same_verdict(known, compared):
                raise _Undone(compared)  # noqa: TRY301 - it rolls back
            return compared
    except _Undone as undone:
        same = undone.compared
        with store.transaction() as tx:
            tx.run("keep_rerun", day=day, edition=same.edition - 1, same=True)
        return _as_before(same)


def days_due(store: Store, *, day: date, policy: Policy) -> list[date]:
    """The day, and before it those of the last two weeks that are published and were not compared yet.

    Raises Retryable while the day is not published.
    """
    first = day - timedelta(days=policy.parity.window.days - 1)
    with store.transaction() as tx:
        if not tx.rows("parity_published_run", day=day):
            raise Retryable(f"{day} is not published yet")
        found = [row["day"] for row in tx.rows("parity_uncompared_days", first_day=first, last_day=day)]
    return [*(one for one in found if one != day), day]


def _as_before(compared: Compared) -> Compared:
    facts = {name: getattr(compared, name) for name in compared.__dataclass_fields__}
    return Compared(**facts | {"edition": compared.edition - 1, "unchanged": True})


def _compare(
    tx: Transaction, day: date, policy: Policy, theirs: OldPath | TheirTable
) -> tuple[Compared, Row | None]:
    """Compare, and write the next edition of the day; with the one before, if there is one."""
    run = _run_of(tx, day)
    known = next(iter(tx.rows("parity_editions", day=day)), None)
    at: dict[str, Any] = {"day": day, "edition": known["edition"] + 1 if known else 1}
    see_run(tx, run)
    for kind in KINDS:
        tx.run(f"answer_our_{kind}", **at, **_of_run(kind, run))
    source = tell_answers(tx, theirs, day=day, parity=policy.parity)
    tx.run("answer_theirs", **at)
    for statement in ("analyse_answers", "parity_planning"):
        tx.run(statement)
    tx.run("keep_parity_totals", **at)
    differences = list(_differences(tx, at, run, policy))
    compared = _keep(tx, at, run, differences, policy=policy, source=source)
    same_inputs = known and _same_inputs(known, tx.rows("parity_editions", day=day)[0])
    if known and same_inputs and not _same_verdict(known, compared):
        # The same inputs came to something else before: the new edition stays known for that.
        tx.run("keep_rerun", **at, same=False)
    return compared, known


def _same_inputs(known: Row, now: Row) -> bool:
    inputs = ("ours_sha256", "theirs_sha256", "certificate_sha256", "rules_sha256", "code_sha256")
    return all(known[name] == now[name] for name in inputs)


def _same_verdict(known: Row, compared: Compared) -> bool:
    return bool(known["verdict_sha256"] == compared.verdict_sha256)


def _run_of(tx: Transaction, day: date) -> Row:
    found = tx.rows("parity_published_run", day=day)
    if not found:
        raise Fatal(f"no run of {day} is published; tie out the day first")
    return found[0]


def _of_run(kind: str, run: Row) -> dict[str, Any]:
    return {} if kind == "invoices" else {"run_id": run["run_id"]}


def _differences(tx: Transaction, at: Mapping[str, Any], run: Row, policy: Policy) -> Iterator[_Difference]:
    rows = tx.rows("differing_answers", **at)
    if len(rows) > DIFFERING_MAX:
        raise Fatal(f"{len(rows):,} answers differ; more than {DIFFERING_MAX:,} are not looked at one by one")
    pairs = [_pair(row) for row in sorted(rows, key=lambda row: (row["kind"], row["key"], row["seq"]))]
    known = Known(tx=tx, run=run, day=at["day"], edition=at["edition"], policy=policy)
    lens = _lens(at["day"], policy)
    for pair, facts in facts_of(pairs, known):
        for name, explained in explain(pair, facts, lens).items():
            yield _Difference(pair, name, explained)


def _lens(day: date, policy: Policy) -> Lens:
    parity = policy.parity
    midnight = datetime.combine(day + timedelta(days=1), datetime.min.time(), policy.calendars.entity.zone)
    return Lens(
        day=day,
        settle_days=parity.settle_days,
        settle_until=midnight - timedelta(minutes=parity.settle_minutes),
        retried_within=timedelta(minutes=parity.retried_within_minutes),
        zone=policy.calendars.entity.zone,
        zones=parity.zones,
        calendar=policy.calendars.own,
    )


def _pair(row: Row) -> Pair:
    return Pair(
        kind=row["kind"],
        key=row["key"],
        seq=row["seq"],
        ours=told_of(row, prefix="ours_") if row["in_ours"] else None,
        theirs=told_of(row, prefix="theirs_") if row["in_theirs"] else None,
    )


def _keep(
    tx: Transaction,
    at: Mapping[str, Any],
    run: Row,
    differences: Sequence[_Difference],
    *,
    policy: Policy,
    source: str,
) -> Compared:
    """Write the edition, hashed over everything that it says."""
    hashes = {path: tx.rows("hash_answers", path=path, **at)[0] for path in ("ours", "theirs")}
    bad, kept = tx.rows("bad_rows"), [_kept(one) for one in differences]
    certificate: str = run["certificate"]["certificate_sha256"]
    said = {
        "answers": hashes,
        "totals": tx.rows("parity_totals", **at),
        "quarantined": bad,
        "differences": kept,
    }
    verdict = {"day": at["day"], "certificate": certificate, "rules": policy.sha256, **said}
    compared = _compared(at, hashes, len(bad), differences, sha256(verdict))
    sources = {"run_id": run["run_id"], "source": source, "certificate_sha256": certificate}
    tx.run(
        "keep_parity_day",
        **at,
        **sources,
        **_counts(compared, differences),
        doubled_count=tx.rows("count_doubled", **at)[0]["doubled"],
        **{f"{path}_sha256": hashes[path]["sha256"] for path in hashes},
        rules_sha256=policy.sha256,
        code_sha256=code_sha256(),
        excused=sorted(policy.parity.excused),
        verdict_sha256=compared.verdict_sha256,
    )
    tx.run("keep_bad_rows", **at)
    tx.copy_in(
        "parity.differences", _KEPT.split(), ([at["day"], at["edition"], *one.values()] for one in kept)
    )
    tx.run("keep_parity_kinds", **at)
    return compared


def _counts(compared: Compared, differences: Sequence[_Difference]) -> dict[str, int]:
    only_ours = sum(1 for one in differences if one.field == "key" and one.pair.theirs is None)
    return {
        "ours_count": compared.ours,
        "theirs_count": compared.theirs,
        "quarantined_count": compared.quarantined,
        "read_count": compared.theirs + compared.quarantined,
        "pairs_count": compared.ours - only_ours,
        "differences_count": compared.differences,
    }


def _compared(
    at: Mapping[str, Any],
    hashes: Mapping[str, Row],
    bad: int,
    differences: Sequence[_Difference],
    digest: str,
) -> Compared:
    return Compared(
        **at,
        unchanged=False,
        ours=hashes["ours"]["rows"],
        theirs=hashes["theirs"]["rows"],
        quarantined=bad,
        differences=len(differences),
        by_class=dict(sorted(Counter(one.explained.kind_of for one in differences).items())),
        unexplained=sum(1 for one in differences if not one.explained.cause),
        verdict_sha256=digest,
    )


def _kept(one: _Difference) -> dict[str, Any]:
    """A difference as its table has it, without day and edition."""
    pair, name = one.pair, one.field
    money = name in {"key", "amount", "tax", "currency"}
    whole = "amount" if name in {"key", "currency"} else name
    return {
        "kind": pair.kind,
        "key": pair.key,
        "seq": pair.seq,
        "field": name,
        "ours": _as_text(pair.ours, name),
        "theirs": _as_text(pair.theirs, name),
        "currency": next(
            (told.currency for told in (pair.ours, pair.theirs) if told and told.currency), None
        ),
        "ours_minor": pair.ours.value(whole) if money and pair.ours else None,
        "theirs_minor": pair.theirs.value(whole) if money and pair.theirs else None,
        "class": one.explained.kind_of,
        "cause": one.explained.cause,
        "evidence": dict(one.explained.evidence),
    }


def _as_text(told: Told | None, name: Field) -> str | None:
    if told is None:
        return None
    if name == "key":
        return "there"
    value = told.value(name)
    return None if value is None else str(value)
