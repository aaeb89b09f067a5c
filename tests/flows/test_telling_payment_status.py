"""Sales see how an invoice stands: whatever payments, refunds and disputes tell, in whatever order, however often."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count, permutations
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest

from include.domain.delivery import Pace
from include.flows import drain_inbox as drain_inbox_module
from include.flows import tell_landed as telling
from include.flows.decide_payment_status import decide_payment_status
from include.flows.drain_inbox import Drain, Hint, Looked, drain_inbox
from include.flows.land_records import land_records
from include.flows.poll_hints import keep_hints
from include.flows.publish_run import publish_run
from include.flows.pull_changes import pull_changes
from include.flows.reconcile import reconcile
from include.flows.tell_landed import tell_landed
from include.flows.tell_posted import tell_posted
from include.policy import load_policy
from include.ports import Fatal, RawRecord, Rejected, Retryable, Store, Transaction, Translated
from include.store.postgres import PostgresStore
from tests.flows.conftest import Draw, Live
from tests.store.waiting import somebody_waits

POLICY = load_policy()
NUMBERS = count()


def pull_and_land(source: Live, store: PostgresStore, *, entity: str) -> None:
    pull_changes(source, store, entity=entity)
    land_records(source, store, entity=entity)


@dataclass
class Platform:
    """A payments platform as it is now: (entity, id) -> the row."""

    system: str = "stripe"
    objects: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    trouble: dict[str, Exception] = field(default_factory=dict)

    def look_at(self, entity: str, native_id: str) -> RawRecord | None:
        if native_id in self.trouble:
            raise self.trouble[native_id]
        row = self.objects.get((entity, native_id))
        return row and RawRecord(native_id=native_id, version="now", payload=row, place=native_id)  # type: ignore[return-value]

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:
        return {"payments": PAYMENT, "refunds": REFUND, "disputes": DISPUTE}[entity] | dict(payload)


PAYMENT = {"id": "P", "currency": "SGD", "amount": "100.00", "paid_on": "2026-03-01", "invoice_id": "I1"}
REFUND = {"id": "R", "payment_id": "P", "currency": "SGD", "amount": "100.00", "created_on": "2026-03-02"}
DISPUTE = {"id": "D", "payment_id": "P", "currency": "SGD", "amount": "100.00", "opened_on": "2026-03-02"}


AT_ONCE = Pace(
    lease=timedelta(hours=1),
    first_wait=timedelta(),
    longest_wait=timedelta(),
    attempts_max=3,
    keys_live=timedelta(1),
    doubt=timedelta(7),
)
"""Nobody waits before the next attempt."""


class Desk:
    def __init__(self, store: PostgresStore, url: str) -> None:
        self.store, self.url, self.platform = store, url, Platform()

    def changes(self, entity: str, native_id: str, **facts: str) -> None:
        self.platform.objects[entity, native_id] = {"id": native_id} | facts

    def hint(
        self, entity: str, native_id: str, *, event: str = "", sequence: str = "", hours: int | None = None
    ) -> bool:
        number = event or f"evt_{next(NUMBERS)}"
        with self.store.transaction() as tx:
            hint = Hint(
                source="stripe",
                event_id=number,
                entity=entity,
                native_id=native_id,
                kind=f"{entity}.updated",
                sequence=sequence or number,
                occurred_at=None if hours is None else datetime.now(UTC) - timedelta(hours=hours),
            )
            return bool(keep_hints(tx, [hint]))

    def drain(self) -> dict[str, int]:
        pace = POLICY.delivery.pace

        def decide(tx: Any, looks: Any) -> None:
            decide_payment_status(tx, looks, POLICY)

        return dict(drain_inbox(Drain(self.store, {"stripe": self.platform}, decide, pace)))

    def said(self, kind: str = "invoice_status") -> list[str]:
        query = """
            SELECT body->>'status' FROM delivery.outbox WHERE kind = %s AND state <> 'superseded' ORDER BY message_id
        """
        with psycopg.connect(self.url) as connection:
            return [row[0] for row in connection.execute(query, (kind,)).fetchall()]

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        query = "SELECT body FROM delivery.outbox WHERE kind = %s ORDER BY message_id"
        with psycopg.connect(self.url) as connection:
            return [row[0] for row in connection.execute(query, (kind,)).fetchall()]


@pytest.fixture
def desk(store: PostgresStore, database_url: str, draw: Draw) -> Desk:
    world = draw(
        customers="C1 Acme - - - 001A",
        opportunities="006A Won true true 218.00 SGD 2026-01-10 - 001A",
        orders="O1 SO-1 C1 2026-01-10 SGD 218.00 confirmed 006A",
        invoices="""
            I1 INV-1 C1 2026-02-01 2026-03-03 SGD 100.00 posted O1
            I2 INV-2 C1 2026-02-01 2026-03-03 SGD 118.00 posted O1
        """,
    )
    for entity in Live(world).entities:
        pull_and_land(Live(world), store, entity=entity)
    return Desk(store, database_url)


def test_a_payment_settles_its_invoice_and_part_of_its_deal(desk: Desk) -> None:
    desk.changes("payments", "P", status="succeeded")
    desk.hint("payments", "P")
    assert desk.drain() == {"done": 1}
    assert desk.said() == ["PAID"]
    assert desk.said("deal_status") == ["PARTIALLY_PAID"]


@pytest.mark.parametrize(
    ("by_order", "by_deal"), [("006D000000IqhSLIAZ", "-"), ("006D000000IqhSL", "-"), ("-", "O1")]
)
def test_a_deal_is_told_of_all_its_orders_whichever_of_the_two_names_the_other(
    store: PostgresStore, database_url: str, draw: Draw, by_order: str, by_deal: str
) -> None:
    deal = "006D000000IqhSLIAZ"
    world = draw(
        customers="C1 Acme - - - 001A",
        opportunities=f"{deal} Won true true 218.00 SGD 2026-01-10 {by_deal} 001A",
        orders=f"""
            O1 SO-1 C1 2026-01-10 SGD 100.00 confirmed {by_order}
            O2 SO-2 C1 2026-01-10 SGD 118.00 confirmed {deal}
        """,
        invoices="""
            I1 INV-1 C1 2026-02-01 2026-03-03 SGD 100.00 posted O1
            I2 INV-2 C1 2026-02-01 2026-03-03 SGD 118.00 posted O2
        """,
    )
    for entity in Live(world).entities:
        pull_and_land(Live(world), store, entity=entity)
    desk = Desk(store, database_url)
    desk.changes("payments", "P", status="succeeded")
    desk.hint("payments", "P")
    desk.drain()
    assert desk.bodies("deal_status") == [{"opportunity_id": deal, "status": "PARTIALLY_PAID"}]


def test_the_message_carries_the_invoice_as_sales_know_it(desk: Desk) -> None:
    desk.changes("payments", "P", status="succeeded", amount="40.00")
    desk.hint("payments", "P")
    desk.drain()
    with psycopg.connect(desk.url) as connection:
        [body] = connection.execute(
            "SELECT body FROM delivery.outbox WHERE kind = 'invoice_status'"
        ).fetchone() or [None]
    assert body == {
        "invoice_id": "I1", "number": "INV-1", "account_id": "001A", "opportunity_id": "006A", "currency": "SGD",
        "gross": "100.00", "open": "60.00", "status": "PARTIALLY_PAID",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("entity", "status", "told"),
    [
        ("refunds", "succeeded", "OPEN"),
        ("refunds", "failed", "PAID"),
        ("disputes", "needs_response", "OPEN"),
        ("disputes", "lost", "OPEN"),
        ("disputes", "won", "PAID"),
    ],
)
def test_what_goes_back_takes_the_status_back(desk: Desk, entity: str, status: str, told: str) -> None:
    desk.changes("payments", "P", status="succeeded")
    desk.changes(entity, "X", payment_id="P", status=status)
    for thing in (("payments", "P"), (entity, "X")):
        desk.hint(*thing)
        desk.drain()
    assert desk.said()[-1] == told


def test_a_payment_that_turns_out_to_be_for_another_invoice_is_taken_back_from_the_first(desk: Desk) -> None:
    desk.changes("payments", "P", status="succeeded")
    desk.changes("payments", "P/1", status="failed", invoice_id="I1")
    desk.changes("refunds", "R", payment_id="P", status="succeeded", amount="30.00")
    for thing in (("payments", "P/1"), ("payments", "P"), ("refunds", "R")):
        desk.hint(*thing)
        desk.drain()
    assert now(desk) == {"invoices/I1": "PARTIALLY_PAID"}
    desk.changes("payments", "P", status="succeeded", invoice_id="I2")
    desk.hint("payments", "P")
    desk.drain()
    assert now(desk) == {"invoices/I1": "OPEN", "invoices/I2": "PARTIALLY_PAID"}
    shown = {body["id"]: body["status"] for body in desk.bodies("payment_activity")}
    assert shown == {
        "payments/P/1/I1": "FAILED",
        "payments/P/I1": "CANCELLED",
        "refunds/R/I1": "CANCELLED",
        "payments/P/I2": "SUCCEEDED",
        "refunds/R/I2": "SUCCEEDED",
    }


def test_a_repeat_is_known_by_its_id_and_by_what_it_is_about(desk: Desk) -> None:
    assert desk.hint("payments", "P", event="evt_1", sequence="7")
    assert not desk.hint("payments", "P", event="evt_1", sequence="8")
    assert not desk.hint("payments", "P", event="evt_2", sequence="7")


def test_the_same_truth_is_said_once(desk: Desk) -> None:
    desk.changes("payments", "P", status="succeeded")
    for _ in range(3):
        desk.hint("payments", "P")
        desk.drain()
    assert desk.said() == ["PAID"]


@pytest.mark.parametrize("order", list(permutations(["payments", "refunds", "disputes"])))
def test_the_order_of_events_does_not_change_what_is_said_last(desk: Desk, order: tuple[str, ...]) -> None:
    desk.changes("payments", "P", status="succeeded")
    desk.changes("refunds", "R", payment_id="P", status="succeeded", amount="30.00")
    desk.changes("disputes", "D", payment_id="P", status="won")
    for entity in order:
        desk.hint(entity, {"payments": "P", "refunds": "R", "disputes": "D"}[entity])
        desk.drain()
    assert desk.said()[-1] == "PARTIALLY_PAID"


def test_an_old_event_that_arrives_late_changes_nothing(desk: Desk) -> None:
    desk.changes("payments", "P", status="succeeded")
    desk.hint("payments", "P", event="evt_succeeded")
    desk.drain()
    desk.hint("payments", "P", event="evt_processing")  # told of an hour ago; the payment is what it is now
    desk.drain()
    assert desk.said() == ["PAID"]


def test_a_status_that_came_back_is_said_again(desk: Desk) -> None:
    for status in ("succeeded", "failed", "succeeded"):
        desk.changes("payments", "P", status=status)
        desk.hint("payments", "P")
        desk.drain()
    with psycopg.connect(desk.url) as connection:
        said = connection.execute(
            "SELECT body->>'status', state FROM delivery.outbox WHERE kind = 'invoice_status' ORDER BY message_id"
        ).fetchall()
    assert said == [("PAID", "superseded"), ("OPEN", "superseded"), ("PAID", "queued")]


def test_an_object_nobody_can_read_costs_itself_alone(desk: Desk) -> None:
    desk.changes("payments", "P", status="succeeded")
    desk.changes("payments", "Q", status="succeeded", amount="one hundred")
    desk.platform.trouble = {"N": Rejected("no such payment"), "A": Retryable("429")}
    for native_id in "QNAP":
        desk.hint("payments", native_id)
    assert desk.drain() == {"dead": 2, "new": 1, "done": 1}
    assert desk.said() == ["PAID"]


@pytest.mark.parametrize("place", ["id", "reference"])
def test_text_that_no_column_can_hold_costs_its_object_alone(desk: Desk, place: str) -> None:
    desk.changes("payments", "P", status="succeeded")
    desk.changes("payments", "Q", **{"status": "succeeded", place: "a\x00b"})
    for native_id in "QP":
        desk.hint("payments", native_id)
    assert desk.drain() == {"dead": 1, "done": 1}
    assert desk.said() == ["PAID"]


def test_a_refused_login_stops_the_lane_after_the_rest_was_answered(desk: Desk) -> None:
    desk.changes("payments", "P", status="succeeded")
    desk.platform.trouble = {"A": Fatal("the key is refused")}
    desk.hint("payments", "A")
    desk.hint("payments", "P")
    with pytest.raises(Fatal, match="key"):
        desk.drain()
    assert desk.said() == ["PAID"]


@pytest.mark.parametrize(
    ("trouble", "state", "said"),
    [
        (Retryable("deadlock detected"), "new", ["PAID", "PARTIALLY_PAID"]),
        (ZeroDivisionError(), "dead", ["PARTIALLY_PAID"]),
    ],
)
def test_a_decision_that_fails_costs_its_object_alone(
    desk: Desk, trouble: Exception, state: str, said: list[str]
) -> None:
    desk.changes("payments", "P", status="succeeded")
    desk.changes("payments", "Q", status="succeeded", invoice_id="I2")
    desk.hint("payments", "P")
    desk.hint("payments", "Q")

    def broken(tx: Transaction, looks: Sequence[Looked]) -> None:
        decide_payment_status(tx, looks, POLICY)
        if any(looked.native_id == "P" for looked in looks):
            raise trouble

    drain = Drain(desk.store, {"stripe": desk.platform}, broken, AT_ONCE)
    assert drain_inbox(drain, rounds=1) == {state: 1, "done": 1}
    desk.drain()
    assert sorted(desk.said()) == said


def test_hints_in_hand_when_our_database_goes_away_are_given_back_as_soon_as_it_is_there(desk: Desk) -> None:
    desk.changes("payments", "P", status="succeeded")
    desk.hint("payments", "P")
    away = Retryable("Postgres: the server closed the connection")

    def transaction() -> Any:
        if trouble:
            raise away
        return desk.store.transaction()

    trouble: list[Retryable] = []

    def decide(tx: Transaction, looks: Sequence[Looked]) -> None:
        decide_payment_status(tx, looks, POLICY)
        trouble.append(away)
        raise away

    store = cast("Store", SimpleNamespace(transaction=transaction))
    drain = Drain(store, {"stripe": desk.platform}, decide, AT_ONCE)
    for _ in range(2):
        with pytest.raises(Retryable):
            drain_inbox(drain)
    trouble.clear()
    assert drain_inbox(replace(drain, decide=lambda *_: None)) == {"done": 1}


def test_what_was_heard_of_as_it_happened_waits_behind_nothing_that_was_missed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain_inbox_module, "HINTS_AT_ONCE", 1)
    asked: list[str] = []
    monkeypatch.setattr(desk.platform, "look_at", lambda _entity, native_id: asked.append(native_id))
    for native_id, hours in (("missed", 20), ("missed later", 1), ("live", 0), ("live later", 0)):
        desk.hint("payments", native_id, hours=hours)
    drain = Drain(desk.store, {"stripe": desk.platform}, lambda *_: None, POLICY.delivery.pace)
    drain_inbox(drain, rounds=2, live_first=True)
    drain_inbox(drain, rounds=2)
    assert asked == ["live", "live later", "missed", "missed later"]


def test_a_row_that_cannot_be_translated_costs_its_object_alone(desk: Desk) -> None:
    desk.changes("payments", "P", status="succeeded")
    desk.changes("charges", "X")
    desk.hint("charges", "X")  # no words of ours for it: a fault
    desk.hint("payments", "P")
    assert desk.drain() == {"dead": 1, "done": 1}
    assert desk.said() == ["PAID"]


def test_what_was_pulled_later_counts_more_than_a_look(desk: Desk, draw: Draw) -> None:
    desk.changes("payments", "P", status="failed")
    desk.hint("payments", "P")
    desk.drain()
    later = draw(folder="later", payments="P C1 INV-1 SGD 100.00 2026-03-01 succeeded I1")
    pull_and_land(Live(later), desk.store, entity="payments")
    desk.changes("refunds", "R", payment_id="P", status="failed")
    desk.hint("refunds", "R")
    desk.drain()
    assert desk.said()[-1] == "PAID"


@pytest.mark.parametrize("looked", ["before", "after"])
def test_a_payment_taken_back_from_quarantine_and_looked_at_counts_once(
    desk: Desk, draw: Draw, looked: str
) -> None:
    """Its batch has no page of its own, so it is as of the batch."""

    def look() -> None:
        desk.changes("payments", "P", status="failed")
        desk.hint("payments", "P")
        desk.drain()

    if looked == "before":
        look()
    later = draw(folder="later", payments="P C1 INV-1 SGD 100.00 2026-03-01 succeeded I1")
    pull_and_land(Live(later), desk.store, entity="payments")
    with psycopg.connect(desk.url) as connection:
        connection.execute("UPDATE ops.pulls SET landed_in = NULL WHERE entity = 'payments'")
    if looked == "after":
        look()
    with psycopg.connect(desk.url) as connection:
        found = connection.execute("SELECT status FROM delivery.payments WHERE native_id = 'P'").fetchall()
    assert found == [("succeeded" if looked == "before" else "failed",)]


def test_with_every_event_lost_what_lands_tells_the_same(desk: Desk, draw: Draw) -> None:
    later = draw(
        folder="later",
        payments="""
            P C1 INV-1 SGD 100.00 2026-03-01 succeeded I1
            Q C1 INV-2 SGD 18.00 2026-03-01 succeeded I2
        """,
        refunds="R Q SGD 18.00 2026-03-02 succeeded",
    )
    for entity in ("payments", "refunds"):
        pull_and_land(Live(later), desk.store, entity=entity)
    assert [tell_landed(desk.store, POLICY, most=2) for _ in range(4)] == [2, 2, 1, 0]
    assert desk.said() == ["PAID", "OPEN"]
    assert desk.said("deal_status") == ["PARTIALLY_PAID"]


def test_who_is_overtaken_while_telling_says_that_more_may_be_left(
    desk: Desk, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull_and_land(
        Live(draw(folder="later", payments="P C1 INV-1 SGD 100.00 2026-03-01 succeeded I1")),
        desk.store,
        entity="payments",
    )
    marks = iter([{"batch": 0, "place": ""}, {"batch": 1, "place": "another lane's"}])
    monkeypatch.setattr(telling, "last_told", lambda _tx, _what: next(marks))
    assert tell_landed(desk.store, POLICY)
    assert desk.said() == []


def test_telling_what_landed_waits_for_nobody_who_waits_for_it(desk: Desk, draw: Draw) -> None:
    later = draw(
        folder="later",
        payments="""
            P C1 INV-1 SGD 100.00 2026-03-01 succeeded I1
            Q C1 INV-2 SGD 18.00 2026-03-01 succeeded I2
        """,
    )
    pull_and_land(Live(later), desk.store, entity="payments")
    with ThreadPoolExecutor() as pool:
        with desk.store.transaction() as tx:  # as one who answers a hint about I2, and then turns to its deal
            tx.rows("lock_object", source="tieout", entity="invoices", native_id="I2")
            telling = pool.submit(tell_landed, desk.store, POLICY)
            somebody_waits(desk.url)
            tx.rows("lock_object", source="tieout", entity="opportunities", native_id="006A")
        assert telling.result(timeout=30) >= 2
    assert desk.said() == ["PAID", "PARTIALLY_PAID"]


def test_a_refund_that_was_seen_before_its_payment_is_told_with_it(desk: Desk) -> None:
    desk.changes("refunds", "R", payment_id="P", status="succeeded", amount="30.00")
    desk.hint("refunds", "R")
    desk.drain()
    assert desk.said("payment_activity") == []
    desk.changes("payments", "P", status="succeeded")
    desk.hint("payments", "P")
    desk.drain()
    assert desk.said("payment_activity") == ["SUCCEEDED", "SUCCEEDED"]
    assert desk.said() == ["PARTIALLY_PAID"]


def test_who_looked_earlier_and_comes_later_says_nothing(desk: Desk) -> None:
    look = desk.platform.look_at

    def slow(entity: str, native_id: str) -> RawRecord | None:
        seen = look(entity, native_id)
        desk.platform.look_at = look  # type: ignore[method-assign]
        desk.changes("payments", "P", status="succeeded")
        desk.hint("payments", "P")
        desk.drain()  # another lane looks, keeps and says it meanwhile
        return seen

    desk.changes("payments", "P", status="processing")
    desk.hint("payments", "P")
    desk.platform.look_at = slow  # type: ignore[method-assign]
    desk.drain()
    assert desk.said("payment_activity") == ["SUCCEEDED"]


def see(desk: Desk, draw: Draw, turn: str, **files: str) -> None:
    source = Live(draw(folder=turn, **files))
    for entity in (name for name in source.entities if name in files):
        pull_and_land(source, desk.store, entity=entity)
    while tell_landed(desk.store, POLICY):
        pass


def now(desk: Desk) -> dict[str, str]:
    """The status of each invoice as it was last said."""
    query = "SELECT subject, body->>'status' FROM delivery.outbox WHERE kind = 'invoice_status' ORDER BY message_id"
    with psycopg.connect(desk.url) as connection:
        return {str(subject): str(status) for subject, status in connection.execute(query)}


def test_a_credit_note_and_a_void_take_it_back_and_so_does_a_returned_payment(desk: Desk, draw: Draw) -> None:
    paid = "P C1 INV-1 SGD 100.00 2026-03-01 {} I1\nQ C1 INV-2 SGD 50.00 2026-03-01 succeeded I2"
    see(desk, draw, "a", payments=paid.format("succeeded"))
    assert now(desk) == {"invoices/I1": "PAID", "invoices/I2": "PARTIALLY_PAID"}
    see(desk, draw, "b", credit_notes="CN1 CN-1 C1 I2 2026-03-05 SGD 68.00")
    assert now(desk) == {"invoices/I1": "PAID", "invoices/I2": "PAID"}
    see(desk, draw, "c", payments=paid.format("reversed"))
    assert now(desk) == {"invoices/I1": "OPEN", "invoices/I2": "PAID"}
    see(desk, draw, "d", invoices="I1 INV-1 C1 2026-02-01 2026-03-03 SGD 100.00 void O1")
    assert now(desk) == {"invoices/I1": "VOID", "invoices/I2": "PAID"}
    assert desk.said("deal_status")[-1] == "PAID"


@pytest.mark.parametrize(
    "by_now", ["I1 2026-03-05 SGD 100.00", "I2 2026-03-05 SGD 0.00"], ids=["another's", "void"]
)
def test_a_credit_note_that_is_anothers_or_void_by_now_credits_its_invoice_no_more(
    desk: Desk, draw: Draw, by_now: str
) -> None:
    see(desk, draw, "a", credit_notes="CN1 CN-1 C1 I2 2026-03-05 SGD 118.00")
    assert now(desk) == {"invoices/I2": "CREDITED"}
    see(desk, draw, "b", credit_notes=f"CN1 CN-1 C1 {by_now}")
    assert now(desk)["invoices/I2"] == "OPEN"


@pytest.mark.parametrize("moved", ["order", "invoice"])
def test_a_deal_whose_invoice_is_another_deals_by_now_is_told_so_too(
    desk: Desk, draw: Draw, moved: str
) -> None:
    see(
        desk,
        draw,
        "a",
        payments="P C1 INV-1 SGD 100.00 2026-03-01 succeeded I1\nQ C1 INV-2 SGD 118.00 2026-03-01 succeeded I2",
    )
    assert deals(desk) == {"opportunities/006A": "PAID"}
    see(
        desk,
        draw,
        "b",
        opportunities="006B Won true true 100.00 SGD 2026-01-10 - 001A",
        orders="O2 SO-2 C1 2026-01-10 SGD 100.00 confirmed 006B",
    )
    if moved == "order":
        see(desk, draw, "c", orders="O1 SO-1 C1 2026-01-10 SGD 218.00 confirmed 006B")
        assert deals(desk) == {"opportunities/006A": "VOID", "opportunities/006B": "PAID"}
    else:
        see(desk, draw, "c", payments="P C1 INV-1 SGD 100.00 2026-03-01 failed I1")
        assert deals(desk) == {"opportunities/006A": "PARTIALLY_PAID"}
        see(desk, draw, "d", invoices="I1 INV-1 C1 2026-02-01 2026-03-03 SGD 100.00 posted O2")
        assert deals(desk) == {"opportunities/006A": "PAID", "opportunities/006B": "OPEN"}


def deals(desk: Desk) -> dict[str, str]:
    """The status of each deal as it was last said."""
    query = (
        "SELECT subject, body->>'status' FROM delivery.outbox WHERE kind = 'deal_status' ORDER BY message_id"
    )
    with psycopg.connect(desk.url) as connection:
        return {str(subject): str(status) for subject, status in connection.execute(query)}


def test_a_payment_of_several_invoices_settles_all_and_its_refund_takes_back_no_more_than_it_is(
    desk: Desk, draw: Draw
) -> None:
    pull_and_land(
        Live(draw(folder="a", payments="P C1 INV-1,INV-2 SGD 218.00 2026-03-01 succeeded".replace(",", "_"))),
        desk.store,
        entity="payments",
    )
    reconcile(desk.store, as_of=date(2026, 3, 31), policy=POLICY)
    publish_run(desk.store, as_of=date(2026, 3, 31))
    tell_landed(desk.store, POLICY)
    assert now(desk) == {"invoices/I1": "PAID", "invoices/I2": "PAID"}
    see(desk, draw, "b", refunds="R P SGD 50.00 2026-04-02 succeeded")
    assert now(desk) == {"invoices/I1": "PAID", "invoices/I2": "PARTIALLY_PAID"}
    see(desk, draw, "c", refunds="R P SGD 200.00 2026-04-02 succeeded")
    assert now(desk) == {"invoices/I1": "PARTIALLY_PAID", "invoices/I2": "OPEN"}


def test_a_renewal_that_is_paid_tells_its_deal_and_asks_for_its_booking_once(desk: Desk, draw: Draw) -> None:
    subscription = "S1 C1 2026-01-31 2027-01-31 SGD 10 45.50 month active"
    for turn, files in enumerate(
        [
            {"subscriptions": subscription, "accounts": "001A Acme - SG"},
            {"renewals": "006R Won true true S1/2027-01-31"},
            {"orders": "O9 SO-9 C1 2027-01-31 SGD 100.00 confirmed 006R"},
            {"invoices": "I9 INV-9 C1 2027-01-31 2027-03-02 SGD 100.00 posted O9"},
        ]
    ):
        source = Live(draw(folder=f"renewal{turn}", **files))
        for entity in source.entities:
            pull_and_land(source, desk.store, entity=entity)
    see(desk, draw, "part", payments="P9 C1 INV-9 SGD 60.00 2027-02-01 succeeded I9")
    assert desk.bodies("deal_renewed") == []
    paid = "P9 C1 INV-9 SGD 60.00 2027-02-01 succeeded I9\nQ9 C1 INV-9 SGD 40.00 2027-02-02 succeeded I9"
    for turn in ("all", "again"):
        see(desk, draw, turn, payments=paid)
    assert desk.bodies("deal_renewed") == [
        {"opportunity_id": "006R", "arr": "5460.00", "renewal_date": "2028-01-31"}
    ]
    assert [body["title"] for body in desk.bodies("task")] == [
        "Subscription S1: book the renewal, it is paid"
    ]
    see(desk, draw, "back", refunds="R9 Q9 SGD 40.00 2027-02-03 succeeded")
    assert desk.bodies("deal_renewed")[-1] == {
        "opportunity_id": "006R",
        "arr": "5460.00",
        "renewal_date": "2027-01-31",
    }
    with psycopg.connect(desk.url) as connection:
        [(state,)] = connection.execute("SELECT state FROM delivery.outbox WHERE kind = 'task'").fetchall()
    assert state == "superseded", "nobody was asked yet, and nobody is"


@pytest.mark.parametrize("by_order", [True, False])
def test_a_deal_that_is_named_after_its_invoice_was_told_is_told_then(
    desk: Desk, draw: Draw, *, by_order: bool
) -> None:
    order, deal = (
        "O3 SO-3 C1 2026-01-10 SGD 50.00 confirmed -",
        "006B Won true true 50.00 SGD 2026-01-10 - 001A",
    )
    see(desk, draw, "a", orders=order, opportunities=deal)
    see(desk, draw, "b", invoices="I3 INV-3 C1 2026-02-01 2026-03-03 SGD 50.00 posted O3")
    see(desk, draw, "c", payments="P C1 INV-3 SGD 50.00 2026-03-01 succeeded I3")
    assert (now(desk), desk.bodies("deal_status")) == ({"invoices/I3": "PAID"}, [])
    named = {"orders": order[:-1] + "006B"} if by_order else {"opportunities": deal.replace(" - ", " O3 ")}
    see(desk, draw, "d", **named)
    assert desk.bodies("deal_status") == [{"opportunity_id": "006B", "status": "PAID"}]
    assert desk.bodies("invoice_status")[-1]["opportunity_id"] == "006B"


def test_what_lands_in_whatever_order_is_told(desk: Desk, draw: Draw) -> None:
    """A payment before its invoice, and a credit note that no event speaks of."""
    landed = {
        "payments": "P C1 INV-3 SGD 50.00 2026-03-01 succeeded I3",
        "invoices": "I3 INV-3 C1 2026-02-01 2026-03-03 SGD 50.00 posted O1",
        "credit_notes": "N1 CN-1 C1 I2 2026-03-02 SGD 118.00",
    }
    told = []
    for entity, rows in landed.items():
        pull_and_land(Live(draw(folder=entity, **{entity: rows})), desk.store, entity=entity)
        while tell_landed(desk.store, POLICY):
            pass
        told.append(desk.said())
    assert told == [[], ["PAID"], ["PAID", "CREDITED"]]


def test_of_two_who_decide_at_once_the_later_knows_what_the_earlier_saw(desk: Desk) -> None:
    def decide(tx: Transaction, entity: str, native_id: str, **facts: Any) -> None:
        told = {"currency": "SGD", **facts}
        thing = {"source": "stripe", "entity": entity, "native_id": native_id}
        tx.run("keep_look", **thing, **tx.rows("next_look")[0], gone=False, facts=told, facts_sha256="")
        decide_payment_status(tx, [Looked(**thing, facts=told)], POLICY)

    def refund() -> None:
        with desk.store.transaction() as tx:
            decide(tx, "refunds", "R", payment_id="P", amount_minor=3_000, status="succeeded")

    payment = {"amount_minor": 10_000, "invoice_id": "I1"}
    with desk.store.transaction() as tx:
        decide(tx, "payments", "P", status="processing", **payment)
    with ThreadPoolExecutor() as pool:
        with desk.store.transaction() as tx:
            decide(tx, "payments", "P", status="succeeded", **payment)
            later = pool.submit(refund)
            somebody_waits(desk.url)
        later.result(timeout=30)
    assert desk.said()[-1] == "PARTIALLY_PAID"


def publish(desk: Desk, day: str) -> None:
    reconcile(desk.store, as_of=date.fromisoformat(day), policy=POLICY)
    publish_run(desk.store, as_of=date.fromisoformat(day))


def tell_what_is_posted(desk: Desk, *, most: int = 200) -> int:
    return sum(iter(lambda: tell_posted(desk.store, POLICY, most=most), 0))


def test_what_a_published_day_found_a_payment_to_be_for_is_told_once(desk: Desk, draw: Draw) -> None:
    see(desk, draw, "a", payments="P C1 INV-1_INV-2 SGD 218.00 2026-03-01 succeeded")
    assert tell_what_is_posted(desk) == 0
    assert now(desk) == {}, "nobody knows yet what it pays"
    publish(desk, "2026-03-31")
    assert tell_what_is_posted(desk) == 1
    assert now(desk) == {"invoices/I1": "PAID", "invoices/I2": "PAID"}
    assert desk.said("deal_status") == ["PAID"]
    assert desk.said("payment_activity") == ["SUCCEEDED", "SUCCEEDED"]
    publish(desk, "2026-04-01")
    assert tell_what_is_posted(desk) == 0, "the next day found the same"


def test_what_a_later_day_no_longer_finds_a_payment_to_be_for_is_taken_back(desk: Desk, draw: Draw) -> None:
    paid = "P C1 {} SGD 100.00 2026-03-01 succeeded\nQ C1 INV-2 SGD 118.00 2026-03-01 succeeded"
    see(desk, draw, "a", payments=paid.format("INV-1"))
    publish(desk, "2026-03-31")
    assert tell_what_is_posted(desk, most=1) == 2
    see(desk, draw, "b", payments=paid.format("deposit").replace("100.00", "99.00"))
    publish(desk, "2026-04-01")
    assert tell_what_is_posted(desk, most=1) == 2
    assert now(desk) == {"invoices/I1": "OPEN", "invoices/I2": "PAID"}


def test_of_two_who_tell_what_is_posted_one_goes_on_and_a_run_is_told_to_its_end(
    desk: Desk, draw: Draw
) -> None:
    paid = "P C1 {} SGD 100.00 2026-03-01 succeeded\nQ C1 INV-2 SGD 118.00 2026-03-01 succeeded"
    see(desk, draw, "a", payments=paid.format("INV-1"))
    publish(desk, "2026-03-31")
    assert tell_posted(desk.store, POLICY, most=1) == 1
    assert now(desk) == {"invoices/I1": "PAID"}
    see(desk, draw, "b", payments=paid.format("deposit").replace("100.00", "99.00"))
    publish(desk, "2026-04-01")
    tell_what_is_posted(desk)
    assert now(desk) == {"invoices/I1": "OPEN", "invoices/I2": "PAID"}


@pytest.mark.parametrize(
    ("paid", "back", "left"),
    [
        ("1345.10 SGD", "0.00", ("PAID", "0.00")),
        ("1345.10 SGD", "672.55", ("PARTIALLY_PAID", "500.00")),
        ("1345.10 SGD", "1345.10", ("OPEN", "1000.00")),
        ("995.00 USD", "0.00", ("PAID", "0.00")),
        ("995.00 USD", "400.00", ("PARTIALLY_PAID", "400.00")),
        ("995.00 USD", "995.00", ("OPEN", "1000.00")),
    ],
)
def test_what_a_day_settled_in_another_currency_or_with_a_fee_is_paid_until_it_goes_back(
    desk: Desk, draw: Draw, paid: str, back: str, left: tuple[str, str]
) -> None:
    amount, currency = paid.split()
    world = draw(
        folder="a",
        invoices="I3 INV-3 C1 2026-02-01 2026-03-03 USD 1000.00 posted O1",
        rates="2026-03-02 USD SGD 1.342487 ECB",
    )
    for entity in ("invoices", "fx_rates"):
        pull_and_land(Live(world), desk.store, entity=entity)
    see(desk, draw, "b", payments=f"P C1 INV-3 {currency} {amount} 2026-03-02 succeeded")
    publish(desk, "2026-03-31")
    tell_what_is_posted(desk)
    if back != "0.00":
        see(desk, draw, "c", refunds=f"R P {currency} {back} 2026-04-02 succeeded")
    body = next(one for one in reversed(desk.bodies("invoice_status")) if one["invoice_id"] == "I3")
    assert (body["status"], body["open"]) == left
