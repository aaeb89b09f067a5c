"""Salesforce's APIs over the sObjects of a world: log-in, REST, composite, Bulk 2.0 and 1.0."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from include.twin import (
    salesforce_bulk1,
    salesforce_bulk2,
    salesforce_collections,
    salesforce_composite,
    salesforce_deploy,
    salesforce_oauth,
    salesforce_query,
    salesforce_records,
    soql,
)
from include.twin.salesforce_grants import Grants
from include.twin.salesforce_org import (
    ORGANIZATION_ID,
    USER_ID,
    Org,
    Refused,
    address_of,
    errors,
    org_of,
    root_of,
)
from include.twin.sobject_changes import Ambiguous, RowRefused
from include.twin.sobjects import load_sobjects
from include.twin.soql_scope import QueryRefused
from include.twin.web import json_reply, web_app
from include.twin.world import Clock, World, utc_now

API_VERSIONS = range(40, 67)
READ, WRITE = ("GET",), ("POST",)

Endpoint = Callable[[Request], Response | Awaitable[Response]]


def salesforce_app(
    world: World, *, client_id: str, client_secret: str, public_key: str = "", clock: Clock = utc_now
) -> Starlette:
    """Plain HTTP; every path answers with and without a slash at its end.

    `public_key`: PEM, of the certificate that signs JWT assertions.
    """
    grants = Grants(client_id, client_secret, clock, public_key)
    routes = [
        Route(path + end, endpoint, methods=list(methods))
        for path, (endpoint, methods) in _endpoints().items()
        for end in ("", "/")
    ]
    handlers: Mapping[Any, Callable[[Request, Exception], Response]] = {
        Refused: _refusal,
        RowRefused: _refusal,
        Ambiguous: _several,
        soql.MalformedQuery: _refusal,
        QueryRefused: _refusal,
        HTTPException: _http_refusal,
    }
    app = web_app(
        routes,
        clock=clock,
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=_guard)],
        exception_handlers=handlers,
    )
    app.state.org = Org(load_sobjects(world, now=clock()), grants, clock)
    # What composite calls send their parts through: the same routes, without the log-in asked for again.
    app.state.inner = ExceptionMiddleware(Router(routes), handlers=dict(handlers))
    return app


def _endpoints() -> dict[str, tuple[Endpoint, Sequence[str]]]:
    """Path -> what answers there. More telling paths come before those that would swallow them."""
    return {
        "/services/oauth2/token": (salesforce_oauth.token, WRITE),
        "/services/oauth2/authorize": (salesforce_oauth.authorize, READ),
        "/services/oauth2/revoke": (salesforce_oauth.revoke, ("GET", "POST")),
        "/services/oauth2/userinfo": (salesforce_oauth.identity, ("GET", "POST")),
        "/id/{organization}/{user}": (salesforce_oauth.identity, READ),
        "/services/Soap/m/{version}/deployRequest": (salesforce_deploy.metadata, WRITE),
        "/services/Soap/m/{version}/deployRequest/{id}": (salesforce_deploy.metadata, WRITE),
        "/services/data": (_versions, READ),
        **{"/services/data/v{version}" + path: endpoint for path, endpoint in _rest().items()},
        **{"/services/async/{version}/job" + path: endpoint for path, endpoint in _bulk1().items()},
    }


def _rest() -> dict[str, tuple[Endpoint, Sequence[str]]]:
    return {
        "": (_resources, READ),
        "/limits": (_limits, READ),
        "/query": (salesforce_query.query, READ),
        "/queryAll": (salesforce_query.query, READ),
        "/query/{locator}": (salesforce_query.more, READ),
        "/queryAll/{locator}": (salesforce_query.more, READ),
        "/sobjects": (salesforce_records.describe_all, READ),
        "/sobjects/{name}": (salesforce_records.sobject, ("GET", "POST")),
        "/sobjects/{name}/describe": (salesforce_records.describe_one, READ),
        "/sobjects/{name}/updated": (salesforce_records.updated, READ),
        "/sobjects/{name}/deleted": (salesforce_records.deleted, READ),
        "/sobjects/{name}/{id}": (salesforce_records.record, ("GET", "PATCH", "DELETE")),
        "/sobjects/{name}/{key}/{value:path}": (
            salesforce_records.record_by_key,
            ("GET", "PATCH", "DELETE"),
        ),
        "/composite": (salesforce_composite.composite, WRITE),
        "/composite/graph": (salesforce_composite.graph, WRITE),
        "/composite/batch": (salesforce_composite.batch, WRITE),
        "/composite/sobjects": (salesforce_collections.collections, ("POST", "PATCH", "DELETE")),
        "/composite/sobjects/{name}": (salesforce_collections.collections_by_type, ("GET", "POST")),
        "/composite/sobjects/{name}/{key}": (salesforce_collections.collections_by_key, ("PATCH",)),
        "/jobs/{kind}": (salesforce_bulk2.jobs, ("GET", "POST")),
        "/jobs/ingest/{id}/batches": (salesforce_bulk2.upload, ("PUT",)),
        "/jobs/query/{id}/results": (salesforce_bulk2.query_results, READ),
        "/jobs/ingest/{id}/{which}": (salesforce_bulk2.ingest_results, READ),
        "/jobs/{kind}/{id}": (salesforce_bulk2.job, ("GET", "PATCH", "DELETE")),
    }


def _bulk1() -> dict[str, tuple[Endpoint, Sequence[str]]]:
    return {
        "": (salesforce_bulk1.new, WRITE),
        "/{id}": (salesforce_bulk1.job, ("GET", "POST")),
        "/{id}/batch": (salesforce_bulk1.batches, ("GET", "POST")),
        "/{id}/batch/{batch}": (salesforce_bulk1.batch, READ),
        "/{id}/batch/{batch}/request": (salesforce_bulk1.request_of_batch, READ),
        "/{id}/batch/{batch}/result": (salesforce_bulk1.results, READ),
        "/{id}/batch/{batch}/result/{result}": (salesforce_bulk1.query_result, READ),
    }


# --- every request


async def _guard(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
    org, path = org_of(request), request.url.path.rstrip("/")
    strange = bool(org.logins_from) and request.client and request.client.host not in org.logins_from
    if strange and path == "/services/oauth2/token":
        reply = {"error": "invalid_grant", "error_description": "ip restricted or invalid login hours"}
        return json_reply(reply, status=400)
    if _open_to_strangers(path):
        return await go_on(request)
    if strange or _session(request) not in org.grants.sessions:
        return errors(401, "INVALID_SESSION_ID", "Session expired or invalid")
    version = re.match(r"/services/(?:data/v|async/)([0-9]+)\.0(/|$)", path)
    if path.startswith(("/services/data", "/services/async")) and (
        not version or int(version[1]) not in API_VERSIONS
    ):
        return errors(404, "NOT_FOUND", "The requested resource does not exist")
    if org.requests >= org.requests_max:
        return errors(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    org.requests += 1
    response = await go_on(request)
    response.headers["Sforce-Limit-Info"] = f"api-usage={org.requests}/{org.requests_max}"
    return response


def _open_to_strangers(path: str) -> bool:
    """The list of versions is the one resource Salesforce shows to strangers, besides the way in."""
    named = (
        "/services/oauth2/token",
        "/services/oauth2/authorize",
        "/services/oauth2/revoke",
        "/services/data",
    )
    return path in named or not path.startswith(("/services/", "/id/"))


def _session(request: Request) -> str:
    bearer = request.headers.get("authorization", "").partition(" ")[2]
    return bearer or request.headers.get("x-sfdc-session", "") or request.query_params.get("oauth_token", "")


def _refusal(_request: Request, refused: Exception) -> Response:
    status, code = getattr(refused, "status", 400), getattr(refused, "code", "MALFORMED_QUERY")
    return errors(status, code, str(refused), *getattr(refused, "fields", ()))


def _several(request: Request, several: Exception) -> Response:
    assert isinstance(several, Ambiguous)  # noqa: S101  # registered for nothing else
    return salesforce_records.ambiguous(request, several)


def _http_refusal(request: Request, refused: Exception) -> Response:
    if getattr(refused, "status_code", 404) == HTTPStatus.METHOD_NOT_ALLOWED:
        message = f"HTTP Method '{request.method}' not allowed"
        return errors(405, "METHOD_NOT_ALLOWED", message)
    return errors(404, "NOT_FOUND", "The requested resource does not exist")


# --- what there is


def _versions(_request: Request) -> Response:
    names = [f"{number}.0" for number in API_VERSIONS]
    return json_reply([{"label": name, "url": f"/services/data/v{name}", "version": name} for name in names])


def _resources(request: Request) -> Response:
    paths = ("limits", "query", "queryAll", "sobjects", "composite", "jobs")
    identity = {"identity": f"{address_of(request)}/id/{ORGANIZATION_ID}/{USER_ID}"}
    return json_reply({name: f"{root_of(request)}/{name}" for name in paths} | identity)


def _limits(request: Request) -> Response:
    org = org_of(request)

    def left(limit: int, used: int = 0) -> dict[str, int]:
        return {"Max": limit, "Remaining": max(0, limit - used)}

    queries = sum(job.kind == "query" for job in org.jobs.values())
    return json_reply(
        {
            "DailyApiRequests": left(org.requests_max, org.requests),
            "DailyBulkApiBatches": left(15_000),
            "DailyBulkV2QueryJobs": left(10_000, queries),
            "DailyBulkV2QueryFileStorageMB": left(976_562),
            "DataStorageMB": left(1_024),
        }
    )
