"""What the twin's two bulk APIs share: jobs, CSV, and rows saved one by one."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from include.twin.salesforce_org import USER_ID, Org, Refused
from include.twin.salesforce_records import attempted
from include.twin.sobjects import Record, SObject
from include.twin.soql import Value, stamp

OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
NULL = "#N/A"
"""A cell of this text empties a field; an empty cell leaves it alone."""


@dataclass
class Job:
    """A bulk job: `polls_left` until it is done, its rows as they came, and what became of each.

    Of a query `cells` (in JSON `shown`) are its rows as they were when it ran.
    """

    id: str
    kind: str
    operation: str
    sobject: str
    created: str
    key: str = ""
    query: str = ""
    state: str = "Open"
    polls_left: int = 0
    uploaded: str = ""
    header: Sequence[str] = ()
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)
    cells: Sequence[tuple[Value, ...]] | None = None
    shown: Sequence[Mapping[str, Any]] = ()
    error: str = ""
    batches: dict[str, "Job"] = field(default_factory=dict)


def new_job(org: Org, kind: str, asked: Mapping[str, Any], **more: Any) -> Job:
    """Remembers a job. Raises Refused."""
    operation, name = str(asked.get("operation", "")), str(asked.get("object", ""))
    if operation in OPERATIONS and name.lower() not in org.sobjects:
        raise Refused(400, "INVALIDENTITY", f"Unable to find object: {name}")
    key = str(asked.get("externalIdFieldName") or ("Id" if operation in {"upsert", "update"} else ""))
    number = next(org.locators)
    job = Job(
        f"7505g{number:010d}AAA",
        kind,
        operation,
        name,
        stamp(org.now()),
        key=key,
        polls_left=org.bulk_polls,
        **more,
    )
    org.jobs[job.id] = job
    return job


def job_of(org: Org, kind: str, native_id: str) -> Job:
    """Raises Refused."""
    job = org.jobs.get(native_id)
    if not isinstance(job, Job) or job.kind != kind:
        raise Refused(404, "NOT_FOUND", "The requested resource does not exist")
    return job


def polled(job: Job, run: Callable[[Job], None]) -> None:
    """One more look at a job that has been handed in: it runs when it has been waited for long enough."""
    if job.state not in {"UploadComplete", "InProgress", "Queued"}:
        return
    job.state = "InProgress"
    job.polls_left -= 1
    if job.polls_left < 0:
        run(job)


def save_rows(org: Org, job: Job) -> None:
    """Every row by itself: its result stands at its place."""
    found = org.sobject(job.sobject)
    job.results = [attempted(partial(_saved, org, job, found, row)) for row in job.rows]


def _saved(org: Org, job: Job, found: SObject, row: Mapping[str, Any]) -> tuple[Record, bool]:
    values = {name: value for name, value in row.items() if name.lower() != "id"}
    native_id = next((value for name, value in row.items() if name.lower() == "id"), None)
    match job.operation:
        case "insert":
            return org.changes.insert(found, values), True
        case "update":
            return org.changes.update(found, native_id, values), False
        case "delete" | "hardDelete":
            return org.changes.delete(found, native_id, hard=job.operation == "hardDelete"), False
    key = found.field(job.key) or job.key
    value = next((value for name, value in row.items() if name.lower() == key.lower()), None)
    rest = {name: value for name, value in values.items() if name.lower() != key.lower()}
    return org.changes.upsert(found, key, value, rest)


def info(job: Job, **more: Any) -> dict[str, Any]:
    """What both APIs say of every job."""
    return {
        "id": job.id,
        "operation": job.operation,
        "object": job.sobject,
        "createdById": USER_ID,
        "createdDate": job.created,
        "systemModstamp": job.created,
        "state": job.state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        **more,
    }


def read_csv(text: str) -> tuple[list[str], list[dict[str, Any]]]:
    """Header and rows; `Account__r.Key__c` names the key of a parent. Raises Refused."""
    try:
        header, *lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except (csv.Error, ValueError):
        raise Refused(400, "InvalidBatch", "Failed to parse CSV header and rows") from None
    if any(len(line) != len(header) for line in lines):
        raise Refused(400, "InvalidBatch", "CSV rows and header have different numbers of columns")
    return header, [_row(header, line) for line in lines]


def _row(header: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, cell in zip(header, cells, strict=True):
        if not cell:
            continue
        value = None if cell == NULL else cell
        parent, dot, key = name.partition(".")
        row[parent] = {key: value} if dot else value
    return row


def write_csv(header: Iterable[str], rows: Iterable[Sequence[Any]]) -> str:
    """Every cell in quotes, as Salesforce writes them."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


def cell(value: Value) -> str:
    """A value as bulk CSV writes it: instants end in Z."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return text.removesuffix("+0000") + "Z" if text.endswith(".000+0000") else text
