"""The fast lane as the task runs it: from a payments event to the field in Salesforce, over real HTTP."""

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Thread, current_thread
from typing import Any, cast

import psycopg
import pytest
import requests
import stripe

from include import telemetry
from include.flows import tell_landed, tell_posted
from include.flows.check_completeness import check_completeness
from include.flows.guard_writer import Fenced
from include.flows.land_records import land_records
from include.flows.pull_changes import pull_changes
from include.flows.switch_writer import writers
from include.lane import Wake, Worker
from include.local.processes import wait_for
from include.policy import Policy, load_policy
from include.ports import Fatal, Retryable
from include.store.postgres import KEPT_CONNECTIONS_MAX, As, PostgresStore
from include.twin.server import TwinKeys, TwinPorts, running
from include.vault.edge import SealedSource
from include.vault.keys import new_keys
from include.wiring import connections, effects, follow, hooks, lane

KEYS = TwinKeys("the-client", "the-secret", "the-erp-key", "sk_test_twin")
SECRET = "whsec_test"
ACCOUNT, DEAL, OPEN = "0010000000000AAAAA", "0060000000000AAAAA", "0060000000000BBBBB"
TABLES = {
    "salesforce/Account": f"Id,Name,BillingCountryCode,ERP_Customer_Id__c\n{ACCOUNT},Acme,SG,C1\n",
    "salesforce/Opportunity": "Id,AccountId,Name,StageName,IsClosed,IsWon,Amount,CurrencyIsoCode,CloseDate,"
    "Term_Months__c\n"
    f"{DEAL},{ACCOUNT},Acme Gold,Closed Won,true,true,1200.00,SGD,2026-01-05,12\n"
    f"{OPEN},{ACCOUNT},Acme Silver,Negotiation,false,false,600.00,SGD,2026-01-09,12\n",
    "erp/customers": f"id,name,country,crm_account_id\nC1,Acme,SG,{ACCOUNT}\n",
    "erp/invoices": "id,number,customer_id,issue_date,due_date,currency,gross,status\n"
    "I1,INV-1,C1,2026-01-05,2026-02-04,SGD,109.00,posted\n"
    "I2,INV-2,C1,2026-01-05,2026-02-04,SGD,54.50,posted\n",
    "payments/payments": "id,customer_id,reference,currency,amount,fee,paid_on,status,invoice_id\n"
    "ch_1,C1,INV-1,SGD,109.00,1.00,2026-01-20,succeeded,I1\n",
}


@pytest.fixture
def ports(tmp_path: Path, store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[TwinPorts]:
    """A twin, and Airflow's connections leading to it and to our database."""
    for name, text in TABLES.items():
        path = tmp_path / "world" / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with running(world=tmp_path / "world", mailbox=tmp_path / "mail", keys=KEYS) as ports:

        def address(system: str) -> str:
            return f"http://127.0.0.1:{getattr(ports, system)}"

        login = {"consumer_key": KEYS.salesforce_client_id, "consumer_secret": KEYS.salesforce_client_secret}
        stated = {
            "salesforce_api": {
                "conn_type": "salesforce",
                "extra": login | {"domain": "twin", "instance_url": address("salesforce")},
            },
            "erp_api": {"conn_type": "http", "host": address("erp"), "password": KEYS.erp_key},
            "payments_api": {"conn_type": "http", "host": address("payments"), "password": KEYS.payments_key},
            "payments_webhook": {"conn_type": "http", "password": SECRET},
            "tieout_db": {"conn_type": "postgres", "host": "nobody-asks"},
            "tieout_vault": {"conn_type": "generic", "password": new_keys()},
            "audit_log": {"conn_type": "generic", "password": "1" * 64},
        }
        for name, facts in stated.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(facts))
        # Each under its role of the database, as in a task.
        monkeypatch.setattr(
            connections, "store", lambda role="tieout_app": PostgresStore(store.url, who=As(role, "test"))
        )
        yield ports


def read(store: PostgresStore) -> None:
    for source in (connections.salesforce(), connections.erp()):
        for entity in source.entities:
            pull_changes(source, store, entity=entity)
            land_records(source, store, entity=entity)
            check_completeness(source, store, entity=entity)


def knock(number: str, charge: str) -> str:
    facts = {
        "id": number,
        "object": "event",
        "type": "charge.succeeded",
        "created": int(datetime.now(UTC).timestamp()),
        "livemode": False,
        "data": {"object": {"id": charge, "object": "charge", "amount": 1}},
    }
    body, stamp = json.dumps(facts), int(time.time())
    mark = stripe.WebhookSignature._compute_signature(f"{stamp}.{body}", SECRET)
    return hooks.receive(body.encode(), f"t={stamp},v1={mark}")


