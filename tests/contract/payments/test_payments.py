"""What our Stripe connector relies on, the same asked of our twin and of platforms others wrote.

A test that a peer does not pass and Stripe would is skipped there with the reason; every other difference is a
defect of the twin.
"""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import count
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import requests

from include.connectors.stripe.client import Position, write_key
from include.connectors.stripe.source import StripeSource
from include.connectors.stripe.translate import translate
from include.connectors.stripe.webhooks import Forged, Hint, receive
from include.ports import Away, Fatal, Rejected, Uncertain
from tests.contract.payments.peers import INSTALLED, PEERS, Peer

ZONE = ZoneInfo("Asia/Singapore")
numbers = count(1)


@pytest.fixture(scope="module", params=list(PEERS))
def peer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    with PEERS[request.param](tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stripe.HTTPClient._sleep_time_seconds", lambda *_: 0)


def mark() -> str:
    """Something to find one's own objects by."""
    return f"T-{next(numbers)}"


def test_a_payment_is_listed_with_its_money_and_what_it_is_for(peer: Peer):
    invoice = mark()
    charge_id = peer.pay(1050, invoice_id=invoice)
    [listed] = [one for one in peer.client().objects("charges") if one["id"] == charge_id]
    row = translate("payments", listed, zone=ZONE)
    known = {"amount": "10.50", "currency": "SGD", "status": "succeeded"}
    assert {name: row[name] for name in known} == known
    assert row["paid_on"] == datetime.now(ZONE).date().isoformat()
    if not peer.intents:  # localstripe leaves the intent's metadata on the intent
        assert row["invoice_id"] == invoice
    assert peer.client().object("charges", charge_id)["amount"] == 1050


def test_a_refused_payment_is_an_outcome_and_stays_as_a_failed_charge(peer: Peer):
    before = {one["id"] for one in peer.client().objects("charges")}
    with pytest.raises(Rejected, match="card_declined"):
        peer.pay(2000, refused=True, invoice_id=mark())
    [failed] = [one for one in peer.client().objects("charges") if one["id"] not in before]
    row = translate("payments", failed, zone=ZONE)
    assert (row["status"], row["amount"]) == ("failed", "20.00")


def test_pages_of_one_give_every_object_once(peer: Peer):
    made = {peer.pay(100 + n, invoice_id=mark()) for n in range(3)}
    listed = [one["id"] for one in peer.client(list_rows=1).objects("charges")]
    assert made <= set(listed)
    assert len(listed) == len(set(listed))


def test_lists_begin_with_the_newest(peer: Peer):
    peer.needs("newest first")
    first = peer.pay(100, invoice_id=mark())
    time.sleep(1.1)  # the platform's seconds must differ
    second = peer.pay(100, invoice_id=mark())
    listed = [one["id"] for one in peer.client().objects("charges")]
    assert listed.index(second) < listed.index(first)


def test_a_refund_takes_no_more_than_was_paid(peer: Peer):
    charge_id = peer.pay(1000, invoice_id=mark())
    client = peer.client()
    refund = client.create(
        "refunds", {"charge": charge_id, "amount": 400}, key=write_key("refund", charge_id, "1")
    )
    row = translate("refunds", refund, zone=ZONE)
    assert (row["payment_id"], row["amount"], row["currency"]) == (charge_id, "4.00", "SGD")
    assert client.object("charges", charge_id)["amount_refunded"] == 400
    assert [one["id"] for one in client.objects("refunds", charge=charge_id)] == [refund["id"]]
    peer.needs("over-refunds")
    with pytest.raises(Rejected, match="InvalidRequestError"):
        client.create(
            "refunds", {"charge": charge_id, "amount": 601}, key=write_key("refund", charge_id, "2")
        )


def test_what_is_not_there_is_refused_alone(peer: Peer):
    peer.needs("codes")
    with pytest.raises(Rejected, match="resource_missing"):
        peer.client().object("charges", "ch_none")


def test_a_page_after_an_object_that_is_gone_goes_on_by_its_time(peer: Peer):
    peer.needs("codes", "newest first")
    made = peer.pay(100, invoice_id=mark())
    gone = Position(int(time.time()) + 5, "ch_gone")
    answers = peer.client().lists("charges", after=gone)
    assert made in [one["id"] for answer in answers for one in answer.objects]


def test_a_wrong_key_is_for_a_person_to_mend(peer: Peer):
    peer.needs("authentication")
    with pytest.raises(Fatal, match="check the key in the payments_api connection"):
        peer.client("pk_wrong").server_now("charges")


@pytest.mark.parametrize("form", [{"amount": -5, "currency": "sgd"}, {"currency": "sgd"}])
def test_a_request_that_makes_no_sense_is_refused_and_holds_up_no_other(peer: Peer, form: dict[str, object]):
    with pytest.raises(Rejected, match="InvalidRequestError"):
        peer.client().create("charges", form | {"source": "tok_visa"}, key=write_key("bad", str(form)))


def test_the_same_key_makes_one_object(peer: Peer):
    peer.needs("keys")
    key = write_key("customer", mark())
    made = [peer.client().create("customers", {"email": "a@example.com"}, key=key) for _ in range(2)]
    assert made[0] == made[1]


def test_a_refusal_is_remembered_with_its_key(peer: Peer):
    peer.needs("keys")
    key, form = (
        write_key("charge", mark()),
        {"amount": 700, "currency": "sgd", "source": "tok_chargeDeclined"},
    )
    before = len(list(peer.client().objects("charges")))
    for _ in range(2):
        with pytest.raises(Rejected, match="card_declined"):
            peer.client().create("charges", form, key=key)
    assert len(list(peer.client().objects("charges"))) == before + 1


def test_one_key_for_two_requests_is_a_bug_and_changes_nothing(peer: Peer):
    peer.needs("keys")
    key = write_key("customer", mark())
    peer.client().create("customers", {"email": "a@example.com"}, key=key)
    before = len(list(peer.client().objects("customers")))
    with pytest.raises(Rejected, match="S1") as refused:
        peer.client().create("customers", {"email": "b@example.com"}, key=key)
    assert refused.value.reason == "KEY_PAYLOAD_MISMATCH"
    assert len(list(peer.client().objects("customers"))) == before


@pytest.mark.parametrize(("source", "stop"), [("tok_429", Away), ("tok_500", Uncertain)])
def test_a_platform_that_is_busy_or_broken_says_whether_to_look_first(
    peer: Peer, source: str, stop: type[Exception]
):
    peer.needs("throttling")
    form = {"amount": 700, "currency": "sgd", "source": source}
    with pytest.raises(stop) as stopped:
        peer.client().create("charges", form, key=write_key("charge", mark()))
    assert type(stopped.value) is stop


def test_a_balance_transaction_is_what_was_paid_less_the_fee(peer: Peer):
    peer.needs("balance transactions")
    charge = peer.client().object("charges", peer.pay(5000, invoice_id=mark()))
    moved = peer.client().object("balance_transactions", charge["balance_transaction"])
    assert (moved["source"], moved["type"], moved["amount"]) == (charge["id"], "charge", 5000)
    assert moved["net"] == moved["amount"] - moved["fee"]
    expanded = peer.client().object("charges", charge["id"], expand=["balance_transaction"])
    assert expanded["balance_transaction"] == moved
    if "fees" not in peer.quirks:
        assert translate("payments", expanded, zone=ZONE)["fee"] == "2.20"


def test_a_payment_leaves_an_event_that_holds_what_it_was_for(peer: Peer):
    peer.needs("events")
    invoice = mark()
    peer.pay(900, invoice_id=invoice)
    kind = (
        "payment_intent.succeeded" if peer.intents else "charge.succeeded"
    )  # localstripe tells of intents alone
    events = peer.client().objects("events", type=kind, created={"gte": int(time.time()) - 60})
    assert invoice in [event["data"]["object"]["metadata"].get("invoice_id") for event in events]
    assert list(peer.client().objects("events", created={"gte": int(time.time()) + 3_600})) == []


def test_an_intent_is_paid_by_its_charge(peer: Peer):
    peer.needs("payment intents", "latest charge")
    form = {"amount": 800, "currency": "sgd", "confirm": "true", "payment_method": "pm_card_visa"}
    intent = peer.client().create("payment_intents", form, key=write_key("intent", mark()))
    assert intent["status"] == "succeeded"
    assert peer.client().object("charges", intent["latest_charge"])["payment_intent"] == intent["id"]
    assert intent["id"] in [one["id"] for one in peer.client().objects("payment_intents")]


@pytest.mark.parametrize("collection", ["invoices", "payouts"])
def test_a_list_of_nothing_is_empty(peer: Peer, collection: str):
    peer.needs(collection)
    assert list(peer.client().objects(collection)) == []


@pytest.mark.parametrize("entity", ["payments", "attempts", "refunds", "payouts", "payout_items"])
def test_the_source_reads_and_proves_what_the_platform_holds(peer: Peer, entity: str):
    peer.needs("events", "payouts", "created filters")
    charge_id = peer.pay(1234, invoice_id=mark())
    peer.client().create("refunds", {"charge": charge_id, "amount": 234}, key=write_key("refund", charge_id))
    source = StripeSource(peer.client(list_rows=2), zone=ZONE, lists_per_page=100)
    until = {"until": (datetime.now(UTC) + timedelta(hours=1)).isoformat()}
    page = source.fetch_page(entity, until | {"stamp": "0:0", "id": ""})
    totals = source.totals(entity, after=None, until=until)
    assert page.records or entity.startswith("payout")
    assert set(totals.keys) == {(record.native_id, record.version) for record in page.records}


class Endpoint:
    """A server here that keeps what is posted to it."""

    def __init__(self) -> None:
        self.received: list[tuple[bytes, str]] = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                received.append((body, self.headers["Stripe-Signature"]))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_words: object) -> None:
                """Nothing: a test's output is its own."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


def test_what_others_sign_is_taken_and_what_was_changed_on_the_way_is_not(tmp_path: Path):
    with PEERS["localstripe"](tmp_path) as peer:
        endpoint = Endpoint()
        hook = {"url": f"http://127.0.0.1:{endpoint.server.server_port}/", "secret": "whsec_theirs"}
        answer = requests.post(f"{peer.address}/_config/webhooks/main", json=hook, timeout=10)
        assert answer.ok
        peer.pay(4200, invoice_id=mark())
        paid: list[Hint] = []
        deadline = time.monotonic() + 10
        while not paid and time.monotonic() < deadline:
            time.sleep(0.1)
            hints = [taken(*one) for one in endpoint.received]
            paid = [hint for hint in hints if hint.type == "payment_intent.succeeded"]
        endpoint.server.shutdown()
        endpoint.server.server_close()
        body, signature = next(one for one in endpoint.received if b"4200" in one[0])
        with pytest.raises(Forged):
            taken(body.replace(b"4200", b"9900"), signature)
        [hint] = paid
        assert peer.client().object(hint.collection, hint.object_id)["amount"] == 4200


def taken(body: bytes, signature: str) -> Hint:
    secrets = ["whsec_new", "whsec_theirs"]
    return receive(body, signature, secrets=secrets, now=datetime.now(UTC), livemode=False)


def test_the_list_of_what_is_installed_is_pinned_with_hashes():
    folder = INSTALLED.parents[1] / "tests" / "contract" / "payments"
    assert "localstripe==1.15.10" in (folder / "localstripe.txt").read_text()
    assert '"stripe-stateful-mock": "0.0.16"' in (folder / "stripe_mock" / "package.json").read_text()
    assert "integrity" in (folder / "stripe_mock" / "package-lock.json").read_text()
