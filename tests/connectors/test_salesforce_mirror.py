"""What Salesforce holds of the ERP's invoices, read from Salesforce itself."""

from datetime import date, timedelta
from decimal import Decimal

from include.connectors.salesforce.mirror import SalesforceMirror
from include.ports import HeldInvoice
from tests.connectors.salesforce_org import salesforce_running
from tests.connectors.test_salesforce_client import Salesforce, refusal

TOLD = [
    {"id": f"INV-{number}", "currency": "SGD", "gross": f"{number}.50", "open": "0.00"}
    for number in (1, 2, 3)
]


def test_every_invoice_is_told_once_page_by_page() -> None:
    with salesforce_running({"Account": []}) as running:
        written = running.writer().upsert(
            "invoices", [{k: v for k, v in row.items() if k != "open"} for row in TOLD]
        )
        assert len(written) == len(TOLD)
        mirror, made = SalesforceMirror(running.client(), page_rows=2), running.clock().date()
        held = mirror.invoices(since=made)
        assert mirror.invoices(since=made + timedelta(days=1)) == []
    assert held == [HeldInvoice(row["id"], "SGD", Decimal(row["gross"])) for row in TOLD]


def test_an_organisation_without_the_object_holds_none() -> None:
    assert (
        SalesforceMirror(Salesforce(refusal(400, "INVALID_TYPE")).client()).invoices(since=date(2026, 1, 1))
        == []
    )
