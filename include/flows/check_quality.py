"""Judges the data a day's run saw: measures it, has Great Expectations judge it in Postgres, keeps the verdicts."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from include.domain.entities import ENTITIES
from include.domain.figured import figure, in_english
from include.flows.measure_quality import MIRRORED, end_of, measure
from include.policy import Policy
from include.ports import Fatal, HeldInvoice, LockingStore, Mirror, Retryable, Row, Store, Transaction
from include.validation.checkpoint import Judged, Snapshot, validate
from include.validation.pages import pages
from include.validation.suites import Day, not_held, not_read, suites

PARTS_SHOWN = 5
_RESULTS = (
    *("run_id", "suite", "expectation", "place", "verdict", "sentence", "observed", "owner"),
    *("checked_count", "unexpected_count", "sentence_figured", "observed_figured"),
)


@dataclass(frozen=True)
class Checked:
    """How many expectations of a run came to which verdict, and what asking and rendering took, in seconds.

    `measuring_s` is the part of asking that is our own SQL. `known`: it was checked before, and nothing was done.
    """

    run_id: UUID
    verdicts: Mapping[str, int] = field(default_factory=dict)
    checking_s: float = 0
    rendering_s: float = 0
    measuring_s: float = 0
    known: bool = False

    def __str__(self) -> str:
        if self.known:
            return f"run {self.run_id} was checked before"
        verdicts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(self.verdicts.items()))
        whole = self.checking_s + self.rendering_s
        return f"{verdicts}; rendering took {self.rendering_s:.1f} s of {whole:.1f} s"


def check_quality(
    store: LockingStore,
    database_url: str,
    *,
    as_of: date,
    policy: Policy,
    mirror: Mirror | None = None,
    read: Collection[tuple[str, str]] | None = None,
) -> Checked:
    """Judge the newest run of a day, once, and again while its verdicts keep it from being published.

    `database_url` is the store's. `mirror` holds invoices that must be the ERP's; it is asked now, and not where the
    run is of what was known long ago. `read` is what is read of which system, and promised to be complete, but for what
    was connected after the day was told; whatever was ever proven when not given. A broken expectation raises nothing:
    `publish_run` refuses the day where policy says so; a mirror that refuses us or is away is not asked.

    No transaction is open while others are asked. Raises Fatal when the day was not reconciled or an expectation cannot
    be evaluated, Retryable when Postgres is away, somebody else judges the day, or it was reconciled anew meanwhile.
    """
    with store.alone(f"tieout quality {as_of}") as mine:
        if not mine:
            raise Retryable(f"somebody else is judging the data of {as_of}; it will be found judged")
        with store.transaction() as tx:
            run = _run_of(tx, as_of)
        if run["judged"]:
            return Checked(run["run_id"], known=True)
        return _check(store, database_url, run, _Asked(as_of, policy, mirror, read))


@dataclass(frozen=True)
class _Asked:
    """What is to be judged, and by what."""

    as_of: date
    policy: Policy
    mirror: Mirror | None
    read: Collection[tuple[str, str]] | None


@dataclass(frozen=True)
class _Measured:
    """Of how many parts of each measure anything could be told, what was not asked and why, and the systems read.

    `refused`: what the mirror said when it was asked and did not answer; empty when it did, or was not.
    """

    judged: Mapping[str, int]
    unasked: Sequence[str]
    systems: frozenset[str]
    refused: str = ""


def _check(store: Store, database_url: str, run: Row, asked: _Asked) -> Checked:
    started = monotonic()
    measured = _measure(store, run, asked)
    measuring_s = monotonic() - started
    policy, day = (
        asked.policy,
        Day(asked.as_of, _held(run["held"]), asked.policy.calendars.own, measured.systems),
    )
    snapshot = Snapshot(run["run_id"], asked.as_of, run["batch_through"], run["rules_sha256"])
    validated = validate(database_url, snapshot, suites(policy.quality, policy.freshness, day))
    checked_at = monotonic()
    files = pages(validated.context)
    found = _Found(
        validated.judged,
        files,
        not_held(day) + not_read(policy.freshness, day) + list(measured.unasked),
        checking_s=checked_at - started,
        rendering_s=monotonic() - checked_at,
    )
    verdicts = _keep(store, run, asked, measured, found)
    return Checked(run["run_id"], verdicts, found.checking_s, found.rendering_s, measuring_s)


def _measure(store: Store, run: Row, asked: _Asked) -> _Measured:
    mirrored, unasked, refused = _mirrored(asked, outdated=run["outdated"])
    with store.transaction() as tx:
        _still_ours(tx, run, asked)
        read, later = _read(tx, run, asked)
        measure(tx, run, as_of=asked.as_of, policy=asked.policy, mirrored=mirrored, read=read)
        judged = {row["measure"]: row["judged"] for row in tx.rows("measures_judged", run_id=run["run_id"])}
    return _Measured(judged, later + unasked, frozenset(system for system, _ in read), refused)


@dataclass(frozen=True)
class _Found:
    """What came of every expectation, the pages that show it, what was not asked, and what it took."""

    judged: Sequence[Judged]
    pages: Mapping[str, bytes]
    not_asked: list[str]
    checking_s: float
    rendering_s: float


def _keep(store: Store, run: Row, asked: _Asked, measured: _Measured, found: _Found) -> Counter[str]:
    """Keep the verdicts in place of those of an earlier try."""
    run_id = run["run_id"]
    with store.transaction() as tx:
        _still_ours(tx, run, asked)
        for verdicts_of_before in ("results", "pages", "check"):
            tx.run(f"forget_quality_{verdicts_of_before}", run_id=run_id)
        rows = list(_rows(tx, run_id, found.judged, asked.policy, measured))
        tx.copy_in("recon.quality_results", _RESULTS, rows)
        kept = [(run_id, *page) for page in found.pages.items()]
        tx.copy_in("recon.quality_pages", ("run_id", "path", "body"), kept)
        tx.run(
            "keep_quality_check",
            run_id=run_id,
            checking_s=round(found.checking_s, 3),
            rendering_s=round(found.rendering_s, 3),
            not_held=found.not_asked,
        )
        tx.run("forget_old_pages", days=asked.policy.quality.pages_days)
    return Counter(row[_RESULTS.index("verdict")] for row in rows)


def _still_ours(tx: Transaction, run: Row, asked: _Asked) -> None:
    """Raises Retryable when the day has another run by now, or verdicts of somebody who thought us dead."""
    tx.run("lock_day", as_of=asked.as_of)
    now = _run_of(tx, asked.as_of)
    if _seen(now) != _seen(run):
        raise Retryable(f"{asked.as_of} was reconciled anew while its data was judged")
    if now["judged"]:
        raise Retryable(f"somebody else judged the data of {asked.as_of} meanwhile; it will be found judged")


def _seen(run: Row) -> tuple[Any, ...]:
    """What the verdicts are of."""
    return tuple(run[name] for name in ("run_id", "batch_through", "proof_through", "rules_sha256"))


def _run_of(tx: Transaction, as_of: date) -> Row:
    found = tx.rows("run_to_check", as_of=as_of)
    if not found:
        raise Fatal(f"{as_of} was not reconciled yet")
    return found[0]


def _read(tx: Transaction, run: Row, asked: _Asked) -> tuple[list[tuple[str, str]], list[str]]:
    """What the run was promised, as system and entity, and in words what was connected only after its day was told."""
    known = {"proof_through": run["proof_through"]}
    if asked.read is None:
        return _pairs(tx.rows("proven_entities", **known)), []
    later = _pairs(
        tx.rows(
            "connected_later",
            read_systems=[system for system, _ in asked.read],
            read_entities=[entity for _, entity in asked.read],
            day_end=end_of(asked.as_of, asked.policy),
            as_of=asked.as_of,
            **known,
        )
    )
    named = [f"{entity} of {system} (connected later)" for system, entity in later]
    return sorted(set(asked.read) - set(later)), named


def _pairs(rows: Iterable[Row]) -> list[tuple[str, str]]:
    return [(row["system"], row["entity"]) for row in rows]


def _mirrored(asked: _Asked, *, outdated: bool) -> tuple[Sequence[HeldInvoice] | None, list[str], str]:
    """What the mirror holds, else None with what was not asked, and what it said where it refuses us or is away.

    That is told and stops no day. It is not asked where the run is `outdated`: the mirror holds what came since.
    """
    if asked.mirror is None:
        return None, ["invoices in Salesforce (nothing says where they are)"], ""
    if outdated:
        return None, ["invoices in Salesforce (of a past day: it holds what it holds by now)"], ""
    agreement = asked.policy.quality.agreement
    since = asked.as_of - timedelta(days=agreement.window_days + agreement.told_ahead_days)
    try:
        return asked.mirror.invoices(since=since), [], ""
    except (Fatal, Retryable) as stopped:
        return None, [f"invoices in Salesforce ({stopped})"], str(stopped)


def _held(loaded: Mapping[str, Any]) -> frozenset[str]:
    """The entities of which the run's control totals count any row."""
    return frozenset(name for name, entity in ENTITIES.items() if loaded.get(entity.side))


