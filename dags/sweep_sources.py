"""Compares everything each system holds with what we hold, every night.

The ten-minute reads look at the window since the last one. This one looks at all keys and sums, and so finds what
turned up behind a window: a transaction that took longer than any settle time, an amount that changed without a new
stamp. Where something differs, that entity is read again from its beginning; what is held already is not kept twice.

On call
- A task may be cleared and run again at any time.
- It fails: the message names the keys or sums that differ even after reading anew (break DQ02; the day is not
  published). Look the keys up in the system; page its owner when they are there.
- It repaired something: the log of the task says so. Once is a long transaction; every night is a settle time too
  short.
"""

from airflow.sdk import DAG, task

from include import wiring

with DAG(
    "sweep_sources",
    doc_md=__doc__,
    schedule=wiring.EVERY_NIGHT,
    tags=["cadence/daily", "tier/2"],
    **wiring.dag_settings(pool="tieout_extract"),
):

    @task
    def salesforce() -> None:
        wiring.sweep(wiring.salesforce())

    @task
    def erp() -> None:
        wiring.sweep(wiring.erp())

    @task
    def payments() -> None:
        wiring.sweep(wiring.payments())

    salesforce()
    erp()
    payments()
