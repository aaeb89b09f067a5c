"""The twin's Bulk API 1.0 in JSON: jobs of batches, as Airflow's bulk operator drives it."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from include.twin.salesforce_jobs import OPERATIONS, Job, info, job_of, new_job, polled, save_rows
from include.twin.salesforce_org import Org, Refused, json_body, org_of
from include.twin.salesforce_query import answer_of, shown
from include.twin.soql import MalformedQuery
from include.twin.soql_scope import QueryRefused
from include.twin.web import json_reply

BATCH_ROWS_MAX = 10_000


async def new(request: Request) -> Response:
    asked = await json_body(request)
    if asked.get("operation") not in (*OPERATIONS, "query", "queryAll"):
        raise Refused(400, "InvalidJob", f"Invalid job operation: {asked.get('operation')}")
    if asked.get("contentType", "JSON") != "JSON":
        raise Refused(400, "InvalidJob", "this twin takes bulk 1.0 in JSON only")
    return json_reply(_info(new_job(org_of(request), "bulk1", asked)), status=201)


async def job(request: Request) -> Response:
    """GET: how far it is; POST: close it or give it up."""
    found = job_of(org_of(request), "bulk1", request.path_params["id"])
    if request.method == "POST":
        found.state = str((await json_body(request)).get("state", found.state))
    return json_reply(_info(found))


async def batches(request: Request) -> Response:
    """GET: all of them; POST: one more."""
    org = org_of(request)
    found = job_of(org, "bulk1", request.path_params["id"])
    if request.method == "GET":
        return json_reply({"batchInfo": [_batch_info(found, batch) for batch in found.batches.values()]})
    if found.state != "Open":
        raise Refused(400, "InvalidJobState", "Job is not in Open state")
    body = (await request.body()).decode("utf-8", errors="replace")
    batch = new_job(org, "batch", {"operation": found.operation, "object": found.sobject}, state="Queued")
    batch.key = found.key
    if found.operation in OPERATIONS:
        batch.rows = _rows(body)
    else:
        batch.query = body
    found.batches[batch.id] = batch
    return json_reply(_batch_info(found, batch), status=201)


def batch(request: Request) -> Response:
    found, waiting = _batch(request)
    root = f"/services/data/v{request.path_params['version']}"
    polled(waiting, lambda due: _run(org_of(request), due, root))
    return json_reply(_batch_info(found, waiting))


def request_of_batch(request: Request) -> Response:
    return json_reply(_batch(request)[1].rows)


def results(request: Request) -> Response:
    found, done = _batch(request)
    if done.state != "Completed":
        raise Refused(400, "InvalidBatch", "Batch not completed")
    if found.operation in OPERATIONS:
        return json_reply([_result(result) for result in done.results])
    return json_reply([f"752{done.id[3:]}"])


def query_result(request: Request) -> Response:
    return json_reply(list(_batch(request)[1].shown))


def _batch(request: Request) -> tuple[Job, Job]:
    found = job_of(org_of(request), "bulk1", request.path_params["id"])
    held = found.batches.get(request.path_params["batch"])
    if held is None:
        raise Refused(400, "InvalidBatch", "Unable to find batch")
    return found, held


def _run(org: Org, due: Job, root: str) -> None:
    try:
        if due.query:
            answer = answer_of(org, due.query, with_deleted=due.operation == "queryAll")
            due.shown = [shown(record, answer, root) for record in answer.records]
        else:
            save_rows(org, due)
        due.state = "Completed"
    except (Refused, QueryRefused, MalformedQuery) as refused:
        due.state, due.error = "Failed", f"InvalidBatch : {refused}"


def _rows(body: str) -> list[Any]:
    try:
        rows = json.loads(body)
    except ValueError:
        raise Refused(400, "InvalidBatch", "Failed to parse JSON") from None
    if not isinstance(rows, list) or len(rows) > BATCH_ROWS_MAX:
        raise Refused(400, "ExceededQuota", f"a batch is a list of at most {BATCH_ROWS_MAX} records")
    return rows


def _result(result: dict[str, Any]) -> dict[str, Any]:
    errors = [error | {"extendedErrorDetails": None} for error in result["errors"]]
    return {
        "success": result["success"],
        "created": result.get("created", False),
        "id": result.get("id"),
        "errors": errors,
    }


def _info(found: Job) -> dict[str, Any]:
    batches = found.batches.values()
    return info(
        found,
        contentType="JSON",
        externalIdFieldName=found.key or None,
        apiVersion=59.0,
        numberBatchesQueued=sum(batch.state == "Queued" for batch in batches),
        numberBatchesInProgress=sum(batch.state == "InProgress" for batch in batches),
        numberBatchesCompleted=sum(batch.state == "Completed" for batch in batches),
        numberBatchesFailed=sum(batch.state == "Failed" for batch in batches),
        numberBatchesTotal=len(batches),
        numberRecordsProcessed=sum(len(batch.results) for batch in batches),
    )


def _batch_info(found: Job, held: Job) -> dict[str, Any]:
    return {
        "id": held.id,
        "jobId": found.id,
        "state": held.state,
        "stateMessage": held.error or None,
        "createdDate": held.created,
        "systemModstamp": held.created,
        "numberRecordsProcessed": len(held.results),
        "numberRecordsFailed": sum(not result["success"] for result in held.results),
    }
