"""The console on a port of its own, with a played login: the cookie `me` says who asks."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from airflow.api_fastapi.core_api import security
from fastapi import FastAPI, Request

from include.console.app import build_app
from include.ports import Store
from tests.console.people import somebody


@contextmanager
def served(store: Callable[[], Store], *, whoever: str = "") -> Iterator[str]:
    """The address below which the console is; `whoever` asks where no cookie says who."""
    console = build_app(store)

    def user(request: Request) -> Any:
        return somebody(request.cookies.get("me") or whoever)

    console.dependency_overrides[security.get_user] = user
    outer = FastAPI()
    outer.mount("/tieout", console)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(outer, host="127.0.0.1", port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/tieout"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
