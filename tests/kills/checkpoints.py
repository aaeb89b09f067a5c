"""Where a process may die: before and after every commit, before and after every call of another system."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import requests

from include.ports import Store, Transaction


class Checkpoints:
    """Counts the places a process comes by, and ends the process at one of them as `kill -9` does."""

    def __init__(self, kill_at: int | None = None) -> None:
        self.names: list[str] = []
        self._kill_at = kill_at

    def reach(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


class Watched:
    """A store whose commits are checkpoints."""

    def __init__(self, store: Store, points: Checkpoints) -> None:
        self._store, self._points = store, points

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        with self._store.transaction() as tx:
            yield tx
            self._points.reach("before commit")
        self._points.reach("after commit")


def watch_calls(points: Checkpoints) -> None:
    """Make every HTTP call of this process a checkpoint: all our clients speak through requests."""
    send = requests.Session.send

    def watched(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> Any:
        place = f"{request.method} {urlsplit(str(request.url)).path}"
        points.reach(f"before {place}")
        answer = send(session, request, **options)
        points.reach(f"after {place}")
        return answer

    requests.Session.send = watched  # type: ignore[method-assign]
