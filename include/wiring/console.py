"""What the console works with: the database under its two roles, by connections that stay open between requests.

A connection is the dearest part of a small page. They are opened when first needed, by the process that needs them.
"""

import atexit
import os
from contextlib import ExitStack
from threading import Lock

from include.ports import Store
from include.wiring import connections

CONNECTIONS_MAX = 40
"""So many requests a web server answers at once."""
PATIENCE_S = 5.0
"""So long a request waits for a connection; then the database is away, or has none left."""

_kept: dict[tuple[str, str, int], Store] = {}
_lock = Lock()


def console_store() -> Store:
    """The application's database, for the pages."""
    return _kept_for(connections.CONSOLE)


def opening_store() -> Store:
    """The same for who opens what is sealed."""
    return _kept_for(connections.SEND)


def _kept_for(role: str) -> Store:
    """One store a process, database and role: connections may not cross a fork."""
    name = (connections.database_url(), role, os.getpid())
    with _lock:
        if name not in _kept:
            ours = ExitStack()
            keeping = connections.store(role).keeping(most=CONNECTIONS_MAX, patience_s=PATIENCE_S)
            _kept[name] = ours.enter_context(keeping)
            atexit.register(_close, ours, os.getpid())
        return _kept[name]


def _close(ours: ExitStack, pid: int) -> None:
    """At the end of the process that opened them; who was forked from it leaves them alone."""
    if os.getpid() == pid:
        ours.close()
