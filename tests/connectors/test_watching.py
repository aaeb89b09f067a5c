"""Glances at Stripe and Salesforce: what changed is seen at once, what shows up late is seen later, nothing is lost."""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from simple_salesforce.format import quote_soql_value

from include.connectors.salesforce import watch as watch_module
from include.connectors.salesforce.client import SalesforceClient
from include.connectors.salesforce.watch import SalesforceWatch
from include.connectors.stripe import watch as stripe_watch_module
from include.connectors.stripe.client import StripePayments
from include.connectors.stripe.watch import StripeWatch
from include.flows import poll_hints as poll_module
from include.flows.poll_hints import keep_hints, poll_hints
from include.ports import Cursor, Glance, Retryable, Sign, Watch
from include.store.postgres import PostgresStore
from tests.connectors.conftest import KEYS, Live, Start
from tests.naughty import RUN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEAL, OTHER = "0060000000000AAAAA", "0060000000000BBBBB"
OLD = "2026-01-05T00:00:00Z"
WORLD = {
    "salesforce/Opportunity": [
        {
            "Id": deal,
            "Name": deal,
            "StageName": "Open",
            "IsClosed": "false",
            "IsWon": "false",
            "LastModifiedDate": OLD,
        }
        for deal in (DEAL, OTHER)
    ]
}


class Watcher:
    """Glances one after the other, each from where the last one ended."""

    def __init__(self, watch: Watch) -> None:
        self.watch, self.cursor = watch, None

    def sees(self) -> list[Sign]:
        glance = self.watch.glance(self.cursor)
        self.cursor = glance.next_cursor  # type: ignore[assignment]
        return list(glance.signs)


@pytest.fixture
def place(live: Start) -> Live:
    return live(WORLD)


@pytest.fixture
def stripe(place: Live) -> Watcher:
    return Watcher(StripeWatch(StripePayments(KEYS.payments_key, address=place.url("payments"), list_rows=2)))


@pytest.fixture
def crm(place: Live) -> SalesforceClient:
    return place.salesforce()._client


def pay(place: Live, then: str = "charges", **facts: Any) -> str:
    form = {"amount": 100, "currency": "sgd", "source": "tok_visa"} | facts
    answer = requests.post(
        f"{place.url('payments')}/v1/{then}", form, auth=(KEYS.payments_key, ""), timeout=10
    )
    return str(answer.json()["id"])


def stage(crm: SalesforceClient, deal: str, name: str) -> None:
    crm.call("PATCH", f"sobjects/Opportunity/{deal}", json={"StageName": name})


def test_stripe_tells_of_what_happened_since_and_again_a_little_before(place: Live, stripe: Watcher) -> None:
    stripe.sees()
    paid = [pay(place) for _ in range(5)]
    assert {sign.native_id for sign in stripe.sees()} == set(paid), "over several pages"
    place.clock.now += timedelta(seconds=2)
    assert len(stripe.sees()) == 5, "what is near the last glance is told again, under the same names"
    place.clock.now += timedelta(seconds=10)
    stripe.sees()
    assert stripe.sees() == []


def test_a_deep_glance_finds_what_lies_behind_and_refunds_whose_event_was_lost(
    place: Live, stripe: Watcher
) -> None:
    stripe.sees()
    stripe.sees()  # the first is followed by a deep one
    paid = pay(place)
    refund = pay(place, "refunds", charge=paid)
    place.clock.now += timedelta(seconds=30)
    stripe.cursor = {**(stripe.cursor or {}), "looked": place.clock.now.isoformat()}  # type: ignore[assignment]
    assert stripe.sees() == [], "they lie behind the quick glance"
    place.clock.now += timedelta(minutes=2)
    stripe.sees()
    kinds = {(sign.entity, sign.native_id, sign.kind) for sign in stripe.sees()}
    assert {("payments", paid, "charge.succeeded"), ("refunds", refund, "listed")} <= kinds


def test_after_an_outage_everything_since_is_told(place: Live, stripe: Watcher) -> None:
    stripe.sees()
    paid = pay(place)
    place.clock.now += timedelta(hours=5)
    assert paid in {sign.native_id for sign in stripe.sees()}


def test_of_very_many_events_the_newest_are_told_and_the_read_takes_the_others(
    place: Live, stripe: Watcher, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stripe_watch_module, "MANY", 3)
    stripe.sees()
    paid = []
    for _ in range(7):
        place.clock.now += timedelta(seconds=10)
        paid.append(pay(place))
    assert {sign.native_id for sign in stripe.sees()} == set(paid[-4:]), "as many whole pages as it takes"
    assert "the ten-minute read takes" in caplog.text
    live = pay(place)
    assert live in {sign.native_id for sign in stripe.sees()}, "nobody reads through what was missed again"


def test_a_deal_that_is_won_is_told_and_once_more_when_its_second_is_over(
    place: Live, crm: SalesforceClient
) -> None:
    watcher = Watcher(SalesforceWatch(crm))
    watcher.sees()
    stage(crm, DEAL, "Closed Won")
    stage(crm, OTHER, "Negotiation")
    first = {sign.native_id: sign for sign in watcher.sees()}
    assert (first[DEAL].kind, first[DEAL].only_known) == ("won", False)
    assert first[OTHER].only_known, "of what is not won only those matter that were looked at"
    place.clock.now += timedelta(seconds=3)
    [again] = [sign for sign in watcher.sees() if sign.native_id == DEAL]
    assert again.event_id != first[DEAL].event_id
    place.clock.now += timedelta(seconds=1)
    assert again in watcher.sees(), "from then on under that name"


