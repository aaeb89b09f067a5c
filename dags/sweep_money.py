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

from include import wiring, wiring_entities

with DAG(
    "sweep_money",
    doc_md=__doc__,
    schedule=wiring.EVERY_HOUR,
    tags=["cadence/hourly", "tier/2"],
    **wiring.dag_settings(pool="tieout_extract"),
):

    @task
    def salesforce() -> None:
        wiring_entities.sweep(wiring.salesforce(), only=wiring_entities.MONEY)

    @task
    def erp() -> None:
        wiring_entities.sweep(wiring.erp(), only=wiring_entities.MONEY)

    @task
    def payments() -> None:
        wiring_entities.sweep(wiring.payments(), only=wiring_entities.MONEY)

    salesforce()
    erp()
    payments()
