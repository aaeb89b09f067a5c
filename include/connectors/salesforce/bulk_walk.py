"""Reading a window of changes in bulk: the job and the place in its results are in the cursor.

A crash, or a session that ends, finds the job again instead of starting anew. Pages that do not add up to what the
job says it processed are given up and the window is read again.
"""

from collections.abc import Callable, Mapping
from typing import Any

from include.connectors.salesforce import bulk
from include.connectors.salesforce.client import Record, SalesforceClient
from include.connectors.salesforce.translate import STAMP
from include.connectors.shapes import objects
from include.connectors.windows import BEGINNING, Walk, numbered
from include.ports import Cursor, Fatal, Page, RawRecord

PAGE_ROWS = 10_000
"""As many as land in one batch: what is in memory is two pages, one that is kept and one that comes."""
RESTARTS_MAX = 3

ToRecord = Callable[[Record, str], RawRecord]


def is_one(cursor: Cursor | None) -> bool:
    """Whether the cursor stands in a bulk job."""
    return bool(cursor and "job" in cursor)


def before(cursor: Cursor | None) -> Cursor | None:
    """The cursor before the job that was given up, None when nothing was read before it."""
    if cursor and "restarts" in cursor:
        return {"until": cursor["until"]} if cursor["until"] != BEGINNING else None
    return cursor


def finished(cursor: Cursor) -> Cursor:
    """The end of the last window that is over: a job under way is not."""
    return {"until": cursor.get("after", BEGINNING)} if is_one(cursor) else cursor


def start(client: SalesforceClient, soql: str, *, walk: Walk, cursor: Cursor | None) -> Page:
    """Makes the job; its page is empty, so that the job's id is kept before it is waited for.

    Whatever the job's results say was so when it was made or later, however much later they are read.
    """
    made = {
        "job": bulk.start_query(client, soql, with_deleted=True),
        "until": walk.until.isoformat(),
        "seen": "0",
    }
    made |= {"after": walk.after.isoformat()} if walk.after else {}
    made |= {"restarts": cursor["restarts"]} if cursor and "restarts" in cursor else {}
    return Page(records=[], next_cursor=made, has_more=True, asks_ahead=True)


def next_page(
    client: SalesforceClient, cursor: Cursor, *, types: Mapping[str, str], record: ToRecord
) -> Page:
    """The next page of the job's results. Raises Retryable while it runs, Fatal when it cannot be believed."""
    path = f"{bulk.JOBS}/{bulk.job_id(cursor['job'])}"
    try:
        job = bulk.wait_for(client, path)
    except Fatal:
        return _restart(cursor)  # failed, given up or gone: jobs are kept for days, not for ever
    results = bulk.read_page(client, cursor["job"], locator=cursor.get("locator", ""), rows_max=PAGE_ROWS)
    rows = [bulk.typed(row, types) for row in results.rows]
    seen = int(cursor["seen"]) + len(rows)
    if not results.locator and str(seen) != str(job.get("numberRecordsProcessed")):
        return _restart(cursor)
    records, asked = _records(rows, record), _asked(path, cursor)
    if not results.locator:
        return Page(records=records, next_cursor={"until": cursor["until"]}, has_more=False, request=asked)
    following = {**cursor, "locator": results.locator, "seen": str(seen)}
    return Page(records=records, next_cursor=following, has_more=True, request=asked, asks_ahead=True)


def _asked(path: str, cursor: Cursor) -> str:
    place = f", locator {cursor['locator']}" if "locator" in cursor else ""
    return f"{path}/results up to {cursor['until']}{place}"


def _restart(cursor: Cursor) -> Page:
    restarts = int(cursor.get("restarts", "0")) + 1
    if restarts > RESTARTS_MAX:
        raise Fatal(
            f"Salesforce's bulk jobs gave other rows than they counted {restarts} times; read by REST instead"
        )
    again = {"until": cursor.get("after", BEGINNING), "restarts": str(restarts)}
    return Page(records=[], next_cursor=again, has_more=True)


def _records(rows: list[dict[str, Any]], record: ToRecord) -> list[RawRecord]:
    known = objects(rows, place="Salesforce's bulk job", having=("Id", STAMP))
    keys = numbered((row["Id"] or "", str(row[STAMP])) for row in known)
    return [record(row, version) for row, (_, version) in zip(rows, keys, strict=True)]
