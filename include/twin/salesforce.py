"""Salesforce's REST API over the sObjects of a world: log-in, describe, query with paging, replication."""

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from include.twin import soql, soql_run
from include.twin.salesforce_org import Org, Refused, org_of, token
from include.twin.sobjects import Record, describe, describe_field, id_key, load_sobjects
from include.twin.web import json_reply, web_app
from include.twin.world import Clock, World, parse_instant, utc_now

API_VERSIONS = range(40, 67)
DAILY_REQUESTS_MAX = 1_000_000
PAGE_ROWS_MIN, PAGE_ROWS_MAX = 200, 2000
OPEN_LOCATORS_MAX = 50
REPLICATION_DAYS_MAX = 30


def salesforce_app(world: World, *, client_id: str, client_secret: str, clock: Clock = utc_now) -> Starlette:
    """Plain HTTP; every path answers with and without a slash at its end."""
    org = Org(load_sobjects(world, now=clock()), client_id, client_secret, clock)
    paths: dict[str, Callable[[Request], Response]] = {
        "": _resources,
        "/limits": _limits,
        "/query": _query,
        "/queryAll": _query,
        "/query/{locator}": _more,
        "/sobjects": _describe_all,
        "/sobjects/{name}": _basic_information,
        "/sobjects/{name}/describe": _describe,
        "/sobjects/{name}/updated": _updated,
        "/sobjects/{name}/deleted": _deleted,
        "/sobjects/{name}/{id}": _record,
    }
    routes = [Route("/services/oauth2/token", token, methods=["POST"]), Route("/services/data", _versions)]
    routes += [Route("/services/data/v{version}" + path, endpoint) for path, endpoint in paths.items()]
    both = [
        Route(route.path + end, route.endpoint, methods=route.methods)
        for route in routes
        for end in ("", "/")
    ]
    app = web_app(
        both,
        clock=clock,
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=_guard)],
        exception_handlers={
            Refused: _refusal,
            soql.MalformedQuery: _refusal,
            soql_run.QueryRefused: _refusal,
            HTTPException: _http_refusal,
        },
    )
    app.state.org = org
    return app


# --- every request


