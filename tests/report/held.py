"""What a report says is held, beside what the control totals have open."""

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

import psycopg

from include.domain.recipients import Scope
from include.flows import day_facts
from include.store.postgres import PostgresStore


@dataclass(frozen=True)
class Told:
    """What a report says of a run: payments held by code, and money held and open by currency."""

    held: dict[str, int]
    held_minor: dict[str, int]
    open_minor: dict[str, int]


def told(store: PostgresStore, run_id: UUID) -> Told:
    """What is open is told without money below zero that takes back nothing we know: no payment is held for it."""
    with store.transaction() as tx:
        day_facts.lay_out_breaks(tx, {"run_id": run_id, "opening_run_id": None, "published_at": None})
        day_facts.prepare_breaks(tx, [])
        day_facts.enter_scope(tx, Scope())
        breaks = tx.rows("report_breaks_by_code", run_id=run_id)
        totals = tx.rows("control_totals", run_id=run_id)
    held, held_minor, open_minor = Counter[str](), Counter[str](), Counter[str]()
    for row in breaks:
        held[row["code"]] += row["held"]
        held_minor[row["currency"]] += row["held_minor"]
    for row in totals:
        if row["side"] == "payment" and row["currency"]:
            open_minor[row["currency"]] += int(row["open_minor"])
    with psycopg.connect(store.url) as connection:
        for currency, minor in connection.execute(
            "SELECT currency, amount_minor FROM recon.breaks WHERE run_id = %s AND code = 'CA01' AND amount_minor < 0",
            (run_id,),
        ):
            open_minor[currency] -= minor
    return Told(*(dict(sorted((+counts).items())) for counts in (held, held_minor, open_minor)))
