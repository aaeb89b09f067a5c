"""Effects on Stripe: another try at a payment that was declined."""

from collections.abc import Mapping, Sequence
from typing import Any

from include.connectors.outcomes import one_by_one, unknown_kind
from include.connectors.shapes import a_count
from include.connectors.stripe.client import StripePayments
from include.connectors.stripe.errors import Declined
from include.connectors.stripe.translate import units_of
from include.domain.delivery import Message, Outcome
from include.domain.shown import cut
from include.ports import Rejected

MESSAGES_MAX = 20
KEY = "tieout_key"
"""In the metadata of what we make: Stripe forgets an idempotency key after a day, and metadata never."""


class StripeEffects:
    """One account as a target."""

    system = "payments"
    most = MESSAGES_MAX

    def __init__(self, client: StripePayments) -> None:
        self._client = client

    def look(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """The attempts that are there, by our key in their metadata. Raises Retryable, Fatal."""
        return {message.key: found for message in messages if (found := self._made(message))}

    def send(self, messages: Sequence[Message]) -> Mapping[str, Outcome]:
        """One after another, each with its own outcome."""
        return one_by_one(messages, self._one)

    def _made(self, message: Message) -> str | None:
        try:
            customer = self._charge(message).get("customer")
        except Rejected:
            return None  # without the charge there was nothing to try again
        wanted = {"customer": customer} if customer else {}
        intents = self._client.objects("payment_intents", **wanted)
        made = (intent for intent in intents if _metadata(intent).get(KEY) == message.key)
        return next((str(intent["id"]) for intent in made), None)

    def _one(self, message: Message) -> Outcome:
        if message.kind != "retry_payment":
            raise unknown_kind(message, system="the payments platform")
        try:
            intent = self._client.create("payment_intents", self._again(message), key=message.key)
        except Declined as declined:
            # The attempt was made; what came of it is the next event, and counts as one failure more.
            return Outcome(result="confirmed", detail=cut(str(declined), 500))
        return Outcome(result="confirmed", remote_id=str(intent["id"]))

    def _again(self, message: Message) -> dict[str, Any]:
        """The same amount or what is left of it, from the same card for the same invoice, the payer not at hand."""
        charge = self._charge(message)
        currency = str(message.body["currency"])
        if str(charge.get("currency")).upper() != currency:
            raise Rejected(f"it was tried in another currency than {currency}", reason="VALIDATION_BUSINESS")
        amount = a_count(charge.get("amount"), place="payments charges")
        told = {**_metadata(charge), "invoice_id": message.body["invoice_id"], KEY: message.key}
        params = {
            "amount": min(amount, units_of(str(message.body["open"]), currency)),
            "currency": charge["currency"],
            "customer": charge.get("customer"),
            "payment_method": charge.get("payment_method"),
            "description": charge.get("description"),
            "confirm": True,
            "off_session": True,
            "metadata": told,
        }
        return {name: value for name, value in params.items() if value is not None}

    def _charge(self, message: Message) -> Mapping[str, Any]:
        """The attempt that failed; amounts are asked for, never remembered."""
        return self._client.object("charges", str(message.body["payment_id"]))


def _metadata(found: Mapping[str, Any]) -> Mapping[str, Any]:
    told = found.get("metadata")
    return told if isinstance(told, dict) else {}
