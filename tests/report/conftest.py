from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from include.connectors.world.client import WorldSource
from include.domain.recipients import Recipient
from include.flows.check_completeness import check_completeness
from include.flows.land_records import land_records
from include.flows.pull_changes import pull_changes
from include.flows.reconcile import reconcile
from include.flows.report_day import Reported, report_day
from include.local.databases import DatabaseUrls, database_name
from include.local.scratch import scratch_database
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


@pytest.fixture(scope="module")
def reconciled_database(server_urls: DatabaseUrls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a database whose day is reconciled: a payment posted, one held, an invoice quarantined."""
    world = tmp_path_factory.mktemp("world")
    for name, text in (("erp/invoices.csv", INVOICES), ("payments/payments.csv", PAYMENTS)):
        (world / name).parent.mkdir(parents=True)
        (world / name).write_text(text)
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        source, store = WorldSource(world), PostgresStore(url)
        for entity in ("invoices", "payments"):
            pull_changes(source, store, entity=entity)
            check_completeness(source, store, entity=entity)
            land_records(source, store, entity=entity)
        reconcile(store, as_of=DAY, policy=load_policy())
        yield database_name(url)


@pytest.fixture
def reconciled_copy(server_urls: DatabaseUrls, reconciled_database: str) -> Iterator[str]:
    """The URL of a copy of it, dropped at the end."""
    name = sql.Identifier(f"{reconciled_database}_copy")
    with psycopg.connect(server_urls.admin, autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                name, sql.Identifier(reconciled_database)
            )
        )
    try:
        yield urlsplit(server_urls.admin)._replace(path=f"/{reconciled_database}_copy").geturl()
    finally:
        with psycopg.connect(server_urls.admin, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
