"""Live sources through the flows into Postgres: what is kept, proven and landed."""

import pytest

from include.flows.check_completeness import check_completeness
from include.flows.land_records import land_records
from include.flows.pull_changes import Pulled, pull_changes, rewind
from include.flows.sweep_rows import sweep_rows
from include.store.postgres import PostgresStore
from include.vault.edge import sealed
from tests.connectors.conftest import Start
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
