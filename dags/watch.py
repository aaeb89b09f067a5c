"""Watches everything else every five minutes: what is late, refused, past its deadline or stuck is told to people.

**look** reads from our tables what is true now, keeps it as alerts (raised once, over when no longer true), and tells
Slack (connection `alerts_slack`) and mail (variable `alert_recipients`) what changed since they were told last. It
finds flows that did not run by what they did not leave behind, so it needs nobody's last words. The deadline of tie_out
makes it look sooner. Each look leaves a beat: `tieout doctor` and the console say when it is missing, and an address of
your choice (connection `alerts_ping`) can be told of each, to miss them outside of this machine.

On call
- It may be cleared and run again at any time: what was told is not told again, but for what may not have arrived.
- It fails: the database is away, or a fault of ours. Nobody hears of anything until it runs; see the playbook
  `watch_silent`. That the database is away is told by the channels themselves (variable `tieout_watch_silent`).
- Its log says `told` by channel: a channel that fails is told of by the others, see the playbook `channel_failing`.
"""

import logging
from datetime import timedelta

from airflow.sdk import DAG, task

from include.wiring import alerts, schedules

log = logging.getLogger(__name__)

with DAG(
    "watch",
    doc_md=__doc__,
    schedule=schedules.EVERY_FIVE_MINUTES,
    tags=["cadence/five-minutes", "tier/1"],
    **schedules.dag_settings(pool="tieout_watch"),
):

    @task(execution_timeout=timedelta(minutes=3), retry_delay=timedelta(seconds=10))
    def look() -> None:
        log.info("%s", alerts.watch())

    look()