def test_an_answer_with_fewer_deals_than_it_states_is_none(
    crm: SalesforceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = Watcher(SalesforceWatch(crm))
    watcher.sees()
    for deal in (DEAL, OTHER):
        stage(crm, deal, "Closed Won")

    def short(*_: Any, **__: Any) -> Any:
        return {"totalSize": 2, "done": True, "records": [{"Id": DEAL, "SystemModstamp": OLD}]}

    with monkeypatch.context() as patched:
        patched.setattr(watch_module, "read_json", short)
        with pytest.raises(Retryable, match="stated 2 deals and gave 1"):
            watcher.sees()
    assert {sign.native_id for sign in watcher.sees()} == {DEAL, OTHER}


class OneDeal:
    """Salesforce with one deal on a page, then none; it keeps what it was asked."""

    def __init__(self, deal: str) -> None:
        self.pages, self.asked = [[{"Id": deal, "SystemModstamp": OLD}], []], list[str]()

    def call(self, *_: Any, params: dict[str, str]) -> requests.Response:
        self.asked.append(params["q"])
        rows, answer = self.pages.pop(0), requests.Response()
        answer.headers["Date"] = "Mon, 05 Jan 2026 00:00:00 GMT"
        answer._content = json.dumps({"totalSize": len(rows), "done": True, "records": rows}).encode()
        return answer


@pytest.mark.parametrize("text", RUN.values(), ids=RUN)
def test_whatever_the_last_deal_of_a_page_is_called_the_next_page_begins_behind_it(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(watch_module, "ROWS", 1)
    told: Any = OneDeal(text)
    SalesforceWatch(told)._changed(datetime(2026, 1, 1, tzinfo=UTC))
    _, behind = told.asked[1].split(" AND Id > ", 1)
    assert behind == f"{quote_soql_value(text)})) ORDER BY SystemModstamp, Id LIMIT 1"


def test_a_deal_that_was_deleted_is_told(crm: SalesforceClient) -> None:
    watcher = Watcher(SalesforceWatch(crm))
    watcher.sees()
    crm.call("DELETE", f"sobjects/Opportunity/{DEAL}")
    assert [sign.native_id for sign in watcher.sees()] == [DEAL]


def test_a_mass_change_is_left_to_the_reads_but_for_new_wins(
    crm: SalesforceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = Watcher(SalesforceWatch(crm))
    watcher.sees()
    stage(crm, DEAL, "Closed Won")
    stage(crm, OTHER, "Negotiation")
    monkeypatch.setattr(watch_module, "MANY", 1)
    assert [(sign.native_id, sign.only_new) for sign in watcher.sees()] == [(DEAL, True)]


def test_glances_take_no_more_than_their_share_of_the_days_calls(crm: SalesforceClient) -> None:
    watch = SalesforceWatch(crm)
    assert watch.every_s == 2.0
    crm.budget.note(used=0, limit=15_000)
    assert 86_400 / watch.every_s <= 15_000 * 0.3
    crm.budget.note(used=80_000, limit=100_000)
    assert watch.every_s == pytest.approx(5.76)


class Told:
    """A watch that says what it is told to."""

    system, name, every_s = "salesforce", "hints of deals", 1.0

    def __init__(self, *glances: list[Sign]) -> None:
        self._glances: Iterator[list[Sign]] = iter(glances)
        self.asked: list[Mapping[str, str] | None] = []

    def glance(self, cursor: Cursor | None) -> Glance:
        self.asked.append(cursor)
        return Glance(signs=next(self._glances), next_cursor={"looked": str(len(self.asked))})


def sign(deal: str, *, only_known: bool = False, only_new: bool = False) -> Sign:
    return Sign(
        event_id=f"{deal} 1",
        entity="opportunities",
        native_id=deal,
        kind="won",
        sequence="1",
        only_known=only_known,
        only_new=only_new,
    )


def test_hints_are_kept_once_with_the_cursor_and_nothing_of_strangers(store: PostgresStore) -> None:
    watch = Told([sign("A"), sign("B", only_known=True)], [sign("A"), sign("C")], [])
    assert [poll_hints(watch, store) for _ in range(3)] == [1, 1, 0]
    assert watch.asked == [None, {"looked": "1"}, {"looked": "2"}]


def test_of_very_many_deals_some_that_are_not_known_to_be_won_are_kept(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll_module, "MOST_NEW", 2)
    with store.transaction() as tx:
        for deal, won in (("A", True), ("C", False)):
            look = tx.rows("next_look")[0]
            thing = {"source": "salesforce", "entity": "opportunities", "native_id": deal}
            tx.run("keep_look", **thing, **look, gone=False, facts={"is_won": won}, facts_sha256="")
    with store.transaction() as tx:
        told = [poll_module._hint("salesforce", sign(deal)) for deal in "EDCBA"]
        kept = keep_hints(tx, told, only_new=[False, True, True, True, True])
        assert kept == {"B 1", "C 1", "E 1"}
        hints = tx.rows("take_hints", sources=["salesforce"], most=9, lease=timedelta(1))
    by_id = sorted(hints, key=lambda hint: int(hint["hint_id"]))
    assert [hint["native_id"] for hint in by_id] == ["B", "C", "E"], "in one order, whoever keeps them"
