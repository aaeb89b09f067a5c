"""Salesforce's field names and values in ours. The only place that knows them."""

from collections.abc import Mapping
from typing import Any

from include.connectors.wire import as_text
from include.domain.entities import ENTITIES
from include.ports import Translated

SOBJECTS = {"accounts": "Account", "contacts": "Contact", "opportunities": "Opportunity"}
"""Entity -> sObject."""

STAMP = "SystemModstamp"
"""Moves with every change, also by the system; whole seconds."""

FIELDS: dict[str, dict[str, str]] = {
    "accounts": {
        "Id": "id",
        "Name": "name",
        "Website": "website",
        "BillingCountryCode": "country",
        "CurrencyIsoCode": "currency",
        "OwnerId": "owner_id",
        "ParentId": "parent_id",
        "TaxId__c": "tax_id",
        "ERP_Customer_Id__c": "erp_customer_id",
        "LastModifiedDate": "modified_at",
    },
    "contacts": {
        "Id": "id",
        "AccountId": "account_id",
        "FirstName": "first_name",
        "LastName": "last_name",
        "Email": "email",
        "Phone": "phone",
    },
    "opportunities": {
        "Id": "id",
        "AccountId": "account_id",
        "Name": "name",
        "StageName": "stage",
        "IsClosed": "is_closed",
        "IsWon": "is_won",
        "Amount": "amount",
        "CurrencyIsoCode": "currency",
        "CloseDate": "close_date",
        "Type": "type",
        "Discount_Percent__c": "discount_percent",
        "Approval_Level__c": "approval_level",
        "Term_Months__c": "term_months",
        "ERP_Order_Id__c": "erp_order_id",
        "Product__c": "product",
        "List_Price__c": "list_price",
        "OwnerId": "owner_id",
    },
}
"""Entity -> Salesforce field -> canonical field."""

CURRENCY = "CurrencyIsoCode"
"""Only organisations with several currencies have it."""


def amount_field(entity: str) -> str | None:
    """The Salesforce field behind the entity's amount; None when it has none."""
    amount = ENTITIES[entity].amount
    return next((theirs for theirs, ours in FIELDS[entity].items() if ours == amount), None)


def translate(entity: str, payload: Mapping[str, Any]) -> Translated:
    """A record in canonical names; a field the organisation does not show is unknown."""
    return {ours: as_text(payload.get(theirs)) for theirs, ours in FIELDS[entity].items()}