async def _guard(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    org, path = org_of(request), request.url.path.rstrip("/")
    if not path.startswith("/services/") or path == "/services/oauth2/token":
        return await go_on(request)
    # The list of versions is the one resource Salesforce shows to strangers.
    if (
        path != "/services/data"
        and request.headers.get("authorization", "").partition(" ")[2] not in org.tokens
    ):
        return _error(401, "INVALID_SESSION_ID", "Session expired or invalid")
    version = re.match(r"/services/data/v([0-9]+)\.0(/|$)", path)
    if path != "/services/data" and (not version or int(version[1]) not in API_VERSIONS):
        return _error(404, "NOT_FOUND", "The requested resource does not exist")
    org.requests += 1
    response = await go_on(request)
    response.headers["Sforce-Limit-Info"] = f"api-usage={org.requests}/{DAILY_REQUESTS_MAX}"
    return response


def _refusal(_request: Request, refused: Exception) -> Response:
    return _error(getattr(refused, "status", 400), getattr(refused, "code", "MALFORMED_QUERY"), str(refused))


def _http_refusal(_request: Request, refused: Exception) -> Response:
    if getattr(refused, "status_code", 404) == HTTPStatus.METHOD_NOT_ALLOWED:
        return _error(405, "METHOD_NOT_ALLOWED", "HTTP Method not allowed. Allowed are GET, HEAD")
    return _error(404, "NOT_FOUND", "The requested resource does not exist")


def _error(status: int, code: str, message: str) -> Response:
    return json_reply([{"message": message, "errorCode": code}], status=status)


def _root(request: Request) -> str:
    return f"/services/data/v{request.path_params['version']}"


# --- what there is


def _versions(_request: Request) -> Response:
    names = [f"{number}.0" for number in API_VERSIONS]
    return json_reply([{"label": name, "url": f"/services/data/v{name}", "version": name} for name in names])


def _resources(request: Request) -> Response:
    return json_reply(
        {name: f"{_root(request)}/{name}" for name in ("limits", "query", "queryAll", "sobjects")}
    )


def _limits(request: Request) -> Response:
    remaining = max(0, DAILY_REQUESTS_MAX - org_of(request).requests)
    return json_reply({"DailyApiRequests": {"Max": DAILY_REQUESTS_MAX, "Remaining": remaining}})


def _describe_all(request: Request) -> Response:
    sobjects = [describe(sobject, _root(request)) for sobject in org_of(request).sobjects.values()]
    return json_reply({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": sobjects})


def _basic_information(request: Request) -> Response:
    sobject = org_of(request).sobject(request.path_params["name"])
    return json_reply({"objectDescribe": describe(sobject, _root(request)), "recentItems": []})


def _describe(request: Request) -> Response:
    sobject = org_of(request).sobject(request.path_params["name"])
    fields = [describe_field(name, kind) for name, kind in sobject.fields.items()]
    return json_reply(describe(sobject, _root(request)) | {"fields": fields, "childRelationships": []})


# --- records


def _query(request: Request) -> Response:
    org, query = org_of(request), soql.parse(request.query_params.get("q", ""))
    sobject = org.sobjects.get(query.sobject.lower())
    if sobject is None:
        raise Refused(400, "INVALID_TYPE", f"sObject type '{query.sobject}' is not supported.")
    answer = soql_run.run(query, sobject, with_deleted=request.url.path.rstrip("/").endswith("queryAll"))
    locator = f"0r8{next(org.locators):012d}AAA"
    if len(answer.records) > _page_rows(request):
        org.answers[locator] = answer
        while len(org.answers) > OPEN_LOCATORS_MAX:
            org.answers.popitem(last=False)
    return _page(request, answer, locator, start=0)


def _more(request: Request) -> Response:
    locator, _, start = request.path_params["locator"].rpartition("-")
    answer = org_of(request).answers.get(locator)
    if answer is None or not start.isdecimal() or int(start) >= len(answer.records):
        raise Refused(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
    return _page(request, answer, locator, start=int(start))


def _page(request: Request, answer: soql_run.Answer, locator: str, *, start: int) -> Response:
    end = start + _page_rows(request)
    page: dict[str, Any] = {"totalSize": answer.total, "done": end >= len(answer.records)}
    if not page["done"]:
        page["nextRecordsUrl"] = f"{_root(request)}/query/{locator}-{end}"
    shown = answer.records[start:end]
    page["records"] = [_shown(record, answer.names, answer.sobject, _root(request)) for record in shown]
    return json_reply(page)


def _page_rows(request: Request) -> int:
    asked = re.search(
        r"batchSize\s*=\s*(\d{1,6})", request.headers.get("sforce-query-options", ""), re.IGNORECASE
    )
    return min(max(int(asked[1]), PAGE_ROWS_MIN), PAGE_ROWS_MAX) if asked else PAGE_ROWS_MAX


def _shown(record: Record, names: Sequence[str], sobject: str, root: str) -> dict[str, Any]:
    attributes = {"type": sobject}
    if sobject != "AggregateResult":
        attributes["url"] = f"{root}/sobjects/{sobject}/{record['Id'] or ''}"
    return {"attributes": attributes} | {name: record[name] for name in names}


def _record(request: Request) -> Response:
    sobject = org_of(request).sobject(request.path_params["name"])
    record = sobject.by_id.get(id_key(request.path_params["id"]))
    if record is None:
        raise Refused(404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible")
    asked = [name.strip() for name in request.query_params.get("fields", "").split(",") if name.strip()]
    names = [name for name in map(sobject.field, asked or sobject.fields) if name]
    if len(names) < len(asked):
        raise Refused(400, "INVALID_FIELD", f"No such column among {asked} on sobject of type {sobject.name}")
    return json_reply(_shown(record, names, sobject.name, _root(request)))


# --- replication


def _updated(request: Request) -> Response:
    records, end = _changed(request)
    return json_reply(
        {
            "ids": [record["Id"] for record in records if record["IsDeleted"] is not True],
            **_covered(request, end),
        }
    )


def _deleted(request: Request) -> Response:
    records, end = _changed(request)
    gone = [{"id": r["Id"], "deletedDate": r["SystemModstamp"]} for r in records if r["IsDeleted"] is True]
    earliest = soql.stamp(org_of(request).now() - timedelta(days=REPLICATION_DAYS_MAX))
    return json_reply({"deletedRecords": gone, "earliestDateAvailable": earliest, **_covered(request, end)})


def _covered(request: Request, end: datetime) -> dict[str, str]:
    return {"latestDateCovered": min([soql.stamp(end), *org_of(request).uncommitted])}


def _changed(request: Request) -> tuple[list[Record], datetime]:
    """The records stamped in [start, end) of the request, and how far that covers: `end`, but not the future.

    Seconds of the request are ignored, as Salesforce ignores them.
    """
    sobject, now = org_of(request).sobject(request.path_params["name"]), org_of(request).now()
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
    return found, end
