"""The twin's Bulk API 2.0: queries whose answer comes in pages of CSV, and CSV taken in."""

import base64
import binascii
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from include.twin import soql
from include.twin.salesforce_jobs import (
    OPERATIONS,
    Job,
    cell,
    info,
    job_of,
    new_job,
    polled,
    read_csv,
    save_rows,
    write_csv,
)
from include.twin.salesforce_org import Org, Refused, json_body, org_of, root_of
from include.twin.salesforce_query import answer_of
from include.twin.soql_scope import QueryRefused
from include.twin.web import json_reply

RESULT_ROWS_MAX = 250_000
KINDS = {"query": ("query", "queryAll"), "ingest": OPERATIONS}


async def jobs(request: Request) -> Response:
    """GET: the jobs there are; POST: a new one."""
    org, kind = org_of(request), request.path_params["kind"]
    if kind not in KINDS:
        raise Refused(404, "NOT_FOUND", "The requested resource does not exist")
    if request.method == "GET":
        held = [job for job in org.jobs.values() if job.kind == kind]
        return json_reply(
            {"done": True, "records": [_info(request, job) for job in held], "nextRecordsUrl": None}
        )
    asked = await json_body(request)
    if asked.get("operation") not in KINDS[kind]:
        raise Refused(400, "INVALIDJOB", f"invalid operation: {asked.get('operation')}")
    if kind == "query":
        query = soql.parse(str(asked.get("query", "")))
        if query.group_by or query.children or any(column.function for column in query.columns):
            raise Refused(
                400, "FEATURENOTENABLED", "Aggregate and nested queries are not supported in Bulk V2"
            )
        named = dict(asked) | {"object": org.scope(query.sobject).sobject.name}
        job = new_job(org, kind, named, query=str(asked["query"]), state="UploadComplete")
        answer_of(org, job.query)  # what cannot be run is refused at once
    else:
        job = new_job(org, kind, asked)
    return json_reply(_info(request, job))


async def job(request: Request) -> Response:
    """GET: how far it is; PATCH: hand it in or give it up; DELETE."""
    org = org_of(request)
    found = job_of(org, request.path_params["kind"], request.path_params["id"])
    if request.method == "DELETE":
        del org.jobs[found.id]
        return Response(status_code=204)
    if request.method == "PATCH":
        state = (await json_body(request)).get("state")
        if state not in {"UploadComplete", "Aborted"}:
            raise Refused(400, "INVALIDJOBSTATE", f"invalid state: {state}")
        found.state = str(state)
        reply = json_reply(_info(request, found))
        if not found.polls_left:  # what was handed in is done, whether or not anybody asks after it
            polled(found, lambda waiting: _run(request, waiting))
        return reply
    polled(found, lambda waiting: _run(request, waiting))
    return json_reply(_info(request, found))


def _run(request: Request, found: Job) -> None:
    org = org_of(request)
    try:
        if found.kind == "query":
            _answer(org, found)
        else:
            found.header, rows = read_csv(found.uploaded)
            found.rows = list(rows)
            save_rows(org, found)
        found.state = "JobComplete"
    except (Refused, QueryRefused) as refused:
        found.state, found.error = "Failed", f"{refused.code} : {refused}"


def _answer(org: Org, found: Job) -> None:
    """What the query's rows hold now; nothing that changes later shows in it."""
    answer = answer_of(org, found.query, with_deleted=found.operation == "queryAll")
    found.header = [".".join(path.names) for path in answer.columns]
    found.cells = [tuple(path.value(record) for path in answer.columns) for record in answer.records]


async def upload(request: Request) -> Response:
    found = job_of(org_of(request), "ingest", request.path_params["id"])
    if found.state != "Open":
        raise Refused(400, "INVALIDJOBSTATE", f"Can't add batch to job in state {found.state}")
    found.uploaded = (await request.body()).decode("utf-8", errors="replace")
    return Response(status_code=201)


def query_results(request: Request) -> Response:
    found = job_of(org_of(request), "query", request.path_params["id"])
    if found.cells is None:
        raise Refused(400, "INVALIDJOBSTATE", f"results are not ready: the job is in state {found.state}")
    size = int(request.query_params.get("maxRecords") or RESULT_ROWS_MAX)
    start = _start(request.query_params.get("locator", ""))
    rows = found.cells[start : start + size]
    end = start + len(rows)
    text = write_csv(found.header, ([cell(value) for value in row] for row in rows))
    more = end < len(found.cells)
    headers = {
        "Sforce-Locator": base64.urlsafe_b64encode(str(end).encode()).decode() if more else "null",
        "Sforce-NumberOfRecords": str(len(rows)),
    }
    return Response(text, headers=headers, media_type="text/csv")


def _start(locator: str) -> int:
    if locator in {"", "null"}:
        return 0
    try:
        return int(base64.urlsafe_b64decode(locator))
    except (binascii.Error, ValueError):
        raise Refused(400, "INVALIDLOCATOR", "invalid locator") from None


def ingest_results(request: Request) -> Response:
    """Rows that were saved, that failed, or that were never looked at."""
    found, which = job_of(org_of(request), "ingest", request.path_params["id"]), request.path_params["which"]
    header = list(found.header)
    pairs = list(zip(_lines(found), found.results, strict=False))
    match which.lower():
        case "successfulresults":
            good = ([r["id"], cell(r.get("created", False)), *line] for line, r in pairs if r["success"])
            text = write_csv(["sf__Id", "sf__Created", *header], good)
        case "failedresults":
            bad = ([r.get("id", ""), _error(r), *line] for line, r in pairs if not r["success"])
            text = write_csv(["sf__Id", "sf__Error", *header], bad)
        case "unprocessedrecords":
            text = write_csv(header, _lines(found)[len(found.results) :])
        case _:
            raise Refused(404, "NOT_FOUND", "The requested resource does not exist")
    return Response(text, media_type="text/csv")


def _lines(found: Job) -> list[list[str]]:
    if not found.uploaded or found.state == "Failed":
        return []
    header, rows = read_csv(found.uploaded)
    return [[_given(row, name) for name in header] for row in rows]


def _given(row: dict[str, Any], name: str) -> str:
    parent, dot, key = name.partition(".")
    held = (row.get(parent) or {}).get(key) if dot else row.get(name)
    return "" if held is None else str(held)


def _error(result: dict[str, Any]) -> str:
    [error] = result["errors"]
    return f"{error['statusCode']}:{error['message']}:{','.join(error['fields'])}--"


def _info(request: Request, found: Job) -> dict[str, Any]:
    version = float(request.path_params["version"])
    common = info(found, apiVersion=version, columnDelimiter="COMMA", lineEnding="LF", jobType="V2Ingest")
    if found.kind == "query":
        done = len(found.cells or ())
        return common | {
            "jobType": "V2Query",
            "numberRecordsProcessed": done,
            "retries": 0,
            "isPkChunkingSupported": True,
        }
    failed = sum(not result["success"] for result in found.results)
    counts = {"numberRecordsProcessed": len(found.results), "numberRecordsFailed": failed}
    url = f"{root_of(request)}/jobs/ingest/{found.id}/batches".lstrip("/")
    key = {"externalIdFieldName": found.key} if found.operation == "upsert" else {}
    error = {"errorMessage": found.error} if found.error else {}
    return common | counts | {"contentUrl": url} | key | error
