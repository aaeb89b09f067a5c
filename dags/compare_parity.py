"""Compares the old path's answers of a business day with ours, from the snapshot of the day's run: it writes no effect.

**due** waits until tie_out has published the day. **compare** keeps a verdict a day, also of days of the last two weeks
that were missed; **again** compares them once more, which must come to the same; **judge** holds the last fourteen days
against the limits of policy/parity.yaml and says in its log what stands in the way of signing. Without connection
`legacy_answers` (extra: `path` of a folder, or `table`) nothing is compared, and the run is skipped.

On call
- A day may be compared again at any time: the same answers give the same verdict and change nothing. Other answers of
  theirs give another edition; the earlier one stays, and what was signed about it must be signed anew.
- Past days: tie them out first, then `airflow backfill create --dag-id compare_parity` with the same dates
  (`2026-06-17T00:00:00+08:00`), `--reprocess-behavior completed` to compare compared days again. No day needs the one
  before: `--max-active-runs 4` compares several at once, as far as pool `tieout_reconcile` goes.
- **due** keeps waiting: tie_out of the day is not published; see the playbook `day_unpublished`.
- **compare** finds nothing usable: their export of the day is missing. Unreadable rows do not fail it: they are
  counted and kept with file and line. `tieout parity show` shows what differs; see the playbook `parity_differs`.
"""

import logging

from airflow.sdk import DAG, task

from include.wiring import parity, schedules

log = logging.getLogger(__name__)

with DAG(
    "compare_parity",
    doc_md=__doc__,
    schedule=schedules.EVERY_BUSINESS_DAY,
    tags=["cadence/daily", "tier/2"],
    **schedules.dag_settings(pool="tieout_reconcile") | {"max_active_runs": 4},
):

    @task(task_id="due", retries=20)
    def days_due() -> list[str]:
        return parity.due_days()

    @task
    def compare(days: list[str]) -> None:
        for told in parity.compare(days):
            log.info("%s", told)

    @task
    def again(days: list[str]) -> None:
        for told in parity.compare(days):
            log.info("%s", told)

    @task
    def judge() -> None:
        log.info("%s", parity.judge())

    days = days_due()
    compare(days) >> again(days) >> judge()
