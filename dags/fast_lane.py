"""Carries effects to Salesforce and the ERP within seconds: a run follows a run without a gap.

**drain** works for some minutes and hands over. It answers what payments platforms hinted at, by looking at the
payment as it is now; decides orders, references and invoices for deals that were landed as won; and delivers what
is decided: what may have happened is looked for before it is sent again, what is refused for good is parked.

On call
- It may be cleared or run twice at any time: leases and keys keep every effect single.
- It fails at the end of its minutes, naming the system that stopped it; the others went on. The next run tries again.
- Parked messages wait for a person: `tieout delivery list`, then mend and `tieout delivery replay`.
- It stands still: hints and messages are kept, and are worked off by the next run.
"""

import logging
from datetime import timedelta

from airflow.sdk import DAG, task

from include import wiring, wiring_effects

MINUTES = 4

log = logging.getLogger(__name__)

with DAG(
    "fast_lane",
    doc_md=__doc__,
    schedule=wiring_effects.WITHOUT_A_GAP,
    tags=["cadence/continuous", "tier/1"],
    **wiring.dag_settings(pool="tieout_fast"),
):

    @task(retries=0)
    def drain() -> None:
        done = wiring_effects.run_fast_lane(seconds=timedelta(minutes=MINUTES).total_seconds())
        log.info("%s", dict(done))

    drain()
