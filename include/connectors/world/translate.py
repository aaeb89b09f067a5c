"""The columns of world files in canonical field names. Salesforce files use Salesforce's names; the others are ours."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from include.connectors.salesforce.translate import FIELDS as SALESFORCE_FIELDS
from include.domain.entities import ENTITIES
from include.ports import Translated

FILES: dict[str, str] = {
    "accounts": "salesforce/Account.csv",
    "contacts": "salesforce/Contact.csv",
    "opportunities": "salesforce/Opportunity.csv",
    "deal_lines": "salesforce/OpportunityLineItem.csv",
    "price_books": "salesforce/Pricebook2.csv",
    "customers": "erp/customers.csv",
    "orders": "erp/orders.csv",
    "invoices": "erp/invoices.csv",
    "credit_notes": "erp/credit_notes.csv",
    "subscriptions": "erp/subscriptions.csv",
    "amendments": "erp/amendments.csv",
    "payments": "payments/payments.csv",
    "attempts": "payments/attempts.csv",
    "refunds": "payments/refunds.csv",
    "disputes": "payments/disputes.csv",
    "payouts": "payments/payouts.csv",
    "payout_items": "payments/payout_items.csv",
    "bank_lines": "bank/lines.csv",
    "fx_rates": "fx/rates.csv",
}

CELLS = "cells"
"""The name of what a row holds that could not be cut into columns."""

_RENAMED: dict[str, dict[str, str]] = {
    **SALESFORCE_FIELDS,
    "fx_rates": {"date": "rate_date", "from": "from_currency", "to": "to_currency"},
}


@cache
def columns(entity: str) -> dict[str, str]:
    """File column -> canonical field, in the entity's order."""
    renamed = {field: column for column, field in _RENAMED.get(entity, {}).items()}
    return {renamed.get(field.name, field.name): field.name for field in ENTITIES[entity].fields}


@cache
def key_columns(entity: str) -> list[str]:
    """The file columns that name a row."""
    named = {field: column for column, field in columns(entity).items()}
    return [named[field] for field in ENTITIES[entity].key]


@cache
def personal(entity: str) -> frozenset[str]:
    """The names in a payload under which personal data stands."""
    named = {field: column for column, field in columns(entity).items()}
    fields = {named[field.name] for field in ENTITIES[entity].personal}
    return frozenset({CELLS, *fields} if fields else ())


def translate(entity: str, payload: Mapping[str, Any]) -> Translated:
    """A file row in canonical names; an empty cell is unknown."""
    return {field: payload.get(column) or None for column, field in columns(entity).items()}
