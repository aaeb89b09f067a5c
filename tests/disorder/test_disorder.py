"""Every event delivered twice and shuffled within five minutes leads to where each delivered once, in order, does.

A sample: `python -m tests.bench run --only disorder` lets it happen to hundreds of invoices.
"""

from pathlib import Path

from include.local.databases import DatabaseUrls
from tests.disorder.platforms import compare
from tests.disorder.story import WAYS


def test_twice_and_shuffled_is_as_once_and_in_order(server_urls: DatabaseUrls, tmp_path: Path) -> None:
    outcome = compare(server_urls, tmp_path, invoices=len(WAYS), seed=20260701)
    assert outcome.different == {}
    assert outcome.repaired == {"in order": [], "in disorder": []}
    assert outcome.delivered == 2 * outcome.events
    assert outcome.kinds.keys() >= {
        "charge.succeeded", "charge.failed", "charge.dispute.created", "charge.dispute.closed", "refund.created",
    }  # fmt: skip