def _rows(
    tx: Transaction, run_id: UUID, judged: Sequence[Judged], policy: Policy, measured: _Measured
) -> Iterator[list[Any]]:
    """The verdicts as they are kept."""
    for place, one in enumerate(judged):
        expected, rule = one.expected, policy.quality.kinds[one.expected.kind]
        observed = _observed(tx, run_id, one)
        verdict = _verdict(one, policy, measured.judged)
        words = {
            "unexpected": figure(one.unexpected or 0),
            "checked": figure(one.checked or 0),
            "observed": observed,
        }
        sentence = expected.holds if verdict == "pass" else expected.broken.format(**words)
        if verdict == "unjudged":
            sentence, observed = f"Could not be judged: {expected.name}.", "too little to judge by"
            if measured.refused and expected.limits and expected.limits.measure in MIRRORED:
                # Somebody means it to be asked: that nobody may is theirs to mend, and no quiet day.
                verdict, observed = "warn", f"Salesforce was asked: {measured.refused}"
        facts = [expected.suite, expected.name, place, verdict, in_english(sentence), in_english(observed)]
        yield [run_id, *facts, rule.owner, one.checked, one.unexpected, sentence, observed]


def _verdict(one: Judged, policy: Policy, measured: Mapping[str, int]) -> str:
    """Met, broken, or neither: where nothing was measured nobody can tell, but of freshness that is broken."""
    expected = one.expected
    broken = "fail" if policy.quality.until_mended(expected.name, expected.kind) == "block" else "warn"
    if expected.limits and not measured.get(expected.limits.measure):
        return broken if expected.kind == "fresh" else "unjudged"
    if expected.kind == "recent" and one.observed is None:
        return "unjudged"  # no row says of when it is
    return "pass" if one.met else broken


def _observed(tx: Transaction, run_id: UUID, one: Judged) -> str:
    """What was found, in figures (include/domain/figured.py): rows, or the measures that are off."""
    limits = one.expected.limits
    if limits and not one.met:
        low, high = (limits.low, limits.high)
        off = tx.rows(
            "parts_off", run_id=run_id, measure=limits.measure, low=low, high=high, most=PARTS_SHOWN
        )
        more = (
            f" and {figure(one.unexpected - len(off))} more"
            if one.unexpected and one.unexpected > len(off)
            else ""
        )
        return "; ".join(f"{part['part']}: {_off(limits.measure, part)}" for part in off) + more
    if one.unexpected is not None:
        return f"{figure(one.unexpected)} of {figure(one.checked or 0)}"
    return one.observed or "none"


def _off(measure: str, part: Row) -> str:
    if part["observed"] is None and measure.startswith("behind "):
        return "never proven"
    return f"{_plain(part['observed'])} against {_plain(part['expected'])}"


def _plain(number: Any) -> str:
    return "none" if number is None else figure(number.normalize())
