"""An app where Airflow would have it, on a port of its own."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from include.local.processes import wait_for
from include.twin.prompt import PromptServer


@contextmanager
def mounted(app: FastAPI) -> Iterator[str]:
    """The address below which the app answers, until the end."""
    outer = FastAPI()
    outer.mount("/tieout", app)
    config = uvicorn.Config(outer, log_level="error", timeout_graceful_shutdown=10)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = PromptServer(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            assert wait_for(lambda: server.started or not thread.is_alive(), timeout_s=60, every_s=0.005)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/tieout"
        finally:
            server.stop()
            thread.join(timeout=20)
