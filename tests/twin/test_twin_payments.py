"""The twin's payments platform, through Stripe's own client."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from tests.shared import shared

PAYMENTS: list[dict[str, str]] = [
    {
        "id": f"p{number:03d}",
        "currency": "USD",
        "amount": "1.00",
        "paid_on": "2026-01-05",
        "status": "succeeded",
    }
    for number in range(250)
] + [
    {
        "id": "yen",
        "currency": "JPY",
        "amount": "500",
        "fee": "18",
        "paid_on": "2026-02-01",
        "customer_id": "C1",
    },
    {
        "id": "dinar",
        "currency": "KWD",
        "amount": "1.250",
        "fee": "0.5%",
        "paid_on": "2026-02-02",
        "invoice_id": "I1",
    },
    {"id": "bad", "currency": "usd", "amount": "1,000.00", "paid_on": "5/2/26", "payer_text": "ACME"},
    {"id": "fine", "currency": "USD", "amount": "10.005", "paid_on": "", "reference": "INV-1"},
    {"id": "p100", "currency": "USD", "amount": "2.00", "paid_on": "2026-01-05"},
    {"id": "", "currency": "USD", "amount": "3.00", "paid_on": "2026-03-01"},
]
TABLES = {
    "payments/payments": PAYMENTS,
    "payments/refunds": [
        {
            "id": "r1",
            "payment_id": "yen",
            "currency": "JPY",
            "amount": "500",
            "created_on": "2026-02-03",
            "status": "failed",
        }
    ],
    "payments/disputes": [
        {
            "id": "d1",
            "payment_id": "yen",
            "currency": "JPY",
            "amount": "500",
            "opened_on": "?",
            "status": "lost",
        }
    ],
    "payments/payouts": [
        {
            "id": "po1",
            "currency": "USD",
            "gross": "3.00",
            "fee": "0.30",
            "net": "2.70",
            "arrival_date": "2026-01-07",
        },
        {"id": "po2", "currency": "USD", "net": "1", "arrival_date": "2026-01-08", "status": "paid"},
    ],
    "payments/payout_items": [
        {
            "payout_id": "po1",
            "payment_id": "p001",
            "type": "charge",
            "currency": "USD",
            "gross": "3.00",
            "net": "2.70",
        },
        {
            "payout_id": "po2",
            "payment_id": "p002",
            "type": "charge",
            "currency": "USD",
            "gross": "1.00",
            "net": "1.00",
        },
        {
            "payout_id": "po1",
            "payment_id": "",
            "type": "adjustment",
            "currency": "USD",
            "gross": "0",
            "net": "0",
        },
    ],
    "payments/attempts": [
        {
            "id": "e1",
            "payment_id": "yen",
            "attempt_no": "1",
            "outcome": "failed",
            "decline_code": "insufficient_funds",
        }
        | {"occurred_at": "2026-02-01T01:02:03Z", "invoice_id": "I1"},
        {
            "id": "e2",
            "payment_id": "gone",
            "attempt_no": "2",
            "outcome": "succeeded",
            "occurred_at": "2026-02-02",
        },
    ],
}


@pytest.fixture(scope="module")
def twin(twin_of: Callable[..., Any]) -> Any:
    return twin_of(TABLES)


@pytest.fixture(scope="module")
def v1(twin: Any) -> Any:
    return twin.stripe().v1


def epoch(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[arg-type]


def ids(listing: Any) -> list[str]:
    return [item.id for item in listing.data]


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_paging_shows_every_charge_once_newest_first(v1: Any, limit: int) -> None:
    charges = list(v1.charges.list({"limit": limit}).auto_paging_iter())
    assert sorted(charge.id or "" for charge in charges) == sorted(row["id"] for row in PAYMENTS)
    created = [charge.created for charge in charges if charge.id]
    assert created == sorted(created, reverse=True)


def test_both_of_two_charges_with_one_id_are_shown(v1: Any) -> None:
    twins = [charge for charge in v1.charges.list({"limit": 100}).auto_paging_iter() if charge.id == "p100"]
    assert sorted(charge.amount for charge in twins) == [100, 200]


def test_a_page_before_an_object_holds_what_is_just_newer(v1: Any) -> None:
    page = v1.charges.list({"limit": 2, "ending_before": "p248"})
    assert (ids(page), page.has_more) == (["yen", "p249"], True)


@pytest.mark.parametrize(
    ("bounds", "found"),
    [
        ({"gte": epoch(2026, 2, 1, 4)}, ["dinar", "yen"]),
        ({"gt": epoch(2026, 2, 1, 4), "lt": epoch(2026, 2, 28)}, ["dinar"]),
        ({"lte": 0}, ["fine", "bad"]),
    ],
)
def test_charges_are_found_by_the_time_they_were_made(
    v1: Any, bounds: dict[str, int], found: list[str]
) -> None:
    assert [one for one in ids(v1.charges.list({"created": bounds})) if one] == found


def test_amounts_count_in_the_currencys_smallest_unit(v1: Any) -> None:
    expanded = {"expand": ["balance_transaction"]}
    yen, dinar = v1.charges.retrieve("yen", expanded), v1.charges.retrieve("dinar", expanded)
    assert v1.charges.retrieve("yen").balance_transaction == "txn_yen"
    assert (yen.amount, yen.currency, yen.customer) == (500, "jpy", "C1")
    assert (yen.balance_transaction.fee, yen.balance_transaction.net) == (18, 482)
    assert (dinar.amount, dinar.balance_transaction.fee, dinar.metadata.to_dict()) == (
        1250,
        "0.5%",
        {"invoice_id": "I1"},
    )


def test_garbage_is_served_as_it_is(v1: Any) -> None:
    bad, fine = v1.charges.retrieve("bad"), v1.charges.retrieve("fine")
    assert (bad.amount, bad.created) == ("1,000.00", 0)
    assert bad.metadata.to_dict() == {"payer_text": "ACME", "paid_on": "5/2/26"}
    assert (fine.amount, fine.description, fine.metadata.to_dict()) == ("10.005", "INV-1", {})


def test_refunds_and_disputes_name_their_charge(v1: Any) -> None:
    refund, dispute = v1.refunds.retrieve("r1"), v1.disputes.retrieve("d1")
    assert (refund.charge, refund.amount, refund.created) == ("yen", 500, epoch(2026, 2, 3, 4))
    assert (dispute.charge, dispute.created, dispute.metadata.to_dict()) == ("yen", 0, {"opened_on": "?"})
    assert ids(v1.refunds.list({"charge": "another"})) == []


def test_a_payout_arrives_net_and_its_items_are_found_by_it(v1: Any) -> None:
    payout = v1.payouts.retrieve("po1")
    assert (payout.amount, payout.arrival_date) == (270, epoch(2026, 1, 7, 4))
    assert payout.metadata.to_dict() == {"gross": "3.00", "fee": "0.30"}
    items = v1.balance_transactions.list({"payout": "po1", "limit": 1})
    assert [(item.source, item.type) for item in items.auto_paging_iter()] == [
        (None, "adjustment"),
        ("p001", "charge"),
    ]
    assert ids(v1.payouts.list({"status": "paid"})) == ["po2"]


def test_attempts_are_events_of_their_charge(v1: Any) -> None:
    (failed,) = v1.events.list({"type": "charge.failed"}).data
    charge = failed.data.object
    assert (failed.id, failed.created, charge["id"]) == ("e1", epoch(2026, 2, 1, 1, 2, 3), "yen")
    assert (charge["failure_code"], charge["paid"], charge["amount"]) == ("insufficient_funds", False, 500)
    assert charge["metadata"].to_dict() == {"attempt_no": "1", "invoice_id": "I1"}
    assert v1.events.retrieve("e2").type == "charge.succeeded"


def test_an_unknown_object_is_missing_by_name(v1: Any) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="No such charge: 'x'") as refused:
        v1.charges.retrieve("x")
    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
    assert (refused.value.request_id or "").startswith("req_")


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0},
        {"limit": 101},
        {"limit": "few"},
        {"colour": "red"},
        {"starting_after": "x"},
        {"created": "now"},
    ],
)
def test_a_list_asked_for_wrongly_is_refused(v1: Any, params: dict[str, Any]) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        v1.charges.list(params)
    assert refused.value.http_status == 400


def test_a_wrong_key_opens_nothing(twin: Any) -> None:
    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key"):
        twin.stripe("sk_test_another").v1.charges.list()


def test_the_key_may_come_as_basic_user_name(twin: Any) -> None:
    assert twin.get("payments", "/v1/payouts", auth=("sk_test_twin", "")).status_code == 200
    assert twin.get("payments", "/v1/payouts").status_code == 401


@pytest.mark.parametrize(
    "collection", ["charges", "refunds", "disputes", "payouts", "balance_transactions", "events", "customers"]
)
def test_what_is_served_has_only_members_that_stripes_own_have(v1: Any, collection: str) -> None:
    path = shared("data/stripe_fixtures/fixtures3.json")
    real = json.loads(path.read_text())["resources"][collection.removesuffix("s")]
    for one in getattr(v1, collection).list().data:
        assert set(one.to_dict()) <= set(real)
