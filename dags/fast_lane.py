"""Carries effects to Salesforce and the ERP within seconds, without a gap: a run works until the next one is at work.

**drain** answers what payments platforms hinted at, and what glances at Stripe every second and at Salesforce every few
seconds found, by looking at the payment or the deal as it is now; decides payment status, orders, references and
invoices; and delivers what is decided: what may have happened is looked for before it is sent again, what is refused
for good is parked. It follows what the ten-minute reads landed, too: with every event lost the same is told, later;
and what a published day found payments to be for.

A run begins every three minutes, gets everything ready and only then lets the one before stop; two may overlap, for
leases and keys keep every effect single. (Airflow allows a @continuous DAG one run at a time, which leaves a gap.)

On call
- It may be cleared or run twice at any time. A run that was killed begins again within seconds.
- It fails when it is over, naming the system that stopped it; the others went on. The next run tries again.
- Parked messages wait for a person: `tieout delivery list`, then mend and `tieout delivery replay`, saying who and why.
- It stands still: hints and messages are kept, and are worked off by the next run.
"""

import logging
from datetime import timedelta

from airflow.sdk import DAG, task

from include.wiring import lane, schedules

AT_MOST = timedelta(minutes=5)

log = logging.getLogger(__name__)

with DAG(
    "fast_lane",
    doc_md=__doc__,
    schedule=lane.RELAY,
    tags=["cadence/continuous", "tier/1"],
    **schedules.dag_settings(pool="tieout_fast") | {"max_active_runs": 2},
):

    @task(
        # While the API server is away no try begins: at some ten seconds each, so many last until the next run.
        retries=20,
        retry_delay=timedelta(seconds=2),
        retry_exponential_backoff=False,
        retry_policy=lane.AGAIN_WHEN_KILLED,
        execution_timeout=2 * AT_MOST,
    )
    def drain() -> None:
        done = lane.run_fast_lane(seconds=AT_MOST.total_seconds())
        log.info("%s", dict(done))

    drain()
