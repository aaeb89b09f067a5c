"""Reads the bank's statements (CAMT.053, MT940) from its folder every ten minutes.

Entity: bank lines. The folder is the `path` of the connection bank_files; without one every task is skipped.
**pull** keeps the bookings of every file that is new or changed, with the cursor in the same transaction; a file
changed within the last minute is left until it is stable. **land** makes typed rows; what is refused (a statement that
does not tie, an archive, a link) is kept and quarantined with its reason. **prove** reads the files once more and
compares.

On call
- Every task may be cleared and run again at any time: a file or booking seen twice is held once.
- Only the newest run matters. The cursor lives in Postgres, so the next run carries on; do not backfill.
- **pull** fails as retryable: the folder is not there. Is the share mounted?
- **land** warns of a statement that does not tie: ask the bank for the file again and put it beside the old one; do not
  edit it. Two statements that contradict each other about a booking: the first one counts until a person decides.
- **prove** fails: bookings are missing here (break DQ02) and the day will not be published. Clear the task once.
"""

from airflow.sdk import DAG, task

from include.wiring import alerts, entities, files, schedules

with DAG(
    "extract_bank",
    doc_md=__doc__,
    schedule=schedules.EVERY_TEN_MINUTES,
    tags=["cadence/ten-minutes", "tier/1"],
    **alerts.read_settings(),
):

    @task
    def pull() -> None:
        entities.pull(files.bank())

    @task(trigger_rule="all_done")
    def land() -> None:
        entities.land(files.bank())

    @task
    def prove() -> None:
        entities.prove(files.bank())

    pulled = pull()
    proven = prove()
    pulled >> land() >> proven
    pulled >> proven
