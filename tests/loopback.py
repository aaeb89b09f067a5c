"""An app where Airflow would have it, on a port of its own."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI


@contextmanager
def mounted(app: FastAPI) -> Iterator[str]:
    """The address below which the app answers, until the end."""
    outer = FastAPI()
    outer.mount("/tieout", app)
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
