"""The mail of a full day with many breaks: from the stored run to the bytes an SMTP server is given."""

from collections.abc import Sequence
from datetime import date
from time import monotonic, process_time
from typing import Any
from uuid import UUID

import psycopg

from include.connectors.mail.client import compose
from include.domain.recipients import Recipient
from include.flows.report_day import report_day
from include.local.scratch import scratch_database
from include.policy import load_policy
from include.ports import Report
from include.store.postgres import PostgresStore
from tests.bench.steps import Bench
from tests.report.many import fill_the_day, keep_many_breaks

TRIES = 3
MATCHES, OPEN_INVOICES = 20_000, 50_000
"""As many as a workbook has rows for them."""


class Composing:
    """A postman that makes the message and keeps its size."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def send(self, report: Report, *, to: Sequence[str]) -> None:
        self.sizes.append(len(compose(report, sender="tieout@example.com", to=to).as_bytes()))


def measured(bench: Bench, *, breaks: int) -> dict[str, Any]:
    """The quickest of three: seconds until the mail is handed over, those of them on a core, and its size."""
    tries = [_once(bench, breaks) for _ in range(TRIES)]
    return min(tries, key=lambda one: float(one["seconds"]))


def _once(bench: Bench, breaks: int) -> dict[str, Any]:
    with scratch_database(bench.urls) as url:
        with psycopg.connect(url) as connection:
            keep_many_breaks(connection, UUID(int=1), breaks)
            fill_the_day(connection, UUID(int=1), matches=MATCHES, open_invoices=OPEN_INVOICES)
        postman, policy = Composing(), load_policy()
        started, worked = monotonic(), process_time()
        report_day(
            PostgresStore(url),
            postman,
            as_of=date(2026, 1, 1),
            recipients=[Recipient(address="finance@example.com")],
            policy=policy,
        )
        took = {"seconds": monotonic() - started, "cpu_s": process_time() - worked}
    full = {"breaks": breaks, "matches": MATCHES, "open_invoices": OPEN_INVOICES}
    return {**full, **took, "bytes": postman.sizes[0]}
