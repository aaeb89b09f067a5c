"""Somebody forgotten is forgotten by every record that says them, and stays so; nobody else loses anything."""

import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from time import monotonic, sleep
from typing import Any

import psycopg
import pytest

from include.domain.entities import COMPARED, ENTITIES
from include.flows.drain_inbox import Drain, Hint, drain_inbox
from include.flows.erase_subject import approve_erasure, ask_erasure, end_erasure, look_for
from include.flows.find_person import Listed
from include.flows.keep_personal import keyed
from include.flows.land_records import land_records
from include.flows.poll_hints import keep_hints
from include.flows.pull_changes import database_clock, keep_page, pull_changes
from include.flows.sweep_rows import Sweep, sweep_rows
from include.policy import load_policy
from include.ports import (
    Cursor,
    Fatal,
    Page,
    RawRecord,
    Rejected,
    SealedValue,
    SourceTotals,
    Transaction,
    Translated,
)
from include.store.postgres import As, PostgresStore
from include.vault.edge import SealedLookup, SealedSource, Vault, sealed
from include.vault.keys import new_keys, read_keyring
from tests.canaries import Canaries

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


def asked(store: PostgresStore, record: str = "contacts/P1", **named: Sequence[str]) -> list[Listed]:
    entity, _, native_id = record.partition("/")
    about = {"entity": entity, "native_id": native_id}
    with working(store, "tieout_send") as opens:
        listed = ask_erasure(opens, VAULT.unseal, **about, reason="a request", by="dpo", **named)
        approve_erasure(opens, VAULT.unseal, **about, by="controller")
    return listed


def at(store: PostgresStore, day: str) -> PostgresStore:
    """The store, as who works with it on that day."""
    moves = "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET tieout.clock = %L', current_database(), '{}'); END $$"
    with psycopg.connect(store.url, autocommit=True) as connection:
        connection.execute(moves.format(day).encode())
    return PostgresStore(store.url)


