"""When DAGs run, and what all of them have in common: retries, limits, what is noted of how their tasks ended."""

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import CronDataIntervalTimetable, ExceptionRetryPolicy, RetryAction, RetryRule

from include.ports import Fatal, Rejected, Retryable, Uncertain
from include.wiring import connections

if TYPE_CHECKING:
    from airflow.sdk import Context

# Explicit: Airflow's own reading of a cron text gives intervals of zero width.
# TIEOUT_SCHEDULE=off leaves only the runs somebody asks for.
_SCHEDULED = os.getenv("TIEOUT_SCHEDULE") != "off"
EVERY_TEN_MINUTES = CronDataIntervalTimetable("*/10 * * * *", timezone="UTC") if _SCHEDULED else None
EVERY_FIVE_MINUTES = CronDataIntervalTimetable("*/5 * * * *", timezone="UTC") if _SCHEDULED else None
EVERY_HOUR = CronDataIntervalTimetable("20 * * * *", timezone="UTC") if _SCHEDULED else None
EVERY_MORNING = CronDataIntervalTimetable("0 8 * * *", timezone=str(connections.ZONE)) if _SCHEDULED else None
EVERY_NIGHT = CronDataIntervalTimetable("30 2 * * *", timezone=str(connections.ZONE)) if _SCHEDULED else None
BEFORE_DAWN = CronDataIntervalTimetable("0 4 * * *", timezone=str(connections.ZONE)) if _SCHEDULED else None
EVERY_BUSINESS_DAY = (
    CronDataIntervalTimetable("0 0 * * *", timezone=str(connections.ZONE)) if _SCHEDULED else None
)

retry_policy = ExceptionRetryPolicy(
    rules=[
        RetryRule(Retryable, RetryAction.RETRY, reason="the outside system is away; trying again later"),
        RetryRule(
            [Fatal, Rejected], RetryAction.FAIL, reason="trying again changes nothing; see the message"
        ),
        RetryRule(Uncertain, RetryAction.FAIL, reason="it may have happened; look before sending again"),
    ]
)


def note_success(context: "Context") -> None:
    """That a task ended well; what it failed of before is over."""
    _note("task_succeeded", context)


def note_failure(context: "Context") -> None:
    """That a task failed for good, and by which kind of error: its message may quote somebody."""
    error = context.get("exception")
    _note("task_failed", context, error=type(error).__name__)


def _note(query: str, context: "Context", **facts: str) -> None:
    task = context["task_instance"]
    with connections.store().transaction() as tx:
        run = context["dag_run"]
        which = {
            "run": run.run_id,
            "run_at": run.logical_date or run.run_after,
            "map": -1 if task.map_index is None else task.map_index,
        }
        tx.run(query, dag_id=task.dag_id, task_id=task.task_id, **which, **facts)


default_args: dict[str, Any] = {
    "owner": "finance-platform",
    "retries": 3,
    "retry_policy": retry_policy,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=10),
    "execution_timeout": timedelta(minutes=15),
    "on_success_callback": note_success,
    "on_failure_callback": note_failure,
}


IN_NO_HURRY = ("tieout_extract", "tieout_reconcile")
"""Pools whose work may take longer while somebody waits for an effect on the same machine."""

NICENESS = 10
"""Weighs a tenth of what is live (sched(7)); where both have a machine of their own, it changes nothing."""


def give_way(_context: "Context") -> None:
    """From here on the task has what the fast lane leaves of the processor."""
    os.nice(NICENESS)


def dag_settings(*, pool: str) -> dict[str, Any]:
    """What all DAGs have in common. The queue has the pool's name: where workers take queues, a host may be for one."""
    ours = {"pool": pool, "queue": pool} | ({"pre_execute": give_way} if pool in IN_NO_HURRY else {})
    return {
        "start_date": datetime(2010, 1, 1, tzinfo=UTC),
        "catchup": False,
        "max_active_runs": 1,
        "default_args": default_args | ours,
    }
