"""Deliveries of the payments platform: only what is signed, fresh, new and of our mode is used."""

import dataclasses
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.connectors.stripe import webhooks
from include.connectors.stripe.webhooks import Hint, receive
from include.ports import Rejected
from include.twin.payments_hooks import Delivery, deliver

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
SECRET = "whsec_new"
CHARGE = {"id": "ch_1", "object": "charge", "amount": 1000, "currency": "sgd"}
EVENT: dict[str, Any] = {
    "id": "evt_1",
    "object": "event",
    "created": 1_782_900_000,
    "type": "charge.succeeded",
    "livemode": True,
    "data": {"object": CHARGE},
}


def sent(event: Any = EVENT, *, at: datetime = NOW, secrets: tuple[str, ...] = (SECRET,)) -> Delivery:
    return deliver(event, secrets=secrets, at=at)


def take(delivery: Delivery, **options: Any) -> Hint:
    options = {"secrets": [SECRET], "now": NOW, "livemode": True} | options
    return receive(delivery.body, delivery.signature, **options)


def test_a_delivery_says_what_to_fetch_and_nothing_of_its_money() -> None:
    hint = take(sent())
    assert hint == Hint(
        event_id="evt_1",
        type="charge.succeeded",
        collection="charges",
        object_id="ch_1",
        created_at=datetime.fromtimestamp(1_782_900_000, UTC),
    )
    assert {field.name for field in dataclasses.fields(Hint)}.isdisjoint({"amount", "currency", "status"})


@pytest.mark.parametrize("theirs", [("whsec_old", SECRET), (SECRET, "whsec_old"), ("whsec_old",)])
def test_while_a_secret_is_rotated_both_are_taken(theirs: tuple[str, ...]) -> None:
    assert take(sent(secrets=theirs), secrets=[SECRET, "whsec_old"]).event_id == "evt_1"


@pytest.mark.parametrize(
    ("age_s", "refusal"), [(301, "Stale"), (300, ""), (-300, ""), (-301, "FromTheFuture")]
)
def test_a_signature_is_fresh_for_five_minutes_on_both_sides_of_the_clock(age_s: int, refusal: str) -> None:
    delivery = sent(at=NOW - timedelta(seconds=age_s))
    if not refusal:
        assert take(delivery).event_id == "evt_1"
        return
    with pytest.raises(getattr(webhooks, refusal)):
        take(delivery)


def signed(body: bytes, **changes: Any) -> Delivery:
    """The body, signed rightly: what is wrong with it is its content."""
    stamp = int(NOW.timestamp())
    made = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return Delivery(body, changes.get("signature", f"t={stamp},v1={made}"))


GOOD = json.dumps(EVENT).encode()
TWICE = GOOD.replace(b'"amount": 1000', b'"amount": 1000, "amount": 1')
STAMP = int(NOW.timestamp())


@pytest.mark.parametrize(
    ("delivery", "refusal"),
    [
        (dataclasses.replace(sent(), body=sent().body.replace(b"1000", b"9000")), "Forged"),
        (dataclasses.replace(sent(), body=json.dumps(EVENT).encode()), "Forged"),
        (sent(secrets=("whsec_other",)), "Forged"),
        (dataclasses.replace(sent(), signature=sent().signature.replace("v1=", "v0=")), "Unsigned"),
        (signed(GOOD, signature=""), "Unsigned"),
        (signed(GOOD, signature="v1=abc"), "Unsigned"),
        (signed(GOOD, signature=f"t={STAMP}"), "Unsigned"),
        (signed(GOOD, signature=f"t={STAMP},t={STAMP},v1=abc"), "Unsigned"),
        (signed(GOOD, signature="t=99999999999999999999,v1=abc"), "Unsigned"),
        (signed(GOOD, signature="t=²,v1=abc"), "Unsigned"),
        (signed(GOOD, signature=f"t={STAMP}," + ",".join(["v1=abc"] * 17)), "Unsigned"),
        (signed(GOOD, signature=f"t={STAMP},v1=é"), "Unsigned"),
        (signed(b" " * (2**20 + 1)), "TooLarge"),
        (signed(b""), "Malformed"),
        (signed(b"[" * 500_000), "Malformed"),
        (signed(b"[]"), "Malformed"),
        (signed(TWICE), "Malformed"),
        (signed(b"\xff\xfe"), "Forged"),
        (sent(EVENT | {"object": "charge"}), "Malformed"),
        (sent(EVENT | {"livemode": "true"}), "Malformed"),
        (sent(EVENT | {"created": "now"}), "Malformed"),
        (sent(EVENT | {"id": "evt\n1"}), "Malformed"),
        (sent(EVENT | {"data": None}), "Malformed"),
        (sent(EVENT | {"livemode": False}), "OtherMode"),
    ],
)
def test_what_is_wrong_with_a_delivery_is_named(delivery: Delivery, refusal: str) -> None:
    with pytest.raises(getattr(webhooks, refusal)) as refused:
        take(delivery)
    assert type(refused.value) is getattr(webhooks, refusal)
    assert isinstance(refused.value, Rejected)
    assert "1000" not in str(refused.value)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("known", [{"evt_1"}, {"evt_1"}.__contains__])
def test_an_event_that_comes_again_is_answered_well_and_not_used(known: Any) -> None:
    with pytest.raises(webhooks.Repeated) as repeated:
        take(sent(), received=known)
    assert repeated.value.status == 200


def test_an_event_about_what_has_no_id_makes_us_look_at_the_whole() -> None:
    hint = take(sent(EVENT | {"type": "balance.available", "data": {"object": {"object": "balance"}}}))
    assert (hint.collection, hint.object_id) == ("balances", "")


def test_without_a_secret_nothing_is_taken() -> None:
    with pytest.raises(webhooks.Forged):
        take(sent(secrets=("",)), secrets=["", " "])
