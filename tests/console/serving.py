"""The console on a port of its own, with a played login: the cookie `me` says who asks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from airflow.api_fastapi.core_api import security
from fastapi import Request

from include.console.app import build_app
from include.ports import Store
from tests.console.people import opening, somebody
from tests.loopback import mounted


@contextmanager
def served(store: Callable[[], Store], *, whoever: str = "") -> Iterator[str]:
    """The address below which the console is; `whoever` asks where no cookie says who."""
    console = build_app(store, opening(store))

    def user(request: Request) -> Any:
        return somebody(request.cookies.get("me") or whoever)

    console.dependency_overrides[security.get_user] = user
    with mounted(console) as address:
        yield address
