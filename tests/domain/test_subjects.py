"""What a break's key names is told by its code, and where that is not enough by how its evidence begins."""

from datetime import date
from typing import Any

import pytest

from include.domain import identity_breaks, orders, payout_breaks
from include.domain.breaks import Break
from include.domain.subjects import NOT_OF_PAYMENTS, SUBJECTS, kinds_of
from include.policy import load_policy

DAY = date(2026, 1, 5)
DOCUMENT: dict[str, Any] = {"key": "1", "number": "N-1", "currency": "SGD", "amount_minor": 100, "since": DAY}
OTHER: dict[str, Any] = {"other_document": "order", "other": "2", "other_currency": "USD", "whose": "order 2"}
COPY: dict[str, Any] = {"like_number": "N-0", "like_id": "0", "like_date": DAY, "order_id": "O"}
MOVED: dict[str, Any] = {"side_id": "1", "amount_minor": 100, "currency": "SGD", "moved_on": DAY}
PARTY: dict[str, Any] = {
    "id": "1",
    "name": "Acme",
    "candidates": (),
    "why": "second customer",
    "settled": True,
}


def of_document(document: str) -> dict[str, Any]:
    return DOCUMENT | OTHER | {"document": document, "customer_id": "C"}


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (orders.currency_differs(of_document("order")), "order"),
        (orders.currency_differs(of_document("invoice")), "invoice"),
        (orders.bills_another(of_document("order")), "order"),
        (orders.bills_another(of_document("invoice")), "invoice"),
        (orders.duplicate_invoice(DOCUMENT | COPY), "invoice"),
        (
            orders.duplicate_order(DOCUMENT | COPY | {"opportunity_id": "X", "verdict": "duplicate"}),
            "order",
        ),
        (
            orders.product_off_list(DOCUMENT | {"outcome": "won", "product": "p", "deals": 3}),
            "opportunity",
        ),
        (payout_breaks.in_no_payout(MOVED | {"side": "refund"}), "refund"),
        (payout_breaks.in_no_payout(MOVED | {"side": "payment"}), "payment"),
        (payout_breaks.in_transit(MOVED | {"side": "refund"}), "refund"),
        (
            payout_breaks.without_payout({"payout_id": "1", "items": 2, "currencies": ["SGD", "USD"]}),
            "payout",
        ),
        (identity_breaks.in_review(PARTY | {"side": "customer"}), "customer"),
        (identity_breaks.in_review(PARTY | {"side": "account"}), "account"),
    ],
)
def test_a_code_of_two_kinds_is_told_by_what_its_evidence_begins_with(found: Break, kind: str):
    assert kinds_of(found.code, found.evidence) == {kind}


def test_every_code_of_a_reconciliation_says_what_it_is_about_whatever_its_evidence():
    codes = {code for code, rule in load_policy().breaks.codes.items() if rule.recon != "all"}
    assert codes == {one.code for one in SUBJECTS if not one.opening}


def test_breaks_of_refunds_disputes_credit_notes_and_paid_invoices_hold_no_payment():
    assert {code for code in NOT_OF_PAYMENTS if code.startswith("CA")} == {"CA12", "CA13", "CA14", "CA15"}
    assert kinds_of("DQ01", "row 7") == frozenset()
