"""Disputes of the payments platform, made and decided as in Stripe's test mode."""

from collections.abc import Mapping
from typing import Any

DISPUTED = frozenset({"tok_createDispute", "pm_card_createDispute"})
"""https://docs.stripe.com/testing#disputes: what is paid with these is disputed at once."""

_DECIDED = {"winning_evidence": "won", "losing_evidence": "lost"}
"""https://docs.stripe.com/testing#evidence: what is told of a dispute -> how it ends."""


def disputed(charge: Mapping[str, Any], head: Mapping[str, Any]) -> dict[str, Any]:
    """The dispute of a charge; `head`: its id and what every object has."""
    return {
        **head,
        "amount": charge["amount"],
        "charge": charge["id"],
        "currency": charge["currency"],
        "reason": "fraudulent",
        "status": "needs_response",
    }


def decided(dispute: Mapping[str, Any], form: Mapping[str, str]) -> dict[str, Any] | None:
    """The dispute as the evidence decides it; None when it does not."""
    status = _DECIDED.get(form.get("evidence[uncategorized_text]", ""))
    return {**dispute, "status": status} if status else None
