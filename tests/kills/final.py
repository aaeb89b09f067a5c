"""What is there in the end: in Salesforce, the ERP, the payments platform and our tables, without ids and stamps."""

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from psycopg.rows import dict_row

from include.connectors.salesforce.client import SalesforceClient
from include.connectors.tryton.client import TrytonClient
from tests.kills.desk import Desk

SOBJECTS = {
    "Opportunity": "Id, ERP_Order_Id__c, Payment_Status__c",
    "Task": "Subject, WhatId, OwnerId, Description, Sync_Key__c",
    "Invoice__c": "Invoice_Key__c, Name, Account__c, Opportunity__c, Total__c, Open_Amount__c, Payment_Status__c",
    "Payment_Activity__c": "Activity_Key__c, Type__c, Amount__c, Status__c, Invoice__r.Invoice_Key__c",
    "Subscription__c": "Subscription_Key__c, Quantity__c, ARR__c, Renewal_Date__c, Status__c",
}
MODELS = {
    "sale.sale": ("id", "number", "state", "reference", "tieout_key"),
    "account.invoice": ("id", "number", "state"),
}
Queries = Mapping[str, str]
OURS: Queries = {
    "outbox": "SELECT key, kind, subject, body, state FROM delivery.outbox WHERE state <> 'superseded'",
    "inbox": "SELECT event_id, state FROM delivery.inbox",
    "conflicts": "SELECT key FROM delivery.key_conflicts",
    "looked at": "SELECT entity, native_id, facts FROM delivery.looked_at",
    "gate": "SELECT opportunity_id, name, verdict FROM delivery.gate_checks",
    "told": "SELECT name, batch, day, place FROM delivery.told",
}


def final_state(desk: Desk, ours: Queries = OURS) -> dict[str, Any]:
    """Name of what is held -> its rows, in an order of their own. `ours`: what to compare of our own tables."""
    return {
        **{name: _rows(_of_crm(desk.crm, name, fields)) for name, fields in SOBJECTS.items()},
        **{model: _rows(_of_erp(desk.erp, model, fields)) for model, fields in MODELS.items()},
        "charges": _rows(_of_payments(desk, "charges")),
        "payment_intents": _rows(_of_payments(desk, "payment_intents")),
        **_of_database(desk, ours),
    }


def _rows(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted(str(dict(sorted(row.items()))) for row in rows)


def _of_crm(client: SalesforceClient, sobject: str, fields: str) -> list[dict[str, Any]]:
    rows = client.query(f"SELECT {fields} FROM {sobject}")
    return [{name: _plain(value) for name, value in row.items() if name != "attributes"} for row in rows]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: inner for name, inner in value.items() if name not in ("attributes", "Id")}
    return value


def _of_erp(client: TrytonClient, model: str, fields: tuple[str, ...]) -> list[Mapping[str, Any]]:
    return list(client.search(model, domain=[], fields=fields, order=["id"], size=10_000))


def _of_payments(desk: Desk, collection: str) -> list[dict[str, Any]]:
    kept = ("amount", "currency", "status", "metadata", "amount_refunded")
    return [{name: one.get(name) for name in kept} for one in desk.payments.objects(collection)]


def _of_database(desk: Desk, ours: Queries) -> dict[str, list[str]]:
    url = desk.store._url  # type: ignore[attr-defined]
    with psycopg.connect(url, row_factory=dict_row) as connection:
        return {name: _rows(connection.execute(query).fetchall()) for name, query in ours.items()}
