"""Who may do what in the console: Airflow's login, and permissions of its auth manager on the resource "Tie-out"."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Annotated, Any

from airflow.api_fastapi import app as airflow
from airflow.api_fastapi.core_api import security
from fastapi import Depends, HTTPException

from include.console.permissions import ACTING, RESOURCE, May, refusal
from include.domain.break_life import NotAllowed, identity


@dataclass(frozen=True)
class Person:
    """Who asks: the login, which history keeps, and what it may do. `nobody`: why history could not say who it is."""

    name: str
    may: frozenset[May]
    nobody: str = ""

    def needs(self, permission: May) -> str:
        """Why this person may not; empty when they may."""
        if permission in self.may:
            return ""
        return self.nobody if self.nobody and permission in ACTING else refusal(permission)


def person(user: Annotated[Any, Depends(security.get_user)]) -> Person:
    """The one who is logged in to Airflow; 401 otherwise."""
    manager: Any = airflow.get_auth_manager()  # actions of a plugin may have any name
    allowed = {
        permission
        for permission in May
        if manager.is_authorized_custom_view(method=permission.value, resource_name=RESOURCE, user=user)
    }
    return named(user.get_name(), allowed)


def named(name: str, allowed: Collection[May]) -> Person:
    """Somebody of this login. Who acts must have a name that history can keep: whoever has none may look."""
    try:
        identity(name)
    except NotAllowed as nobody:
        return Person(name, frozenset(allowed) - ACTING, f"{nobody}: history could not say who you are")
    return Person(name, frozenset(allowed))


Someone = Annotated[Person, Depends(person)]


def requires(permission: May) -> Callable[[Person], None]:
    """A dependency that answers 403 to who may not."""

    def check(who: Someone) -> None:
        if missing := who.needs(permission):
            raise HTTPException(403, missing)

    return check
