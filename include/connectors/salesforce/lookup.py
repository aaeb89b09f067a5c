"""Salesforce, one record at a time: what must be as it was when something was decided."""

from collections.abc import Mapping
from typing import Any

from simple_salesforce.format import format_soql

from include.connectors.salesforce.client import SalesforceClient
from include.connectors.salesforce.translate import FIELDS, SOBJECTS, translate
from include.ports import RawRecord, Translated


class SalesforceLookup:
    """One organisation's records, as they are at this moment."""

    system = "salesforce"

    def __init__(self, client: SalesforceClient) -> None:
        self._client = client

    def look_at(self, entity: str, native_id: str) -> RawRecord | None:
        """The record with the fields we read; None when there is none. Raises Retryable, Fatal."""
        sobject = SOBJECTS[entity]
        shown = self._client.describe(sobject).fields
        fields = ", ".join(name for name in FIELDS[entity] if name in shown)
        rows = self._client.query(
            f"SELECT {fields} {format_soql('FROM {:literal} WHERE Id = {}', sobject, native_id)}"
        )
        if not rows:
            return None
        return RawRecord(native_id=native_id, version="", payload=rows[0], place=f"{sobject}/{native_id}")

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:
        """As the source's."""
        return translate(entity, payload)
