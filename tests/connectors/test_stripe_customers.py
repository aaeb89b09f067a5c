from datetime import UTC
from typing import Any

import pytest

from include.connectors.stripe.translate import translate


@pytest.mark.parametrize(
    ("charge", "customer"),
    [
        ({"customer": "cus_9s6XKzkNRiz8i3", "metadata": {"erp_customer": "C-17"}}, "C-17"),
        ({"customer": {"id": "cus_9s6XKzkNRiz8i3"}, "metadata": {}}, None),
        ({"customer": "C-17", "metadata": {}}, "C-17"),
        ({"customer": None, "metadata": {}}, None),
    ],
)
def test_a_payment_belongs_to_an_erp_customer_or_to_nobody_yet(
    charge: dict[str, Any], customer: str | None
) -> None:
    assert translate("payments", charge, zone=UTC)["customer_id"] == customer
