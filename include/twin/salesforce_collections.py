"""The twin's sObject Collections: up to 200 rows a call, each with a result of its own."""

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from include.twin.salesforce_org import Org, Refused, json_body, org_of, root_of
from include.twin.salesforce_records import attempted, visible_or_none, with_fields
from include.twin.sobject_changes import RowRefused
from include.twin.sobjects import Record, SObject
from include.twin.web import json_reply

ROWS_MAX = 200
RETRIEVED_MAX = 2000
TYPE_CHUNKS_MAX = 10
ROLLED_BACK = (
    "Record rolled back because not all records were valid and the request was using AllOrNone header"
)

Act = Callable[[], tuple[Record, bool | None]]


async def collections(request: Request) -> Response:
    """POST: insert; PATCH: update; DELETE: by ids."""
    org = org_of(request)
    if request.method == "DELETE":
        ids = [name for name in request.query_params.get("ids", "").split(",") if name]
        strict = request.query_params.get("allOrNone", "").lower() == "true"
        return _saved(org, [_deletion(org, native_id) for native_id in ids], strict=strict)
    body = await json_body(request)
    rows = _rows(body)
    make = _insertion if request.method == "POST" else _update
    return _saved(org, [make(org, row) for row in rows], strict=body.get("allOrNone") is True)


async def collections_by_type(request: Request) -> Response:
    """GET and POST: records by their ids, in the order asked for, null where there is none."""
    found = org_of(request).sobject(request.path_params["name"])
    if request.method == "GET":
        ids, fields = (request.query_params.get(name, "").split(",") for name in ("ids", "fields"))
    else:
        body = await json_body(request)
        ids, fields = body.get("ids", []), body.get("fields", [])
    if len(ids) > RETRIEVED_MAX:
        raise Refused(
            400, "EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {RETRIEVED_MAX}"
        )
    records = [visible_or_none(found, native_id) for native_id in ids]
    root = root_of(request)
    return json_reply([record and with_fields(found, record, list(fields), root) for record in records])


async def collections_by_key(request: Request) -> Response:
    """PATCH: upsert by an external id."""
    org, body = org_of(request), await json_body(request)
    found, key = org.sobject(request.path_params["name"]), request.path_params["key"]
    rows = _rows(body)
    name = found.field(key)
    if name is None or not (found.fields[name].external_id or name == "Id"):
        raise Refused(
            400, "INVALID_FIELD", f"Field name provided, {key} is not an External ID or indexed field"
        )
    stated = [str(_member(row, name)).casefold() for row in rows]
    repeated = {value for value, times in Counter(stated).items() if times > 1}
    acts = [_upsert(org, found, name, row, repeated) for row in rows]
    return _saved(org, acts, strict=body.get("allOrNone") is True)


def _saved(org: Org, acts: list[Act], *, strict: bool) -> Response:
    if len(acts) > ROWS_MAX:
        raise Refused(
            400, "EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {ROWS_MAX} records"
        )
    with org.changes.all_or_nothing() as undo:
        results = [attempted(act) for act in acts]
        if strict and not all(result["success"] for result in results):
            undo()
            rolled_back = {
                "statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK",
                "message": ROLLED_BACK,
                "fields": [],
            }
            failed = {"success": False, "errors": [rolled_back]}
            results = [failed if result["success"] else result for result in results]
    return json_reply(results)


def _rows(body: Any) -> list[dict[str, Any]]:
    rows: Any = body.get("records") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not rows:
        raise Refused(400, "JSON_PARSER_ERROR", "records: a list of records is required")
    types = [_type_of(row) for row in rows]
    chunks = 1 + sum(one != other for one, other in pairwise(types))
    if chunks > TYPE_CHUNKS_MAX:
        raise Refused(400, "INVALID_INPUT", f"Operation involves more than {TYPE_CHUNKS_MAX} chunks of types")
    return list(rows)


def _type_of(row: dict[str, Any]) -> str:
    return str((row.get("attributes") or {}).get("type", ""))


def _member(row: dict[str, Any], name: str) -> Any:
    if name in row:
        return row[name]
    return next((value for given, value in row.items() if given.lower() == name.lower()), None)


def _typed(org: Org, row: dict[str, Any]) -> SObject:
    found = org.sobjects.get(_type_of(row).lower())
    if found is None:
        raise RowRefused("INVALID_TYPE", f"sObject type '{_type_of(row)}' is not supported.")
    return found


def _insertion(org: Org, row: dict[str, Any]) -> Act:
    return lambda: (org.changes.insert(_typed(org, row), row), None)


def _update(org: Org, row: dict[str, Any]) -> Act:
    return lambda: (org.changes.update(_typed(org, row), _member(row, "Id"), row), None)


def _upsert(org: Org, found: SObject, key: str, row: dict[str, Any], repeated: Iterable[str]) -> Act:
    def act() -> tuple[Record, bool]:
        value = _member(row, key)
        if str(value).casefold() in repeated:
            raise RowRefused("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", key)
        if key != "Id" and value in {None, ""}:
            raise RowRefused("MISSING_ARGUMENT", f"{key} not specified", key)
        values = {given: held for given, held in row.items() if given.lower() != key.lower()}
        return org.changes.upsert(found, key, value, values)

    return act


def _deletion(org: Org, native_id: str) -> Act:
    def act() -> tuple[Record, None]:
        found = next((s for s in org.sobjects.values() if s.prefix == native_id[:3]), None)
        if found is None:
            raise RowRefused("MALFORMED_ID", f"malformed id {native_id}")
        return org.changes.delete(found, native_id), None

    return act
