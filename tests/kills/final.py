"""What is there in the end: in Salesforce, the ERP, the payments platform and our tables, without ids and stamps."""

from collections.abc import Iterable, Mapping
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from include.connectors.salesforce.client import SalesforceClient
from include.connectors.tryton.client import TrytonClient
from include.domain.entities import ENTITIES
from include.flows.remove_old import REMOVALS
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
SAID_AGAIN = {"ops.proofs", "ops.sweeps"}
"""Tables in which a flow that is tried again says the same once more."""

KEPT: Queries = OURS | {
    "received": "SELECT system, entity, native_id, version, payload, gone FROM raw.records",
    **{
        name: f"SELECT native_id, row_hash, superseded_in IS NULL AS current FROM canonical.{name}"
        for name in ENTITIES
    },
    "gone": "SELECT entity, native_id FROM canonical.gone",
    "proven": "SELECT DISTINCT ON (system, entity) system, entity, proven FROM ops.proofs "
    "ORDER BY system, entity, proof_id DESC",
    "swept": "SELECT system, entity, sum(gone_count)::int AS gone, sum(repaired_count)::int AS late, "
    "sum(refreshed_count)::int AS changed FROM ops.sweeps GROUP BY system, entity",
    "runs": "SELECT as_of, state, certificate -> 'outputs' AS outputs FROM recon.runs",
    "breaks": "SELECT recon, code, key, state, version FROM recon.break_lives",
    "acts on breaks": "SELECT key, action, event.version FROM recon.break_events AS event "
    "JOIN recon.break_lives USING (break_id)",
    "mailings": "SELECT edition, telling, recipient, subject, state FROM recon.mailings",
    "reports": "SELECT as_of, subject, recipients, sent_at IS NOT NULL AS sent FROM recon.reports",
    "alerts": "SELECT kind, about, severity, over_at FROM ops.alerts",
    "bulletins": "SELECT channel, kind, about, says, state FROM ops.bulletins "
    "JOIN ops.tellings USING (bulletin_id) JOIN ops.alerts USING (alert_id)",
    "removed": "SELECT relation, sum(rows)::int AS rows FROM ops.removals GROUP BY relation",
    **{f"left of {table}": f"SELECT count(*) FROM {table}" for table in REMOVALS if table not in SAID_AGAIN},
    "seals": "SELECT seal, rows FROM audit.seals",
}
"""All of ours that a flow may change, but for what tells of tries."""


def final_state(desk: Desk, ours: Queries = OURS) -> dict[str, Any]:
    """Name of what is held -> its rows, in an order of their own. `ours`: what to compare of our own tables."""
    return {
        **{name: _rows(_of_crm(desk.crm, name, fields)) for name, fields in SOBJECTS.items()},
        **{model: _rows(_of_erp(desk.erp, model, fields)) for model, fields in MODELS.items()},
        "charges": _rows(_of_payments(desk, "charges")),
        "payment_intents": _rows(_of_payments(desk, "payment_intents")),
        **_of_database(desk, ours),
    }


def mails_in(folder: Path) -> list[str]:
    """To whom mails went and what of: those that a reader folds into one, for they are the same message."""
    mails = [message_from_bytes(path.read_bytes(), policy=default) for path in folder.glob("*.eml")]
    texts = {(mail["Message-ID"], mail.get_body(("plain",)).get_content()): mail for mail in mails}
    return _rows({"to": mail["To"], "subject": mail["Subject"]} for mail in texts.values())


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
