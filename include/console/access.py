"""Who may do what in the console: Airflow's login, and permissions of its auth manager on the resource "Tie-out"."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any

from airflow.api_fastapi import app as airflow
from airflow.api_fastapi.core_api import security
from fastapi import Depends, HTTPException

RESOURCE = "Tie-out"


class May(StrEnum):
    """What can be allowed, by the name of its action."""

    READ = "can_read"  # all pages but the audit's
    WORK = "can_work"  # assign, comment, propose, carry out what was approved
    APPROVE = "can_approve"  # approve or reject what somebody else proposed
    DELIVER = "can_deliver"  # hold messages back, and send parked ones again
    TRACE = "can_trace"  # payloads as received, with the personal data in them
    AUDIT = "can_audit"  # who did what, and which days were published


READER = frozenset({May.READ})
ROLES: Mapping[str, frozenset[May]] = {
    "Tie-out Viewer": READER,
    "Tie-out Analyst": READER | {May.WORK, May.TRACE},
    "Tie-out Controller": READER | {May.WORK, May.APPROVE, May.TRACE, May.AUDIT},
    "Tie-out Admin": READER | {May.DELIVER, May.TRACE, May.AUDIT},
    "Tie-out Auditor": READER | {May.TRACE, May.AUDIT},
    # Airflow's own: whoever may see its runs may see what they found, and who operates it may deliver.
    "Viewer": READER,
    "User": READER,
    "Op": READER | {May.DELIVER, May.TRACE},
    "Admin": frozenset(May),  # Airflow gives its administrators every permission there is
}
"""Role -> what it may do. The roles are made by `python -m include.console.roles`."""

SAID: Mapping[May, str] = {
    May.READ: "read the console",
    May.WORK: "work on breaks",
    May.APPROVE: "approve or reject proposals",
    May.DELIVER: "hold messages back or send them again",
    May.TRACE: "see payloads as received",
    May.AUDIT: "see the audit page",
}


@dataclass(frozen=True)
class Person:
    """Who asks: the login, which history keeps, and what it may do."""

    name: str
    may: frozenset[May]

    def needs(self, permission: May) -> str:
        """Why this person may not; empty when they may."""
        return "" if permission in self.may else refusal(permission)


def refusal(permission: May) -> str:
    """What is missing, and which roles have it."""
    roles = " or ".join(role for role in ROLES if role.startswith(RESOURCE) and permission in ROLES[role])
    return f"you may not {SAID[permission]}; it takes the role {roles}"


def person(user: Annotated[Any, Depends(security.get_user)]) -> Person:
    """The one who is logged in to Airflow; 401 otherwise."""
    manager: Any = airflow.get_auth_manager()  # actions of a plugin may have any name
    allowed = {
        permission
        for permission in May
        if manager.is_authorized_custom_view(method=permission.value, resource_name=RESOURCE, user=user)
    }
    return Person(user.get_name(), frozenset(allowed))


Someone = Annotated[Person, Depends(person)]


def requires(permission: May) -> Callable[[Person], None]:
    """A dependency that answers 403 to who may not."""

    def check(who: Someone) -> None:
        if missing := who.needs(permission):
            raise HTTPException(403, missing)

    return check
