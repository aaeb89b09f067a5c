"""The twin's composite calls: several requests in one, the later ones naming results of the earlier."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from include.twin.salesforce_org import Refused, json_body, org_of
from include.twin.web import json_reply

REQUESTS_MAX = 25
GRAPHS_MAX = 75
_REFERENCE = re.compile(r"@\{([A-Za-z0-9_]+)((?:\.[A-Za-z0-9_]+|\[\d+\])*)\}")
_BAD_REQUEST = 400


async def composite(request: Request) -> Response:
    body = await json_body(request)
    parts = body.get("compositeRequest", [])
    if len(parts) > REQUESTS_MAX:
        raise Refused(400, "LIMIT_EXCEEDED", f"Limit exceeded: no more than {REQUESTS_MAX} requests")
    replies, _ = await _several(request, parts, strict=body.get("allOrNone") is True)
    return json_reply({"compositeResponse": replies})


async def graph(request: Request) -> Response:
    """Each graph is all or nothing, and none minds the others."""
    graphs = (await json_body(request)).get("graphs", [])
    if len(graphs) > GRAPHS_MAX:
        raise Refused(400, "LIMIT_EXCEEDED", f"Limit exceeded: no more than {GRAPHS_MAX} graphs")
    answers = []
    for one in graphs:
        replies, good = await _several(request, one.get("compositeRequest", []), strict=True)
        answers.append(
            {
                "graphId": one.get("graphId"),
                "graphResponse": {"compositeResponse": replies},
                "isSuccessful": good,
            }
        )
    return json_reply({"graphs": answers})


async def batch(request: Request) -> Response:
    """Requests that know nothing of each other."""
    body = await json_body(request)
    results = []
    for part in body.get("batchRequests", []):
        url = f"/services/data/{str(part.get('url', '')).lstrip('/').removeprefix('services/data/')}"
        status, _, result = await _dispatch(request, part.get("method", "GET"), url, part.get("richInput"))
        results.append({"statusCode": status, "result": result})
    bad = any(result["statusCode"] >= _BAD_REQUEST for result in results)
    return json_reply({"hasErrors": bad, "results": results})


async def _several(
    request: Request, parts: list[dict[str, Any]], *, strict: bool
) -> tuple[list[dict[str, Any]], bool]:
    known: dict[str, Any] = {}
    replies: list[dict[str, Any]] = []
    good = True
    with org_of(request).changes.all_or_nothing() as undo:
        for part in parts:
            name = str(part.get("referenceId", ""))
            status, headers, body = await _one(request, part, known, skip=strict and not good)
            good = good and status < _BAD_REQUEST
            if status < _BAD_REQUEST:
                known[name] = body
            replies.append(
                {"body": body, "httpHeaders": headers, "httpStatusCode": status, "referenceId": name}
            )
        if strict and not good:
            undo()
            replies = [
                _halted(reply) if reply["httpStatusCode"] < _BAD_REQUEST else reply for reply in replies
            ]
    return replies, good


async def _one(
    request: Request, part: dict[str, Any], known: Mapping[str, Any], *, skip: bool
) -> tuple[int, dict[str, str], Any]:
    if skip:
        return 400, {}, _HALTED
    try:
        url, body = _filled(str(part.get("url", "")), known), _filled(part.get("body"), known)
    except LookupError:
        problem = {
            "message": f"Invalid reference specified: {part.get('url')}",
            "errorCode": "PROCESSING_HALTED",
        }
        return 400, {}, [problem]
    return await _dispatch(request, str(part.get("method", "GET")), url, body)


_HALTED = [
    {
        "message": "The transaction was rolled back since another operation in the same transaction failed.",
        "errorCode": "PROCESSING_HALTED",
    }
]


def _halted(reply: dict[str, Any]) -> dict[str, Any]:
    return reply | {"body": _HALTED, "httpStatusCode": 400, "httpHeaders": {}}


def _filled(value: Any, known: Mapping[str, Any]) -> Any:
    """The value with every @{reference.field} replaced. Raises LookupError."""
    if isinstance(value, str):
        return _REFERENCE.sub(lambda found: str(_followed(known[found[1]], found[2])), value)
    if isinstance(value, dict):
        return {name: _filled(inner, known) for name, inner in value.items()}
    return [_filled(inner, known) for inner in value] if isinstance(value, list) else value


def _followed(value: Any, path: str) -> Any:
    for name, place in re.findall(r"\.([A-Za-z0-9_]+)|\[(\d+)\]", path):
        value = value[name] if name else value[int(place)]
    return value


async def _dispatch(request: Request, method: str, url: str, body: Any) -> tuple[int, dict[str, str], Any]:
    """One request inside another: (status, headers, body), through the application's own routes."""
    parts = urlsplit(url)
    payload = b"" if body is None else json.dumps(body).encode()
    scope = {
        **request.scope,
        "method": method.upper(),
        "path": unquote(parts.path),
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "path_params": {},
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": payload, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await request.app.state.inner(scope, receive, send)
    answer = b"".join(message.get("body", b"") for message in sent)
    headers = {
        name.decode().title(): value.decode() for name, value in sent[0]["headers"] if name == b"location"
    }
    return sent[0]["status"], headers, json.loads(answer) if answer else None
