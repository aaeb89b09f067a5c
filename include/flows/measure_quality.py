"""Measures what a run saw, in SQL: how far sources lag, how days and windows differ, what two systems say."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from uuid import UUID

from include.domain.business_days import Calendar
from include.domain.entities import ENTITIES
from include.flows.snapshot import see_run
from include.policy import Policy
from include.ports import HeldInvoice, Row, Transaction

MIRRORED = ("invoices, sum", "invoices, count")
"""The measures of what the mirror holds."""

_MONTHS_BACK = 6


def measure(
    tx: Transaction,
    run: Row,
    *,
    as_of: date,
    policy: Policy,
    mirrored: Sequence[HeldInvoice] | None,
    read: Sequence[tuple[str, str]],
) -> None:
    """Keep every measure of the run in recon.quality_measures; of the mirror none when it was not asked (None).

    `read` is what is read of which system. Measures of an earlier try are replaced.
    """
    run_id = run["run_id"]
    # Data is judged as its sources state it, whatever people ruled.
    see_run(tx, {**run, "as_of": as_of}, rulings=0)
    tx.run("forget_measures", run_id=run_id)
    _measure_freshness(tx, run, as_of=as_of, policy=policy, read=read)
    _measure_held(tx, run)
    tx.run("measure_read", run_id=run_id)
    _measure_drift(tx, run_id, as_of=as_of, policy=policy)
    _measure_agreement(tx, run_id, as_of=as_of, policy=policy, mirrored=mirrored)


def _measure_freshness(
    tx: Transaction, run: Row, *, as_of: date, policy: Policy, read: Sequence[tuple[str, str]]
) -> None:
    flows = policy.freshness.flows
    tx.run(
        "measure_behind",
        run_id=run["run_id"],
        day_end=end_of(as_of, policy),
        proof_through=run["proof_through"],
        flows=list(flows),
        systems=[flow.system for flow in flows.values()],
        read_systems=[system for system, _ in read],
        read_entities=[entity for _, entity in read],
    )


def _measure_held(tx: Transaction, run: Row) -> None:
    """What of the day before is gone, entity by entity; nothing on a first day."""
    if run["opening_run_id"] is None:
        return
    for entity in ENTITIES.values():
        tx.run_for(
            "measure_held",
            names={"table": f"canonical.{entity.name}"},
            run_id=run["run_id"],
            opening_run_id=run["opening_run_id"],
            batch=run["batch_through"],
            side=entity.side,
            day=entity.dated_on,
        )


def end_of(as_of: date, policy: Policy) -> datetime:
    """When a day of the entity's is over."""
    return datetime.combine(as_of + timedelta(days=1), time(), tzinfo=policy.calendars.entity.zone)


def _measure_drift(tx: Transaction, run_id: UUID, *, as_of: date, policy: Policy) -> None:
    drift, calendar = policy.quality.drift, policy.calendars.own
    windows = {"as_of": as_of, "days": drift.window_days, "windows": drift.windows}
    tx.run("create_daily_facts", **windows)
    tx.run("create_window_facts", as_of=as_of, days=drift.window_days)
    tx.run("measure_volume", run_id=run_id, windows=drift.windows, least_rows=drift.least_rows)
    least = {"least_rows": drift.least_rows, "least_amounts": drift.least_amounts}
    for name in ("measure_amounts", "measure_mix", "measure_blanks"):
        tx.run(name, run_id=run_id, **least, chance_sigmas=drift.chance_sigmas)
    day = _business_day_before(as_of, calendar)
    tx.run(
        "measure_day_volume",
        run_id=run_id,
        day=day,
        like_days=list(like_days(day, weeks=drift.day_weeks, calendar=calendar)),
        month_days=list(same_day_of_months(day, months=_MONTHS_BACK)),
        least_weeks=drift.day_weeks // 2,
        least_facts=drift.day_least_facts,
    )
    tx.run("measure_day_amounts", run_id=run_id, day=day, **least)


def _business_day_before(day: date, calendar: Calendar) -> date:
    """The day itself, or the last business day before it."""
    while not calendar.is_business_day(day):
        day -= timedelta(days=1)
    return day


def like_days(day: date, *, weeks: int, calendar: Calendar) -> Iterator[date]:
    """The same weekday of the weeks before, without holidays."""
    for week in range(1, weeks + 1):
        alike = day - timedelta(days=7 * week)
        if calendar.is_business_day(alike):
            yield alike


def same_day_of_months(day: date, *, months: int) -> Iterator[date]:
    """The same day of the months before; of a month that is too short, its last."""
    for back in range(1, months + 1):
        year, month = divmod(day.year * 12 + day.month - 1 - back, 12)
        following = date(year + (month + 1) // 12, (month + 1) % 12 + 1, 1)
        yield min(date(year, month + 1, 1) + timedelta(days=day.day - 1), following - timedelta(days=1))


def _measure_agreement(
    tx: Transaction, run_id: UUID, *, as_of: date, policy: Policy, mirrored: Sequence[HeldInvoice] | None
) -> None:
    agreement = policy.quality.agreement
    window = {"run_id": run_id, "as_of": as_of, "window_days": agreement.window_days}
    arrived_by = policy.calendars.own.before(as_of, agreement.bank_business_days)
    tx.run("create_settled_lines", run_id=run_id)
    tx.run("analyse_settled_lines")
    tx.run("measure_payouts", **window, arrived_by=arrived_by)
    if mirrored is not None:
        tx.run("create_mirrored")
        tx.copy_in("mirrored", ("invoice_id", "currency", "gross"), mirrored)
        tx.run("measure_mirrored", **window)