def lanes(store: PostgresStore) -> int:
    """How many runs began, as a look at what is due sees it."""
    with store.transaction() as tx:
        last = [n for n in range(1, 10) if tx.rows("work_due", lane=n - 1, targets=[])[0]["relieved"]]
    return len(last)


def shown(soql: str) -> list[dict[str, object]]:
    return [dict(row) for row in connections.salesforce_client().query(soql)]


def work_until(store: PostgresStore, holds: Callable[[], object]) -> Counter[str]:
    """What the fast lane did until this held; then a later run relieves it."""
    with ThreadPoolExecutor(1) as pool:
        run = pool.submit(lane.run_fast_lane, seconds=60)
        try:
            assert wait_for(lambda: run.done() or holds(), timeout_s=60, every_s=0.05)
        finally:
            with store.transaction() as tx:
                tx.rows("begin_lane")
        return run.result(timeout=60)


def waiting(store: PostgresStore, kind: str) -> bool:
    """Whether a message of this kind was decided and waits."""
    with psycopg.connect(store.url) as connection:
        found = connection.execute(
            "SELECT FROM delivery.outbox WHERE kind = %s AND state = 'queued'", (kind,)
        )
        return found.fetchone() is not None


def confirmed(store: PostgresStore, **kinds: int) -> bool:
    """Whether at least so many messages of these kinds were delivered, and something of the audit log sealed."""
    with psycopg.connect(store.url) as connection:
        counted = connection.execute(
            "SELECT kind, count(*) FROM delivery.outbox WHERE state = 'confirmed' GROUP BY kind"
        ).fetchall()
        sealed = connection.execute("SELECT FROM audit.seals").fetchone()
    return sealed is not None and all(dict(counted).get(kind, 0) >= least for kind, least in kinds.items())


@pytest.mark.usefixtures("ports")
def test_an_event_shows_in_salesforce_and_a_won_deal_is_ordered_billed_and_told(store: PostgresStore) -> None:
    assert isinstance(connections.payments(), SealedSource)
    read(store)
    assert knock("evt_1", "ch_1") == "kept"
    assert knock("evt_1", "ch_1") == "known"
    done = work_until(
        store,
        lambda: (
            confirmed(store, order=1, invoice=1, order_reference=1, payment_activity=1)
            and shown("SELECT Id FROM Invoice__c WHERE Invoice_Key__c = 'I1' AND Payment_Status__c = 'PAID'")
        ),
    )
    assert done["hints done"] >= 1
    assert done["decided order"] == done["decided invoice"] == done["decided reference"] == 1
    assert done["erp confirmed"] == 2
    assert done["audit rows sealed"] > 0
    [invoice] = shown("SELECT Payment_Status__c, Open_Amount__c FROM Invoice__c WHERE Invoice_Key__c = 'I1'")
    assert (invoice["Payment_Status__c"], invoice["Open_Amount__c"]) == ("PAID", 0)
    assert len(shown("SELECT Id FROM Payment_Activity__c")) == 1


