"""Where a process may die: before and after every commit, before and after every call of another system."""

import os
import signal
import smtplib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast
from urllib.parse import urlsplit

import requests

from include.ports import LockingStore, Store, Transaction


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

    def alone(self, name: str) -> AbstractContextManager[bool]:
        return cast("LockingStore", self._store).alone(name)


def watch_calls(points: Checkpoints) -> None:
    """Make every call of this process to another system a checkpoint: all our clients speak through requests, and mail
    goes out through smtplib, line by line.
    """
    send = requests.Session.send

    def watched(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> Any:
        place = f"{request.method} {urlsplit(str(request.url)).path}"
        points.reach(f"before {place}")
        answer = send(session, request, **options)
        points.reach(f"after {place}")
        return answer

    requests.Session.send = watched  # type: ignore[method-assign]
    _watch_mail(points)


def _watch_mail(points: Checkpoints) -> None:
    connect, say, hear = smtplib.SMTP.connect, smtplib.SMTP.send, smtplib.SMTP.getreply
    last = ""

    def reach(what: str) -> None:
        nonlocal last
        last = what
        points.reach(f"before {what}")

    def connected(smtp: smtplib.SMTP, *address: Any, **options: Any) -> Any:
        reach("connecting")
        return connect(smtp, *address, **options)

    def said(smtp: smtplib.SMTP, line: bytes | str) -> None:
        text = line.decode(errors="replace") if isinstance(line, bytes) else line
        reach(text.split()[0] if text.count("\n") == 1 else "the text of a mail")
        say(smtp, line)

    def heard(smtp: smtplib.SMTP) -> Any:
        answer = hear(smtp)
        points.reach(f"after {last}")
        return answer

    smtplib.SMTP.connect = connected  # type: ignore[method-assign]
    smtplib.SMTP.send, smtplib.SMTP.getreply = said, heard  # type: ignore[method-assign]
