"""Judges the data a day's run saw: measures it, has Great Expectations judge it in Postgres, keeps the verdicts."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from include.domain.entities import ENTITIES
from include.policy import Policy
from include.ports import Fatal, HeldInvoice, Mirror, Row, Store, Transaction
from include.validation.checkpoint import Judged, Snapshot, validate
from include.validation.pages import pages
from include.validation.suites import Day, not_held, suites

PARTS_SHOWN = 5
_RESULTS = (
    *("run_id", "suite", "expectation", "place", "verdict", "sentence", "observed", "owner"),
    *("checked_count", "unexpected_count"),
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
    store: Store, database_url: str, *, as_of: date, policy: Policy, mirror: Mirror | None = None
) -> Checked:
    """Judge the newest run of a day, once: a run is named by what it saw, so its verdicts stay what they are.

    `database_url` is the store's. `mirror` holds invoices that must be the ERP's; it is asked now, so that a day that
    was long over when it was first run is held against what the mirror holds today. A broken expectation raises
    nothing: `publish_run` refuses the day where policy says so; a mirror that refuses us is not asked.

    Raises Fatal when the day was not reconciled or an expectation cannot be evaluated, Retryable when Postgres or the
    mirror is away.
    """
    started = monotonic()
    with store.transaction() as tx:
        run = _run_of(tx, as_of)
        if run["checked_at"]:
            return Checked(run["run_id"], known=True)
    mirrored, unasked = _mirrored(mirror)
    with store.transaction() as tx:
        _measure(tx, run, as_of=as_of, policy=policy, mirrored=mirrored)
    measuring_s = monotonic() - started
    day = Day(as_of, _held(run["held"]), policy.calendars.own)
    snapshot = Snapshot(run["run_id"], as_of, run["batch_through"], run["rules_sha256"])
    validated = validate(database_url, snapshot, suites(policy.quality, policy.freshness, day))
    checked_at = monotonic()
    files = pages(validated.context)
    rendered_at = monotonic()
    checking_s, rendering_s = checked_at - started, rendered_at - checked_at
    with store.transaction() as tx:
        if _run_of(tx, as_of)["checked_at"]:
            return Checked(run["run_id"], known=True)
        rows = list(_rows(tx, run["run_id"], validated.judged, policy))
        tx.copy_in("recon.quality_results", _RESULTS, rows)
        tx.copy_in(
            "recon.quality_pages",
            ("run_id", "path", "body"),
            [(run["run_id"], *page) for page in files.items()],
        )
        tx.run(
            "keep_quality_check",
            run_id=run["run_id"],
            checking_s=round(checking_s, 3),
            rendering_s=round(rendering_s, 3),
            not_held=not_held(day) + unasked,
        )
        tx.run("forget_old_pages", days=policy.quality.pages_days)
    verdicts = Counter(row[_RESULTS.index("verdict")] for row in rows)
    return Checked(run["run_id"], verdicts, checking_s, rendering_s, measuring_s)


def _run_of(tx: Transaction, as_of: date) -> Row:
    found = tx.rows("run_to_check", as_of=as_of)
    if not found:
        raise Fatal(f"{as_of} was not reconciled yet")
    tx.run("lock_quality", run_id=found[0]["run_id"])
    return tx.rows("run_to_check", as_of=as_of)[0]


def _mirrored(mirror: Mirror | None) -> tuple[Sequence[HeldInvoice], list[str]]:
    """What the mirror holds, and what could not be asked: one that refuses us is told, and stops no day."""
    try:
        return (mirror.invoices() if mirror else []), []
    except Fatal as refused:
        return [], [f"invoices in Salesforce ({refused})"]


def _held(loaded: Mapping[str, Any]) -> frozenset[str]:
    """The entities of which the run's control totals count any row."""
    return frozenset(name for name, entity in ENTITIES.items() if loaded.get(entity.side))


