"""Seals what is left of the audit log, and keeps its newest seal where the database cannot change it, every hour.

The fast lane seals every few seconds; **keep** does so too, for when the lane stands still, and writes the newest seal
into the folder of connection `audit_log`. `tieout audit verify --anchor FILE` holds the log to it: whoever cut off the
log's end or signed it all anew is found by that alone.

On call
- It may be cleared and run again at any time; a seal is kept under its own name.
- It is skipped, because there is no key: give connection `audit_log` one as its password (`tieout audit key`).
- It cannot write: mend the folder. Nothing is lost, but what is changed meanwhile could be hidden.
"""

import logging
from datetime import timedelta

from airflow.sdk import DAG, task

from include.wiring import audit, schedules

log = logging.getLogger(__name__)

with DAG(
    "keep_audit",
    doc_md=__doc__,
    schedule=schedules.EVERY_HOUR,
    tags=["cadence/hourly", "tier/2"],
    **schedules.dag_settings(pool="tieout_watch"),
):

    @task(execution_timeout=timedelta(minutes=5))
    def keep() -> None:
        log.info("%s", audit.keep_anchor())

    keep()
