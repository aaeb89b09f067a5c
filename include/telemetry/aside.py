"""Hands lines of the log on in a thread of its own, so that nobody who works waits for whoever takes them.

Airflow's supervisor takes a task's lines between two words with its API server: while that is away it takes none, and a
task that says much would stand still.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import Context, copy_context
from queue import Full, Queue
from threading import Thread

LINES_MAX = 100_000
"""So many wait, and what is said then is not kept."""

LEAVE_S = 10.0
"""For so long what still waits is handed on in the end."""

log = logging.getLogger(__name__)


class Aside(logging.Handler):
    """Keeps lines, each with the context it was said in, and hands them on to other handlers."""

    def __init__(self, handlers: Sequence[logging.Handler], *, most: int) -> None:
        super().__init__()
        self.dropped = 0
        self._handlers, self._lines = handlers, Queue[tuple[Context, logging.LogRecord] | None](most)
        self._thread = Thread(target=self._hand_on, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it, or count that it is lost."""
        try:
            self._lines.put_nowait((copy_context(), record))
        except Full:
            self.dropped += 1

    def leave(self) -> None:
        """Hand on what waits, as far as somebody takes it."""
        with suppress(Full):
            self._lines.put(None, timeout=LEAVE_S)
        self._thread.join(LEAVE_S)

    def _hand_on(self) -> None:
        while line := self._lines.get():
            context, record = line
            for handler in self._handlers:
                if record.levelno >= handler.level:
                    context.run(handler.handle, record)


@contextmanager
def aside(logger: logging.Logger | None = None, *, most: int = LINES_MAX) -> Iterator[None]:
    """What is logged meanwhile, by this logger or by all, goes to the same handlers, a little later."""
    told = logger or logging.getLogger()
    handlers = told.handlers
    between = Aside(handlers, most=most)
    told.handlers = [between]
    try:
        yield
    finally:
        told.handlers = handlers
        between.leave()
        if between.dropped:
            (logger or log).warning("%d lines were lost: nobody took them", between.dropped)
