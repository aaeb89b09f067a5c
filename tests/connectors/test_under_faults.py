"""Extraction from a twin whose answers fail: exactly the source's rows in the end, or a stop that says why."""

from typing import Any, NamedTuple

import pytest

from include.connectors.salesforce import client as salesforce_client
from include.connectors.stripe import client as stripe_client
from include.connectors.tryton import client as tryton_client
from include.ports import Fatal, Retryable, Stop
from include.store.postgres import PostgresStore
from tests.connectors.conftest import Start
from tests.connectors.faulty import ENTITY, IDS, PATH, WORLD, arm, extract, ids, injected, small_pages

SYSTEMS = ("salesforce", "erp", "payments")


class Once(NamedTuple):
    """A fault, what it is told, and how often it strikes before the walk is over."""

    kind: str
    stated: dict[str, Any]
    times: int = 1


PASSING = [
    Once("throttled", {"with_": {"retry_after_s": 30}}),
    Once("unavailable", {}, times=2),
    Once("unavailable", {"with_": {"retry_after_s": 1}}, times=5),
    Once("reset_before", {}),
    Once("reset_after", {}),
    Once("reset_midway", {}, times=2),
    Once("truncated_json", {}),
    Once("short_list", {"with_": {"rows": 2}}),
    Once("short_list", {"with_": {"rows": 4}}),
    Once("duplicate_rows", {"with_": {"rows": 2}}),
    Once("shuffled_rows", {}),
    Once("slow", {"with_": {"seconds": 0.2}}),
]


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.kind}-{fault.times}")
def test_a_fault_that_passes_costs_no_row_and_doubles_none(
    live: Start, store: PostgresStore, database_url: str, system: str, fault: Once
):
    twin, entity = live(WORLD), ENTITY[system]
    arm(twin, fault.kind, system, path=PATH[system], skip=2, times=fault.times, **fault.stated)
    done = extract(small_pages(twin, system), store, entity)
    assert done.proof.source_count == len(IDS[entity])
    assert ids(database_url, entity) == sorted(IDS[entity])
    assert [one["kind"] for one in injected(twin)] == [fault.kind] * fault.times


@pytest.mark.parametrize("system", SYSTEMS)
def test_faults_by_chance_in_every_third_answer_cost_no_row(
    live: Start, store: PostgresStore, database_url: str, system: str
):
    twin, entity = live(WORLD), ENTITY[system]
    for kind in ("unavailable", "truncated_json", "reset_after"):
        arm(twin, kind, system, path=PATH[system], times=2, chance=0.33)
    extract(small_pages(twin, system), store, entity)
    assert ids(database_url, entity) == sorted(IDS[entity])
    assert injected(twin)


def test_salesforce_telling_that_its_limit_is_reached_is_asked_again_later(
    live: Start, store: PostgresStore, database_url: str
):
    twin = live(WORLD)
    arm(twin, "request_limit", "salesforce", path=PATH["salesforce"], skip=2)
    done = extract(small_pages(twin, "salesforce"), store, "accounts")
    assert "REQUEST_LIMIT_EXCEEDED" in done.waits[0]
    assert ids(database_url, "accounts") == sorted(IDS["accounts"])


def test_salesforce_that_cannot_lock_a_row_is_asked_again_later(
    live: Start, store: PostgresStore, database_url: str
):
    twin = live(WORLD)
    arm(twin, "lock_row", "salesforce", path=PATH["salesforce"], skip=1)
    done = extract(small_pages(twin, "salesforce"), store, "accounts")
    assert "UNABLE_TO_LOCK_ROW" in done.waits[0]
    assert ids(database_url, "accounts") == sorted(IDS["accounts"])


def test_a_token_that_expires_in_the_middle_of_a_job_is_renewed_and_the_page_is_not_lost(
    live: Start, store: PostgresStore, database_url: str
):
    twin = live(WORLD)
    for walked in (2, 5):
        arm(twin, "token_expiry", "salesforce", path=PATH["salesforce"], skip=walked)
    done = extract(small_pages(twin, "salesforce"), store, "accounts")
    assert done.waits == []
    assert ids(database_url, "accounts") == sorted(IDS["accounts"])
    assert [one["kind"] for one in injected(twin)] == ["token_expiry"] * 2


def test_one_401_of_salesforce_is_a_new_login_and_nothing_more(
    live: Start, store: PostgresStore, database_url: str
):
    twin = live(WORLD)
    arm(twin, "unauthorized", "salesforce", path=PATH["salesforce"], skip=2)
    assert extract(small_pages(twin, "salesforce"), store, "accounts").waits == []
    assert ids(database_url, "accounts") == sorted(IDS["accounts"])


class Lasting(NamedTuple):
    """A fault that stays, and how extraction ends then."""

    system: str
    kind: str
    stop: type[Stop]
    says: str


LASTING = [
    Lasting("salesforce", "unauthorized", Fatal, "INVALID_SESSION_ID.*even after a new login"),
    Lasting("erp", "unauthorized", Fatal, "answered 401; check the key in the erp_api connection"),
    Lasting("payments", "unauthorized", Fatal, "check the key in the payments_api connection"),
    Lasting("salesforce", "request_limit", Retryable, "REQUEST_LIMIT_EXCEEDED"),
    Lasting("salesforce", "lock_row", Retryable, "UNABLE_TO_LOCK_ROW"),
    *(Lasting(system, "throttled", Retryable, "429") for system in SYSTEMS),
    *(Lasting(system, "unavailable", Retryable, "503") for system in SYSTEMS),
    *(Lasting(system, "reset_before", Retryable, "answer") for system in SYSTEMS),
    *(Lasting(system, "reset_midway", Retryable, "answer") for system in SYSTEMS),
    *(Lasting(system, "truncated_json", Retryable, "not JSON|APIError") for system in SYSTEMS),
]


@pytest.mark.parametrize("fault", LASTING, ids=lambda fault: f"{fault.kind}-{fault.system}")
def test_a_fault_that_lasts_ends_red_and_says_what_and_where(
    live: Start, store: PostgresStore, database_url: str, fault: Lasting
):
    twin, entity = live(WORLD), ENTITY[fault.system]
    arm(twin, fault.kind, fault.system, path=PATH[fault.system], skip=2, times=0)
    with pytest.raises(fault.stop, match=fault.says):
        extract(small_pages(twin, fault.system), store, entity)
    assert set(ids(database_url, entity)) <= IDS[entity]
    assert {one["kind"] for one in injected(twin)} == {fault.kind}


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_answer_that_takes_too_long_is_given_up_and_asked_for_again(
    live: Start, store: PostgresStore, database_url: str, monkeypatch: pytest.MonkeyPatch, system: str
):
    for client in (salesforce_client, stripe_client, tryton_client):
        monkeypatch.setattr(client, "TIMEOUT_S", (5.0, 0.3))
    twin, entity = live(WORLD), ENTITY[system]
    arm(twin, "slow", system, path=PATH[system], skip=2, times=4, with_={"seconds": 1.0})
    done = extract(small_pages(twin, system), store, entity)
    assert len(done.waits) == 1
    assert "answer" in done.waits[0]
    assert ids(database_url, entity) == sorted(IDS[entity])
