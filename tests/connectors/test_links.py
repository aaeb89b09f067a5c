"""Where a page of the console leads to: the record in the CRM, the document in the ERP, the object at the platform."""

import json
from collections.abc import Callable

import pytest

from include.wiring import links

Connect = Callable[..., links.Links]
DEAL = "0065g000AAAAHccAYH"


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Links with these connections of Airflow's."""

    def made(**connections: dict[str, object]) -> links.Links:
        links._links.cache_clear()
        for name in ("salesforce_api", "erp_api", "payments_api"):
            monkeypatch.delenv(f"AIRFLOW_CONN_{name.upper()}", raising=False)
        for name, stated in connections.items():
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps({"conn_type": "http"} | stated))
        return links.record_links()

    return made


@pytest.mark.parametrize(
    ("extra", "address"),
    [
        ({"domain": "acme.my"}, "https://acme.my.salesforce.com"),
        ({"domain": "acme"}, "https://acme.my.salesforce.com"),
        ({"domain": "acme--dev.sandbox.my"}, "https://acme--dev.sandbox.my.salesforce.com"),
        ({"domain": "login"}, "https://login.salesforce.com/?startURL="),
        ({"domain": "test"}, "https://test.salesforce.com/?startURL="),
        ({"instance_url": "https://acme.my.salesforce.com/"}, "https://acme.my.salesforce.com"),
    ],
)
def test_a_deal_is_opened_in_the_organisation_it_is_of(
    connect: Connect, extra: dict[str, str], address: str
) -> None:
    links = connect(salesforce_api={"extra": extra})
    assert links("salesforce", "opportunities", DEAL) == f"{address}/{DEAL}"
    assert links("salesforce", "accounts", "no id") == links("salesforce", "contacts", DEAL) == ""


@pytest.mark.parametrize(
    ("entity", "model"),
    [("invoices", "account.invoice"), ("orders", "sale.sale"), ("customers", "party.party")],
)
def test_a_document_is_opened_in_the_web_client_of_the_erp(connect: Connect, entity: str, model: str) -> None:
    erp = {"host": "erp.example", "schema": "https", "extra": {"database": "books"}}
    links = connect(erp_api=erp)
    assert links("erp", entity, "12") == f"https://erp.example/#books/model/{model}/12"
    assert links("erp", entity, "12/../13") == ""


def test_a_payment_is_opened_at_the_platform_in_the_mode_of_its_key(connect: Connect) -> None:
    assert connect(payments_api={"password": "sk_test_1"})("payments", "payments", "py_1") == (
        "https://dashboard.stripe.com/test/payments/py_1"
    )
    live = connect(payments_api={"password": "sk_live_1"})
    assert live("payments", "payouts", "po_1") == "https://dashboard.stripe.com/payouts/po_1"
    assert live("bank", "bank_lines", "B1") == ""


def test_a_twin_and_what_is_not_connected_have_no_page(connect: Connect) -> None:
    twin = {"host": "127.0.0.1", "port": 9, "schema": "http"}
    links = connect(salesforce_api=twin | {"extra": {"instance_url": "http://127.0.0.1:9"}}, erp_api=twin)
    assert links("salesforce", "accounts", DEAL) == links("erp", "invoices", "12") == ""
    assert connect()("erp", "invoices", "12") == ""
