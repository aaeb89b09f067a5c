"""The twin's ERP, by Tryton's REST calls."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

KEY = {"Authorization": "Bearer the-erp-key"}
MODELS = "/erp/rest/model/"
INVOICES: list[dict[str, str]] = [
    {
        "id": "1",
        "number": "INV-1",
        "customer_id": "C1",
        "issue_date": "2026-01-05",
        "currency": "SGD",
        "gross": "10.10",
    },
    {
        "id": "2",
        "number": "INV-2",
        "customer_id": "C1",
        "issue_date": "2026-01-06",
        "gross": "-5",
        "disputed": "true",
    },
    {
        "id": "3",
        "number": "inv-3",
        "customer_id": "C2",
        "issue_date": "6/1/26",
        "gross": "1,000.00",
        "mood": "odd",
    },
    {
        "id": "3",
        "number": "INV-3b",
        "customer_id": "C2",
        "issue_date": "",
        "gross": "NaN",
        "due_date": "2026-02-01",
    },
]
CREDIT_NOTE = {"id": "n", "number": "CN-1", "customer_id": "C1", "invoice_id": "1", "gross": "4.00"}
ONLY_INVOICES = [["sequence_type_cache", "=", "invoice"]]


@pytest.fixture(scope="module")
def twin(twin_of: Callable[..., Any]) -> Any:
    amendments = [
        {"id": "a", "subscription_id": "s", "sequence": "2", "effective_date": "2026-03-01", "quantity": "5"}
    ]
    return twin_of(
        {
            "erp/invoices": INVOICES,
            "erp/credit_notes": [CREDIT_NOTE],
            "erp/customers": [{"id": "C1", "name": "Acme"}],
            "erp/amendments": amendments,
        }
    )


def encoded(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def search(twin: Any, model: str, domain: Any = (), **params: Any) -> Any:
    reply = twin.get("erp", MODELS + model, params={"d": encoded(domain), **params}, headers=KEY)
    assert reply.status_code == 200, reply.text
    return reply.json()


def day(*parts: int) -> dict[str, Any]:
    return {"__class__": "date", **dict(zip(("year", "month", "day"), parts, strict=True))}


def money(text: str) -> dict[str, str]:
    return {"__class__": "Decimal", "decimal": text}


def test_values_are_typed_and_garbage_stays_text(twin: Any) -> None:
    fields = ["total_amount", "invoice_date", "party", "type", "disputed", "lines_to_pay.maturity_date"]
    first, second, third, last = search(twin, "account.invoice", ONLY_INVOICES, f=fields)
    assert first == {
        "id": "1",
        "__name__": "account.invoice",
        "total_amount": money("10.10"),
        "invoice_date": day(2026, 1, 5),
        "party": "C1",
        "type": "out",
        "disputed": None,
        "lines_to_pay": [],
    }
    assert (second["disputed"], second["total_amount"]) == (True, money("-5"))
    assert (third["total_amount"], third["invoice_date"]) == ("1,000.00", "6/1/26")
    assert [line["maturity_date"] for line in last["lines_to_pay"]] == [day(2026, 2, 1)]


def test_a_record_is_stamped_with_noon_of_the_business_date_in_singapore(twin: Any) -> None:
    noon = day(2026, 1, 5) | {"__class__": "datetime", "hour": 4, "minute": 0, "second": 0, "microsecond": 0}
    [invoice] = search(
        twin, "account.invoice", [["id", "=", "1"]], f=["create_date", "last_modified_at", "write_date"]
    )
    assert (invoice["create_date"], invoice["last_modified_at"], invoice["write_date"]) == (noon, noon, None)
    assert search(twin, "party.party", f="last_modified_at")[0]["last_modified_at"]["year"] == 2000


def test_a_credit_note_is_an_invoice_below_zero(twin: Any) -> None:
    [note] = search(
        twin,
        "account.invoice",
        [["sequence_type_cache", "=", "credit_note"]],
        f=["total_amount", "origin_invoices", "number"],
    )
    assert (note["total_amount"], note["origin_invoices"], note["number"]) == (money("-4.00"), ["1"], "CN-1")


@pytest.mark.parametrize(
    ("domain", "found"),
    [
        ([["party", "=", "C1"], ["total_amount", ">", money("0")]], ["INV-1"]),
        (["OR", ["number", "=", "INV-1"], [["party", "=", "C2"], ["mood", "=", "odd"]]], ["INV-1", "inv-3"]),
        ([["number", "like", "INV-_"]], ["INV-1", "INV-2"]),
        ([["number", "ilike", "inv-3%"]], ["inv-3", "INV-3b"]),
        ([["number", "not ilike", "inv-3%"]], ["INV-1", "INV-2"]),
        ([["number", "in", ["INV-1", "x"]]], ["INV-1"]),
        ([["number", "not in", ["INV-1"]]], ["INV-2", "inv-3", "INV-3b"]),
        ([["invoice_date", ">=", day(2026, 1, 6)]], ["INV-2"]),
        ([["invoice_date", "=", None]], ["INV-3b"]),
        ([["total_amount", "<=", money("10.1")]], ["INV-1", "INV-2"]),
    ],
)
def test_a_domain_finds_its_records(twin: Any, domain: Any, found: list[str]) -> None:
    assert [
        invoice["number"] for invoice in search(twin, "account.invoice", [ONLY_INVOICES, domain], f="number")
    ] == found


def test_an_order_sorts_and_a_page_follows_the_last(twin: Any) -> None:
    order = encoded([["party", "DESC"], ["number", "ASC"]])
    pages = [
        search(twin, "account.invoice", ONLY_INVOICES, o=order, s=3, p=start, f="number")
        for start in (0, 3, 6)
    ]
    assert [[invoice["number"] for invoice in page] for page in pages] == [
        ["INV-3b", "inv-3", "INV-1"],
        ["INV-2"],
        [],
    ]


def test_one_record_is_read_by_its_id(twin: Any) -> None:
    reply = twin.get(
        "erp", MODELS + "sale.subscription.amendment/a?f=quantity&f=sequence&f=subscription", headers=KEY
    )
    assert reply.json() == {
        "id": "a",
        "__name__": "sale.subscription.amendment",
        "quantity": money("5"),
        "sequence": 2,
        "subscription": "s",
    }


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("account.invoice", {}, 401),
        ("account.invoice", {"Authorization": "Bearer another"}, 401),
        ("account.invoice/none", KEY, 404),
        ("no.model", KEY, 500),
        ("account.invoice?f=colour", KEY, 500),
    ],
)
def test_a_refusal_is_a_page_of_html(twin: Any, path: str, headers: dict[str, str], status: int) -> None:
    reply = twin.get("erp", MODELS + path, headers=headers)
    assert (reply.status_code, reply.headers["Content-Type"]) == (status, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    "domain",
    [
        "text",
        [["number", "=", ["INV-1"]]],
        [["number", "~", "x"]],
        [["invoice_date", ">", "2026-01-05"]],
        [["invoice_date", ">", day(2026, 2, 30)]],
        [["total_amount", "=", money("much")]],
    ],
)
def test_a_bad_domain_breaks_it(twin: Any, domain: Any) -> None:
    reply = twin.get("erp", MODELS + "account.invoice", params={"d": encoded(domain)}, headers=KEY)
    assert (reply.status_code, reply.headers["Content-Type"]) == (500, "text/html; charset=utf-8")


def test_a_reader_of_changes_finds_the_same_with_and_without_the_index(twin: Any) -> None:
    noon = day(2026, 1, 5) | {"__class__": "datetime", "hour": 4, "minute": 0, "second": 0, "microsecond": 0}
    keyset = ["OR", ["last_modified_at", ">", noon], [["last_modified_at", "=", noon], ["id", ">", "0"]]]
    order, plain = [["last_modified_at", "ASC"], ["id", "ASC"]], [["last_modified_at", "asc"], ["id", "asc"]]
    found = [
        search(twin, "account.invoice", [keyset], o=encoded(one), s=2, f="number") for one in (order, plain)
    ]
    assert found[0] == found[1]
    assert [one["number"] for one in found[0]] == ["INV-1", "INV-2"]
