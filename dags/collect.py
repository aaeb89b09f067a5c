"""Each business morning (Asia/Singapore): what schedules, declined payments and overdue invoices lead to today.

**decide** makes the invoice of every period that begins by today. It counts declines from the source's events: another
try when it is due, one task for the account's owner after several. For every invoice the newest published day left
open it takes the rung of `policy/dunning.yaml` that is due, and none where money may be on its way, is disputed, or
covers it unapplied. `fast_lane` delivers.

On call
- It may be run again at any time: a rung is taken once.
- Nothing is asked for before a day was published: see `tie_out`.
"""

import logging

from airflow.sdk import DAG, task

from include.wiring import effects, schedules

log = logging.getLogger(__name__)

with DAG(
    "collect",
    doc_md=__doc__,
    schedule=schedules.EVERY_MORNING,
    tags=["cadence/daily", "tier/2"],
    **schedules.dag_settings(pool="tieout_fast"),
):

    @task
    def decide() -> None:
        log.info("%s", dict(effects.collect()))

    decide()
