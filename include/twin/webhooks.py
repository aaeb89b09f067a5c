"""Sends the payments platform's events to those who asked for them, signed as Stripe signs, late or twice if told.

Signature: https://docs.stripe.com/webhooks#verify-manually
"""

import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import requests

from include.twin.faults import EVENT_KINDS, Asked, Injector

TIMEOUT_S = 10.0
Event = Mapping[str, Any]


@dataclass(frozen=True)
class Endpoint:
    """Where events go. `secret` signs them."""

    url: str
    secret: str


@dataclass
class Webhooks:
    """The endpoints of one account. Nothing is sent again by itself: a webhook that is lost stays lost."""

    injector: Injector
    endpoints: list[Endpoint] = field(default_factory=list)

    def send(self, events: Iterable[Event]) -> list[dict[str, Any]]:
        """Send events, oldest first but for what was injected; what each endpoint answered."""
        return [
            self._post(endpoint, event) for event in self._bent(list(events)) for endpoint in self.endpoints
        ]

    def _bent(self, events: Sequence[Event]) -> list[Event]:
        """The events as they set out: some lost, some twice, some behind the one that follows them."""
        sent: list[Event] = []
        late: list[Event] = []
        for event in events:
            asked = Asked(system="payments", method="POST", path=str(event["type"]))
            faults = {fault.kind: fault for fault in self.injector.due(asked, EVENT_KINDS)}
            for fault in faults.values():
                self.injector.note(fault, asked, str(event["id"]))
            if "lost_webhook" in faults:
                continue
            copies = [event] * (2 if "duplicate_event" in faults else 1)
            if "out_of_order_event" in faults:
                late += copies
                continue
            sent += [*copies, *late]
            late = []
        return sent + late

    def _post(self, endpoint: Endpoint, event: Event) -> dict[str, Any]:
        body = json.dumps(event, separators=(",", ":")).encode()
        at = int(self.injector.clock_of("payments")().timestamp())
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": f"t={at},v1={signature(body, at=at, secret=endpoint.secret)}",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        try:
            status = requests.post(endpoint.url, body, headers=headers, timeout=TIMEOUT_S).status_code
        except requests.RequestException as error:
            return {"event": event["id"], "url": endpoint.url, "status": None, "error": type(error).__name__}
        return {"event": event["id"], "url": endpoint.url, "status": status}


def signature(body: bytes, *, at: int, secret: str) -> str:
    """Stripe's scheme v1: HMAC-SHA256 over the second and the body."""
    return hmac.new(secret.encode(), f"{at}.".encode() + body, sha256).hexdigest()
