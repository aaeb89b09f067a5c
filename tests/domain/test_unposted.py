"""Why a payment was not posted, and the fact that would decide."""

from typing import Any

import pytest

from include.domain.cash import Held
from include.domain.unposted import ambiguous, unposted


def unmatched(**facts: Any) -> dict[str, Any]:
    return {
        "payment_id": "P",
        "customer_id": "C1",
        "currency": "SGD",
        "amount_minor": 100_00,
        "names_a_document": True,
        "postable": True,
        "reference": "INV-1",
        "applied_to": None,
        "named": [],
    } | facts


def named(**facts: Any) -> dict[str, Any]:
    return {
        "invoice_id": "1",
        "number": "INV-1",
        "key": "INV|1",
        "customer_id": "C1",
        "currency": "SGD",
        "gross_minor": 100_00,
        "status": None,
        "settled_by": None,
    } | facts


@pytest.mark.parametrize(
    ("payment", "code", "says"),
    [
        (unmatched(named=[named(gross_minor=120_00)]), "CA03", "20.00 SGD short"),
        (unmatched(named=[named(gross_minor=80_00)]), "CA04", "20.00 SGD over"),
        (unmatched(named=[named(settled_by="P0")]), "CA05", "P0 settled already"),
        (unmatched(named=[named(settled_by="P0", gross_minor=5)]), "CA01", "P0 settled already"),
        (unmatched(named=[named(status="VOID")]), "CA19", "which is void"),
        (unmatched(named=[named(currency="USD")]), "CA01", "another currency"),
        (unmatched(named=[named()]), "CA16", "not as plainly"),
        (unmatched(named=[named(customer_id="C2")]), "CA01", "of another customer"),
        (unmatched(named=[named(status="UNKNOWN")]), "CA01", "whose status no rule maps"),
        (unmatched(postable=False, named=[named()]), "CA01", "newer version"),
        (unmatched(named=[named(), named(invoice_id="2")]), "CA16", "several invoices are called: 1, 2"),
        (unmatched(applied_to="1", named=[named(customer_id="C2")]), "CA06", "reverse and reapply"),
        (unmatched(), "CA01", "names no invoice of this customer"),
        (unmatched(names_a_document=False), "CA01", "no open invoice of this customer has this amount"),
        (unmatched(names_a_document=False, customer_id=None), "CA02", "no customer and no reference"),
    ],
)
def test_an_unposted_payment_says_what_is_the_matter(payment: dict[str, Any], code: str, says: str) -> None:
    finding = unposted(payment)
    assert (finding.code, says in finding.evidence) == (code, True), finding


def test_a_held_payment_names_its_candidates_and_the_fact_that_would_decide() -> None:
    finding = ambiguous(Held(("A", "B"), "2 open invoices have this amount"))
    assert finding.code == "CA16"
    assert "A, B; a reference naming the invoice would decide" in finding.evidence
