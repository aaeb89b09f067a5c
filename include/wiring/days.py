"""Airflow to business days: which one a run ties out, and which earlier ones a past one has to wait for."""
# ruff: noqa: PLC0415  # imported inside tasks only, as in include/wiring/connections.py

import logging
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator, get_current_context

from include.wiring import connections

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Context

    from include.flows.await_earlier_days import EarlierRun

log = logging.getLogger(__name__)

_STATES = ("failed", "queued", "running")


def business_day(*, interval_start: datetime | None, run_after: datetime) -> date:
    """The day a run ties out: its interval's; without an interval, the last one that is over."""
    moment = interval_start or run_after - timedelta(days=1)
    # Airflow's instants are pendulum's, whose dates are not quite dates.
    return datetime.fromtimestamp(moment.timestamp(), connections.ZONE).date()


def as_of() -> date:
    """The business day of the running task."""
    context = get_current_context()
    return business_day(
        interval_start=context.get("data_interval_start"), run_after=context["dag_run"].run_after
    )


def day_end() -> datetime:
    """When the business day of the running task is over."""
    return datetime.combine(as_of() + timedelta(days=1), time(), tzinfo=connections.ZONE)


def day_as_known() -> dict[str, Any]:
    """The business day of the running task, and its end where it is told as it was known then."""
    return {"as_of": as_of(), "known_by": day_end() if is_past() else None}


def is_past() -> bool:
    """Whether the running task belongs to a backfill: its day is told as it was known then."""
    return bool(get_current_context()["dag_run"].run_type == "backfill")


class InItsTurn(BaseSensorOperator):
    """Waits until the day may be computed: without a worker's place meanwhile, and its tries are for faults alone."""

    def __init__(self, **settings: Any) -> None:
        waiting = {"poke_interval": timedelta(minutes=1), "timeout": timedelta(days=7)}
        super().__init__(mode="reschedule", **waiting | settings)

    def poke(self, context: "Context") -> bool:  # noqa: ARG002  # Airflow's signature
        """Whether it may now."""
        return earlier_days_first()


def earlier_days_first() -> bool:
    """Whether the running task's day may be computed: a day that is told as it happens may, a past one in its turn.

    A backfill runs several days at once, whatever `max_active_runs` of the DAG says. Raises Fatal, and Retryable when
    the database is away.
    """
    if not is_past():
        return True
    from include.flows.await_earlier_days import earlier_days_are_published

    waits = earlier_days_are_published(connections.store(), as_of=as_of(), earlier=list(_earlier()))
    if waits:
        log.info("%s", waits)
    return not waits


def _earlier() -> "Iterator[EarlierRun]":
    """The last run before the running task's, in each state in which its day may still have to be published."""
    from include.flows.await_earlier_days import EarlierRun

    task = get_current_context()["task_instance"]
    for state in _STATES:
        if run := task.get_previous_dagrun(state=state):
            day = business_day(interval_start=run.data_interval_start, run_after=run.run_after)
            yield EarlierRun(run.run_id, day, run.start_date, failed=state == "failed")
