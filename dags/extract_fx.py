"""Reads the ECB's euro reference rates every ten minutes; it states them about 16:00 CET.

Entity: exchange rates. The place is the `path` of the connection fx_rates, a folder or the ECB's https address;
without one every task is skipped. **pull** keeps the rates of every document that is new or changed, with the cursor in
the same transaction. **land** makes typed rows; a bad one is quarantined with its reason. **prove** reads the
documents once more and compares.

On call
- Every task may be cleared and run again at any time: a rate seen twice is held once.
- Only the newest run matters. The cursor lives in Postgres, so the next run carries on; do not backfill.
- The day's run breaks with DQ02 "fx <day>": the rates of a banking day have not come, and the day is not published. Put
  eurofxref-hist.csv into the folder, or wait for the address, and run tie_out again.
- **land** warns of a duplicate: two files contradict each other; the first counts until a person decides.
- **prove** fails: rates are missing here. Clear the task once; if they stay missing, page the platform's owner.
"""

from airflow.sdk import DAG, task

from include.wiring import alerts, entities, files, schedules

with DAG(
    "extract_fx",
    doc_md=__doc__,
    schedule=schedules.EVERY_TEN_MINUTES,
    tags=["cadence/ten-minutes", "tier/1"],
    **alerts.read_settings(),
):

    @task
    def pull() -> None:
        entities.pull(files.fx())

    @task(trigger_rule="all_done")
    def land() -> None:
        entities.land(files.fx())

    @task
    def prove() -> None:
        entities.prove(files.fx())

    pulled = pull()
    proven = prove()
    pulled >> land() >> proven
    pulled >> proven
