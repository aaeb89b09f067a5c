"""One writer at a time: what another path writes is decided and not sent, and what it caused is not caused again."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any

import psycopg
import pytest

from include.connectors.salesforce.effects import ROWS
from include.domain.delivery import Message, Outcome, key_of
from include.flows import deliver_outbox as delivery
from include.flows import switch_writer
from include.flows.allow_switch import ADMIN, Grounds
from include.flows.ask_approvals import note_person
from include.flows.deliver_outbox import BY_THE_OTHER_PATH
from include.flows.gather_facts import gather_facts
from include.flows.guard_writer import FENCED, Fenced, InCalls
from include.flows.parity_latencies import latencies
from include.flows.put_message import put_message, say
from include.flows.replay import By
from include.flows.switch_writer import Patience, Switched, back, begin_as, go, history, writers
from include.policy import load_policy
from include.ports import Fatal, Rejected, Transaction
from include.store.postgres import PostgresStore
from include.store.queries import SQL
from tests.flows.peers import Peer, answer_lost
from tests.flows.test_delivering import PACE
from tests.store.waiting import somebody_waits

AT_ONCE = Patience(calls_s=0.3, settle_s=0)
SIGNED, EMERGENCY = Grounds(policy=load_policy()), Grounds(policy=load_policy(), emergency=True)
ANN = By("ann@firm.example", "drill")
ALL = ("collections", "invoices", "orders", "statuses", "subscriptions", "tasks")


@dataclass
class BothWays(Peer):
    """A system another path writes to as well. `theirs`: subject -> id of what it made there."""

    theirs: dict[str, str] = field(default_factory=dict)

    def standing(self, messages: Sequence[Message]) -> Mapping[str, str]:
        return {one.key: self.theirs[one.subject] for one in messages if one.subject in self.theirs}


class House:
    """A database, a peer, and an administrator the console knows."""

    def __init__(self, store: PostgresStore) -> None:
        self.store, self.peer = store, BothWays(system="erp")
        note_person(store, ANN.actor, sorted(ADMIN))

    def decide(self, name: str, *, kind: str = "order", subject: str = "") -> None:
        message = Message(
            key=key_of(kind, name),
            kind=kind,
            target="erp",
            subject=subject or f"deals/{name}",
            body={"name": name},
        )
        with self.store.transaction() as tx:
            put_message(tx, message)

    def deliver(self) -> dict[str, int]:
        with psycopg.connect(self.store._url, autocommit=True) as connection:
            connection.execute("UPDATE delivery.outbox SET next_at = now() WHERE state = 'uncertain'")
        return dict(
            delivery.deliver_outbox(self.store, InCalls(Fenced(self.peer, self.store), at_once=1), pace=PACE)
        )

    def go(self, *flows: str) -> list[Switched]:
        return go(self.store, flows or ("orders",), ANN, grounds=EMERGENCY, patience=AT_ONCE)

    def back(self, *flows: str, patience: Patience = AT_ONCE) -> list[Switched]:
        return back(self.store, flows or ("orders",), ANN, trigger="drill", patience=patience)

    def reached(self) -> list[str]:
        return [str(effect.body["name"]) for effect in self.peer.effects]

    def told(self) -> list[tuple[str, str, str | None]]:
        query = "SELECT body ->> 'name', state, detail FROM delivery.outbox ORDER BY message_id"
        with psycopg.connect(self.store._url) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture
def house(store: PostgresStore) -> House:
    return House(store)


def test_every_kind_a_connector_knows_belongs_to_a_flow(store: PostgresStore) -> None:
    with psycopg.connect(store._url) as connection:
        known = {row[0] for row in connection.execute("SELECT kind FROM ops.flow_kinds").fetchall()}
    assert known == ROWS.keys() | {"order", "invoice", "retry_payment"}


def test_from_the_beginning_ours_writes_and_an_environment_may_say_otherwise_until_a_person_does(
    house: House,
) -> None:
    assert {row["writer"] for row in writers(house.store)} == {"ours"}
    assert begin_as(house.store, ["orders", "invoices"], environment="staging") == 2
    assert begin_as(house.store, ["orders", "invoices"], environment="staging") == 0
    house.go("orders")
    assert begin_as(house.store, ["orders", "invoices"], environment="staging") == 0
    now = {row["flow"]: row["writer"] for row in writers(house.store)}
    assert (now["orders"], now["invoices"], now["tasks"]) == ("ours", "theirs", "ours")
    assert [one["act"] for one in history(house.store, "orders")] == ["go", "go", "policy", "began"]


def test_what_the_other_path_writes_is_decided_and_not_sent_and_holds_up_nobody(house: House) -> None:
    house.back("orders")
    house.decide("A", subject="deals/1")
    house.decide("A is paid", kind="deal_status", subject="deals/1")
    assert house.deliver() == {"confirmed": 1}
    assert house.reached() == ["A is paid"]
    begin_as(house.store, [], environment="dev")  # as each run of the lane does
    assert house.deliver() == {}


def test_at_go_what_the_other_path_caused_is_found_and_the_rest_is_sent_once(house: House) -> None:
    house.back("orders")
    for name in "ABC":
        house.decide(name)
    begin_as(house.store, [], environment="dev")
    house.peer.theirs = {"deals/B": "their 7"}
    [done] = house.go()
    assert (done.writer, done.waiting, done.uncertain) == ("ours", 3, 0)
    assert house.deliver() == {"confirmed": 2, "found": 1}
    assert house.reached() == ["A", "C"]
    assert house.told()[1] == ("B", "confirmed", BY_THE_OTHER_PATH)
    house.decide("B")  # decided anew from what was read before
    assert house.deliver() == {}


def test_what_the_other_path_writes_is_no_alarm_and_what_nobody_writes_is_one(house: House) -> None:
    def rings() -> bool:
        with house.store.transaction() as tx:
            facts = gather_facts(tx, load_policy(), now=datetime.now(UTC) + timedelta(hours=2))
        return "messages_waiting" in {one.kind for one in facts}

    house.decide("A")
    assert rings()
    house.back()
    assert not rings()
    with pytest.raises(KeyboardInterrupt):
        go(house.store, ["orders"], ANN, grounds=EMERGENCY, patience=Patience(settle_s=1), tell=dies)
    assert rings()


def dies(_: str) -> None:
    raise KeyboardInterrupt


def test_what_ours_said_before_the_other_path_wrote_is_said_again(house: House) -> None:
    def says(status: str, invoice: str = "I1") -> None:
        body = {"name": f"{invoice} {status}"}
        message = Message(
            key="", kind="invoice_status", target="erp", subject=f"invoices/{invoice}", body=body
        )
        with house.store.transaction() as tx:
            say(tx, message)

    says("OPEN")
    says("PAID", "I2")
    house.deliver()
    house.back("statuses")
    says("OPEN")  # as before: nothing new, whatever the other path wrote there meanwhile
    says("CREDITED", "I2")
    assert house.deliver() == {}
    house.go("statuses")
    assert house.deliver() == {"confirmed": 2}
    assert sorted(house.reached()[2:]) == ["I1 OPEN", "I2 CREDITED"]


def test_what_waited_in_the_shadow_is_no_latency_of_ours(house: House) -> None:
    zone = load_policy().calendars.entity.zone
    today = datetime.now(zone).date()

    def latency() -> object:
        with house.store.transaction() as tx:
            return latencies(tx, [today], zone=zone)[today]["status_latency_s"]

    house.back("statuses")
    house.decide("A", kind="invoice_status")
    house.go("statuses")
    assert house.deliver() == {"confirmed": 1}
    assert latency() is None
    house.decide("B", kind="invoice_status")
    assert house.deliver() == {"confirmed": 1}
    assert latency() is not None


def test_what_nobody_can_recognise_is_parked_at_go_where_a_person_asks_for_that(house: House) -> None:
    house.back("tasks")
    house.decide("A", kind="task")
    [done] = go(house.store, ["tasks"], ANN, grounds=EMERGENCY, hold_shadow=True, patience=AT_ONCE)
    assert (done.held, done.waiting) == (1, 0)
    assert house.deliver() == {}
    assert house.told() == [("A", "parked", None)]


def test_a_go_that_somebody_overtakes_parks_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.back("tasks")
    house.decide("A", kind="task")
    ends = switch_writer._end_calls

    def overtaken(*args: Any) -> dict[str, int]:
        given_up = ends(*args)
        monkeypatch.undo()
        house.back("tasks")
        return given_up

    monkeypatch.setattr(switch_writer, "_end_calls", overtaken)
    with pytest.raises(Rejected, match="somebody else switched tasks meanwhile"):
        go(house.store, ["tasks"], ANN, grounds=EMERGENCY, hold_shadow=True, patience=AT_ONCE)
    assert house.told() == [("A", "queued", None)]


def test_who_took_a_message_before_the_switch_sends_nothing_after_it(house: House) -> None:
    house.decide("A")
    taken = delivery._take(house.store, house.peer, PACE)
    [done] = house.back()
    assert done.given_up == 1
    outcomes, _ = delivery._call(InCalls(Fenced(house.peer, house.store), at_once=1), taken)
    assert [one.detail for one in outcomes.values()] == [FENCED]
    called = delivery.Called(taken, outcomes, None, began_at=datetime.now(UTC))
    assert delivery._finish(house.store, called, PACE) == {"late": 1}
    assert house.reached() == []
    # Gone again, its old token is still an old one.
    house.go()
    outcomes, _ = delivery._call(InCalls(Fenced(house.peer, house.store), at_once=1), taken)
    assert [one.detail for one in outcomes.values()] == [FENCED]
    assert house.deliver() == {"confirmed": 1}
    assert house.reached() == ["A"]


def test_going_back_waits_for_the_call_under_way(house: House) -> None:
    reached, may_end = Event(), Event()

    def slow(peer: Peer, messages: Sequence[Message]) -> Mapping[str, Outcome]:
        reached.set()
        assert may_end.wait(10)
        return peer.do(messages)

    house.decide("A")
    house.peer.faults = [slow]
    sender = Thread(target=house.deliver)
    sender.start()
    assert reached.wait(10)
    said: list[str] = []

    def tell(words: str) -> None:
        said.append(words)
        may_end.set()

    [done] = back(house.store, ["orders"], ANN, trigger="drill", patience=Patience(calls_s=10), tell=tell)
    sender.join()
    assert said[0] == "1 calls under way"
    assert (done.given_up, done.uncertain, done.waiting) == (0, 0, 0)
    assert house.reached() == ["A"]
    assert house.told() == [("A", "confirmed", None)]


def test_what_may_have_happened_is_looked_for_and_not_sent_while_another_path_writes(house: House) -> None:
    house.decide("there")
    house.decide("lost", subject="deals/lost")
    house.peer.faults = [answer_lost, answer_lost]
    assert house.deliver() == {"uncertain": 2}
    house.peer.effects = house.peer.effects[:1]
    [done] = house.back()
    assert done.uncertain == 2
    house.peer.faults = []
    assert house.deliver() == {"found": 1, "unsent": 1}
    assert [state for _, state, _ in house.told()] == ["confirmed", "queued"]
    house.go()
    house.deliver()
    assert house.reached() == ["there", "lost"]


def test_going_takes_a_sign_off_or_an_administrator_who_says_why(house: House) -> None:
    house.back()
    with pytest.raises(Rejected, match="parity is not signed off"):
        go(house.store, ["orders"], ANN, grounds=SIGNED, patience=AT_ONCE)
    with pytest.raises(Rejected, match="not known as an administrator"):
        go(house.store, ["orders"], By("bob@firm.example", "hurry"), grounds=EMERGENCY, patience=AT_ONCE)
    with pytest.raises(Rejected, match="reason is missing"):
        go(house.store, ["orders"], By("ann@firm.example", " "), grounds=EMERGENCY, patience=AT_ONCE)
    with pytest.raises(Rejected, match="there is no flow order;"):
        house.go("order")
    assert [row["writer"] for row in writers(house.store, "orders")] == ["theirs"]
    sign(house.store)
    [done] = go(
        house.store, ["orders"], By("bob@firm.example", "as planned"), grounds=SIGNED, patience=AT_ONCE
    )
    assert done.writer == "ours"
    assert history(house.store, "orders")[0]["evidence"]["signed"]["by"] == ["con", "it", "rev"]


def sign(store: PostgresStore) -> None:
    """Let a sign-off stand."""
    with psycopg.connect(store._url) as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION ops.parity_signed() "
            "RETURNS TABLE (signed_at timestamptz, signers text[], pack_sha256 text) STABLE LANGUAGE sql AS "
            "$$ SELECT '2026-11-29'::timestamptz, ARRAY['con', 'it', 'rev'], 'abc' $$"
        )


def test_an_interrupted_switch_leaves_nobody_writing_and_either_way_ends_that(house: House) -> None:
    house.back()
    house.decide("A")

    with pytest.raises(KeyboardInterrupt):
        go(house.store, ["orders"], ANN, grounds=EMERGENCY, patience=Patience(settle_s=1), tell=dies)
    assert [row["writer"] for row in writers(house.store, "orders")] == ["nobody"]
    assert house.deliver() == {}
    [done] = house.go()
    assert done.writer == "ours"
    assert house.deliver() == {"confirmed": 1}


def test_going_back_wins_over_a_go_that_is_under_way(house: House) -> None:
    """From its first commit on nobody but the other path may come to write, however soon the go would have ended."""
    house.back()
    settling, went_back = Event(), Event()
    refused: list[str] = []

    def going() -> None:
        def tell(_: str) -> None:
            settling.set()
            assert went_back.wait(10)

        patience = Patience(calls_s=0, settle_s=0.1)
        with pytest.raises(Rejected) as stopped:
            go(house.store, ["orders"], ANN, grounds=EMERGENCY, patience=patience, tell=tell)
        refused.append(str(stopped.value))

    def lets_it_go_on(_: str) -> None:
        went_back.set()
        goes.join()

    goes = Thread(target=going)
    goes.start()
    assert settling.wait(10)
    house.decide("A")
    with psycopg.connect(house.store.url) as connection:  # a call that the going back waits for
        connection.execute(
            "UPDATE delivery.outbox SET state = 'called', fence = fence + 1, leased_until = now() + interval '1 hour', "
            "first_called_at = now()"
        )
    waits = Patience(calls_s=0.3)
    [done] = back(house.store, ["orders"], ANN, trigger="drill", patience=waits, tell=lets_it_go_on)
    assert done.writer == "theirs"
    assert "somebody else switched orders meanwhile" in refused[0]


def test_who_goes_back_while_a_switch_is_written_waits_for_it_and_goes_back(house: House) -> None:
    """A statement that waits for a row sees that row anew, and of other tables what they were before."""
    house.back("orders")
    with ThreadPoolExecutor(1) as other:
        with house.store.transaction() as tx:
            keep_switch(tx, "ours", "go")
            goes_back = other.submit(house.back, "orders")
            somebody_waits(house.store.url)
        assert [done.writer for done in goes_back.result()] == ["theirs"]


def test_no_policy_takes_back_what_a_person_switches_at_that_moment(house: House) -> None:
    with ThreadPoolExecutor(1) as other:
        with house.store.transaction() as tx:
            keep_switch(tx, "nobody", "back")
            begins = other.submit(begin_as, house.store, (), environment="dev")
            somebody_waits(house.store.url)
        assert begins.result() == 0
    assert writers(house.store, "orders")[0]["writer"] == "nobody"


def keep_switch(tx: Transaction, writer: str, act: str) -> None:
    """Orders switched, as long as the transaction lasts."""
    tx.run("lock_writers", flows=["orders"])
    [row] = tx.rows("writers", flow="orders")
    facts = {"flow": "orders", "token": row["token"] + 1, "writer": writer}
    why = {"act": act, "actor": ANN.actor, "reason": ANN.reason, "emergency": act == "go", "evidence": {}}
    tx.run("keep_switch", **facts, **why)
    tx.run("set_writer", **facts)


def test_a_go_that_one_flow_is_taken_from_says_of_which_others_nobody_writes(house: House) -> None:
    house.back("orders", "invoices")

    def the_other(_: str) -> None:
        if writers(house.store, "invoices")[0]["writer"] == "nobody":
            house.back("invoices")

    with pytest.raises(Rejected) as refused:
        go(
            house.store,
            ["orders", "invoices"],
            ANN,
            grounds=EMERGENCY,
            patience=Patience(calls_s=0, settle_s=0.1),
            tell=the_other,
        )
    assert "somebody else switched invoices meanwhile: it is theirs" in str(refused.value)
    assert "Nobody writes orders now: `go` again, or give them `back`" in str(refused.value)
    house.back("orders")
    assert [writers(house.store, one)[0]["writer"] for one in ("orders", "invoices")] == ["theirs", "theirs"]


def test_two_who_go_back_at_once_both_have_gone_back(house: House) -> None:
    house.back("orders")
    house.go("orders")
    house.decide("A")
    with psycopg.connect(house.store.url) as connection:  # a call that the first of them waits for
        connection.execute(
            "UPDATE delivery.outbox SET state = 'called', fence = fence + 1, leased_until = now() + interval '1 hour', "
            "first_called_at = now()"
        )
    done: list[Switched] = []

    def the_other(_: str) -> None:
        if not done:
            done.extend(house.back("orders"))

    ours = back(house.store, ["orders"], ANN, trigger="drill", patience=AT_ONCE, tell=the_other)
    assert [one.writer for one in (*done, *ours)] == ["theirs", "theirs"]
    assert [row["writer"] for row in history(house.store, "orders")[:3]] == ["theirs", "nobody", "ours"]


def test_the_flows_that_are_not_there_yet_go_back_though_somebody_took_one_back_before(house: House) -> None:
    house.back("invoices")
    assert [done.flow for done in house.back("orders", "invoices")] == ["orders"]
    with pytest.raises(Rejected, match="already theirs: invoices, orders"):
        house.back("orders", "invoices")


def test_the_database_itself_refuses_an_unsigned_go_a_used_token_and_another_history(house: House) -> None:
    def tried(statement: str) -> str:
        with psycopg.connect(house.store._url) as connection, pytest.raises(psycopg.Error) as refused:
            connection.execute(statement.encode())
        return str(refused.value)

    switch = "INSERT INTO ops.switches (flow, token, writer, act, actor, reason, emergency, evidence) VALUES "
    assert "parity is not signed off" in tried(
        switch + "('orders', 2, 'ours', 'go', 'ann', 'x', false, '{\"signed\": 1}')"
    )
    assert "people_go_and_go_back" in tried(
        switch + "('orders', 2, 'theirs', 'back', 'policy', 'x', false, '{}')"
    )
    assert "each_act_has_its_writer" in tried(
        switch + "('orders', 2, 'ours', 'back', 'ann', 'x', false, '{}')"
    )
    assert "its next one is 2, not 1" in tried("UPDATE ops.writers SET writer = 'ours' WHERE flow = 'orders'")
    assert "violates foreign key" in tried(
        "UPDATE ops.writers SET token = 2, writer = 'theirs' WHERE flow = 'orders'"
    )
    assert "is history" in tried("UPDATE ops.switches SET reason = 'y'")
    with pytest.raises(Fatal), house.store.transaction() as tx:
        tx.run("set_writer", flow="orders", writer="ours", token=1)


def test_a_call_under_a_token_that_was_not_ours_is_found_by_the_check(house: House) -> None:
    house.decide("A")
    house.deliver()
    house.back()
    check = (SQL / "checks" / "only_the_writer_sends.sql").read_bytes()
    with psycopg.connect(house.store.url) as connection:
        assert connection.execute(check).fetchall() == []
        connection.execute(
            "INSERT INTO delivery.attempts (message_id, fence, outcome, token) "
            "SELECT message_id, fence, 'confirmed', 3 FROM delivery.outbox"
        )
        [(_, token)] = connection.execute(check).fetchall()
        connection.rollback()
    assert token == 3
