"""People who are logged in, as the console sees them, and a browser of theirs."""

import asyncio
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from airflow.api_fastapi.core_api import security
from fastapi import FastAPI

from include.console import access
from include.console.app import build_app
from include.console.forms import token_for
from include.console.permissions import ROLES
from include.ports import Store
from include.store.postgres import As, PostgresStore

ORIGIN = "http://airflow.test"
PEOPLE = {
    "vic": "Tie-out Viewer",
    "ann": "Tie-out Analyst",
    "ben": "Tie-out Controller",
    "cat": "Tie-out Controller",
    "rev": "Tie-out RevOps",
    "adm": "Tie-out Admin",
    "aud": "Tie-out Auditor",
    "view": "Viewer",
    "user": "User",
    "oper": "Op",
    "root": "Admin",
    "nobody": "",
}


def opening(store: Callable[[], Store]) -> Callable[[], Store]:
    """The same database for what is sealed, under the role that may read it."""

    def opened() -> Store:
        kept = store()
        return (
            PostgresStore(kept.url, who=As("tieout_send", "test"))
            if isinstance(kept, PostgresStore)
            else kept
        )

    return opened


@cache
def built() -> FastAPI:
    """The console, built once: that takes longer than most of what it is asked."""
    return build_app()


class Site:
    """The console as Airflow mounts it; who asks is who `people` says, and nobody is logged in without a name."""

    def __init__(self, store: Callable[[], Store]) -> None:
        self.app, self._stores = built(), (store, opening(store))

    def get(self, path: str, *, me: str = "") -> httpx.Response:
        return self._ask("GET", path, me=me)

    def app_get(self, path: str, query: dict[str, str], *, me: str) -> httpx.Response:
        """The same with a query string of whatever."""
        return self._ask("GET", path, me=me, params=query)

    def get_with(self, path: str, *, me: str, headers: dict[str, str]) -> httpx.Response:
        """The same with headers of somebody else's choice."""
        return self._ask("GET", path, me=me, headers=headers)

    def post(
        self,
        path: str,
        fields: dict[str, Any],
        *,
        me: str = "",
        token_of: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Sends a form as our own page would; `token_of` and `headers` say how somebody else would."""
        name = me if token_of is None else token_of
        sent = {"origin": ORIGIN} if headers is None else headers
        return self._ask("POST", path, me=me, data=fields | {"token": token_for(name)}, headers=sent)

    def post_as_it_is(self, path: str, fields: dict[str, Any], *, me: str) -> httpx.Response:
        """The same with whatever token stands in the fields."""
        return self._ask("POST", path, me=me, data=fields, headers={"origin": ORIGIN})

    def _ask(self, method: str, path: str, *, me: str, **sent: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, root_path="/tieout")
            async with httpx.AsyncClient(transport=transport, base_url=f"{ORIGIN}/tieout") as client:
                return await client.request(method, path, **sent)

        self.app.state.store, self.app.state.opening_store = self._stores
        if me:
            self.app.dependency_overrides[security.get_user] = lambda: somebody(me)
        else:
            self.app.dependency_overrides.pop(security.get_user, None)
        return asyncio.run(ask())


def somebody(name: str) -> Any:
    return SimpleNamespace(get_name=lambda: name, role=PEOPLE[name])


def know_our_roles(patch: pytest.MonkeyPatch) -> None:
    """Play an auth manager that knows our roles and nothing else."""

    def may(*, method: str, resource_name: str, user: Any) -> bool:
        return resource_name == "Tie-out" and method in ROLES.get(user.role, frozenset())

    manager = SimpleNamespace(is_authorized_custom_view=may)
    patch.setattr(access.airflow, "get_auth_manager", lambda: manager)
