"""Carries TCP connections from one address to another, port by port.

`python -m tests.bench.relay HERE THERE PORT…`: what comes to HERE:PORT goes on to THERE:PORT. So a host reaches, as its
own loopback, servers that listen on the loopback of another.
"""

import socket
import sys
from contextlib import suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

CHUNK = 65_536


class Relay(ThreadingTCPServer):
    """One port; a connection has two threads, one for each way."""

    allow_reuse_address = daemon_threads = True
    request_queue_size = 128

    def __init__(self, here: str, there: str, port: int) -> None:
        self.onward = (there, port)
        super().__init__((here, port), _Connection)


class _Connection(BaseRequestHandler):
    server: Relay

    def handle(self) -> None:
        with suppress(OSError), socket.create_connection(self.server.onward) as onward:
            back = Thread(target=_pass, args=(onward, self.request), daemon=True)
            back.start()
            _pass(self.request, onward)
            back.join()


def _pass(source: socket.socket, sink: socket.socket) -> None:
    """All there is, and then its end: either side may have more to say."""
    with suppress(OSError):
        while chunk := source.recv(CHUNK):
            sink.sendall(chunk)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    here, there, *ports = sys.argv[1:]
    for port in ports:
        Thread(target=Relay(here, there, int(port)).serve_forever).start()
