"""Compares everything each system holds with what we hold, every night.

The ten-minute reads look at the window since the last one. This one looks at everything, and so finds what turned up
behind a window: a transaction that took longer than any settle time, a value that changed without a new stamp (a
formula, a roll-up), and in Salesforce a row deleted for good or merged away, which ends here. What keys and sums still
say is missing is read again from the beginning; what is held already is not kept twice. ops.sweeps holds the counts.

On call
- A task may be cleared and run again at any time.
- It names keys or sums that differ even after reading anew (break DQ02; the day is not published): look the keys up in
  the system; page its owner when they are there.
- Rows "would vanish at once": our user has most likely lost a permission. Nothing was removed. Give it back and clear
  the task; only when the owner of the system confirms that the rows are gone, run the DAG with that number as gone_max.
- It counts more rows than it listed: the listing was cut off. Nothing was removed; clear the task.
- repaired_count above 0 in ops.sweeps: once is a long transaction; every night is a settle time too short.
"""

from airflow.sdk import DAG, Param, get_current_context, task

from include.wiring import connections, entities, schedules

with DAG(
    "sweep_sources",
    doc_md=__doc__,
    schedule=schedules.EVERY_NIGHT,
    params={"gone_max": Param(None, type=["null", "integer"], minimum=0)},
    tags=["cadence/daily", "tier/2"],
    **schedules.dag_settings(pool="tieout_extract"),
):

    @task
    def salesforce() -> None:
        gone_max = get_current_context()["params"]["gone_max"]
        entities.sweep(connections.salesforce(), gone_max=gone_max)

    @task
    def erp() -> None:
        entities.sweep(connections.erp())

    @task
    def payments() -> None:
        entities.sweep(connections.payments())

    salesforce()
    erp()
    payments()
