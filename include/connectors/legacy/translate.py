"""The columns of the old path's files in our words."""

from collections.abc import Mapping

FILES: Mapping[str, Mapping[str, str]] = {
    "orders": {
        "opportunity_id": "key",
        "number": "text",
        "order_date": "on_date",
        "currency": "currency",
        "amount": "amount",
        "status": "status",
        "created_at": "at",
    },
    "invoices": {
        "number": "key",
        "issue_date": "on_date",
        "due_date": "due_date",
        "currency": "currency",
        "tax": "tax",
        "gross": "amount",
        "created_at": "at",
    },
    "statuses": {"invoice_number": "key", "status": "status", "paid_on": "on_date", "changed_at": "at"},
    "arr": {"subscription_id": "key", "currency": "currency", "arr": "amount"},
    "matches": {
        "payment_id": "key",
        "invoice_numbers": "texts",
        "currency": "currency",
        "amount": "amount",
    },
}
"""Kind -> column -> our word. `texts` are several with a space between."""


def translate(kind: str, cells: Mapping[str, str]) -> dict[str, str]:
    """A row in our words; columns that we do not compare are left out."""
    known = FILES[kind]
    return {known[column]: text for column, text in cells.items() if column in known}
