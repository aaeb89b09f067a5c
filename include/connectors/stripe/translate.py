"""Stripe's objects, amounts and instants in ours. The only place that knows them."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Any

from include.connectors.wire import as_text
from include.domain.wire import STRIPE
from include.ports import Translated

COLLECTIONS = {
    "payments": "charges",
    "attempts": "events",
    "refunds": "refunds",
    "disputes": "disputes",
    "payouts": "payouts",
    "payout_items": "payouts",
}
"""Entity -> the list to walk. Items are asked for payout by payout: they do not name theirs."""

# https://docs.stripe.com/api/events/types: what happens to a charge later is no attempt to pay.
_LATER = frozenset({"charge.captured", "charge.expired", "charge.refunded", "charge.updated"})
_OF_A_CHARGE = 2

Payload = Mapping[str, Any]
Translator = Callable[[Payload, tzinfo], Translated]


def is_attempt(event: Payload) -> bool:
    """Whether an event is what came of an attempt to pay, such as charge.failed."""
    kind = str(event.get("type"))
    return kind.startswith("charge.") and kind.count(".") < _OF_A_CHARGE and kind not in _LATER


def recovered_attempt(charge: Payload) -> Payload:
    """The event a charge left behind, made anew from the charge: Stripe keeps events for 30 days, charges for ever."""
    return {
        "id": f"{charge['id']} (recovered)" if charge.get("id") else None,
        "object": "event",
        "type": f"charge.{charge.get('status')}",
        "created": charge.get("created"),
        "data": {"object": charge},
    }


def translate(entity: str, payload: Payload, *, zone: tzinfo) -> Translated:
    """An object in canonical names; its days are days of `zone`."""
    return _TRANSLATORS[entity](payload, zone)


def major_text(amount: Any, currency: str | None) -> str | None:
    """Stripe's integer in major units: 1050 sgd is 10.50. What is no integer is passed on as it came.

    An amount the currency cannot express (500.50 ISK) is passed on too: landing quarantines it and says why.
    """
    if not isinstance(amount, int) or isinstance(amount, bool):
        return as_text(amount)
    places = _places(currency or "")
    digits = f"{abs(amount):0{places + 1}d}"
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"-{text}" if amount < 0 else text


def units_of(amount: str, currency: str) -> int:
    """Major units in Stripe's integer, the way back of `major_text`: 10.50 SGD is 1050."""
    return int(Decimal(amount).scaleb(_places(currency)))


@lru_cache(maxsize=1_024)
def _places(currency: str) -> int:
    """Decimals of Stripe's smallest unit of the currency."""
    return len(str(STRIPE.units_per_major(currency))) - 1


def _payment(charge: Payload, zone: tzinfo) -> Translated:
    metadata, transaction = _inside(charge, "metadata"), _inside(charge, "balance_transaction")
    # A charge settled in another currency has its fee in that one.
    same = transaction.get("currency") == charge.get("currency")
    currency = _currency(charge)
    return {
        "id": as_text(charge.get("id")),
        "customer_id": _erp_customer(charge, metadata),
        "payer_text": as_text(metadata.get("payer_text")),
        "reference": as_text(charge.get("description")),
        "currency": currency,
        "amount": major_text(charge.get("amount"), currency),
        "fee": major_text(transaction.get("fee"), currency) if same else None,
        "paid_on": _day(charge, "created", "paid_on", zone),
        "status": as_text(charge.get("status")),
        "invoice_id": as_text(metadata.get("invoice_id")),
    }


