"""A twin's list endpoints as anybody would page through them with requests; nothing is kept."""

from collections.abc import Iterator
from typing import Any

import requests

KEY = "bench"
SOQL = (
    "SELECT Id, Name, Website, BillingCountryCode, CurrencyIsoCode, OwnerId, ParentId, TaxId__c, "
    "ERP_Customer_Id__c, LastModifiedDate, SystemModstamp FROM Account ORDER BY SystemModstamp, Id"
)


def pages(system: str, port: str) -> Iterator[list[dict[str, Any]]]:
    return {"salesforce": accounts, "payments": charges}[system](f"http://127.0.0.1:{port}")


def accounts(address: str) -> Iterator[list[dict[str, Any]]]:
    session = requests.Session()
    form = {"grant_type": "client_credentials", "client_id": KEY, "client_secret": KEY}
    token = session.post(f"{address}/services/oauth2/token", data=form, timeout=60).json()["access_token"]
    session.headers["Authorization"] = f"Bearer {token}"
    url, params = f"{address}/services/data/v59.0/query", {"q": SOQL}
    while url:
        page = session.get(url, params=params, timeout=60).json()
        yield page["records"]
        url, params = "" if page["done"] else address + page["nextRecordsUrl"], {}


def charges(address: str) -> Iterator[list[dict[str, Any]]]:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {KEY}"
    params: dict[str, Any] = {"limit": 100, "expand[]": "data.balance_transaction"}
    while True:
        page = session.get(f"{address}/v1/charges", params=params, timeout=60).json()
        yield page["data"]
        if not page["has_more"]:
            return
        params["starting_after"] = page["data"][-1]["id"]
