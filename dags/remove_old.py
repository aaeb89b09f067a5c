"""Removes what is past its time, every night: our rows, Airflow's own, and the logs of tasks.

How long the rows of each of our tables are kept, and why, is the table ops.retention; most are evidence and stay for
ever. **rows** removes the others in short transactions and keeps in ops.removals how many went. **airflow** removes
Airflow's runs, events and what belongs to them after 90 days with `airflow db clean`; the newest scheduled run of each
dag stays. **logs** removes logs as old as that, on the disk of its host. Each task logs what went, by table.

On call
- A task may be cleared and run again at any time; what it does not come to, the next night does.
- rows names a table that is left: somebody held its rows for long (pg_locks says who). Nothing is lost by it;
  `tieout doctor` says which tables have rows that should be gone.
- airflow is skipped: connection `airflow_db` names no database. Give it Airflow's own, or let `airflow db clean` run
  elsewhere: Airflow's tables grow until then.
- airflow was killed: `airflow db drop-archived` removes the table it may have left behind.
"""

from datetime import timedelta

from airflow.sdk import DAG, task

from include.wiring import removal, schedules

with DAG(
    "remove_old",
    doc_md=__doc__,
    schedule=schedules.BEFORE_DAWN,
    tags=["cadence/daily", "tier/3"],
    **schedules.dag_settings(pool="tieout_reconcile"),
):

    @task(execution_timeout=timedelta(minutes=12))
    def rows() -> None:
        removal.remove_rows()

    @task(execution_timeout=timedelta(minutes=12))
    def airflow() -> None:
        removal.remove_airflows()

    @task(execution_timeout=timedelta(minutes=12))
    def logs() -> None:
        removal.remove_logs()

    rows()
    airflow()
    logs()
