"""What Salesforce holds of the ERP's invoices, counted by Salesforce's own rows and not by what we wrote there."""

from collections.abc import Iterator
from datetime import date

from simple_salesforce.format import format_soql

from include.connectors.salesforce.client import SalesforceClient
from include.connectors.salesforce.translate import TARGETS
from include.connectors.shapes import a_number, objects
from include.ports import Fatal, HeldInvoice

PAGE_ROWS = 10_000
_ABSENT = "INVALID_TYPE"
"""The code of a question about an object that is not there, or not for us to see."""


class SalesforceMirror:
    """The invoices in one organisation, as the fields of TARGETS name them."""

    def __init__(self, client: SalesforceClient, *, page_rows: int = PAGE_ROWS) -> None:
        self._client = client
        self._page_rows = page_rows

    def invoices(self, *, since: date) -> list[HeldInvoice]:
        """Those made there since a day; none where the organisation has no such object. Raises Retryable, Fatal."""
        try:
            return list(self._invoices(since))
        except Fatal as refused:
            if _ABSENT in str(refused):
                return []
            raise

    def _invoices(self, since: date) -> Iterator[HeldInvoice]:
        target, last = TARGETS["invoices"], ""
        key, currency, gross = (target.fields[name] for name in ("id", "currency", "gross"))
        while True:
            beyond = format_soql("{:literal} > {}", key, last) if last else f"{key} != null"
            recent = f"CreatedDate >= {since:%Y-%m-%d}T00:00:00Z"
            page = f"FROM {target.sobject} WHERE {beyond} AND {recent} ORDER BY {key} LIMIT {self._page_rows}"
            asked = self._client.query(f"SELECT {key}, {currency}, {gross} {page}")
            rows = objects(asked, place="Salesforce", having=(key, currency, gross))
            for row in rows:
                amount = a_number(row[gross] or 0, place="Salesforce")
                yield HeldInvoice(str(row[key]), str(row[currency] or ""), amount)
            if len(rows) < self._page_rows:
                return
            last = str(rows[-1][key])
