"""Does nothing, when it is asked to: what Airflow itself takes from a request to a task that has run.

On call: there is nothing to do.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, task

with DAG("bench_floor", schedule=None, start_date=datetime(2020, 1, 1, tzinfo=UTC), catchup=False):

    @task
    def nothing() -> None:
        """Nothing."""

    nothing()
