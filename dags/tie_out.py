"""Ties out one business day (Asia/Singapore): reconciles, publishes, and mails the report to finance.

**sources_complete** waits until every source is proven complete through the day, **earlier_days** for what a past one
opens with. **check** runs sql/checks; **publish** refuses a day that is not proven, or not as good as policy asks.

On call
- A day may be run again: the same inputs give the same run; a repeated report is folded. Playbook: `day_unpublished`.
- Past days, as known then: `airflow backfill create --dag-id tie_out`, with midnights in Singapore as dates
  (`2026-06-30T00:00:00+08:00`), never backwards. By hand: the last day over by the run's logical date.
- **sources_complete** keeps waiting: its message names the sources; see their extract DAGs. It asks for hours.
- **check** or **quality** fails: a bug, not data. Keep the database as it is and page the platform's owner.
- **publish** or **earlier_days** fails: its message names what failed, or the day before that did. Mend that first.
- **report** or **editions** fails: its message says how many got no mail, and why. Clear it: nobody is mailed twice.
"""

# ruff: noqa: PLC0415  # the flows load data libraries, which every parse of this file would pay for

import logging

from airflow.sdk import DAG, task

from include.wiring import alerts, connections, days, mail, schedules

log = logging.getLogger(__name__)

with DAG(
    "tie_out",
    doc_md=__doc__,
    schedule=schedules.EVERY_BUSINESS_DAY,
    tags=["cadence/daily", "tier/1"],
    **alerts.day_settings(pool="tieout_reconcile"),
):

    @task(retries=20)
    def sources_complete() -> None:
        from include.flows.await_sources import await_sources

        complete = await_sources(connections.sources(), connections.store(), day_end=days.day_end())
        log.info("%s source entities are complete", complete)

    in_its_turn = days.InItsTurn(task_id="earlier_days", retries=20)

    @task(task_id="reconcile")
    def reconcile_day() -> None:
        from include.flows.reconcile import reconcile

        log.info("%s", reconcile(connections.store(), policy=connections.policy(), **days.day_as_known()))

    @task
    def check() -> None:
        log.info("%s invariants hold", connections.check_invariants())

    @task
    def quality() -> None:
        from include.flows.check_quality import check_quality

        log.info(
            "%s", check_quality(**connections.judging(), as_of=days.as_of(), policy=connections.policy())
        )

    @task
    def publish() -> None:
        from include.flows.publish_run import publish_run

        log.info("%s", publish_run(connections.store(), as_of=days.as_of()))

    @task(retries=20)
    def report() -> None:
        from include.flows.report_day import report_day

        log.info("%s", report_day(**mail.telling()))

    @task(retries=20)
    def editions() -> None:
        from include.flows.report_period import report_periods

        log.info("%s", report_periods(**mail.telling()) or "no week or month is to be told with this day")

    ready = sources_complete() >> in_its_turn
    ready >> reconcile_day() >> check() >> quality() >> publish() >> [report(), editions()]
