"""Airflow's own Salesforce hook and operators drive the twin's Salesforce."""

import json
from typing import Any

import pytest

from tests.contract.conftest import KEYS, LEADS, address, to_twin

__all__ = ["address", "to_twin"]


@pytest.fixture
def connection(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    assert request.getfixturevalue("to_twin")
    extra = {
        "consumer_key": KEYS.salesforce_client_id,
        "consumer_secret": KEYS.salesforce_client_secret,
        "domain": "acme.my",
        "version": "62.0",
    }
    monkeypatch.setenv("AIRFLOW_CONN_TWIN", json.dumps({"conn_type": "salesforce", "extra": extra}))
    return "twin"


def test_the_hook_queries_to_the_end_and_describes(connection: str) -> None:
    from airflow.providers.salesforce.hooks.salesforce import SalesforceHook  # noqa: PLC0415  # after its home

    hook = SalesforceHook(connection)
    assert len(hook.make_query("SELECT Id FROM Lead")["records"]) == LEADS
    assert len(hook.make_query("SELECT Id FROM Opportunity", include_deleted=True)["records"]) == 3
    assert "Invoice_Key__c" in hook.get_available_fields("Invoice__c")
    assert len(hook.get_object_from_salesforce("Account", ["Id", "Name"])["records"]) == 1


def test_the_bulk_operator_upserts_and_deletes_and_tells_of_every_row(connection: str) -> None:
    from airflow.providers.salesforce.operators.bulk import SalesforceBulkOperator  # noqa: PLC0415

    def run(operation: str, payload: list[dict[str, Any]], **more: Any) -> list[dict[str, Any]]:
        settings = {"object_name": "Invoice__c", "salesforce_conn_id": connection} | more
        return SalesforceBulkOperator(
            task_id="load", operation=operation, payload=payload, **settings
        ).execute({})

    rows = [{"Invoice_Key__c": "a", "Total__c": 1}, {"Invoice_Key__c": "b", "Total__c": "x"}]
    answers = run("upsert", rows, external_id_field="Invoice_Key__c")
    assert [answer["success"] for answer in answers] == [True, False]
    [deleted] = run("delete", [{"Id": answers[0]["id"]}])
    assert deleted["success"]