def _measure(
    tx: Transaction, run: Row, *, as_of: date, policy: Policy, mirrored: Sequence[HeldInvoice]
) -> None:
    run_id, flows, drift = run["run_id"], policy.freshness.flows, policy.quality.drift
    # Data is judged as its sources state it, whatever people ruled.
    tx.run(
        "see_snapshot",
        batch=run["batch_through"],
        rulings=0,
        as_of=as_of,
        rules_sha256=run["rules_sha256"],
    )
    tx.run("forget_measures", run_id=run_id)
    zone = policy.calendars.entity.zone
    tx.run(
        "measure_behind",
        run_id=run_id,
        day_end=datetime.combine(as_of + timedelta(days=1), time(), tzinfo=zone),
        proof_through=run["proof_through"],
        flows=list(flows),
        systems=[flow.system for flow in flows.values()],
    )
    tx.run("measure_held", run_id=run_id, opening_run_id=run["opening_run_id"])
    tx.run("measure_read", run_id=run_id)
    windows = {"as_of": as_of, "days": drift.window_days, "windows": drift.windows}
    tx.run("create_window_facts", **windows)
    tx.run("measure_volume", run_id=run_id, windows=drift.windows, least_rows=drift.least_rows)
    for measure in ("measure_amounts", "measure_mix", "measure_blanks"):
        tx.run(measure, run_id=run_id, least_rows=drift.least_rows)
    _measure_agreement(tx, run_id, as_of=as_of, policy=policy, mirrored=mirrored)


def _measure_agreement(
    tx: Transaction, run_id: UUID, *, as_of: date, policy: Policy, mirrored: Sequence[HeldInvoice]
) -> None:
    agreement = policy.quality.agreement
    window = {"run_id": run_id, "as_of": as_of, "window_days": agreement.window_days}
    arrived_by = policy.calendars.own.before(as_of, agreement.bank_business_days)
    tx.run("measure_payouts", **window, arrived_by=arrived_by)
    tx.run("create_mirrored")
    tx.copy_in("mirrored", ("invoice_id", "currency", "gross"), mirrored)
    tx.run("measure_mirrored", **window)


def _rows(tx: Transaction, run_id: UUID, judged: Sequence[Judged], policy: Policy) -> Iterator[list[Any]]:
    for place, one in enumerate(judged):
        expected, rule = one.expected, policy.quality.kinds[one.expected.kind]
        blocks = policy.quality.until_mended(expected.name, expected.kind) == "block"
        observed = _observed(tx, run_id, one)
        words = {
            "unexpected": f"{one.unexpected or 0:,}",
            "checked": f"{one.checked or 0:,}",
            "observed": observed,
        }
        verdict = "pass" if one.met else "fail" if blocks else "warn"
        sentence = expected.holds if one.met else expected.broken.format(**words)
        if expected.limits and one.unexpected is None:
            sentence = f"Nothing to judge: {expected.name}."
        facts = [expected.suite, expected.name, place, verdict, sentence, observed, rule.owner]
        yield [run_id, *facts, one.checked, one.unexpected]


def _observed(tx: Transaction, run_id: UUID, one: Judged) -> str:
    """What was found, in figures: rows, or the measures that are off."""
    limits = one.expected.limits
    if limits and not one.met:
        low, high = (limits.low, limits.high)
        off = tx.rows(
            "parts_off", run_id=run_id, measure=limits.measure, low=low, high=high, most=PARTS_SHOWN
        )
        more = (
            f" and {one.unexpected - len(off)} more" if one.unexpected and one.unexpected > len(off) else ""
        )
        return (
            "; ".join(f"{p['part']}: {_plain(p['observed'])} against {_plain(p['expected'])}" for p in off)
            + more
        )
    if one.unexpected is not None:
        return f"{one.unexpected:,} of {one.checked or 0:,}"
    return one.observed or "none"


def _plain(number: Any) -> str:
    return "none" if number is None else f"{number.normalize():,f}"
