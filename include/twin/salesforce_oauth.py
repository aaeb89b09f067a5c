"""How a client logs in to the twin's Salesforce, and asks who it then is."""

import base64
import binascii
import secrets
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from include.twin.salesforce_grants import GrantRefused
from include.twin.salesforce_org import ORGANIZATION_ID, USER_ID, Refused, address_of, org_of
from include.twin.web import json_reply


async def token(request: Request) -> Response:
    org = org_of(request)
    body = (await request.body()).decode(errors="replace")
    form = {name: values[0] for name, values in parse_qs(body).items()}
    client = _basic(request) or (form.get("client_id", ""), form.get("client_secret", ""))
    try:
        tokens = org.grants.answer(form, client)
    except GrantRefused as refused:
        reply = {"error": refused.error, "error_description": str(refused)}
        return json_reply(reply, status=400, Cache_Control="no-store")
    address = address_of(request)
    reply = {
        **tokens,
        "instance_url": address,
        "id": f"{address}/id/{ORGANIZATION_ID}/{USER_ID}",
        "token_type": "Bearer",
        "issued_at": str(int(org.clock().timestamp() * 1000)),
        "signature": base64.b64encode(secrets.token_bytes(32)).decode(),
        "scope": "api",
    }
    return json_reply(reply, Cache_Control="no-store")


def authorize(request: Request) -> Response:
    """The user said yes long ago: straight back with a code."""
    asked = request.query_params
    if asked.get("client_id") != org_of(request).grants.client_id or "redirect_uri" not in asked:
        raise Refused(400, "invalid_client_id", "client identifier invalid")
    code = org_of(request).grants.code(asked.get("code_challenge", ""))
    answer = {"code": code} | ({"state": asked["state"]} if "state" in asked else {})
    return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", status_code=302)


async def revoke(request: Request) -> Response:
    form = parse_qs((await request.body()).decode(errors="replace"))
    given = request.query_params.get("token") or "".join(form.get("token", []))
    org_of(request).grants.sessions.pop(given, None)
    org_of(request).grants.refresh_tokens.pop(given, None)
    org_of(request).grants.answered.clear()
    return Response()


def identity(request: Request) -> Response:
    """GET of the id that came with a token, and /services/oauth2/userinfo."""
    address = address_of(request)
    version = f"{address}/services/data/v{{version}}/"
    reply: dict[str, Any] = {
        "id": f"{address}/id/{ORGANIZATION_ID}/{USER_ID}",
        "sub": f"{address}/id/{ORGANIZATION_ID}/{USER_ID}",
        "asserted_user": True,
        "user_id": USER_ID,
        "organization_id": ORGANIZATION_ID,
        "username": "integration@tieout.example",
        "preferred_username": "integration@tieout.example",
        "nick_name": "integration",
        "display_name": "Tieout Integration",
        "name": "Tieout Integration",
        "email": "integration@tieout.example",
        "active": True,
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": "en_SG",
        "utcOffset": 28800000,
        "urls": {
            "rest": version,
            "sobjects": f"{version}sobjects/",
            "query": f"{version}query/",
            "custom_domain": address,
        },
    }
    return json_reply(reply)


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, client_secret = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client_id, client_secret
