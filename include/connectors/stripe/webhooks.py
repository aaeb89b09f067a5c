"""What Stripe sends by itself: whether it is Stripe's, fresh and new, and which object to fetch because of it.

Nothing of an event's body is believed but which object it is about: amounts and states are fetched.
https://docs.stripe.com/webhooks#verify-manually
"""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import stripe

from include.connectors.wire import unique
from include.ports import Rejected

BODY_BYTES_MAX = 2**20
TOLERANCE = timedelta(minutes=5)
"""How old, and how far ahead of our clock, a signature may be."""

SIGNATURES_MAX = 16
_ID_CHARS_MAX = 255


class Refused(Rejected):
    """A delivery that is not used; the subclass says why, and `status` is what to answer."""

    status = 400


class TooLarge(Refused):
    """The body is larger than any event."""

    status = 413


class TooSlow(Refused):
    """The body does not come to its end."""

    status = 408


class Unsigned(Refused):
    """There is no signature, or none that can be read."""


class Forged(Refused):
    """No signature was made with one of our secrets."""


class Stale(Refused):
    """The signature is too old: a delivery that was recorded and played again."""


class FromTheFuture(Refused):
    """The signature is ahead of our clock; one of the two clocks is wrong."""


class Malformed(Refused):
    """The body is signed and no event."""


class OtherMode(Refused):
    """An event of test mode on the live endpoint, or the other way round."""


class Repeated(Refused):
    """The event was received before; nothing is to do, and Stripe should not send it again."""

    status = 200


@dataclass(frozen=True, kw_only=True)
class Hint:
    """What an event makes us do: fetch `object_id` of `collection`. `created_at` orders nothing."""

    event_id: str
    type: str
    collection: str
    object_id: str
    created_at: datetime


def receive(
    body: bytes,
    signature: str,
    *,
    secrets: Sequence[str],
    now: datetime,
    livemode: bool,
    received: Callable[[str], bool] | Collection[str] = (),
) -> Hint:
    """The hint in a delivery: `body` as it came, and its Stripe-Signature header.

    `secrets`: the endpoint's, and while it is rotated the old one too. `received` knows the ids of earlier events (the
    inbox's unique key decides in the end). Raises a Refused, which names what is wrong and quotes nothing.
    """
    if len(body) > BODY_BYTES_MAX:
        raise TooLarge(f"webhook: {len(body):,} bytes, more than {BODY_BYTES_MAX:,}")
    signed_at = _signed_at(signature)
    if not any(_made_with(secret, body, signature) for secret in secrets if secret.strip()):
        raise Forged("webhook: no signature fits the body; check the endpoint's secret in payments_webhook")
    _check_age(signed_at, now)
    event = _event(body)
    if event["livemode"] is not livemode:
        modes = {True: "live", False: "test"}
        raise OtherMode(f"webhook: an event of {modes[not livemode]} mode on the {modes[livemode]} endpoint")
    hint = _hint(event)
    if received(hint.event_id) if callable(received) else hint.event_id in received:
        raise Repeated(f"webhook: {hint.event_id} was received before")
    return hint


def _signed_at(signature: str) -> datetime:
    if not signature.isascii():
        raise Unsigned("webhook: the Stripe-Signature header is not ASCII")
    parts = [part.strip().partition("=") for part in signature.split(",")]
    stamps = [value for name, _, value in parts if name == "t"]
    versions = [value for name, _, value in parts if name == "v1"]
    if (
        len(stamps) != 1
        or not stamps[0].isascii()
        or not stamps[0].isdigit()
        or len(stamps[0]) > len("9" * 11)
    ):
        raise Unsigned("webhook: the Stripe-Signature header names no time")
    if not 0 < len(versions) <= SIGNATURES_MAX:
        raise Unsigned("webhook: the Stripe-Signature header holds no v1 signature")
    return datetime.fromtimestamp(int(stamps[0]), UTC)


def _made_with(secret: str, body: bytes, signature: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(body, signature.replace(" ", ""), secret)
    except (stripe.SignatureVerificationError, UnicodeError):
        return False
    return True


def _check_age(signed_at: datetime, now: datetime) -> None:
    age = now - signed_at
    if age > TOLERANCE:
        raise Stale(
            f"webhook: signed {age.total_seconds():.0f} s ago, more than {TOLERANCE.total_seconds():.0f} s"
        )
    if age < -TOLERANCE:
        ahead = -age.total_seconds()
        raise FromTheFuture(f"webhook: signed {ahead:.0f} s ahead of our clock; check the clocks")


def _event(body: bytes) -> dict[str, Any]:
    try:
        event = json.loads(body.decode(), object_pairs_hook=unique)
    except (ValueError, RecursionError):
        raise Malformed("webhook: the body is not JSON, or states a name twice") from None
    if not isinstance(event, dict) or event.get("object") != "event":
        raise Malformed("webhook: the body is no event")
    if not isinstance(event.get("livemode"), bool):
        raise Malformed("webhook: the event does not say its mode")
    return event


def _hint(event: dict[str, Any]) -> Hint:
    data = event.get("data")
    about = data.get("object") if isinstance(data, dict) else None
    about = about if isinstance(about, dict) else {}
    kind, created = _word(about.get("object")), event.get("created")
    if not isinstance(created, int) or isinstance(created, bool) or not 0 <= created < 10**11:
        raise Malformed("webhook: the event has no time of creation")
    return Hint(
        event_id=_word(event.get("id")),
        type=_word(event.get("type")),
        collection=f"{kind.replace('.', '_')}s",
        # Some objects (a balance) are one of a kind and have no id: the whole list is to be looked at.
        object_id=_word(about["id"]) if about.get("id") else "",
        created_at=datetime.fromtimestamp(created, UTC),
    )


def _word(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _ID_CHARS_MAX or not value.isprintable():
        raise Malformed("webhook: the event's id, its type or the object it is about cannot be read")
    return value
