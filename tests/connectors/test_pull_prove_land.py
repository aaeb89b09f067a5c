"""Live sources through the flows into Postgres: what is kept, proven and landed."""

from datetime import timedelta

import psycopg
import pytest

from include.connectors.tryton.client import TrytonClient
from include.flows.check_completeness import check_completeness
from include.flows.land_records import land_records
from include.flows.pull_changes import Pulled, pull_changes, rewind
from include.flows.sweep_rows import sweep_rows
from include.store.postgres import PostgresStore
from include.vault.edge import sealed
from tests.connectors.conftest import KEYS, Start
from tests.connectors.test_live_sources import CASES, GARBAGE, GARBAGE_CASES, WORLD, Case
from tests.fuzz.peers import VAULT


@pytest.mark.parametrize("case", CASES)
def test_every_row_is_kept_proven_and_landed(live: Start, store: PostgresStore, case: Case):
    source = live(WORLD).of(case.system)
    assert pull_changes(source, store, entity=case.entity).new == case.count
    proof = check_completeness(source, store, entity=case.entity)
    landed = land_records(source, store, entity=case.entity)
    assert proof.proven, str(proof)
    assert (landed.good, landed.complaints) == (case.count, [])


@pytest.mark.parametrize("case", GARBAGE_CASES)
def test_garbage_is_proven_to_be_here_and_quarantined(live: Start, store: PostgresStore, case: Case):
    source = live(GARBAGE).of(case.system)
    pulled = pull_changes(source, store, entity=case.entity)
    proof = check_completeness(source, store, entity=case.entity)
    landed = land_records(source, store, entity=case.entity)
    assert proof.proven, str(proof)
    # Two systems state a row again, on the same page, in a way that can be read: that stands, and nothing is held.
    expected = {"salesforce": (1, 2), "erp": (0, 4), "payments": (1, 2)}
    assert ((landed.good, landed.quarantined), pulled.new) == (expected[case.system], 4)
    assert any("has no id" in complaint for complaint in landed.complaints)


def test_pulling_and_landing_again_changes_nothing(live: Start, store: PostgresStore):
    source = live(WORLD).payments()
    for new in (5, 0):
        assert pull_changes(source, store, entity="payments").new == new
        assert check_completeness(source, store, entity="payments").proven
        assert land_records(source, store, entity="payments").good == new


def test_people_who_are_read_again_are_who_they_were(live: Start, store: PostgresStore):
    """What stands for a phone is made with a key that the first read kept."""
    people = {
        "FirstName": "Zuleika",
        "LastName": "Quixano",
        "Email": "z@person.example",
        "Phone": "+65 8123 4567",
    }
    world = {"salesforce/Contact": [{"Id": f"P{n}", "AccountId": "A1", **people} for n in range(3)]}
    source = sealed(live(world).salesforce(), VAULT)
    assert pull_changes(source, store, entity="contacts").new == 3
    assert land_records(source, store, entity="contacts").good == 3
    rewind(store, system="salesforce", entity="contacts")
    assert pull_changes(source, store, entity="contacts") == Pulled(pages=1, records=3, new=0)
    swept = sweep_rows(source, store, entity="contacts")  # type: ignore[arg-type]
    assert (swept.listed, swept.refreshed) == (3, 0)


def test_a_credit_note_that_is_cancelled_gives_nothing_back_and_is_proven_all_the_same(
    live: Start, store: PostgresStore, database_url: str
):
    money = {"customer_id": "C1", "currency": "SGD", "net": "100.00", "tax": "9.00", "gross": "109.00"}
    days = {"issue_date": "2026-01-05", "due_date": "2026-02-04", "status": "posted"}
    erp = live(
        {
            "erp/customers": [{"id": "C1", "name": "Acme"}],
            "erp/invoices": [{"id": "I1", "number": "INV-1"} | money | days],
            "erp/credit_notes": [
                {"id": "N1", "number": "CN-1", "invoice_id": "I1", "issue_date": "2026-01-06"} | money
            ],
        }
    )
    source = erp.erp()
    [note] = source.fetch_page("credit_notes", None).records
    pull_changes(source, store, entity="credit_notes")
    land_records(source, store, entity="credit_notes")
    erp.clock.now += timedelta(hours=1)
    TrytonClient(f"{erp.url('erp')}/erp", key=KEYS.erp_key).act(
        "account.invoice", note.native_id, "cancel", fields=()
    )
    erp.clock.now += timedelta(hours=1)
    pull_changes(source, store, entity="credit_notes")
    land_records(source, store, entity="credit_notes")
    assert check_completeness(source, store, entity="credit_notes", whole=True).proven
    with psycopg.connect(database_url) as connection:
        current = "SELECT gross_minor FROM canonical.credit_notes WHERE superseded_in IS NULL"
        assert connection.execute(current).fetchall() == [(0,)]
