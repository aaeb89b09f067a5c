"""Airflow to the order of days: a day opens with the last one published, so that earlier ones come first."""

from airflow.sdk import get_current_context

from include import wiring
from include.ports import Retryable

_AT_WORK = ("queued", "running")


def earlier_days_first() -> None:
    """Raises Retryable while a past day is to be told and the run of an earlier day is still to end.

    A backfill runs several days at once, whatever `max_active_runs` of the DAG says.
    """
    if not wiring.is_past():
        return
    task = get_current_context()["task_instance"]
    for state in _AT_WORK:
        if earlier := task.get_previous_dagrun(state=state):
            raise Retryable(f"run {earlier.run_id} of an earlier day is {state}; this day opens with it")
