"""Bulk API 2.0: jobs made, waited for and read page by page, every count checked.

A page whose rows are not as many as stated, or whose last line is cut off, is not accepted; nor is a job whose pages
do not add up to the rows it processed.
"""

import csv
import io
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from include.connectors.salesforce.client import SalesforceClient
from include.connectors.shapes import an_object
from include.connectors.wire import exact, read_json
from include.ports import Fatal, Retryable

POLLS_MAX = 60
POLL_S_FIRST, POLL_S_MAX = 0.2, 5.0
JOBS = "jobs/query"
_LOCATOR = re.compile(r"[A-Za-z0-9_=+-]{1,200}")
_NO_TEXT = {"boolean", "datetime", "currency", "double", "percent", "int", "long"}

csv.field_size_limit(1 << 28)


class Results(NamedTuple):
    """A page of a query job: its rows, and where the next one is ('' at the end)."""

    rows: list[dict[str, str]]
    locator: str


def start_query(client: SalesforceClient, soql: str, *, with_deleted: bool) -> str:
    """The id of a new query job. Raises Retryable, Fatal."""
    asked = {"operation": "queryAll" if with_deleted else "query", "query": soql}
    return job_id(made_job(client.call("POST", JOBS, json=asked).text))


def made_job(text: str) -> Any:
    """The id in the answer about a new job, whatever it is. Raises Retryable when it is no such answer."""
    return an_object(read_json(text, place="Salesforce"), place="Salesforce", having=("id",))["id"]


def wait_for(
    client: SalesforceClient, path: str, *, pause: Callable[[float], None] = time.sleep
) -> Mapping[str, Any]:
    """The job once it is done. Raises Retryable while it is not, Fatal when it failed."""
    wait_s = POLL_S_FIRST
    for _ in range(POLLS_MAX):
        job, _ = client.get(path)
        if job.get("state") == "JobComplete":
            return dict(job)
        if job.get("state") in ("Failed", "Aborted"):
            raise Fatal(
                f"Salesforce's bulk job {path} ended as {job['state']}; its reason is in its Setup pages"
            )
        pause(wait_s)
        wait_s = min(wait_s * 1.5, POLL_S_MAX)
    raise Retryable(f"Salesforce's bulk job {path} is not done yet; it is asked after again later")


def read_page(client: SalesforceClient, job: str, *, locator: str, rows_max: int) -> Results:
    """One page of results, checked against the count in its header. Raises Retryable when it was cut off."""
    params = {"maxRecords": str(rows_max)} | ({"locator": locator} if locator else {})
    response = client.call("GET", f"{JOBS}/{job}/results", params=params, headers={"Accept": "text/csv"})
    response.encoding = "utf-8"
    rows = read_csv(response.text)
    stated = response.headers.get(
        "Sforce-NumberOfRecords", ""
    )  # a proxy may strip it; the job's own count stays
    if stated.isdecimal() and int(stated) != len(rows):
        raise Retryable(f"Salesforce stated {int(stated):,} rows and gave {len(rows):,}; try again")
    following = response.headers.get("Sforce-Locator", "null")
    if following != "null" and not _LOCATOR.fullmatch(following):
        raise Fatal("Salesforce: the locator of the next results is not one; not followed")
    return Results(rows, "" if following == "null" else following)


def read_csv(text: str) -> list[dict[str, str]]:
    """The rows by header. Raises Retryable when the text ends in the middle."""
    if text and not text.endswith("\n"):
        raise Retryable("Salesforce's results end in the middle of a line; try again")
    try:
        lines = list(csv.reader(io.StringIO(text.replace("\0", ""), newline=""), strict=True))
        header = lines[0] if lines else []
        return [dict(zip(header, line, strict=True)) for line in lines[1:]]
    except (csv.Error, ValueError):
        raise Retryable("Salesforce's results are not the CSV they should be; try again") from None


def typed(row: Mapping[str, str], types: Mapping[str, str]) -> dict[str, Any]:
    """A row of CSV as REST's JSON would have given it, so that both ways make the same record."""
    return {
        name: None if text == "" else _value(text, types[name]) if types.get(name) in _NO_TEXT else text
        for name, text in row.items()
    }


def _value(text: str, kind: str) -> Any:
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if kind == "datetime":
        return f"{text[:-1]}+0000" if text.endswith("Z") else text
    return exact(text)


def job_id(native_id: Any) -> str:
    """The id, which becomes part of an address. Raises Fatal when it is none."""
    if not re.fullmatch(r"[A-Za-z0-9]{15,18}", str(native_id)):
        raise Fatal("Salesforce: the job's id is not one; not followed")
    return str(native_id)


def write_csv(names: Sequence[str], rows: Sequence[Mapping[str, str | None]]) -> bytes:
    """Rows for a job to take in: None empties a field."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([["#N/A" if row.get(name) is None else row[name] for name in names] for row in rows])
    return out.getvalue().encode()
