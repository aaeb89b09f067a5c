"""What happens to Salesforce's rows between two readings, and that the database follows: no loss, no false delete."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
import requests

from include.flows.check_completeness import check_completeness
from include.flows.check_shape import Drift, check_shape
from include.flows.land_records import land_records
from include.flows.pull_changes import pull_changes
from include.flows.sweep_rows import Sweep, sweep_rows
from include.ports import Fatal, Retryable
from include.store.postgres import PostgresStore
from tests.connectors.salesforce_org import Running, cut, salesforce_running

IDS = [f"0010000000000{n:02}" for n in range(12)]
ACCOUNTS = [{"Id": name, "Name": f"Customer {name[-2:]}"} for name in IDS]


@pytest.fixture
def org() -> Iterator[Running]:
    with salesforce_running({"Account": ACCOUNTS}) as running:
        yield running


def read(org: Running, store: PostgresStore) -> None:
    source = org.source()
    pull_changes(source, store, entity="accounts")
    land_records(source, store, entity="accounts")
    proof = check_completeness(source, store, entity="accounts")
    assert proof.proven, str(proof)


def sweep(org: Running, store: PostgresStore, **options: int) -> Sweep:
    source = org.source()
    done = sweep_rows(source, store, entity="accounts", **options)
    land_records(source, store, entity="accounts")
    return done


def current(url: str) -> dict[str, str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT id, name FROM canonical.accounts WHERE superseded_in IS NULL")
        return dict(rows.fetchall())


def versions(url: str, native_id: str) -> int:
    with psycopg.connect(url) as connection:
        query = "SELECT count(*) FROM canonical.accounts WHERE native_id = %s"
        return int(connection.execute(query, (native_id,)).fetchone()[0])  # type: ignore[index]


def test_a_row_in_the_recycle_bin_leaves_the_current_rows_and_keeps_its_history(
    org: Running, store: PostgresStore, database_url: str
):
    read(org, store)
    org.clock.now += timedelta(minutes=10)
    org.org.changes.delete(org.org.sobjects["account"], IDS[3])
    org.clock.now += timedelta(minutes=10)
    read(org, store)
    assert sorted(current(database_url)) == sorted(set(IDS) - {IDS[3]})
    assert versions(database_url, IDS[3]) == 1


def test_a_row_that_comes_back_is_current_again(org: Running, store: PostgresStore, database_url: str):
    sobject, changes = org.org.sobjects["account"], org.org.changes
    read(org, store)
    for deleted in (True, False):
        org.clock.now += timedelta(minutes=10)
        changes.write(sobject, sobject.by_id[IDS[3]], {"IsDeleted": deleted})
        org.clock.now += timedelta(minutes=10)
        read(org, store)
    assert sorted(current(database_url)) == IDS
    assert versions(database_url, IDS[3]) == 2


def test_a_row_made_and_deleted_between_two_readings_never_was(
    org: Running, store: PostgresStore, database_url: str
):
    read(org, store)
    org.clock.now += timedelta(minutes=10)
    made = org.org.changes.insert(org.org.sobjects["account"], {"Name": "Brief"})
    org.org.changes.delete(org.org.sobjects["account"], made["Id"])
    org.clock.now += timedelta(minutes=10)
    read(org, store)
    assert sorted(current(database_url)) == IDS


def test_a_sweep_finds_what_was_deleted_for_good_and_what_was_merged(
    org: Running, store: PostgresStore, database_url: str
):
    read(org, store)
    sobject, changes = org.org.sobjects["account"], org.org.changes
    changes.delete(sobject, IDS[0], hard=True)
    changes.merge(sobject, IDS[1], IDS[2])
    assert sweep(org, store).gone == 2
    assert sorted(current(database_url)) == sorted({*IDS} - {IDS[0], IDS[2]})
    assert sweep(org, store).gone == 0


def test_a_sweep_of_an_untouched_object_changes_nothing(
    org: Running, store: PostgresStore, database_url: str
):
    read(org, store)
    before = current(database_url)
    assert sweep(org, store) == Sweep(listed=12, gone=0, repaired=0, refreshed=0)
    assert current(database_url) == before


def test_a_row_that_committed_below_the_cursor_is_repaired_and_counted(
    org: Running, store: PostgresStore, database_url: str
):
    read(org, store)
    org.clock.now += timedelta(hours=1)
    read(org, store)
    sobject, changes = org.org.sobjects["account"], org.org.changes
    late = changes.insert(sobject, {"Name": "Late"})
    changes.write(sobject, late, {}, stamped="2026-06-30T20:00:00.000+0000")
    assert sweep(org, store).repaired == 1
    assert current(database_url)[str(late["Id"])] == "Late"


def test_a_transaction_still_running_holds_the_horizon_back(
    org: Running, store: PostgresStore, database_url: str
):
    read(org, store)
    org.clock.now += timedelta(hours=1)
    began = org.clock.now - timedelta(minutes=9)
    org.org.open_since = began
    read(org, store)
    org.org.open_since = None
    sobject, changes = org.org.sobjects["account"], org.org.changes
    late = changes.insert(sobject, {"Name": "Late"})
    stamped = began.replace(tzinfo=None).isoformat() + ".000+0000"
    changes.write(sobject, late, {}, stamped=stamped)
    org.clock.now += timedelta(minutes=10)
    read(org, store)
    assert str(late["Id"]) in current(database_url)


def test_a_value_that_changed_without_a_stamp_is_refreshed(
    org: Running, store: PostgresStore, database_url: str
):
    read(org, store)
    org.org.sobjects["account"].by_id[IDS[5]]["Name"] = "By formula"
    assert sweep(org, store).refreshed == 1
    assert current(database_url)[IDS[5]] == "By formula"


def test_a_listing_that_lost_its_end_removes_nothing(org: Running, store: PostgresStore, database_url: str):
    read(org, store)

    def half(request: requests.PreparedRequest, response: requests.Response) -> requests.Response:
        if "LIMIT" not in str(request.url):
            return response
        body = response.json()
        return cut(response, json.dumps(body | {"records": body["records"][:3], "totalSize": 3}))

    org.alter = half
    with pytest.raises(Retryable, match="counts 12 rows of accounts and listed 3"):
        sweep(org, store)
    assert sorted(current(database_url)) == IDS


def test_many_rows_that_vanish_at_once_are_a_lost_permission(store: PostgresStore, database_url: str):
    many = [{"Id": f"001000000000{n:03}", "Name": "x"} for n in range(40)]
    with salesforce_running({"Account": many}) as org:
        read(org, store)
        for row in many[:20]:
            org.org.changes.delete(org.org.sobjects["account"], row["Id"], hard=True)
        with pytest.raises(Fatal, match="20 of 40 rows would vanish at once, 10 may"):
            sweep(org, store)
        assert len(current(database_url)) == 40
        assert sweep(org, store, gone_max=20).gone == 20
        assert len(current(database_url)) == 20


def test_a_field_hidden_from_us_stops_the_reading_until_it_is_back(
    org: Running, store: PostgresStore, database_url: str
):
    read(org, store)
    before = current(database_url)
    sobject = org.org.sobjects["account"]
    name = sobject.fields.pop("Name")
    org.clock.now += timedelta(minutes=10)
    org.org.changes.write(sobject, sobject.by_id[IDS[1]], {"Website": "x.example"})
    org.clock.now += timedelta(minutes=10)
    for _ in range(2):
        with pytest.raises(Fatal, match=r"accounts: Name is no longer shown to us"):
            read(org, store)
    assert current(database_url) == before
    sobject.fields["Name"] = name
    read(org, store)


def test_a_field_known_to_be_gone_can_be_accepted(org: Running, store: PostgresStore):
    read(org, store)
    del org.org.sobjects["account"].fields["TaxId__c"]
    with pytest.raises(Fatal, match="TaxId__c"):
        check_shape(org.source(), store, entity="accounts")
    check_shape(org.source(), store, entity="accounts", accept=frozenset({"TaxId__c"}))
    read(org, store)


def test_new_and_retyped_fields_are_told_once(org: Running, store: PostgresStore):
    read(org, store)
    fields = org.org.sobjects["account"].fields
    fields["New__c"] = replace(fields["TaxId__c"], name="New__c")
    fields["Name"] = replace(fields["Name"], type="textarea")
    drift = check_shape(org.source(), store, entity="accounts")
    assert (drift.added, drift.retyped) == (("New__c",), ("Name: string -> textarea",))
    assert check_shape(org.source(), store, entity="accounts") == Drift()
