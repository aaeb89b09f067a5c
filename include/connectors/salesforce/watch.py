"""Salesforce every few seconds: which deals changed, at the price of one call.

A glance reads up to this moment, while its cursor goes no further than what has settled; once a minute the unsettled
time before is read again, with an overlap, for transactions that took long. Stamps are whole seconds: a deal stamped in
the second that is still running may change in it once more, so it is told again under another name when that is over.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from simple_salesforce.format import format_soql

from include.connectors.salesforce.client import SETTLE, Record, SalesforceClient
from include.connectors.salesforce.translate import SOBJECTS, STAMP
from include.connectors.shapes import a_count, an_instant, an_object, objects
from include.connectors.wire import read_json, server_date, usable
from include.ports import Cursor, Glance, Retryable, Sign

SLACK = timedelta(seconds=5)
OVERLAP = timedelta(minutes=2)
DEEP_EVERY = timedelta(minutes=1)
RUNNING = timedelta(seconds=2)
"""A second is over for sure when the server's clock, also in whole seconds, is so far ahead."""

FASTEST_S, SLOWEST_S = 2.0, 60.0
DAY_S = 86_400
CALLS_SHARE = 0.3
"""Share of the day's calls glances may take."""

ROWS = 2_000
MANY = 200
"""More deals than this do not change by hand: looking at each would cost a call, and reading them all costs one."""

COLUMNS = f"Id, IsWon, {STAMP} FROM {SOBJECTS['opportunities']}"

log = logging.getLogger(__name__)


class SalesforceWatch:
    """Deals that are won, and those that no longer are."""

    system, name = "salesforce", "hints of deals"

    def __init__(self, client: SalesforceClient) -> None:
        self._client = client

    @property
    def every_s(self) -> float:
        """As often as its share of the organisation's daily calls allows: 100,000 a day make 2.9 s."""
        limit, used = self._client.budget.limit, self._client.budget.share
        pace = DAY_S / (limit * CALLS_SHARE) if limit else FASTEST_S
        scarce = 2 if used >= 0.7 else 1  # noqa: PLR2004 - what others need goes first
        return min(max(pace, FASTEST_S) * scarce, SLOWEST_S)

    def glance(self, cursor: Cursor | None) -> Glance:
        """Deals stamped since the last glance, deleted ones too. Raises Retryable, Deferred, Fatal."""
        looked = datetime.fromisoformat(cursor["looked"]) if cursor else None
        settled = datetime.fromisoformat(cursor["settled"]) if cursor else None
        if looked is None or settled is None:
            looked = settled = self._now() - SETTLE
        deep = looked - settled >= SETTLE + DEEP_EVERY
        since = min(settled - OVERLAP, looked) if deep else looked - SLACK
        rows, now = self._changed(since)
        if deep:
            settled = now - SETTLE
        signs = [_sign(row, now) for row in rows if usable(row.get("Id"))]
        if len(rows) > MANY:
            log.warning(
                "Salesforce: %d deals changed at once; but for new wins the ten-minute read takes them, in few calls",
                len(rows),
            )
            signs = [replace(sign, only_new=True) for sign in signs if not sign.only_known]
        position = {"looked": now.isoformat(), "settled": min(settled, now).isoformat()}
        return Glance(signs=signs, next_cursor=position)

    def _now(self) -> datetime:
        response = self._client.call("GET", "limits")
        return server_date(response.headers, place="Salesforce")

    def _changed(self, since: datetime) -> tuple[list[Record], datetime]:
        """The rows, and Salesforce's clock before they were read."""
        rows: list[Record] = []
        began: datetime | None = None
        after = ""
        while True:
            wanted = f"{format_soql(f'{STAMP} >= {{}}', since)}{after} ORDER BY {STAMP}, Id LIMIT {ROWS}"
            response = self._client.call("GET", "queryAll", params={"q": f"SELECT {COLUMNS} WHERE {wanted}"})
            page = an_object(read_json(response.text, place="Salesforce"), place="Salesforce")
            began = began or server_date(response.headers, place="Salesforce")
            if page.get("done") is not True:
                raise Retryable("Salesforce gave part of what changed; trying again")
            found = objects(page.get("records"), place="Salesforce", having=("Id", STAMP))
            stated = a_count(page.get("totalSize"), place="Salesforce")
            if len(found) != stated:
                raise Retryable(f"Salesforce stated {stated:,} deals and gave {len(found):,}; trying again")
            rows += found
            if len(found) < ROWS:
                return rows, began
            beyond = _beyond(rows[-1])
            if beyond == after:
                raise Retryable("Salesforce gives the same page again and again; trying again later")
            after = beyond


def _beyond(last: Record) -> str:
    """What follows a row in the order of pages, quoted: it goes through no `format_soql` again."""
    stamp = format_soql("{}", an_instant(last[STAMP], place="Salesforce"))
    return format_soql(f" AND ({STAMP} > {stamp} OR ({STAMP} = {stamp} AND Id > {{}}))", last["Id"])


def _sign(row: Record, now: datetime) -> Sign:
    stamp = str(row[STAMP])
    at = an_instant(stamp, place="Salesforce")
    version = f"{stamp} so far" if now - at < RUNNING else stamp
    won = row.get("IsWon") is True
    return Sign(
        event_id=f"{row['Id']} {version}",
        entity="opportunities",
        native_id=str(row["Id"]),
        kind="won" if won else "changed",
        sequence=version,
        occurred_at=at,
        only_known=not won,
    )
