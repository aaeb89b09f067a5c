"""Tells how events become effects, step by step, to whoever listens; nothing where nobody does.

A step is told once its transaction has committed: what was rolled back is never seen. A process that is killed between
the two leaves a step untold; nothing depends on one.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from include.domain import trace_ids
from include.domain.delivery import Message, Outcome
from include.domain.trace_ids import Event
from include.ports import Row, Stop, Store
from include.telemetry import Step, Telling, exporting, telling
from include.telemetry.names import (
    CALLS,
    DECIDED,
    GAUGES,
    HINTS_ANSWERED,
    HINTS_RECEIVED,
    LATENCY,
    LOOKED_AT,
    RECEIVED,
    SENT,
)

if TYPE_CHECKING:
    from include.flows.deliver_outbox import Taken
    from include.flows.drain_inbox import Hint

log = logging.getLogger(__name__)

WELL = frozenset({"confirmed", "found", "stale"})
"""What may come of a call that is no trouble."""


def tell_received(hints: Iterable["Hint"], news: set[str], *, began_at: datetime) -> None:
    """That these hints are kept, those that were news."""
    to = telling()
    if to is None:
        return
    for hint in hints:
        if hint.event_id in news:
            event = Event(hint.source, hint.event_id)
            facts = _object(hint.source, hint.entity, hint.native_id)
            to.step(
                _step(
                    RECEIVED,
                    trace_ids.received(event),
                    began_at,
                    facts | {"event_id": hint.event_id, "event_kind": hint.kind, "outcome": "kept"},
                )
            )
            to.count(HINTS_RECEIVED, system=hint.source)


def tell_looked_at(hints: Sequence[Row], outcome: str, *, began_at: datetime) -> None:
    """What became of the hints about one object. One that is tried again later is counted, and has no step yet."""
    to = telling()
    if to is None:
        return
    for hint in hints:
        to.count(HINTS_ANSWERED, system=hint["source"], outcome=outcome)
        if outcome != "new":
            event = Event(hint["source"], hint["event_id"])
            facts = _object(hint["source"], hint["entity"], hint["native_id"])
            facts |= {"event_id": hint["event_id"], "outcome": outcome, "attempt": hint["attempts"]}
            failed = outcome == "dead"
            to.step(_step(LOOKED_AT, trace_ids.looked_at(event), began_at, facts, failed=failed))


def tell_delivered(
    store: Store, taken: Sequence["Taken"], outcomes: Mapping[str, Outcome], *, began_at: datetime
) -> None:
    """What came of each message that was called; and of its whole life, where this was its end."""
    to = telling()
    if to is None:
        return
    try:
        with store.transaction() as tx:
            rows = tx.rows("told_messages", messages=[one.message_id for one in taken])
    except Stop:  # what came of them is written down; that it could not be told stops nobody
        log.exception("what came of %d messages cannot be told", len(taken))
        return
    lives = {row["message_id"]: row for row in rows}
    for one in taken:
        _tell(to, one, lives[one.message_id], outcomes[one.message.key], began_at)


def _tell(to: Telling, one: "Taken", life: Row, outcome: Outcome, began_at: datetime) -> None:
    event = Event(life["source"], life["event_id"]) if life["event_id"] else None
    ours, result = life["fence"] == one.fence, outcome.result
    place = trace_ids.decided(one.message.key, revision=life["revision"], event=event)
    about = _message(one.message) | ({"event_id": event.event_id} if event else {})
    call = about | {"outcome": result if ours else "late", "attempt": one.fence}
    if ours and life["reason"]:
        call["reason"] = life["reason"]
    sent = trace_ids.sent(place, fence=one.fence)
    to.step(_step(SENT, sent, began_at, call, failed=result not in WELL))
    to.count(CALLS, target=one.message.target, outcome=str(call["outcome"]))
    if not (ours and life["finished_at"]):
        return
    facts = about | {"outcome": life["state"]} | ({"reason": life["reason"]} if life["reason"] else {})
    parked = life["state"] == "parked"
    whole = Step(
        name=DECIDED,
        place=place,
        began_at=life["decided_at"],
        ended_at=max(life["finished_at"], datetime.now(UTC)),  # around its calls, whose times are ours
        failed=parked,
        facts=facts,
    )
    to.step(whole)
    if life["state"] == "confirmed":
        since, name = (life["received_at"], "event") if event else (life["decided_at"], "decision")
        seconds = (life["finished_at"] - since).total_seconds()
        to.count(LATENCY, max(seconds, 0.0), target=one.message.target, since=name)


def show_figures(store: Store) -> int:
    """Read how things stand and show it to who takes figures elsewhere; how many gauges have something to show."""
    to = exporting()
    if to is None:
        return 0
    shown = 0
    with store.transaction() as tx:
        for gauge in GAUGES:
            rows = tx.rows(gauge.query)
            to.figures(gauge, rows)
            shown += bool(rows)
    return shown


def _step(
    name: str, place: trace_ids.Place, began_at: datetime, facts: Mapping[str, Any], *, failed: bool = False
) -> Step:
    return Step(
        name=name, place=place, began_at=began_at, ended_at=datetime.now(UTC), failed=failed, facts=facts
    )


def _object(system: str, entity: str, native_id: str) -> dict[str, str | int]:
    return {"system": system, "entity": entity, "native_id": native_id}


def _message(message: Message) -> dict[str, str | int]:
    entity, _, native_id = message.subject.partition("/")
    keys = {"message_key": message.key, "message_kind": message.kind}
    return _object(message.target, entity, native_id) | keys
