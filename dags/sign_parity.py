"""Asks for the signatures under parity, once nothing stands in the way: one task a role, under "Required Actions".

**questions** judges the last days compared, or goes on with what some have signed already. **ask** waits for the
Controller, RevOps and IT, each another person; the database refuses whoever signs early, twice or for two roles. Who
answers needs the role's permission, and must have looked at the console's page Parity within twelve hours. It can be
signed by `tieout parity sign` as well, which ends the task within minutes.

On call
- A task that waits is not stuck: it has no worker. It is over when somebody signs, or a day comes to another result.
- No task comes: something is in the way, and `tieout parity judge --last DAY` names it; somebody had to go back, and no
  later day was compared since; or the
  end of this month is signed already, by the rules and code that run.
- An answer that was refused is in the task's log, and the next run asks again, saying why. Who declines is
  not asked again about the same days.
"""

import logging

from airflow.sdk import DAG, task

from include.wiring import schedules
from include.wiring.parity import AskSignature, questions

log = logging.getLogger(__name__)

with DAG(
    "sign_parity",
    doc_md=__doc__,
    schedule=schedules.EVERY_HOUR,
    tags=["cadence/hourly", "tier/2"],
    **schedules.dag_settings(pool="tieout_ask") | {"max_active_runs": 16},
):

    @task(task_id="questions")
    def find_questions() -> list[dict[str, int]]:
        found = questions()
        log.info("%s signatures are missing that nobody was asked for", len(found))
        return found

    AskSignature.partial(task_id="ask").expand_kwargs(find_questions())
