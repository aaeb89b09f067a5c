"""Where a step belongs in the trace of its event, worked out from facts.

Nothing is handed on from process to process: whoever knows the event and the message comes to the same ids, after a
restart too, and a step that is told twice is told under one id. They are those of W3C Trace Context.
"""

import hashlib
from typing import NamedTuple


class Event(NamedTuple):
    """What began a trace: an event of a source."""

    source: str
    event_id: str


class Place(NamedTuple):
    """A step's place: its trace (128 bits), its own id and its parent's (64 bits); no parent where the trace begins."""

    trace: int
    span: int
    parent: int | None

    @property
    def traceparent(self) -> str:
        """As W3C Trace Context writes it, for who goes on from here."""
        return f"00-{self.trace:032x}-{self.span:016x}-01"


def received(event: Event) -> Place:
    """Where an event came in: the beginning."""
    return Place(_trace("event", *event), _span("received", *event), None)


def looked_at(event: Event) -> Place:
    """Where its object was looked at, and what follows was decided."""
    return Place(_trace("event", *event), _span("looked at", *event), received(event).span)


def decided(key: str, *, revision: int, event: Event | None) -> Place:
    """A message's whole life. One that no event led to (a schedule, what landed) begins a trace of its own."""
    span = _span("decided", key, str(revision))
    if event is None:
        return Place(_trace("message", key, str(revision)), span, None)
    return Place(_trace("event", *event), span, looked_at(event).span)


def sent(message: Place, *, fence: int) -> Place:
    """One call for a message: the `fence`th time it was taken."""
    return Place(message.trace, _span("sent", f"{message.span}", f"{fence}"), message.span)


def _trace(*facts: str) -> int:
    return _number(16, "trace/v1", *facts)


def _span(*facts: str) -> int:
    return _number(8, "span/v1", *facts)


def _number(size: int, *facts: str) -> int:
    """Of so many bytes, and never 0, which means none."""
    return int.from_bytes(hashlib.sha256("\0".join(facts).encode()).digest()[:size], "big") or 1
