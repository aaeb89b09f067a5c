"""The twin's REST resources of sObjects: describe, single records, and what changed."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from include.twin import soql
from include.twin.salesforce_org import Org, Refused, json_body, org_of, root_of
from include.twin.sobject_changes import Ambiguous, RowRefused
from include.twin.sobject_fields import describe_field
from include.twin.sobjects import Record, SObject, describe, id_key
from include.twin.web import json_reply
from include.twin.world import parse_instant

REPLICATION_DAYS_MAX = 30

# --- what there is


def describe_all(request: Request) -> Response:
    sobjects = [describe(sobject, root_of(request)) for sobject in org_of(request).shown.values()]
    return json_reply({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": sobjects})


def describe_one(request: Request) -> Response:
    org = org_of(request)
    sobject = org.sobject(request.path_params["name"])
    fields = [describe_field(field) for field in sobject.fields.values()]
    children = [
        {"childSObject": child.name, "field": spec.name, "relationshipName": spec.children}
        for child in org.shown.values()
        for spec in child.fields.values()
        if spec.children and spec.refers_to == sobject.name
    ]
    return json_reply(
        describe(sobject, root_of(request)) | {"fields": fields, "childRelationships": children}
    )


# --- one record


async def sobject(request: Request) -> Response:
    """GET: what it is in short; POST: a new record."""
    org = org_of(request)
    found = org.sobject(request.path_params["name"])
    if request.method in {"GET", "HEAD"}:
        return json_reply({"objectDescribe": describe(found, root_of(request)), "recentItems": []})
    record = org.changes.insert(found, await json_body(request))
    return json_reply(_saved(record), status=201)


async def record(request: Request) -> Response:
    """GET, PATCH, DELETE of a record by its id."""
    org = org_of(request)
    found, native_id = org.sobject(request.path_params["name"]), request.path_params["id"]
    if request.method in {"GET", "HEAD"}:
        return _shown(request, found, _visible(found, native_id))
    if request.method == "DELETE":
        org.changes.delete(found, native_id)
    else:
        org.changes.update(found, native_id, await json_body(request))
    return Response(status_code=204)


async def record_by_key(request: Request) -> Response:
    """GET, PATCH (upsert), DELETE of a record by an external id."""
    org = org_of(request)
    found, key, value = (request.path_params[name] for name in ("name", "key", "value"))
    found = org.sobject(found)
    if request.method == "PATCH":
        made, created = org.changes.upsert(found, key, value, await json_body(request))
        # Since version 46 an update answers with a body too.
        return json_reply(_saved(made) | {"created": created}, status=201 if created else 200)
    held = org.changes.with_key(found, key, value)
    if held is None:
        raise Refused(404, "NOT_FOUND", "The requested resource does not exist")
    if request.method == "DELETE":
        org.changes.delete(found, held["Id"])
        return Response(status_code=204)
    return _shown(request, found, held)


def ambiguous(request: Request, several: Ambiguous) -> Response:
    """300: the addresses of the records that share an external id."""
    root = f"/services/data/v{request.path_params.get('version', '')}/sobjects"
    name = request.path_params.get("name", "")
    return json_reply([f"{root}/{name}/{record['Id']}" for record in several.records], status=300)


def visible_or_none(found: SObject, native_id: Any) -> Record | None:
    """The living record of an id; None when there is none."""
    record = found.by_id.get(id_key(str(native_id)))
    return None if record is None or record["IsDeleted"] is True else record


def _visible(found: SObject, native_id: str) -> Record:
    record = visible_or_none(found, native_id)
    if record is None:
        raise Refused(404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible")
    return record


def _saved(record: Record) -> dict[str, Any]:
    return {"id": record["Id"], "success": True, "errors": []}


def _shown(request: Request, found: SObject, record: Record) -> Response:
    asked = [name.strip() for name in request.query_params.get("fields", "").split(",") if name.strip()]
    return json_reply(with_fields(found, record, asked or list(found.fields), root_of(request)))


def with_fields(found: SObject, record: Record, asked: list[str], root: str) -> dict[str, Any]:
    """The record with the fields asked for. Raises Refused."""
    names = [name for name in map(found.field, asked) if name]
    if len(names) < len(asked):
        raise Refused(400, "INVALID_FIELD", f"No such column among {asked} on sobject of type {found.name}")
    attributes = {"type": found.name, "url": f"{root}/sobjects/{found.name}/{record['Id'] or ''}"}
    return {"attributes": attributes} | {name: record[name] for name in names}


def row_errors(refused: RowRefused) -> list[dict[str, Any]]:
    """The refusal of one row of several."""
    return [{"statusCode": refused.code, "message": str(refused), "fields": list(refused.fields)}]


def attempted(act: Callable[[], tuple[Record, bool | None]]) -> dict[str, Any]:
    """The result of one row of several, refused or not."""
    try:
        record, created = act()
    except RowRefused as refused:
        return {"success": False, "errors": row_errors(refused)}
    saved = _saved(record)
    return saved if created is None else saved | {"created": created}


# --- replication


def updated(request: Request) -> Response:
    records, org, end = _changed(request)
    return json_reply(
        {"ids": [record["Id"] for record in records if record["IsDeleted"] is not True], **_covered(org, end)}
    )


def deleted(request: Request) -> Response:
    records, org, end = _changed(request)
    gone = [{"id": r["Id"], "deletedDate": r["SystemModstamp"]} for r in records if r["IsDeleted"] is True]
    earliest = soql.stamp(org.now() - timedelta(days=REPLICATION_DAYS_MAX))
    return json_reply({"deletedRecords": gone, "earliestDateAvailable": earliest, **_covered(org, end)})


def _covered(org: Org, end: datetime) -> dict[str, str]:
    return {"latestDateCovered": soql.stamp(min(end, org.open_since or end))}


def _changed(request: Request) -> tuple[list[Record], Org, datetime]:
    """The records stamped in [start, end) of the request, and how far that covers: `end`, but not the future.

    Seconds of the request are ignored, as Salesforce ignores them.
    """
    org = org_of(request)
    sobject, now = org.sobject(request.path_params["name"]), org.now()
    asked = [parse_instant(request.query_params.get(name, "")) for name in ("start", "end")]
    if None in asked:
        raise Refused(
            400, "MALFORMED_QUERY", "start and end must be dates with a time, such as 2026-01-05T04:00:00Z"
        )
    start, end = (instant.replace(second=0, microsecond=0) for instant in asked if instant)
    if start >= end:
        raise Refused(400, "INVALID_REPLICATION_DATE", "startDate must be before endDate")
    if start < now - timedelta(days=REPLICATION_DAYS_MAX):
        message = f"startDate must not be more than {REPLICATION_DAYS_MAX} days ago"
        raise Refused(400, "INVALID_REPLICATION_DATE", message)
    end = min(end, now)
    found = [r for r in sobject.records if soql.stamp(start) <= str(r["SystemModstamp"]) < soql.stamp(end)]
    return found, org, end
