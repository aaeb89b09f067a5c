"""What the payments platform sends by itself: a signed event (https://docs.stripe.com/webhooks#verify-manually)."""

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Delivery:
    """One POST: its body as sent, and its Stripe-Signature header."""

    body: bytes
    signature: str


def deliver(event: Mapping[str, Any], *, secrets: Sequence[str], at: datetime) -> Delivery:
    """The event, signed once with each secret of the endpoint: while one is rotated there are two."""
    body = json.dumps(
        event, indent=2
    ).encode()  # Stripe's bodies are indented: who parses them loses the signature
    stamp = int(at.timestamp())
    made = [
        hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        for secret in secrets
    ]
    return Delivery(body, ",".join([f"t={stamp}", *(f"v1={one}" for one in made)]))