def rows_of(store: PostgresStore, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(store.url) as connection:
        return connection.execute(query.encode()).fetchall()


def opened(store: PostgresStore) -> set[str]:
    """Everything that can be opened."""
    with store.transaction() as tx:
        return {VAULT.unseal(SealedValue(**row)) for row in tx.stream("sealed_by_subject")}


def changed(rows: Rows, entity: str, native_id: str, **said: Any) -> Rows:
    return rows | {entity: [row | said if row["id"] == native_id else row for row in rows[entity]]}


# --- a value that changed and whose record's version did not


PHONES = (
    "SELECT phone, superseded_in IS NULL FROM canonical.contacts WHERE native_id = 'P1' ORDER BY recorded_in"
)


@pytest.mark.parametrize("swept", [False, True])
def test_a_phone_that_changed_and_left_the_version_as_it_was_is_known_and_so_is_the_one_before(
    store: PostgresStore, *, swept: bool
) -> None:
    load(store, people())
    moved = changed(people(), "contacts", "P1", phone="+65 9000 0000")
    if swept:
        source = behind(moved)
        with working(store, "tieout_ingest") as reads:
            found = sweep_rows(source, reads, entity="contacts")  # type: ignore[arg-type]
        assert (found.refreshed, found.repaired) == (1, 0)
        land_records(source, store, entity="contacts")
    else:
        assert load(store, moved) == 1
    (before, old), (now, new) = rows_of(store, PHONES)
    assert (old, new) == (False, True)
    with store.transaction() as tx:
        values = [SealedValue(**row) for row in tx.rows("sealed_values", tokens=[before, now])]
    assert {value.token: VAULT.unseal(value) for value in values} == {
        before: "+65 8123 4567",
        now: "+65 9000 0000",
    }
    assert load(store, moved) == 0


def test_once_a_record_is_forgotten_nobody_can_guess_its_phone_by_what_stands_for_it(
    store: PostgresStore,
) -> None:
    load(store, people())
    asked(store)
    assert rows_of(
        store, "SELECT count(*) FROM vault.sealed WHERE subject = 'contacts/P1' AND wrapped_key IS NOT NULL"
    ) == [(0,)]


def test_who_receives_values_sees_records_keys_and_no_value(store: PostgresStore) -> None:
    load(store, people())
    held = [token for (token,) in rows_of(store, "SELECT token FROM vault.sealed")]
    with working(store, "tieout_ingest") as reads:
        with reads.transaction() as tx:
            assert {row["field"] for row in tx.rows("record_keys", tokens=held)} == {"~key"}
        with pytest.raises(Fatal, match="permission denied"), reads.transaction() as tx:
            tx.rows("sealed_values", tokens=held)


# --- everything of the person, and nothing that comes back


def marks() -> list[str]:
    """What whoever has the index's key would look for."""
    index = VAULT.index
    names = ("Zuleika Quixano Przybylski", "ZULEIKA QUIXANO PRZYBYLSKI", "ZULEIKA QUIXANO PRZYBYLSK")
    told = [index.alike("payer_text", name) for name in names] + [index.alike("card", "fp Zq81")]
    told += [index.head(name) for name in names] + [index.likeness("C1", name)[:60] for name in names]
    return told + [(index.start(name) or "")[:16] for name in names]


def found_in_dump(store: PostgresStore, marks: Iterable[str]) -> dict[str, set[str]]:
    return Canaries(marks).in_database(store.url)


def test_who_is_forgotten_is_in_no_dump_whatever_is_read_again_and_whoever_has_the_indexs_key(
    store: PostgresStore,
) -> None:
    load(store, people())
    assert {"raw.records", "canonical.payments", "canonical.bank_lines"} <= found_in_dump(
        store, marks()
    ).keys()
    listed = asked(store)
    assert {one.record: one.why for one in listed if not one.spared} == {
        "contacts/P1": "asked for",
        "payments/R2": "the same name",
        "payments/R4": "the same name",
        "bank_lines/B1": "the same name",
        "attempts/E1": "part of payments/R2",
        "disputes/D1": "part of payments/R2",
    }
    assert {one.record for one in listed if one.spared} == {"contacts/P2"}

    assert load(store, people()) == 0  # what is read again is known, and brings nothing back
    later = changed(people(), "payments", "R2", v="2", fee="1.00")
    later = changed(
        later, "contacts", "P1", v="2", last_name="Przybylski-Married", email="new@canary-person.example"
    )
    later = changed(later, "bank_lines", "B1", payer_text="ZULEIKA QUIXANO PRZYBYLSKI")
    assert load(store, later) == 2
    assert load(store, later) == 0
    for entity in ("contacts", "payments", "bank_lines"):
        swept = sweep_rows(behind(later), store, entity=entity)  # type: ignore[arg-type]
        assert swept == Sweep(listed=len(later[entity]), gone=0, repaired=0, refreshed=0)

    assert found_in_dump(store, [*marks(), *CANARIES]) == {}
    assert not [text for text in opened(store) if "uleika" in text.lower() or "zybylski" in text.lower()]
    assert rows_of(
        store, "SELECT fee_minor FROM canonical.payments WHERE native_id = 'R2' AND superseded_in IS NULL"
    ) == [(100,)]


def test_a_page_that_is_on_its_way_while_somebody_is_forgotten_brings_nothing_back(
    store: PostgresStore,
) -> None:
    load(store, people())
    later = changed(people(), "payments", "R2", v="2", fee="1.00")
    source = keyed(behind(later), store)
    page = source.fetch_page("payments", {"turn": "1"})
    about = {"entity": "contacts", "native_id": "P1"}
    ask_erasure(store, VAULT.unseal, **about, reason="a request", by="dpo")

    def keep(tx: Transaction) -> int:
        tx.rows("hold_cursor", system="told", entity="payments")
        return keep_page(tx, source, "payments", seen=None, asked_at=database_clock(store)(), page=page)

    with ThreadPoolExecutor(1) as beside:
        with store.transaction() as tx:
            assert keep(tx) == 1
            erasing = beside.submit(approve_erasure, store, VAULT.unseal, **about, by="controller")
            wait_for_a_lock(store)
        assert erasing.result().records == 6
    with store.transaction() as tx:
        assert keep(tx) == 0  # another worker's, who read it before
    land_records(source, store, entity="payments")
    assert found_in_dump(store, [*marks(), *CANARIES]) == {}


def wait_for_a_lock(store: PostgresStore) -> None:
    until = monotonic() + 60
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while rows_of(store, query) == [(0,)]:
        assert monotonic() < until, "it does not wait for who keeps a page"
        sleep(0.05)


def test_nobody_else_loses_what_they_share_with_who_is_forgotten(store: PostgresStore) -> None:
    rows = changed(people(), "payments", "R3", payer_text="Zuleika Quixano Przybylski")
    load(store, rows)
    listed = asked(store, sparing=["payments/R3"])
    assert {one.record for one in listed if one.spared} == {"contacts/P2", "payments/R3"}
    assert {ADDRESS, "Zuleika Quixano Przybylski", "Ana", "Oldacre", "books@acme.example"} <= opened(store)
    of = dict(rows_of(store, "SELECT native_id, email FROM canonical.contacts"))
    assert of["P1"] != of["P2"] == VAULT.index.alike("email", ADDRESS)
    of = dict(
        rows_of(store, "SELECT native_id, payer_text FROM canonical.payments WHERE payer_text IS NOT NULL")
    )
    assert of["R2"] != of["R3"] == VAULT.index.alike("payer_text", "Zuleika Quixano Przybylski")
    assert load(store, rows) == 0


@pytest.mark.parametrize("comes", ["behind", "before"])
def test_who_comes_later_with_the_same_address_or_name_is_kept(store: PostgresStore, comes: str) -> None:
    alone = people() | {"contacts": people()["contacts"][:1]}
    load(store, alone)
    asked(store)
    fresh = {"id": "P0", "account_id": "A9", "first_name": "Ben", "last_name": "New", "email": ADDRESS}
    payer = {**alone["payments"][0], "id": "R0", "v": "1"}
    more = {
        entity: [*alone[entity], one] if comes == "behind" else [one, *alone[entity]]
        for entity, one in (("contacts", fresh), ("payments", payer))
    }
    assert load(store, alone | more) == 2
    assert {ADDRESS, "Zuleika Quixano Przybylski"} <= opened(store)


def test_people_may_say_whose_record_it_is_and_both_see_the_same_list(store: PostgresStore) -> None:
    load(store, people())
    about = {"entity": "payments", "native_id": "R2"}
    found = {one.record: one for one in look_for(store, VAULT.unseal, **about, by="dpo")}
    assert {"contacts/P1", "bank_lines/B1", "payments/R4"} < found.keys()
    asked(store, "payments/R2", also=["contacts/P2"], sparing=["contacts/P1"])
    told = rows_of(store, "SELECT native_id FROM vault.erasure_records WHERE spared")
    assert told == [("P1",)]
    assert "+65 8123 4567" in opened(store)
    assert "Oldacre" not in opened(store)
    [(why, _)] = rows_of(store, "SELECT why, id FROM audit.events WHERE act = 'erasure lists'")
    assert why == "6 records, 1 spared"


def test_a_list_that_names_the_wrong_people_is_ended_and_another_is_asked_for(store: PostgresStore) -> None:
    load(store, people())
    about = {"entity": "contacts", "native_id": "P1"}
    wants = {**about, "reason": "a request", "by": "dpo"}
    ask_erasure(store, VAULT.unseal, **wants)
    assert end_erasure(store, **about, reason="R4 is her sister's", by="controller") == "refused"
    with pytest.raises(Rejected, match="nobody asked"):
        approve_erasure(store, VAULT.unseal, **about, by="controller")
    ask_erasure(store, VAULT.unseal, **wants)
    assert end_erasure(store, **about, reason="R3 is hers too", by="dpo") == "withdrawn"
    ask_erasure(store, VAULT.unseal, **wants, sparing=["payments/R4"], also=["payments/R3"])
    approve_erasure(store, VAULT.unseal, **about, by="controller")
    acts = "SELECT act, actor, why FROM audit.events WHERE act ~ '^erasure [^l]' ORDER BY id"
    asks = ("erasure asked for", "dpo", "a request")
    assert rows_of(store, acts)[:5] == [
        *(asks, ("erasure refused", "controller", "R4 is her sister's")),
        *(asks, ("erasure withdrawn", "dpo", "R3 is hers too"), asks),
    ]
    assert "Quixano-Przybylski Zuleika" in str(opened(store))


def test_what_was_asked_for_a_month_ago_has_lapsed_and_is_asked_for_anew(store: PostgresStore) -> None:
    load(store, people())
    about = {"entity": "contacts", "native_id": "P1"}
    ask_erasure(at(store, "2026-03-01"), VAULT.unseal, **about, reason="a request", by="dpo")
    with pytest.raises(Rejected, match="dpo asked for it on 2026-03-01, which has lapsed"):
        approve_erasure(at(store, "2026-04-02"), VAULT.unseal, **about, by="controller")
    ask_erasure(at(store, "2026-04-02"), VAULT.unseal, **about, reason="a request", by="dpo")
    assert approve_erasure(at(store, "2026-04-03"), VAULT.unseal, **about, by="controller").destroyed


@pytest.mark.parametrize(("asked_on", "said"), [("2026-03-01", "has lapsed"), ("2026-04-01", "is decided")])
def test_the_database_approves_no_erasure_that_ended_or_lapsed(
    store: PostgresStore, asked_on: str, said: str
) -> None:
    load(store, people())
    about = {"entity": "contacts", "native_id": "P1"}
    ask_erasure(at(store, asked_on), VAULT.unseal, **about, reason="a request", by="dpo")
    if said == "is decided":
        end_erasure(store, **about, reason="not she", by="controller")
    [(which,)] = rows_of(store, "SELECT erasure_id FROM vault.erasures")
    with pytest.raises(Fatal, match=said), at(store, "2026-04-02").transaction() as tx:
        tx.run("approve_erasure", erasure_id=which, approved_by="controller", destroyed=0)


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
