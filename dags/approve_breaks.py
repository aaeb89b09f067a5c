"""Asks for the approvals that proposals wait for: one task a proposal, under "Required Actions", until it is decided.

**questions** finds the proposals nobody was asked about yet, worst first. **ask** waits for each: whoever answers in
Airflow approves it or sends it back under their own name, by the rules of the console (nobody their own, as many as the
limits ask, a controller's role), which the database keeps. What is decided in the console ends the task within minutes.

On call
- A task that waits is not stuck: it has no worker. It is over when somebody decides.
- An answer that was refused is in the task's log, and the next run asks again, saying why.
- An answer within a second of the question may be lost: Airflow then asks once more.
- A question that nobody answered for two hours ends as `unanswered`; a later run asks it again.
- A run may be marked failed or cleared at any time: its questions are asked again.
"""

import logging

from airflow.sdk import DAG, task

from include.wiring import schedules
from include.wiring.approvals import AskApproval, questions

log = logging.getLogger(__name__)

with DAG(
    "approve_breaks",
    doc_md=__doc__,
    schedule=schedules.EVERY_TEN_MINUTES,
    tags=["cadence/minutes", "tier/2"],
    **schedules.dag_settings(pool="tieout_ask") | {"max_active_runs": 16},
):

    @task(task_id="questions")
    def find_questions() -> list[dict[str, int]]:
        found = questions()
        log.info("%s proposals wait for a checker whom nobody asked", len(found))
        return found

    AskApproval.partial(task_id="ask").expand_kwargs(find_questions())
