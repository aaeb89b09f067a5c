"""Somebody forgotten is forgotten by every record that says them, and stays so; nobody else loses anything."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any


from include.domain.entities import COMPARED, ENTITIES
from include.flows.drain_inbox import Drain, Hint, drain_inbox
from include.flows.land_records import land_records
from include.flows.poll_hints import keep_hints
from include.flows.pull_changes import pull_changes
from include.policy import load_policy
from include.ports import Cursor, Page, RawRecord, SourceTotals, Translated
from include.store.postgres import As, PostgresStore
from include.vault.edge import SealedLookup, SealedSource, Vault, sealed
from include.vault.keys import new_keys, read_keyring

RING = read_keyring(new_keys())
VAULT = Vault(lambda: RING)
Rows = dict[str, list[dict[str, Any]]]


class Told:
    """A system that says what it is told to: rows in canonical names, `v` their version."""

    system, states_once, shown = "told", False, dict[str, Any]()
    entities = ("contacts", "customers", "payments", "attempts", "disputes", "bank_lines")

    def __init__(self, rows: Rows) -> None:
        self.rows_of = rows

    def _records(self, entity: str) -> list[RawRecord]:
        return [
            RawRecord(native_id=row["id"], version=row.get("v", "1"), payload=row, place="told")
            for row in self.rows_of.get(entity, [])
        ]

    def fetch_page(self, entity: str, cursor: Cursor | None) -> Page:
        turn = int(cursor["turn"]) + 1 if cursor else 1
        return Page(records=self._records(entity), next_cursor={"turn": f"{turn}"}, has_more=False)

    def listing(self, entity: str, *, until: Cursor) -> Iterable[RawRecord]:  # noqa: ARG002 - the protocol's
        return self._records(entity)

    def rows(self, entity: str, native_ids: Sequence[str]) -> Sequence[RawRecord]:
        return [record for record in self._records(entity) if record.native_id in native_ids]

    def look_at(self, entity: str, native_id: str) -> RawRecord | None:
        return next(iter(self.rows(entity, [native_id])), None)

    def totals(self, entity: str, *, after: Cursor | None, until: Cursor) -> SourceTotals:
        raise NotImplementedError

    def column(self, entity: str, field: str) -> str:  # noqa: ARG002
        return field

    def complete_until(self, cursor: Cursor) -> None:  # noqa: ARG002
        return None

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:
        return {field.name: payload.get(field.name) for field in ENTITIES[entity].received}

    def personal(self, entity: str) -> frozenset[str]:
        return frozenset(
            {*(field.name for field in ENTITIES[entity].personal), "billing_details", "evidence"}
        )


NAME = ("Zuleika", "Quixano-Przybylski")
ADDRESS = "desk@canary-person.example"
CANARIES = (*NAME, "ZULEIKA QUIXANO PRZYBYLSKI", "+65 8123 4567", "fp Zq81")


def people() -> Rows:
    paid = {"customer_id": "C1", "currency": "SGD", "paid_on": "2026-03-02", "status": "succeeded"}
    line = {"account": "SG12OURS0001", "value_date": "2026-03-03", "currency": "SGD", "amount": "60.00"}
    return {
        "contacts": [
            {"id": "P1", "account_id": "A1", "first_name": NAME[0], "last_name": NAME[1], "email": ADDRESS,
                "phone": "+65 8123 4567"},
            {"id": "P2", "account_id": "A1", "first_name": "Ana", "last_name": "Oldacre", "email": ADDRESS},
        ],
        "customers": [{"id": "C1", "name": "Acme Pte Ltd", "email": "books@acme.example"}],
        "payments": [
            {**paid, "id": "R2", "amount": "60.00", "payer_text": "Zuleika Quixano Przybylski",
                "billing_details": {"name": "Zuleika Q", "email": "zuleika.q@canary-person.example"}},
            {**paid, "id": "R3", "amount": "50.00", "payer_text": "Quentin Oldacre the Younger"},
            {**paid, "id": "R4", "amount": "55.00", "billing_details": {"name": "Quixano-Przybylski Zuleika"}},
        ],
        "attempts": [{"id": "E1", "payment_id": "R2", "attempt_no": "1", "outcome": "failed", "card": "fp Zq81",
            "occurred_at": "2026-03-01T00:00:00Z"}],
        "disputes": [{"id": "D1", "payment_id": "R2", "currency": "SGD", "amount": "60.00", "opened_on": "2026-03-09",
            "evidence": {"uncategorized_text": "Zuleika says so"}}],
        "bank_lines": [
            {**line, "id": "B1", "payer_text": "ZULEIKA QUIXANO PRZYBYLSK"},
            {**line, "id": "B2", "payer_text": "QUENTIN OLDACRE"},
        ],
    }  # fmt: skip


def behind(rows: Rows) -> SealedSource:
    return sealed(Told(rows), VAULT)


def load(store: PostgresStore, rows: Rows) -> int:
    """Read and land all of it; how many rows were new to us."""
    source, new = behind(rows), 0
    with working(store, "tieout_ingest") as reads:
        for entity in Told.entities:
            new += pull_changes(source, reads, entity=entity).new
            assert land_records(source, reads, entity=entity).quarantined == 0
    return new


def working(store: PostgresStore, role: str) -> AbstractContextManager[PostgresStore]:
    """As who does it works: under a role of the database that may do that and little else."""
    return PostgresStore(store.url, who=As(role, "test")).keeping()


# --- looks


def test_a_look_keeps_nothing_of_people(store: PostgresStore) -> None:
    rows = people()
    load(store, rows)
    hint = Hint(source="told", event_id="e1", entity="payments", native_id="R2", kind="charge.updated")
    with store.transaction() as tx:
        keep_hints(tx, [hint])
    lookup = SealedLookup(Told(rows), Told(rows), VAULT)  # type: ignore[arg-type]
    drain = Drain(store, {"told": lookup}, lambda *_: None, load_policy().delivery.pace)
    assert drain_inbox(drain) == {"done": 1}
    [(facts,)] = rows_of(store, "SELECT facts FROM delivery.looked_at")
    assert facts["amount_minor"] == 6000
    assert not {"payer_text", "row_hash", *COMPARED["payments"]} & facts.keys()
    assert "pii1:" not in json.dumps(facts)