@pytest.mark.usefixtures("ports")
def test_no_worker_of_the_lane_waits_for_whoever_takes_the_lines_it_logs(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task's supervisor takes none while it waits for the API server."""
    handing_on = set[str]()

    class Taker(logging.Handler):
        def emit(self, _record: logging.LogRecord) -> None:
            handing_on.add(current_thread().name)

    read(store)
    knock("evt_1", "ch_1")
    monkeypatch.setattr(logging.getLogger(), "handlers", [Taker()])
    monkeypatch.setattr(telemetry.lines, "level", logging.INFO)
    telemetry.lines.manager._clear_cache()
    work_until(store, lambda: shown("SELECT Id FROM Payment_Activity__c"))
    assert "log" in handing_on
    assert not handing_on & {"inbox", "salesforce", "erp", "payments"}


@pytest.mark.usefixtures("ports")
def test_a_run_whose_every_part_stopped_ends_with_one_of_these_stops(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_wake: Wake) -> Counter[str]:
        raise Retryable("away")

    monkeypatch.setattr(
        lane, "_workers", lambda _store: [Worker(part=part, act=away) for part in ("inbox", "erp")]
    )
    with pytest.raises(Retryable, match="away"):
        lane.run_fast_lane(seconds=0.5)
    assert lanes(store) == 1


@pytest.mark.usefixtures("ports")
def test_where_every_flow_begins_in_shadow_all_is_decided_and_nothing_is_sent(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIEOUT_ENVIRONMENT", "prod")
    read(store)
    assert knock("evt_1", "ch_1") == "kept"
    done = work_until(store, lambda: waiting(store, "order"))
    done += lane.run_fast_lane(seconds=0.5)  # whoever would send what waits is woken at once
    assert done["decided order"] == 1
    assert [name for name in done if name.partition(" ")[0] in follow.TARGETS] == []
    assert {row["writer"] for row in writers(store)} == {"theirs"}
    assert shown("SELECT Id FROM Invoice__c") == []


@pytest.mark.usefixtures("ports")
def test_no_thread_waits_for_the_connection_of_another(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane.telemetry, "wanted", lambda: True)
    workers = list(lane._workers(store))
    assert len(workers) + 1 <= KEPT_CONNECTIONS_MAX, "and who looks whether anything is due"


@pytest.mark.usefixtures("ports")
def test_every_target_asks_last_whether_it_may_still_send(store: PostgresStore) -> None:
    for target in effects.targets(store):
        asking: Any = target
        while not isinstance(asking, Fenced):
            asking = asking._target
        assert "connectors" in type(asking._target).__module__


def test_with_every_event_lost_glances_find_a_payment_and_a_deal_that_was_won(
    ports: TwinPorts, store: PostgresStore
) -> None:
    read(store)
    paid = {"amount": 5450, "currency": "sgd", "source": "tok_visa", "metadata[invoice_id]": "I2"}
    charge = requests.post(
        f"http://127.0.0.1:{ports.payments}/v1/charges", paid, auth=(KEYS.payments_key, ""), timeout=10
    )
    assert charge.ok
    won = {"StageName": "Closed Won"}
    connections.salesforce_client().call("PATCH", f"sobjects/Opportunity/{OPEN}", json=won)
    done = work_until(
        store,
        lambda: (
            confirmed(store, order=2, invoice=2)
            and shown(f"SELECT Id FROM Opportunity WHERE Id = '{OPEN}' AND ERP_Order_Id__c != null")
            and shown("SELECT Id FROM Invoice__c WHERE Invoice_Key__c = 'I2' AND Payment_Status__c = 'PAID'")
        ),
    )
    [invoice] = shown("SELECT Payment_Status__c FROM Invoice__c WHERE Invoice_Key__c = 'I2'")
    assert invoice["Payment_Status__c"] == "PAID"
    [deal] = shown(f"SELECT ERP_Order_Id__c FROM Opportunity WHERE Id = '{OPEN}'")
    assert deal["ERP_Order_Id__c"]
    assert done["erp confirmed"] == 4, "an order and an invoice for it and for the deal that was landed"


@pytest.mark.usefixtures("ports")
def test_without_a_single_event_the_reads_tell_the_same(store: PostgresStore) -> None:
    read(store)
    for entity in ("payments", "refunds", "disputes"):
        pull_changes(connections.payments(), store, entity=entity)
        land_records(connections.payments(), store, entity=entity)
    done = work_until(
        store,
        lambda: shown("SELECT Id FROM Invoice__c WHERE Invoice_Key__c = 'I1' AND Payment_Status__c = 'PAID'"),
    )
    assert done["landed"] == 2, "the payment, and the invoice it is for"
    [invoice] = shown("SELECT Payment_Status__c FROM Invoice__c WHERE Invoice_Key__c = 'I1'")
    assert invoice["Payment_Status__c"] == "PAID"


def test_one_system_that_stops_keeps_nothing_from_the_others(
    ports: TwinPorts,
    store: PostgresStore,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    read(store)
    knock("evt_1", "ch_1")
    other = {"conn_type": "http", "host": f"http://127.0.0.1:{ports.erp}", "password": "another"}
    monkeypatch.setenv("AIRFLOW_CONN_ERP_API", json.dumps(other))
    with pytest.raises(Fatal, match="ERP"):
        work_until(store, lambda: "ERP" in caplog.text and shown("SELECT Id FROM Invoice__c"))
    assert len(shown("SELECT Id FROM Invoice__c")) == 1
    assert requests.get(f"http://127.0.0.1:{ports.salesforce}/services/data", timeout=10).ok


class OneBatch:
    """A store of one landed batch, of which nothing waits to be sent."""

    @contextmanager
    def transaction(self) -> Iterator["OneBatch"]:
        yield self

    def rows(self, _name: str, **_: object) -> list[dict[str, object]]:
        return [{"batch": 1, "targets": [], "hints": False, "relieved": False, "is_full": False}]


def test_with_the_erp_away_all_that_landed_is_told_before_it_is_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handfuls = iter([50, 50, 0])
    happened: list[str] = []

    def tell(*_: object, **__: object) -> int:
        happened.append("told")
        return next(handfuls)

    def decide(_self: object) -> Counter[str]:
        happened.append("asked")
        raise Retryable("the ERP is away")

    monkeypatch.setattr(tell_landed, "tell_landed", tell)
    monkeypatch.setattr(tell_posted, "tell_posted", lambda *_, **__: 0)
    monkeypatch.setattr(follow, "is_read_in", lambda _store: True)
    monkeypatch.setattr(follow.Follower, "_decide", decide)
    seller = lambda: pytest.fail("nobody asks")  # noqa: E731
    follower = follow.Follower(OneBatch(), load_policy(), seller)  # type: ignore[arg-type]
    for _ in range(4):
        with suppress(Retryable):
            follower.follow(lambda *_: None)
    assert happened == ["told", "asked", "told", "told", "asked", "asked"]


class Publishing(OneBatch):
    """One in which a day is published now and then, and nothing lands any more."""

    published = "the first"

    def rows(self, name: str, **_: object) -> list[dict[str, object]]:
        return [{**super().rows(name)[0], "published": self.published}]


def test_a_published_day_is_followed_though_nothing_landed_since(monkeypatch: pytest.MonkeyPatch) -> None:
    happened: list[str] = []
    monkeypatch.setattr(tell_landed, "tell_landed", lambda *_, **__: 0)
    monkeypatch.setattr(tell_posted, "tell_posted", lambda *_, **__: happened.append("told") or 0)
    monkeypatch.setattr(follow, "is_read_in", lambda _store: True)
    monkeypatch.setattr(follow.Follower, "_decide", lambda _self: happened.append("decided") or Counter())
    follower = follow.Follower(Publishing(), load_policy(), lambda: pytest.fail("nobody asks"))  # type: ignore[arg-type]
    for follower.store.published in ("the first", "the first", "the second"):  # type: ignore[attr-defined]
        follower.follow(lambda *_: None)
    assert happened == ["told", "decided"] * 2


class Overfull(OneBatch):
    """One for whose CRM very much waits already."""

    def rows(self, name: str, **asked: object) -> list[dict[str, object]]:
        assert name != "waits_for" or asked["most"] == load_policy().delivery.waiting_max
        return [{**super().rows(name)[0], "is_full": True}]


def test_while_very_much_waits_for_the_crm_nothing_is_told_of_what_landed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[object] = []
    monkeypatch.setattr(tell_landed, "tell_landed", lambda *_, **__: told.append(1) or 0)
    monkeypatch.setattr(tell_posted, "tell_posted", lambda *_, **__: 0)
    monkeypatch.setattr(follow, "is_read_in", lambda _store: True)
    monkeypatch.setattr(follow.Follower, "_decide", lambda _self: Counter())
    for store, times in ((Overfull(), 0), (OneBatch(), 1)):
        follower = follow.Follower(store, load_policy(), lambda: pytest.fail("nobody asks"))  # type: ignore[arg-type]
        follower.follow(lambda *_: None)
        assert len(told) == times


@pytest.mark.usefixtures("ports")
def test_a_run_stops_once_a_later_one_is_at_work(store: PostgresStore) -> None:
    done: list[object] = []
    first = Thread(target=lambda: done.append(lane.run_fast_lane(seconds=60)))
    first.start()
    assert wait_for(lambda: lanes(store) == 1, timeout_s=60, every_s=0.1)
    lane.run_fast_lane(seconds=0.5)
    first.join(60)
    assert len(done) == 1
    assert lanes(store) == 2


def test_what_is_due_goes_by_the_clock_of_the_database_and_by_no_workers(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(store.url, autocommit=True) as connection:
        [name] = connection.execute("SELECT current_database()").fetchone() or [""]
        connection.execute(f"ALTER DATABASE {name} SET tieout.clock = '2026-01-31 16:30+00'")
    asked: dict[str, Any] = {}

    def collect_failed(_store: PostgresStore, _policy: Policy, *, now: datetime) -> Counter[str]:
        asked["now"] = now
        return Counter()

    def create_order(*_: Any, today: date) -> Counter[str]:
        asked["today"] = today
        return Counter()

    monkeypatch.setattr("include.flows.collect_failed.collect_failed", collect_failed)
    monkeypatch.setattr("include.flows.create_order.create_order", create_order)
    there = PostgresStore(store.url)  # a connection keeps the clock it began with
    follow.Follower(there, connections.policy(), lambda: cast("Any", None))._decide()
    assert asked == {"now": datetime(2026, 1, 31, 16, 30, tzinfo=UTC), "today": date(2026, 2, 1)}


def test_a_declined_payment_that_landed_is_decided_about_without_waiting_for_the_morning(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decides(kind: str) -> Callable[..., Counter[str]]:
        return lambda *_, **__: Counter({kind: 1})

    for flow, kind in (("create_order", "order"), ("collect_failed", "task"), ("tell_subscriptions", "told")):
        monkeypatch.setattr(f"include.flows.{flow}.{flow}", decides(kind))
    follower = follow.Follower(store, connections.policy(), lambda: cast("Any", None))
    assert follower._decide() == {"decided order": 1, "decided task": 1, "decided told": 1}
