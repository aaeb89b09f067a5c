"""Salesforce's field names and values in ours. The only place that knows them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from include.connectors.wire import as_text
from include.domain.entities import ENTITIES
from include.ports import Translated

SOBJECTS = {
    "accounts": "Account",
    "contacts": "Contact",
    "opportunities": "Opportunity",
    "deal_lines": "OpportunityLineItem",
    "price_books": "Pricebook2",
}
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
        "Pricebook2Id": "price_book_id",
        "Contract_Signed_On__c": "contract_signed_on",
        "Start_Date__c": "start_date",
        "Last_Day__c": "last_day",
        "Billing_Interval__c": "billing_interval",
        "Payment_Terms_Days__c": "payment_terms_days",
        "Payment_Terms_Approved__c": "payment_terms_approved",
        "PO_Required__c": "po_required",
        "PO_Number__c": "po_number",
        "Approved_At__c": "approved_at",
        "Prices_Edited_At__c": "prices_edited_at",
        "Revenue_Flags__c": "revenue_flags",
        "Renewal_Key__c": "renewal_key",
    },
    "deal_lines": {
        "Id": "id",
        "OpportunityId": "opportunity_id",
        "ProductCode": "product",
        "Quantity": "quantity",
        "ListPrice": "list_price",
        "TotalPrice": "amount",
        "CurrencyIsoCode": "currency",
        "LastModifiedDate": "edited_at",
    },
    "price_books": {"Id": "id", "Name": "name", "IsActive": "is_active"},
}
"""Entity -> Salesforce field -> canonical field."""

CURRENCY = "CurrencyIsoCode"
"""Only organisations with several currencies have it."""


def amount_field(entity: str) -> str | None:
    """The Salesforce field behind the entity's amount; None when it has none."""
    amount = ENTITIES[entity].amount
    return next((theirs for theirs, ours in FIELDS[entity].items() if ours == amount), None)


def personal(entity: str) -> frozenset[str]:
    """The fields that hold personal data."""
    ours = {field.name for field in ENTITIES[entity].personal}
    return frozenset(theirs for theirs, field in FIELDS[entity].items() if field in ours)


def translate(entity: str, payload: Mapping[str, Any]) -> Translated:
    """A record in canonical names; a field the organisation does not show is unknown."""
    return {ours: as_text(payload.get(theirs)) for theirs, ours in FIELDS[entity].items()}


@dataclass(frozen=True)
class Target:
    """Where rows are written: the sObject, the field that finds the row again, and Salesforce's field by ours."""

    sobject: str
    key: str
    fields: Mapping[str, str]


TURN, TURN_FIELD = "turn", "Tieout_Turn__c"
"""When what a row says was taken to be written. Salesforce itself refuses a row over one that was taken later."""

TARGETS: dict[str, Target] = {
    "accounts": Target("Account", "Id", {"id": "Id", "erp_customer_id": "ERP_Customer_Id__c"}),
    "opportunities": Target(
        "Opportunity",
        "Id",
        {
            "id": "Id",
            "erp_order_id": "ERP_Order_Id__c",
            "rev_rec_flag": "Rev_Rec_Flag__c",
            "payment_status": "Payment_Status__c",
            "arr": "ARR__c",
            "renewal_date": "Renewal_Date__c",
            TURN: TURN_FIELD,
        },
    ),
    "renewals": Target(
        "Opportunity",
        "Renewal_Key__c",
        {
            "key": "Renewal_Key__c",
            "name": "Name",
            "account_id": "AccountId",
            "stage": "StageName",
            "type": "Type",
            "close_date": "CloseDate",
            "owner_id": "OwnerId",
            "arr": "ARR__c",
            "renewal_date": "Renewal_Date__c",
        },
    ),
    "tasks": Target(
        "Task",
        "Sync_Key__c",
        {
            "key": "Sync_Key__c",
            "subject": "Subject",
            "what_id": "WhatId",
            "owner_id": "OwnerId",
            "due_date": "ActivityDate",
            "priority": "Priority",
            "description": "Description",
        },
    ),
    "invoices": Target(
        "Invoice__c",
        "Invoice_Key__c",
        {
            "id": "Invoice_Key__c",
            "number": "Name",
            "account_id": "Account__c",
            "opportunity_id": "Opportunity__c",
            "issue_date": "Issue_Date__c",
            "due_date": "Due_Date__c",
            "currency": "Currency__c",
            "gross": "Total__c",
            "open_amount": "Open_Amount__c",
            "status": "Payment_Status__c",
            "dunning_level": "Dunning_Level__c",
            "last_payment_on": "Last_Payment_On__c",
            TURN: TURN_FIELD,
        },
    ),
    "subscriptions": Target(
        "Subscription__c",
        "Subscription_Key__c",
        {
            "id": "Subscription_Key__c",
            "number": "Name",
            "account_id": "Account__c",
            "start_date": "Start_Date__c",
            "end_date": "End_Date__c",
            "renewal_date": "Renewal_Date__c",
            "currency": "Currency__c",
            "quantity": "Quantity__c",
            "arr": "ARR__c",
            "arr_change": "ARR_Change__c",
            "arr_changed_on": "ARR_Changed_On__c",
            "change": "Last_Change__c",
            "status": "Status__c",
            TURN: TURN_FIELD,
        },
    ),
    "payment_activities": Target(
        "Payment_Activity__c",
        "Activity_Key__c",
        {
            "id": "Activity_Key__c",
            "reference": "Name",
            "type": "Type__c",
            "account_id": "Account__c",
            "invoice_id": "Invoice__c",
            "currency": "Currency__c",
            "amount": "Amount__c",
            "attempt_no": "Attempt_Number__c",
            "decline_code": "Decline_Code__c",
            "occurred_at": "Occurred_At__c",
            "status": "Status__c",
            TURN: TURN_FIELD,
        },
    ),
}
"""What we write -> where. Our own objects, and the fields of the CRM's that are recalculated here."""