def _attempt(event: Payload, _zone: tzinfo) -> Translated:
    charge = _inside(_inside(event, "data"), "object")
    metadata, outcome = _inside(charge, "metadata"), _inside(charge, "outcome")
    card = _inside(_inside(charge, "payment_method_details"), "card")
    scheme = as_text(card.get("brand"))
    return {
        "id": as_text(event.get("id")),
        "payment_id": as_text(charge.get("id")),
        "invoice_id": as_text(metadata.get("invoice_id")),
        # A charge is one attempt; who tries one payment several times, numbers them.
        "attempt_no": as_text(metadata.get("attempt_no")) or "1",
        "outcome": as_text(charge.get("status")),
        "decline_code": as_text(outcome.get("reason") or charge.get("failure_code")),
        "occurred_at": _instant_text(event.get("created")) or as_text(metadata.get("occurred_at")),
        "network_code": as_text(outcome.get("network_decline_code")),
        "advice_code": _advice(outcome, scheme),
        "scheme": scheme,
        "card": as_text(card.get("fingerprint")),
    }


def _advice(outcome: Payload, scheme: str | None) -> str | None:
    """The network's advice: a merchant advice code of Mastercard under that name, else Stripe's word for it."""
    code = as_text(outcome.get("network_advice_code"))
    return f"MAC{code}" if code and scheme == "mastercard" else as_text(outcome.get("advice_code"))


def _reversal(dated: str) -> Translator:
    def translated(reversal: Payload, zone: tzinfo) -> Translated:
        return {
            "id": as_text(reversal.get("id")),
            "payment_id": _reference(reversal.get("charge")),
            "currency": _currency(reversal),
            "amount": _money(reversal, "amount"),
            dated: _day(reversal, "created", dated, zone),
            "status": as_text(reversal.get("status")),
        }

    return translated


def _payout(payout: Payload, zone: tzinfo) -> Translated:
    metadata = _inside(payout, "metadata")
    return {
        "id": as_text(payout.get("id")),
        "currency": _currency(payout),
        # Stripe states the net alone; who knows the rest can say it in the metadata, in major units.
        "gross": as_text(metadata.get("gross")),
        "fee": as_text(metadata.get("fee")),
        "net": _money(payout, "amount"),
        "arrival_date": _day(payout, "arrival_date", "arrival_date", zone),
        "status": as_text(payout.get("status")),
    }


def _payout_item(transaction: Payload, _zone: tzinfo) -> Translated:
    return {
        "payout_id": as_text(transaction.get("payout")),
        "payment_id": _reference(transaction.get("source")),
        "type": as_text(transaction.get("type")),
        "currency": _currency(transaction),
        "gross": _money(transaction, "amount"),
        "fee": _money(transaction, "fee"),
        "net": _money(transaction, "net"),
    }


def _inside(payload: Payload, name: str) -> Payload:
    value = payload.get(name)
    return value if isinstance(value, dict) else {}


def _reference(value: Any) -> str | None:
    """The id of another object, which Stripe states bare or expanded."""
    return as_text(value.get("id") if isinstance(value, dict) else value)


def _erp_customer(charge: Payload, metadata: Payload) -> str | None:
    """Whose payment it is in the ERP's ids: what metadata says; never Stripe's own cus_ id, which is nobody there."""
    customer = as_text(metadata.get("erp_customer")) or _reference(charge.get("customer"))
    return None if customer and customer.startswith("cus_") else customer


def _currency(payload: Payload) -> str | None:
    code = as_text(payload.get("currency"))
    return code and code.upper()


def _money(payload: Payload, name: str) -> str | None:
    return major_text(payload.get(name), _currency(payload))


def _day(payload: Payload, name: str, stated: str, zone: tzinfo) -> str | None:
    """The day of an instant; without one, the day stated in the metadata."""
    at = _instant(payload.get(name), zone)
    return at.date().isoformat() if at else as_text(_inside(payload, "metadata").get(stated))


def _instant_text(seconds: Any) -> str | None:
    at = _instant(seconds)
    return at.isoformat() if at else None


def _instant(seconds: Any, zone: tzinfo = UTC) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, zone) if seconds else None
    except (TypeError, ValueError, OverflowError, OSError):
        return None


_TRANSLATORS: dict[str, Translator] = {
    "payments": _payment,
    "attempts": _attempt,
    "refunds": _reversal("created_on"),
    "disputes": _reversal("opened_on"),
    "payouts": _payout,
    "payout_items": _payout_item,
}
