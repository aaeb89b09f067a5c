"""Compares all money each system holds with what we hold of it, every hour: deals, orders, invoices, payments, payouts.

As sweep_sources does at night for everything. What events, glances and ten-minute reads all missed is found here, read
again and counted: `tieout delivery list` shows the count, ops.sweeps keeps it, and it must be 0.

On call
- A task may be cleared and run again at any time; only the newest run matters.
- It counts rows repaired: the reads missed something. Compare ops.sweeps with what the system changed in that hour; a
  settle time is too short, or an event was lost and its object lies behind the window.
- It names keys or sums that differ even after reading anew, or rows that would vanish: as sweep_sources says.
"""

from airflow.sdk import DAG, task

from include.wiring import connections, entities, schedules

with DAG(
    "sweep_money",
    doc_md=__doc__,
    schedule=schedules.EVERY_HOUR,
    tags=["cadence/hourly", "tier/2"],
    **schedules.dag_settings(pool="tieout_extract"),
):

    @task
    def salesforce() -> None:
        entities.sweep(connections.salesforce(), only=entities.MONEY)

    @task
    def erp() -> None:
        entities.sweep(connections.erp(), only=entities.MONEY)

    @task
    def payments() -> None:
        entities.sweep(connections.payments(), only=entities.MONEY)

    salesforce()
    erp()
    payments()
