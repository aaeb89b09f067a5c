"""Stripe, one object at a time: what a hint makes us look at."""

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any

from include.connectors.stripe.client import StripePayments
from include.connectors.stripe.translate import COLLECTIONS, translate
from include.ports import RawRecord, Rejected, Translated

LOOKED_AT = ("payments", "refunds", "disputes")
"""Entities that change how an invoice stands."""

ENTITY_OF = {COLLECTIONS[entity]: entity for entity in LOOKED_AT}
"""Stripe's collection -> the entity; events about any other are none of ours."""

EXPANDED = {"payments": {"expand": ["balance_transaction"]}}


class StripeLookup:
    """One account's objects, as they are at this moment."""

    system = "payments"

    def __init__(self, client: StripePayments, *, zone: tzinfo) -> None:
        self._client, self._zone = client, zone

    def look_at(self, entity: str, native_id: str) -> RawRecord | None:
        """The object. Raises Rejected when there is none (nothing there is ever gone), Retryable, Fatal."""
        if entity not in LOOKED_AT:
            raise Rejected(f"payments {entity}: not an object anything here follows from")
        found = self._client.object(COLLECTIONS[entity], native_id, **EXPANDED.get(entity, {}))
        return RawRecord(
            native_id=native_id, version="", payload=found, place=f"/v1/{COLLECTIONS[entity]}/{native_id}"
        )

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:
        """As the source's."""
        return translate(entity, payload, zone=self._zone)
