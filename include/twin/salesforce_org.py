"""One running Salesforce: what it holds and remembers."""

import itertools
import json
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from include.twin.salesforce_grants import Grants
from include.twin.sobject_changes import Changes
from include.twin.sobject_fields import granted
from include.twin.sobjects import SObject
from include.twin.soql_run import Answer
from include.twin.soql_scope import Scope
from include.twin.web import json_reply
from include.twin.world import Clock

ORGANIZATION_ID, USER_ID = "00D000000000001EAA", "005000000000001AAA"
DAILY_REQUESTS_MAX = 1_000_000


class Refused(Exception):
    """A reply in Salesforce's shape of error."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class Org:
    """What one running Salesforce remembers.

    `open_since`: when the oldest transaction still running began, if one is; replication covers no more than that.
    `bulk_polls`: how often a bulk job is asked after before it is done. `confined`: our user has the permission set of
    our metadata alone, so that what it does not grant is not there. `logins_from`: from which addresses tokens are
    given and taken, as login ranges that are enforced on every request; empty: from any.
    """

    sobjects: dict[str, SObject]
    grants: Grants
    clock: Clock
    answers: OrderedDict[str, Answer] = field(default_factory=OrderedDict)
    jobs: dict[str, Any] = field(default_factory=dict)
    requests: int = 0
    requests_max: int = DAILY_REQUESTS_MAX
    open_since: datetime | None = None
    bulk_polls: int = 0
    confined: bool = False
    logins_from: frozenset[str] = frozenset()
    locators: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.changes = Changes(self.sobjects, self.now)

    @property
    def shown(self) -> dict[str, SObject]:
        """What our user may read."""
        if not self.confined:
            return self.sobjects
        return {key: one for key, one in self.sobjects.items() if "Read" in granted().get(one.name, ())}

    def sobject(self, name: str) -> SObject:
        found = self.shown.get(name.lower())
        if found is None:
            raise Refused(404, "NOT_FOUND", "The requested resource does not exist")
        return found

    def scope(self, name: str) -> Scope:
        """What a query of an sObject may name. Raises Refused."""
        sobject = self.shown.get(name.lower())
        if sobject is None:
            raise Refused(400, "INVALID_TYPE", f"sObject type '{name}' is not supported.")
        return Scope(sobject, self.shown, self.now().date())

    def now(self) -> datetime:
        """The clock in whole seconds, as Salesforce stamps."""
        return self.clock().replace(microsecond=0)


def org_of(request: Request) -> Org:
    org: Org = request.app.state.org
    return org


def root_of(request: Request) -> str:
    """The path below which this request's version of the API lies."""
    return f"/services/data/v{request.path_params['version']}"


def address_of(request: Request) -> str:
    """The address we really listen on: behind a rewriting client the Host header may name salesforce.com."""
    host, port = request.scope["server"]
    return f"{request.url.scheme}://{host}:{port}"


def errors(status: int, code: str, message: str, *fields: str) -> Response:
    """Salesforce's shape of error."""
    problem: dict[str, Any] = {"message": message, "errorCode": code}
    return json_reply([problem | ({"fields": list(fields)} if fields else {})], status=status)


async def json_body(request: Request) -> Any:
    """The request's JSON. Raises Refused."""
    try:
        return json.loads(await request.body() or b"{}")
    except ValueError:
        raise Refused(400, "JSON_PARSER_ERROR", "Unexpected character in the request body") from None
