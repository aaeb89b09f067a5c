"""Reads what changed in Salesforce every ten minutes.

Entities: accounts, contacts and opportunities, by SystemModstamp.
**pull** keeps payloads as received, with the cursor in the same transaction. **land** makes typed rows, also of
what came before a failed pull; a bad row is quarantined with its reason. **prove** asks the source again for the
keys and sums of the window and compares.

On call
- Every task may be cleared and run again at any time: what is held already is not kept twice.
- Only the newest run matters. The cursor lives in Postgres, so the next run carries on; do not backfill.
- **pull** fails: the message names the entity and the reason. The other entities were read and landed all the same.
- **prove** fails: rows are missing here (break DQ02) and the day will not be published. Clear the task once;
  if the same keys stay missing, page the owner of the source.
- **land** warns of quarantined rows: the source's owner mends them there; the next change lands them.
"""

from airflow.sdk import DAG, task

from include.wiring import alerts, connections, entities, schedules

with DAG(
    "extract_salesforce",
    doc_md=__doc__,
    schedule=schedules.EVERY_TEN_MINUTES,
    tags=["cadence/ten-minutes", "tier/1"],
    **alerts.read_settings(),
):

    @task
    def pull() -> None:
        entities.pull(connections.salesforce())

    @task(trigger_rule="all_done")
    def land() -> None:
        entities.land(connections.salesforce())

    @task
    def prove() -> None:
        entities.prove(connections.salesforce())

    pulled = pull()
    proven = prove()
    pulled >> land() >> proven
    pulled >> proven
