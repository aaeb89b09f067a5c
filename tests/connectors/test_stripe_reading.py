"""Reading Stripe where lists move, events are forgotten, and writes go unanswered."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from include.connectors.stripe import client as stripe_client
from include.connectors.stripe.client import API_VERSION, Listed, StripePayments, write_key
from include.connectors.stripe.source import EVENTS_KEPT, StripeSource
from include.flows.check_completeness import check_completeness
from include.flows.land_records import land_records
from include.flows.pull_changes import pull_changes
from include.ports import Fatal, RawRecord, Retryable
from include.store.postgres import PostgresStore
from tests.connectors.conftest import Live, Start
from tests.connectors.test_live_sources import PAYMENTS, WORLD

ZONE = ZoneInfo("Asia/Singapore")
NOW = datetime(2026, 7, 1, tzinfo=UTC)
REVERSAL = {"payment_id": "ch_1", "currency": "SGD", "amount": "1.00", "status": "succeeded"}
ALL: dict[str, list[dict[str, str]]] = WORLD | {
    "payments/attempts": [
        {
            "id": f"evt_{n}",
            "payment_id": "ch_1",
            "attempt_no": f"{n}",
            "outcome": "failed" if n < 3 else "succeeded",
            "occurred_at": f"2026-01-05T0{n}:00:00+00:00",
        }
        for n in (1, 2, 3)
    ],
    "payments/refunds": [{"id": "re_1", "created_on": "2026-02-01", **REVERSAL}],
    "payments/disputes": [{"id": "dp_1", "opened_on": "2026-02-02", **REVERSAL, "status": "lost"}],
}


@pytest.mark.parametrize(
    ("entity", "rows"),
    [
        ("payments", 5),
        ("attempts", 3),
        ("refunds", 1),
        ("disputes", 1),
        ("payouts", 1),
        ("payout_items", 2),
    ],
)
def test_every_entity_arrives_is_proven_and_lands(live: Start, store: PostgresStore, entity: str, rows: int):
    source = live(ALL).payments(list_rows=2)
    assert source.entities == ("payments", "attempts", "refunds", "disputes", "payouts", "payout_items")
    assert pull_changes(source, store, entity=entity).new == rows
    assert check_completeness(source, store, entity=entity).proven
    landed = land_records(source, store, entity=entity)
    assert (landed.good, landed.complaints) == (rows, [])


class Account(StripePayments):
    """An account in memory, newest first; `between` happens between two pages."""

    def __init__(
        self, between: Callable[["Account"], None] = lambda _: None, **objects: list[dict[str, Any]]
    ) -> None:
        super().__init__("sk_test", list_rows=2)
        self.held = objects
        self.between = between
        self.asked: list[dict[str, Any]] = []

    def _list(self, collection: str, params: Any) -> Listed:
        if "starting_after" in params:
            self.between(self)
        self.asked.append(dict(params))
        held = self.held.get(collection, [])
        created = params.get("created", {})
        found = [one for one in held if _within(one["created"], created)]
        if "starting_after" in params:
            ids = [one["id"] for one in held]
            if params["starting_after"] not in ids:
                raise stripe_client.Vanished("gone")
            past = ids[: ids.index(params["starting_after"]) + 1]
            found = [one for one in found if one["id"] not in past]
        return Listed(found[: params["limit"]], len(found) > params["limit"], NOW, "")


def _within(created: int, bounds: dict[str, int]) -> bool:
    return bounds.get("gte", created) <= created <= bounds.get("lte", created) and not created >= bounds.get(
        "lt", created + 1
    )


def charge(name: str, at: datetime, **facts: Any) -> dict[str, Any]:
    seconds = int(at.timestamp())
    money = {"amount": 100, "currency": "sgd", "status": "succeeded"}
    return {"id": name, "object": "charge", "created": seconds, **money, **facts}


def event(name: str, about: dict[str, Any], at: datetime) -> dict[str, Any]:
    seconds = int(at.timestamp())
    return {"id": name, "type": f"charge.{about['status']}", "created": seconds, "data": {"object": about}}


def read_all(source: StripeSource, entity: str, cursor: Any = None) -> tuple[list[str], Any]:
    records: list[RawRecord] = []
    while True:
        page = source.fetch_page(entity, cursor)
        records, cursor = [*records, *page.records], page.next_cursor
        if not page.has_more:
            return [record.native_id for record in records], cursor


OLD = NOW - timedelta(days=2)
CHARGES = [charge(f"ch_{n}", OLD - timedelta(minutes=n)) for n in range(7)]


def test_what_is_new_while_a_list_is_read_moves_no_page_and_comes_with_the_next_walk():
    def arrive(account: Account) -> None:
        account.held["charges"].insert(0, charge(f"ch_new{len(account.asked)}", NOW))

    account = Account(arrive, charges=list(CHARGES))
    ids, _ = read_all(StripeSource(account, zone=ZONE, lists_per_page=1), "payments")
    assert ids == [f"ch_{n}" for n in range(7)]


def test_an_object_that_is_gone_when_the_next_page_starts_after_it_loses_no_other():
    def vanish(account: Account) -> None:
        held = account.held["charges"]
        if "ch_1" in [one["id"] for one in held]:
            account.held["charges"] = [one for one in held if one["id"] != "ch_1"]

    account = Account(vanish, charges=list(CHARGES))
    ids, _ = read_all(StripeSource(account, zone=ZONE, lists_per_page=1), "payments")
    assert set(ids) == {f"ch_{n}" for n in range(7)}


def test_contemporaries_of_an_object_that_is_gone_are_held_once():
    same = [charge(f"ch_{n}", OLD) for n in range(5)]

    def vanish(account: Account) -> None:
        account.held["charges"] = [one for one in account.held["charges"] if one["id"] != "ch_1"]

    account = Account(vanish, charges=same)
    ids, _ = read_all(StripeSource(account, zone=ZONE, lists_per_page=10), "payments")
    assert sorted(ids) == [f"ch_{n}" for n in range(5)]


class Stuck(Account):
    """Its pages do not obey starting_after, or are empty and promise more."""

    def __init__(self, answer: Sequence[dict[str, Any]]) -> None:
        super().__init__()
        self.answer = list(answer)

    def _list(self, collection: str, params: Any) -> Listed:  # noqa: ARG002
        return Listed(self.answer, True, NOW, "")  # noqa: FBT003


@pytest.mark.parametrize(("answer", "stop"), [(CHARGES[:1], Fatal), ([], Retryable)])
def test_pages_that_do_not_end_are_noticed(answer: list[dict[str, Any]], stop: type[Exception]):
    with pytest.raises(stop):
        list(Stuck(answer).objects("charges"))


LONG_AGO = NOW - timedelta(days=200)
FAILED = charge("ch_failed", LONG_AGO, status="failed", failure_code="card_declined")
PAID = charge("ch_paid", LONG_AGO + timedelta(days=1))
LATE = charge("ch_late", NOW - timedelta(days=3))


def test_attempts_older_than_the_events_kept_are_recovered_from_the_charges(store: PostgresStore):
    account = Account(charges=[LATE, PAID, FAILED], events=[event("evt_late", LATE, NOW - timedelta(days=3))])
    source = StripeSource(account, zone=ZONE, lists_per_page=1)
    pulled = pull_changes(source, store, entity="attempts")
    assert pulled.new == 3
    assert check_completeness(source, store, entity="attempts").proven
    assert land_records(source, store, entity="attempts").complaints == []
    ids, cursor = read_all(source, "attempts")
    assert ids == ["evt_late", "ch_paid (recovered)", "ch_failed (recovered)"]
    assert read_all(source, "attempts", cursor) == ([], cursor)


def test_after_an_outage_longer_than_events_are_kept_the_gap_alone_is_recovered():
    before = NOW - EVENTS_KEPT - timedelta(days=20)
    inside = charge("ch_gap", before + timedelta(days=5))
    account = Account(
        charges=[LATE, inside, FAILED], events=[event("evt_late", LATE, NOW - timedelta(days=3))]
    )
    ids, _ = read_all(StripeSource(account, zone=ZONE), "attempts", {"until": before.isoformat()})
    assert ids == ["evt_late", "ch_gap (recovered)"]


def test_within_the_days_events_are_kept_the_charges_are_not_asked():
    account = Account(charges=[LATE], events=[event("evt_late", LATE, NOW - timedelta(days=3))])
    ids, _ = read_all(
        StripeSource(account, zone=ZONE), "attempts", {"until": (NOW - timedelta(days=4)).isoformat()}
    )
    assert ids == ["evt_late"]
    assert all("lt" not in asked.get("created", {}) for asked in account.asked)


def test_a_recovered_attempt_says_what_came_of_it():
    source = StripeSource(Account(charges=[FAILED]), zone=ZONE)
    page = source.fetch_page("attempts", {"until": NOW.isoformat(), "stamp": "1:0", "id": ""})
    [record] = page.records
    row = source.translate("attempts", record.payload)
    assert (row["payment_id"], row["attempt_no"], row["outcome"], row["decline_code"]) == (
        "ch_failed",
        "1",
        "failed",
        "card_declined",
    )


def test_keys_come_from_facts():
    assert write_key("refund", "ch_1", "dispute 7") == write_key("refund", "ch_1", "dispute 7")
    assert write_key("refund", "ch_1") != write_key("refund", "ch_11")
    assert write_key("refund", "a", "b") != write_key("refund", "ab")
    assert len(write_key("refund", "x" * 10_000)) <= 255


def test_a_key_is_forgotten_after_a_day(live: Start):
    twin = live({})
    client = payments_of(twin)
    form = {"amount": 100, "currency": "sgd", "source": "tok_visa"}
    first = client.create("charges", form, key="k")
    twin.clock.now += timedelta(hours=23)
    assert client.create("charges", form, key="k") == first
    twin.clock.now += timedelta(hours=2)
    assert client.create("charges", form, key="k") != first


def payments_of(twin: Live) -> StripePayments:
    return StripePayments("sk_test_twin", address=twin.url("payments"))


@pytest.fixture
def pinned(live: Start) -> StripePayments:
    return payments_of(live({"payments/payments": PAYMENTS}))


def test_the_api_version_is_pinned_and_answered(pinned: StripePayments):
    assert pinned.first("charges").version == API_VERSION
