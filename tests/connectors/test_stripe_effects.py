"""A declined payment is tried again once a key, from the same card, and what came of it is the platform's to tell."""

from functools import partial
from typing import Any

import pytest

from include.connectors.stripe.client import StripePayments
from include.connectors.stripe.effects import KEY, StripeEffects
from include.domain.delivery import Message
from tests.connectors.conftest import KEYS, Live, Start


class Platform:
    def __init__(self, live: Live) -> None:
        self.client = StripePayments(KEYS.payments_key, address=live.url("payments"))
        self.effects = StripeEffects(self.client)

    def declined(self, method: str) -> str:
        """A payment that its bank refused, made with a card that from now on behaves as `method`."""
        params = {
            "amount": 10_900,
            "currency": "sgd",
            "payment_method": "pm_card_chargeDeclined",
            "confirm": True,
            "metadata": {"invoice_id": "I1"},
        }
        outcome: dict[str, Any] = {}
        try:
            self.client.create("payment_intents", params, key=f"first {method}")
        except Exception:  # noqa: BLE001 - declined, as it should be
            outcome = dict(next(iter(self.client.objects("charges"))))
        return str(outcome["id"])

    def intents(self) -> list[dict[str, Any]]:
        return [dict(one) for one in self.client.objects("payment_intents") if KEY in one["metadata"]]


@pytest.fixture
def platform(live: Start, monkeypatch: pytest.MonkeyPatch) -> Platform:
    platform = Platform(live({}))
    whole = platform.client.object

    def with_a_card(collection: str, object_id: str, **params: Any) -> Any:
        found = whole(collection, object_id, **params)
        return {**found, "payment_method": platform.method}  # type: ignore[attr-defined]

    platform.method = "pm_card_visa"  # type: ignore[attr-defined]
    monkeypatch.setattr(platform.client, "object", with_a_card)
    return platform


def again(
    charge: str,
    *,
    key: str = "retry 1",
    kind: str = "retry_payment",
    owed: str = "999.00",
    currency: str = "SGD",
) -> Message:
    body = {"invoice_id": "I1", "payment_id": charge, "open": owed, "currency": currency}
    return Message(key=key, kind=kind, target="payments", subject="invoices/I1", body=body)


def test_the_same_amount_is_tried_again_for_the_same_invoice(platform: Platform) -> None:
    message = again(platform.declined("visa"))
    told = platform.effects.send([message])
    assert told["retry 1"].result == "confirmed"
    [intent] = platform.intents()
    assert (intent["amount"], intent["currency"], intent["metadata"]["invoice_id"]) == (10_900, "sgd", "I1")
    assert platform.effects.look([message]) == {"retry 1": intent["id"]}


def test_no_more_is_charged_than_the_invoice_still_owes(platform: Platform) -> None:
    charge = platform.declined("visa")
    other = again(charge, key="retry 2", currency="USD")
    told = platform.effects.send([again(charge, owed="40.00"), other])
    assert [one.result for one in told.values()] == ["confirmed", "rejected"]
    assert [intent["amount"] for intent in platform.intents()] == [4_000]


def test_twice_with_one_key_is_one_attempt(platform: Platform) -> None:
    charge = platform.declined("visa")
    first = platform.effects.send([again(charge)])
    assert platform.effects.send([again(charge)]) == first
    assert len(platform.intents()) == 1


def test_an_attempt_that_is_declined_was_made(platform: Platform) -> None:
    charge = platform.declined("visa")
    platform.method = "pm_card_chargeDeclined"  # type: ignore[attr-defined]
    told = platform.effects.send([again(charge)])
    assert told["retry 1"].result == "confirmed"
    assert "CardError" in (told["retry 1"].detail or "")


def test_a_payment_nobody_knows_is_parked_and_the_others_go_on(platform: Platform) -> None:
    told = platform.effects.send([again("ch_none", key="a"), again(platform.declined("visa"), key="b")])
    assert (told["a"].result, told["b"].result) == ("rejected", "confirmed")
    assert platform.effects.look([again("ch_none", key="a")]) == {}


def test_a_message_of_another_kind_is_parked_and_the_others_go_on(platform: Platform) -> None:
    told = platform.effects.send(
        [again("ch_1", key="a", kind="order"), again(platform.declined("visa"), key="b")]
    )
    assert (told["a"].result, told["a"].reason, told["b"].result) == (
        "rejected", "MALFORMED_PAYLOAD", "confirmed",
    )  # fmt: skip


def test_a_key_used_for_something_else_is_parked_as_our_fault(platform: Platform) -> None:
    platform.effects.send([again(platform.declined("visa"))])
    platform.client.object = partial(_dearer, platform.client.object)  # type: ignore[method-assign]
    told = platform.effects.send([again(platform.declined("other"))])
    assert (told["retry 1"].result, told["retry 1"].reason) == ("rejected", "KEY_PAYLOAD_MISMATCH")
    assert len(platform.intents()) == 1


def test_a_key_that_is_refused_stops_all_and_nothing_after_it_is_sent(live: Start) -> None:
    client = StripePayments("sk_wrong", address=live({}).url("payments"))
    told = StripeEffects(client).send([again("ch_1", key="a"), again("ch_1", key="b")])
    assert [(one.result, one.stops) for one in told.values()] == [("uncertain", True), ("unsent", True)]


def _dearer(whole: Any, *place: str, **params: Any) -> Any:
    return {**whole(*place, **params), "amount": 99_900}
