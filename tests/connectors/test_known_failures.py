"""What other tools are known to lose, double, empty or delete: here it ends with the source's rows, or red."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import psycopg
import pytest
import stripe

from include.flows import sweep_entity as sweeping
from include.flows.check_completeness import check_completeness
from include.flows.land_records import land_records
from include.flows.pull_changes import pull_changes
from include.flows.sweep_entity import sweep_entity
from include.flows.sweep_rows import Sweep
from include.ports import Fatal, Retryable
from include.store.postgres import PostgresStore
from tests.connectors.conftest import Start
from tests.connectors.faulty import (
    ACCOUNTS,
    ATTEMPTS,
    ENTITY,
    IDS,
    INVOICES,
    OBJECT,
    PATH,
    WORLD,
    arm,
    canonical,
    extract,
    ids,
    injected,
    send_webhooks,
    small_pages,
    webhook_receiver,
)

SYSTEMS = ("salesforce", "erp", "payments")
LATE = ACCOUNTS[20]["Id"]


def test_a_row_committed_late_is_waited_for_when_salesforce_tells_of_its_transaction(
    live: Start, store: PostgresStore, database_url: str
):
    twin = live(WORLD)
    source = small_pages(twin, "salesforce")
    arm(twin, "late_commit", "salesforce", after_s=600, with_={"object": "Account", "ids": [LATE]})
    extract(source, store, "accounts")
    assert LATE not in ids(database_url, "accounts")
    twin.clock.now += timedelta(minutes=11)
    extract(source, store, "accounts")
    assert ids(database_url, "accounts") == sorted(IDS["accounts"])
    assert [one["kind"] for one in injected(twin)] == ["late_commit"]


@pytest.mark.parametrize(("system", "late"), [("salesforce", LATE), ("erp", "I20")])
def test_a_row_below_the_saved_cursor_of_which_nobody_told_is_found_by_the_sweep(
    live: Start, store: PostgresStore, database_url: str, system: str, late: str
):
    twin, entity = live(WORLD), ENTITY[system]
    source = small_pages(twin, system)
    told = {"object": OBJECT[system], "ids": [late], "announced": False}
    arm(twin, "late_commit", system, after_s=3600, with_=told)
    extract(source, store, entity)
    twin.clock.now += timedelta(hours=2)
    extract(source, store, entity)  # the window is proven, and does not know of it
    assert ids(database_url, entity) == sorted(IDS[entity] - {late})
    gap = check_completeness(source, store, entity=entity, whole=True)
    assert not gap.proven
    assert f"missing {late} @" in str(gap)
    assert sweep_entity(source, store, entity=entity).proof.proven
    assert ids(database_url, entity) == sorted(IDS[entity])


@pytest.mark.parametrize("died", ["before", "after"])
def test_a_sweep_that_died_over_reading_anew_is_ended_by_the_next_and_what_was_late_counts_once(
    live: Start, store: PostgresStore, database_url: str, died: str
):
    twin = live(WORLD)
    source = small_pages(twin, "erp")
    told = {"object": OBJECT["erp"], "ids": ["I20"], "announced": False}
    arm(twin, "late_commit", "erp", after_s=3600, with_=told)
    extract(source, store, "invoices")
    twin.clock.now += timedelta(hours=2)

    def read_and_die(*source_and_store: Any, entity: str) -> None:
        if died == "after":
            pull_changes(*source_and_store, entity=entity)
        raise KeyboardInterrupt

    with patch.object(sweeping, "pull_changes", read_and_die), pytest.raises(KeyboardInterrupt):
        sweep_entity(source, store, entity="invoices")
    assert sweep_entity(source, store, entity="invoices").proof.proven
    assert ids(database_url, "invoices") == sorted(IDS["invoices"])
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT sum(repaired_count) FROM ops.sweeps").fetchone() == (1,)


def test_a_payment_that_shows_days_late_is_read_within_the_look_back(
    live: Start, store: PostgresStore, database_url: str
):
    twin = live(WORLD)
    twin.clock.now = datetime(2026, 1, 30, tzinfo=UTC)
    source = small_pages(twin, "payments")
    arm(
        twin,
        "late_commit",
        "payments",
        after_s=3 * 86400,
        with_={"object": "charges", "ids": ["ch_20"]},
    )
    extract(source, store, "payments")
    twin.clock.now += timedelta(days=4)
    extract(source, store, "payments")
    assert ids(database_url, "payments") == sorted(IDS["payments"])


@pytest.mark.parametrize("system", SYSTEMS)
def test_more_rows_in_one_second_than_a_page_holds_are_all_read(
    live: Start, store: PostgresStore, database_url: str, system: str
):
    twin, entity = live(WORLD), ENTITY[system]
    tie = {"object": OBJECT[system], "ids": sorted(IDS[entity]), "stamp": "2026-06-30T23:45:00Z"}
    arm(twin, "tie", system, with_=tie)
    extract(small_pages(twin, system), store, entity)
    assert ids(database_url, entity) == sorted(IDS[entity])
    assert injected(twin)[0]["detail"] == "25 rows changed"


@pytest.mark.parametrize("off_s", [-1, 0, 1])
@pytest.mark.parametrize("system", ["salesforce", "erp"])
def test_a_row_at_the_edge_of_two_slices_is_lost_on_neither_side(
    live: Start, store: PostgresStore, system: str, off_s: int
):
    twin, entity = live(WORLD), ENTITY[system]
    source = small_pages(twin, system)
    extract(source, store, entity)
    # The edge is the horizon: Salesforce's clock, the ERP's five minutes before it.
    edge = twin.clock.now - (timedelta(minutes=5) if system == "erp" else timedelta(0))
    values = {"Name": "At the edge"} if system == "salesforce" else {"number": "At the edge"}
    told = {"object": OBJECT[system], "ids": [sorted(IDS[entity])[3]], "values": values}
    arm(twin, "change", system, with_={**told, "stamp": (edge + timedelta(seconds=off_s)).isoformat()})
    twin.clock.now += timedelta(minutes=10)
    done = extract(source, store, entity)
    assert (done.waits, done.proof.source_count) == ([], 1)


def test_an_amount_that_changes_without_a_new_stamp_is_found_by_the_sweep(
    live: Start, store: PostgresStore, database_url: str
):
    twin = live(WORLD)
    source = small_pages(twin, "salesforce")
    extract(source, store, "opportunities")
    changed = {
        "object": "Opportunity",
        "ids": [min(IDS["opportunities"])],
        "values": {"Amount": 1000.5},
    }
    arm(twin, "change", "salesforce", with_={**changed, "stamp": "kept"})
    gap = check_completeness(source, store, entity="opportunities", whole=True)
    assert "; sums: SGD 1,312.50 there, 312.50 here" in str(gap)
    assert sweep_entity(source, store, entity="opportunities").proof.proven
    assert canonical(database_url, "opportunities", "amount_minor")[0] == (100050,)


def test_a_hard_delete_ends_its_row_and_takes_no_other_along(
    live: Start, store: PostgresStore, database_url: str
):
    twin, gone = live(WORLD), sorted(IDS["accounts"])[:2]
    source = small_pages(twin, "salesforce")
    extract(source, store, "accounts")
    arm(twin, "hard_delete", "salesforce", with_={"object": "Account", "ids": gone})
    twin.clock.now += timedelta(minutes=10)
    extract(source, store, "accounts")
    assert ids(database_url, "accounts") == sorted(IDS["accounts"])  # no stamp tells of it
    done = sweep_entity(source, store, entity="accounts")
    assert (done.proof.source_count, done.rows and done.rows.gone) == (len(IDS["accounts"]) - 2, 2)
    assert ids(database_url, "accounts") == sorted(IDS["accounts"] - set(gone))


def test_a_merge_ends_the_loser_and_keeps_the_winner_and_every_stranger(
    live: Start, store: PostgresStore, database_url: str
):
    twin, (winner, loser, *_) = live(WORLD), sorted(IDS["accounts"])
    source = small_pages(twin, "salesforce")
    extract(source, store, "accounts")
    arm(twin, "merge", "salesforce", with_={"object": "Account", "ids": [loser], "winner": winner})
    twin.clock.now += timedelta(minutes=10)
    extract(source, store, "accounts")
    assert ids(database_url, "accounts") == sorted(IDS["accounts"] - {loser})
    assert sweep_entity(source, store, entity="accounts").proof.proven
    assert ids(database_url, "accounts") == sorted(IDS["accounts"] - {loser})


def test_a_merge_whose_loser_left_the_recycle_bin_ends_it_all_the_same(
    live: Start, store: PostgresStore, database_url: str
):
    twin, (winner, loser, *_) = live(WORLD), sorted(IDS["accounts"])
    source = small_pages(twin, "salesforce")
    extract(source, store, "accounts")
    arm(twin, "merge", "salesforce", with_={"object": "Account", "ids": [loser], "winner": winner})
    arm(twin, "hard_delete", "salesforce", with_={"object": "Account", "ids": [loser]})
    twin.clock.now += timedelta(minutes=10)
    extract(source, store, "accounts")
    assert sweep_entity(source, store, entity="accounts").proof.proven
    assert ids(database_url, "accounts") == sorted(IDS["accounts"] - {loser})


def test_more_rows_gone_at_once_than_people_delete_stop_the_sweep_and_stay(
    live: Start, store: PostgresStore, database_url: str
):
    twin, gone = live(WORLD), sorted(IDS["accounts"])[:11]
    source = small_pages(twin, "salesforce")
    extract(source, store, "accounts")
    arm(twin, "hard_delete", "salesforce", with_={"object": "Account", "ids": gone})
    with pytest.raises(Fatal, match="11 of 25 rows would vanish at once, 10 may"):
        sweep_entity(source, store, entity="accounts")
    assert ids(database_url, "accounts") == sorted(IDS["accounts"])
    assert sweep_entity(source, store, entity="accounts", gone_max=11).proof.proven
    assert ids(database_url, "accounts") == sorted(IDS["accounts"] - set(gone))


def test_an_answer_by_id_that_is_cut_short_ends_no_row_that_was_listed(
    live: Start, store: PostgresStore, database_url: str
):
    twin, changed = live(WORLD), sorted(IDS["accounts"])[:5]
    source = small_pages(twin, "salesforce")
    extract(source, store, "accounts")
    values = {"object": "Account", "ids": changed, "values": {"Name": "By formula"}, "stamp": "kept"}
    arm(twin, "change", "salesforce", with_=values)
    arm(twin, "short_list", "salesforce", query="*WHERE Id IN*", with_={"rows": 2})
    with pytest.raises(Retryable, match="2 rows were listed and then not there"):
        sweep_entity(source, store, entity="accounts")
    assert ids(database_url, "accounts") == sorted(IDS["accounts"])
    done = sweep_entity(source, store, entity="accounts")
    assert done.rows == Sweep(listed=25, gone=0, repaired=0, refreshed=5)


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_listing_that_breaks_off_and_is_resumed_deletes_nothing(
    live: Start, store: PostgresStore, database_url: str, system: str
):
    twin, entity = live(WORLD), ENTITY[system]
    source = small_pages(twin, system)
    extract(source, store, entity)
    arm(twin, "short_list", system, path=PATH[system], times=0, with_={"rows": 3})
    arm(twin, "reset_after", system, path=PATH[system], skip=1)
    twin.clock.now += timedelta(minutes=10)
    for _ in range(2):
        try:
            sweep_entity(source, store, entity=entity)
        except Exception as red:  # noqa: BLE001 - whether it stops or not, nothing may be gone
            assert str(red)  # noqa: PT017
    assert ids(database_url, entity) == sorted(IDS[entity])
    assert {one["kind"] for one in injected(twin)} >= {"short_list"}


def test_a_permission_lost_stops_the_read_and_empties_no_column(
    live: Start, store: PostgresStore, database_url: str
):
    twin = live(WORLD)
    extract(small_pages(twin, "salesforce"), store, "accounts")
    arm(twin, "hidden_field", "salesforce", with_={"object": "Account", "field": "Website"})
    for row in ACCOUNTS:
        change = {"object": "Account", "ids": [row["Id"]], "values": {"Name": "Changed"}}
        arm(twin, "change", "salesforce", with_=change)
    twin.clock.now += timedelta(minutes=10)
    with pytest.raises(Fatal, match="Website"):
        extract(small_pages(twin, "salesforce"), store, "accounts")
    assert all(website for (website,) in canonical(database_url, "accounts", "website"))


def test_the_erp_hiding_a_field_stops_the_read(live: Start, store: PostgresStore, database_url: str):
    twin = live(WORLD)
    source = small_pages(twin, "erp")
    extract(source, store, "invoices")
    arm(twin, "hidden_field", "erp", with_={"object": "account.invoice", "field": "total_amount"})
    values = {"object": "account.invoice", "ids": [min(IDS["invoices"])], "values": {"number": "Changed"}}
    arm(twin, "change", "erp", with_=values)
    twin.clock.now += timedelta(minutes=10)
    with pytest.raises(Fatal, match=r"has no field total_amount; .* or give our user access to it again"):
        extract(source, store, "invoices")
    assert all(gross for (gross,) in canonical(database_url, "invoices", "gross_minor")[1:])


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_new_field_changes_no_row_that_is_here(
    live: Start, store: PostgresStore, database_url: str, system: str
):
    twin, entity = live(WORLD), ENTITY[system]
    extract(small_pages(twin, system), store, entity)
    before = canonical(database_url, entity, "native_id, row_hash")
    new = {"object": OBJECT[system], "field": "Brand_New__c", "value": "x"}
    arm(twin, "new_field", system, with_=new)
    twin.clock.now += timedelta(minutes=10)
    extract(small_pages(twin, system), store, entity)
    assert canonical(database_url, entity, "native_id, row_hash") == before


@pytest.mark.parametrize("system", ["erp", "payments"])
def test_an_unknown_word_for_a_status_arrives_as_the_word_it_is(
    live: Start, store: PostgresStore, database_url: str, system: str
):
    twin, entity = live(WORLD), ENTITY[system]
    extract(small_pages(twin, system), store, entity)
    field = {"erp": "state", "payments": "status"}[system]
    changed = {"object": OBJECT[system], "ids": [sorted(IDS[entity])[24]], "values": {field: "on_the_moon"}}
    arm(twin, "change", system, with_=changed)
    twin.clock.now = datetime(2026, 1, 30, tzinfo=UTC) if system == "payments" else twin.clock.now
    twin.clock.now += timedelta(minutes=10)
    extract(small_pages(twin, system), store, entity)
    assert canonical(database_url, entity, "status")[24] == ("on_the_moon",)


@pytest.mark.parametrize("hours", [-1, 1])
@pytest.mark.parametrize("system", ["salesforce", "erp"])
def test_a_clock_that_is_wrong_and_then_right_again_loses_no_later_change(
    live: Start, store: PostgresStore, system: str, hours: int
):
    twin, entity = live(WORLD), ENTITY[system]
    source = small_pages(twin, system)
    arm(twin, "clock_skew", system, with_={"seconds": 3600 * hours})
    extract(source, store, entity)
    arm(twin, "clock_skew", system, with_={"seconds": 0})
    for n, minutes in enumerate((7, 7, 7)):  # each change lies before the next read, none within its overlap
        values = {"Name": f"{n}"} if system == "salesforce" else {"number": f"{n}"}
        changed = {"object": OBJECT[system], "ids": [sorted(IDS[entity])[n]], "values": values}
        extract(source, store, entity)
        arm(twin, "change", system, with_=changed)
        twin.clock.now += timedelta(minutes=minutes)
    twin.clock.now += timedelta(minutes=7)
    extract(source, store, entity)
    assert check_completeness(source, store, entity=entity, whole=True).proven


def test_a_source_that_lists_an_event_twice_and_out_of_order_lands_it_once(
    live: Start, store: PostgresStore, database_url: str
):
    twin = live(WORLD)
    for kind in ("duplicate_rows", "shuffled_rows"):
        arm(twin, kind, "payments", path="/v1/events", times=3, with_={"rows": 2} if "dup" in kind else {})
    extract(small_pages(twin, "payments"), store, "attempts")
    assert ids(database_url, "attempts") == sorted(IDS["attempts"])
    assert len(injected(twin)) == 6


def test_webhooks_lost_doubled_and_out_of_order_cost_the_extraction_nothing(
    live: Start, store: PostgresStore, database_url: str
):
    twin = live(WORLD)
    for kind, skip in (("lost_webhook", 3), ("duplicate_event", 8), ("out_of_order_event", 12)):
        arm(twin, kind, "payments", path="charge.*", skip=skip)
    with webhook_receiver() as (url, received):
        send_webhooks(twin, url, secret="whsec_twin")
    events = [
        stripe.Webhook.construct_event(body, headers["Stripe-Signature"], "whsec_twin", tolerance=10**9).id
        for body, headers in received
    ]
    in_order = [row["id"] for row in ATTEMPTS]
    expected = in_order[:3] + in_order[4:9] + in_order[8:12] + [in_order[13], in_order[12]] + in_order[14:]
    assert events == expected
    assert [one["detail"] for one in injected(twin)] == ["evt_03", "evt_08", "evt_12"]
    extract(small_pages(twin, "payments"), store, "attempts")
    assert ids(database_url, "attempts") == sorted(IDS["attempts"])


def test_what_a_crash_left_half_read_is_neither_lost_nor_doubled(
    live: Start, store: PostgresStore, database_url: str
):
    twin = live(WORLD)
    source = small_pages(twin, "erp")
    arm(twin, "reset_before", "erp", path=PATH["erp"], skip=3, times=3)
    with pytest.raises(Exception, match="did not answer"):
        pull_changes(source, store, entity="invoices")
    land_records(source, store, entity="invoices")
    extract(source, store, "invoices")
    with psycopg.connect(database_url) as connection:
        query = "SELECT count(*), count(DISTINCT native_id) FROM raw.records WHERE entity = 'invoices'"
        assert connection.execute(query).fetchone() == (len(INVOICES), len(INVOICES))
