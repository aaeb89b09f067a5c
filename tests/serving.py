"""A server of a test's own answers, on a port of its own."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answers(BaseHTTPRequestHandler):
    """Answers every request as its subclass does, and says nothing of it: a test's output is its own."""

    def answer(self) -> None:
        """Read the request, and write the answer."""
        raise NotImplementedError

    def do_GET(self) -> None:
        self.answer()

    do_POST = do_PUT = do_PATCH = do_GET  # noqa: N815  # the names are those of http.server

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@contextmanager
def serving(handler: type[Answers]) -> Iterator[str]:
    """The address at which the handler answers, until the end."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
