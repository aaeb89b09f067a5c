"""Days of a system whose rows change, each tied out and published, and the lives of breaks after it."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from include.flows.land_records import land_records
from include.flows.publish_run import Published, publish_run
from include.flows.pull_changes import pull_changes
from include.flows.reconcile import reconcile
from include.policy import Policy, load_policy
from include.store.postgres import PostgresStore
from tests.flows.conftest import Draw, Live

Row = dict[str, Any]


@dataclass
class Days:
    """`url` is the database behind `store`."""

    store: PostgresStore
    url: str
    draw: Draw

    def load(self, *, invoices: str = "", payments: str = "", credit_notes: str = "", **others: str) -> None:
        files = {"invoices": invoices, "payments": payments, "credit_notes": credit_notes} | others
        source = Live(self.draw(**files))
        for entity in files:
            pull_changes(source, self.store, entity=entity)
            land_records(source, self.store, entity=entity)

    def publish(self, day: str, *, policy: Policy | None = None) -> Published:
        """Tie out a day as things are now, and publish it."""
        on = date.fromisoformat(day)
        reconcile(self.store, as_of=on, policy=policy or load_policy())
        return publish_run(self.store, as_of=on, policy=policy)

    def lives(self) -> dict[str, Row]:
        """By key; of several the open one, found last."""
        return {
            row["key"]: row
            for row in self.rows("SELECT * FROM recon.break_lives ORDER BY is_open, first_seen_on")
        }

    def states(self) -> dict[str, str]:
        return {key: life["state"] for key, life in self.lives().items()}

    def history(self, key: str) -> list[tuple[str, str]]:
        """What was done by whom, and where it led."""
        rows = self.rows(
            "SELECT action, actor_id, to_state FROM recon.break_events AS event "
            "JOIN recon.break_lives USING (break_id) WHERE key = %s ORDER BY event.version",
            key,
        )
        return [(f"{row['action']} by {row['actor_id']}", row["to_state"]) for row in rows]

    def match_of(self, item: str) -> str:
        """What a payment or payout is matched in, by the newest run."""
        rows = self.rows(
            "SELECT match_id FROM recon.matches JOIN recon.runs USING (run_id) WHERE side_a_id = %s "
            "AND matches.state = 'posted' ORDER BY as_of DESC, computed_at DESC LIMIT 1",
            item,
        )
        return str(rows[0]["match_id"])

    def evidence(self, key: str) -> str:
        """What the newest run says of a break."""
        rows = self.rows(
            "SELECT evidence FROM recon.breaks JOIN recon.runs USING (run_id) WHERE key = %s "
            "ORDER BY as_of DESC, computed_at DESC LIMIT 1",
            key,
        )
        return str(rows[0]["evidence"])

    def break_id(self, key: str) -> UUID:
        found: UUID = self.lives()[key]["break_id"]
        return found

    def rows(self, query: str, *values: object) -> list[Row]:
        with psycopg.connect(self.url, row_factory=dict_row) as connection:
            return connection.execute(query.encode(), values).fetchall()
