"""One running Salesforce: what it holds and remembers, and how a client logs in to it."""

import base64
import binascii
import hmac
import itertools
import secrets
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from include.twin.sobjects import SObject
from include.twin.soql_run import Answer
from include.twin.web import json_reply
from include.twin.world import Clock

ORGANIZATION_ID, USER_ID = "00D000000000001EAA", "005000000000001AAA"


class Refused(Exception):
    """A reply in Salesforce's shape of error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class Org:
    """What one running Salesforce remembers."""

    sobjects: dict[str, SObject]
    client_id: str
    client_secret: str
    clock: Clock
    tokens: set[str] = field(default_factory=set)
    answers: OrderedDict[str, Answer] = field(default_factory=OrderedDict)
    requests: int = 0
    locators: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    uncommitted: list[str] = field(default_factory=list)
    """Stamps of rows whose transaction is still running: replication covers nothing from the oldest on."""

    def sobject(self, name: str) -> SObject:
        found = self.sobjects.get(name.lower())
        if found is None:
            raise Refused(404, "NOT_FOUND", "The requested resource does not exist")
        return found

    def now(self) -> datetime:
        """The clock in whole seconds, as Salesforce stamps."""
        return self.clock().replace(microsecond=0)


def org_of(request: Request) -> Org:
    org: Org = request.app.state.org
    return org


async def token(request: Request) -> Response:
    org = org_of(request)
    form = {
        name: values[0] for name, values in parse_qs((await request.body()).decode(errors="replace")).items()
    }
    client_id, client_secret = _basic(request) or (form.get("client_id", ""), form.get("client_secret", ""))
    if not _same(client_id, org.client_id):
        return json_reply(
            {"error": "invalid_client_id", "error_description": "client identifier invalid"}, status=400
        )
    if not _same(client_secret, org.client_secret):
        return json_reply(
            {"error": "invalid_client", "error_description": "invalid client credentials"}, status=400
        )
    grant = form.get("grant_type")
    if grant not in {"client_credentials", "password"}:
        message = "grant type not supported"
        return json_reply({"error": "unsupported_grant_type", "error_description": message}, status=400)
    if grant == "password" and not (form.get("username") and form.get("password")):
        return json_reply(
            {"error": "invalid_grant", "error_description": "authentication failure"}, status=400
        )
    access_token = f"{ORGANIZATION_ID[:15]}!{secrets.token_urlsafe(48)}"
    org.tokens.add(access_token)
    # The address we really listen on: behind a rewriting client the Host header may name salesforce.com.
    host, port = request.scope["server"]
    address = f"http://{host}:{port}"
    reply = {
        "access_token": access_token,
        "instance_url": address,
        "id": f"{address}/id/{ORGANIZATION_ID}/{USER_ID}",
        "token_type": "Bearer",
        "issued_at": str(int(org.clock().timestamp() * 1000)),
        "signature": base64.b64encode(secrets.token_bytes(32)).decode(),
        "scope": "api",
    }
    return json_reply(reply, Cache_Control="no-store")


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, client_secret = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client_id, client_secret


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())
