from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from include.connectors.world.client import WorldSource
from include.domain.recipients import Recipient
from include.flows.check_completeness import check_completeness
from include.flows.land_records import land_records
from include.flows.publish_run import publish_run
from include.flows.pull_changes import pull_changes
from include.flows.reconcile import reconcile
from include.flows.report_day import Reported, report_day
from include.policy import load_policy
from include.ports import Report
from include.store.postgres import PostgresStore

INVOICES = """id,number,customer_id,issue_date,due_date,currency,gross,status
I1,INV-1,C1,2026-01-05,2026-02-04,SGD,1100.00,open
I2,INV-2,C1,2026-02-05,2026-03-07,SGD,250.50,open
I3,INV-3,C2,2026-03-05,,SGD,99.00,open
"""
PAYMENTS = """id,customer_id,reference,currency,amount,paid_on,status
P1,C1,INV-1,SGD,1100.00,2026-02-04,succeeded
<script>P2,=cmd(),,SGD,33.00,2026-03-01,succeeded
"""
DAY = date(2026, 3, 31)

FINANCE = Recipient(address="finance@example.com")


class Mailbag:
    """A postman that keeps what it is given; `before` happens first, is told for whom, and may fail."""

    def __init__(self, before: Callable[[str], None] = lambda _to: None) -> None:
        self.reports: list[Report] = []
        self.to: list[str] = []
        self._before = before

    def send(self, report: Report, *, to: Sequence[str]) -> None:
        (one,) = to
        self._before(one)
        self.reports.append(report)
        self.to.append(one)


def tell(store: PostgresStore, bag: Mailbag, *recipients: Recipient, **how: Any) -> Reported:
    """Report the day to these recipients, finance if none."""
    return report_day(
        store, bag, **{"as_of": DAY, "policy": load_policy(), "recipients": recipients or [FINANCE], **how}
    )


@pytest.fixture
def reconciled(store: PostgresStore, tmp_path: Path) -> PostgresStore:
    """A store whose day is reconciled, not yet published: a payment posted, one held, an invoice quarantined."""
    for name, text in (("erp/invoices.csv", INVOICES), ("payments/payments.csv", PAYMENTS)):
        path = tmp_path / "world" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    source, policy = WorldSource(tmp_path / "world"), load_policy()
    for entity in source.entities:
        pull_changes(source, store, entity=entity)
        check_completeness(source, store, entity=entity)
        land_records(source, store, entity=entity)
    reconcile(store, as_of=DAY, policy=policy)
    return store


@pytest.fixture
def published(reconciled: PostgresStore) -> PostgresStore:
    publish_run(reconciled, as_of=DAY)
    return reconciled
