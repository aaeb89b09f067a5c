"""Every name we tell to the outside: steps, their attributes, metrics. docs/observability.md has the same tables.

No attribute is personal, and none is an amount: ids of ours and of the systems, words and counts.
"""

from dataclasses import dataclass
from typing import Literal

RECEIVED, LOOKED_AT, DECIDED, SENT = "received", "looked at", "decided", "sent"

STEPS = {
    RECEIVED: "An event came in, by webhook or by a glance, and its hint is kept.",
    LOOKED_AT: "Its object was looked at, and what follows from it was decided.",
    DECIDED: "A message's life, from its decision to its end.",
    SENT: "One call for a message; or one look whether it had happened.",
}
"""The spans of a trace, in their order."""

ATTRIBUTES = {
    "tieout.system": "whose event it is, or whom a message is for",
    "tieout.entity": "of what kind the object is",
    "tieout.native_id": "its id there; of a message, what it is about",
    "tieout.event_id": "the event's id at its source",
    "tieout.event_kind": "what the source calls it",
    "tieout.message_key": "the message's key, made of facts",
    "tieout.message_kind": "what the message does",
    "tieout.attempt": "the how manieth time the message was taken",
    "tieout.outcome": "what came of the step",
    "tieout.reason": "why a message is parked, of a fixed list",
}

Kind = Literal["counter", "histogram", "gauge"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric. A gauge is what its query of sql/queries/figures.sql finds: `value`, and a column an attribute."""

    name: str
    kind: Kind
    unit: str
    attributes: tuple[str, ...]
    says: str

    @property
    def query(self) -> str:
        """Which query a gauge's values come from."""
        return self.name.replace("tieout.", "figure_").replace(".", "_")

    @property
    def in_prometheus(self) -> str:
        """What Prometheus calls it when it came by OTLP; of a histogram, without `_bucket`, `_sum` and `_count`."""
        unit = {"s": "_seconds"}.get(self.unit, "")
        return self.name.replace(".", "_") + unit + ("_total" if self.kind == "counter" else "")


HINTS_RECEIVED = Metric(
    name="tieout.hints.received",
    kind="counter",
    unit="{hint}",
    attributes=("system", "writer"),
    says="hints that were news, by who hinted",
)
HINTS_ANSWERED = Metric(
    name="tieout.hints.answered",
    kind="counter",
    unit="{hint}",
    attributes=("system", "outcome", "writer"),
    says="hints whose object was looked at: done, dead, or new (tried again later)",
)
CALLS = Metric(
    name="tieout.message.calls",
    kind="counter",
    unit="{call}",
    attributes=("target", "outcome", "writer"),
    says="what came of messages that were taken: confirmed, found, rejected, retryable, uncertain, stale, unsent, late",
)
LATENCY = Metric(
    name="tieout.effect.latency",
    kind="histogram",
    unit="s",
    attributes=("target", "since", "writer"),
    says="until an effect was confirmed, since its event was received, or since it was decided where none was",
)


def _gauge(name: str, unit: str, attributes: tuple[str, ...], says: str) -> Metric:
    return Metric(name=f"tieout.{name}", kind="gauge", unit=unit, attributes=attributes, says=says)


GAUGES = (
    _gauge("inbox.hints", "{hint}", ("system",), "hints nobody has answered yet"),
    _gauge("inbox.oldest", "s", ("system",), "how long the oldest of them waits"),
    _gauge(
        "outbox.messages",
        "{message}",
        ("target", "state"),
        "messages that are not at their end, and parked ones, which wait for a person",
    ),
    _gauge(
        "outbox.oldest", "s", ("target",), "how long the oldest waits that is queued, called or uncertain"
    ),
    _gauge("breaks.open", "{break}", ("severity",), "open breaks"),
    _gauge("alerts.open", "{alert}", ("severity",), "alerts that last"),
    _gauge(
        "quarantine.rows", "{row}", ("system",), "received rows that could not be read, and nobody has mended"
    ),
    _gauge("api.calls.left", "{call}", ("system",), "calls a system lets us make today, as it said last"),
    _gauge(
        "breaker.open", "{system}", ("system", "part"), "1 while a system that does not answer is left alone"
    ),
    _gauge(
        "sweep.repaired",
        "{row}",
        ("system",),
        "rows the sweeps of the last day found that nobody had told of; anything but 0 hides a defect",
    ),
    _gauge("beat.age", "s", ("flow",), "since a flow last said that it is alive (the dead man's beat)"),
    _gauge(
        "run.days",
        "{day}",
        ("state",),
        "of the last 30 days that were reconciled, how the newest run of each ended",
    ),
    _gauge("run.age", "s", (), "since a day was published last"),
)

METRICS = (HINTS_RECEIVED, HINTS_ANSWERED, CALLS, LATENCY, *GAUGES)
