"""Compares all of Salesforce with all we hold of it, every night.

**sweep** lists each object whole and asks again for every row in doubt: rows deleted for good or merged away end,
rows that reading changes had missed are kept (their number must be 0), and values that changed without a new stamp
(formulas, roll-ups) are refreshed. **land** makes typed rows of what it found. ops.sweeps holds the counts.

On call
- **sweep** says rows "would vanish at once": our user has most likely lost a permission. Nothing was removed. Give it
  back and clear the task; only when the rows are really gone, let the owner of Salesforce confirm it and sweep with a
  higher gone_max.
- **sweep** says it counts more rows than it listed: the listing was cut off. Nothing was removed; clear the task.
- repaired_count above 0 in ops.sweeps: the daily reading loses rows. Page the platform's owner.
- It may be cleared and run again at any time.
"""

from airflow.sdk import DAG, task

from include import wiring
from include.flows.sweep_rows import sweep_rows

with DAG(
    "sweep_salesforce",
    doc_md=__doc__,
    schedule=wiring.EVERY_BUSINESS_DAY,
    tags=["cadence/daily", "tier/2"],
    **wiring.dag_settings(pool="tieout_extract"),
):

    @task
    def sweep() -> None:
        source, store = wiring.salesforce(), wiring.store()
        wiring.each_entity(source, lambda entity: sweep_rows(source, store, entity=entity))

    @task(trigger_rule="all_done")
    def land() -> None:
        wiring.land(wiring.salesforce())

    sweep() >> land()
