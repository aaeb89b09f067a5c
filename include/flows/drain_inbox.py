"""Answers hints: looks at what they are about as it is now, keeps that, and decides what must follow, all at once.

Hints come twice, late, out of order or not at all; it makes no difference, for nothing is ever taken from a hint.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, NamedTuple

from include.domain.canonical_json import sha256
from include.domain.delivery import Pace
from include.domain.entities import ENTITIES
from include.flows.write_rows import typed
from include.ports import Fatal, Lookup, Rejected, Retryable, Row, Store, Transaction, Uncertain
from include.validation.rows import failures_of

HINTS_AT_ONCE = 50
ROUNDS_MAX = 100_000


@dataclass(frozen=True, kw_only=True)
class Hint:
    """Something changed there; look again. `sequence` tells events about one object and kind apart."""

    source: str
    event_id: str
    entity: str
    native_id: str
    kind: str
    sequence: str = ""
    occurred_at: Any = None


@dataclass(frozen=True, kw_only=True)
class Looked:
    """An object as it was when we looked; no facts when it is gone."""

    source: str
    entity: str
    native_id: str
    facts: Mapping[str, Any]


Decide = Callable[[Transaction, Looked], None]
Thing = tuple[str, str, str]


def keep_hint(tx: Transaction, hint: Hint) -> bool:
    """Keep a hint; False when it is a repeat."""
    return bool(tx.run("keep_hint", **vars(hint)))


@dataclass(frozen=True)
class Drain:
    """What answering needs: where to look, what to decide then, and how patient to be."""

    store: Store
    lookups: Mapping[str, Lookup]
    decide: Decide
    pace: Pace


def drain_inbox(drain: Drain, *, rounds: int = ROUNDS_MAX) -> Counter[str]:
    """Answer every hint that is due; how many objects came to what. Safe to repeat and to run several times at once.

    With fewer `rounds` it ends sooner, so that what was decided can leave before the rest is answered.

    One object that cannot be read costs that object alone. Raises Fatal when a source does, once the rest is answered.
    """
    done: Counter[str] = Counter()
    for _ in range(rounds):
        with drain.store.transaction() as tx:
            wanted = {"sources": sorted(drain.lookups), "most": HINTS_AT_ONCE, "lease": drain.pace.lease}
            hints = tx.rows("take_hints", **wanted)
        if not hints:
            return done
        answers = [_answer(drain, thing, told) for thing, told in _by_thing(hints)]
        done.update(answer.state for answer in answers)
        if stop := next((answer.stop for answer in answers if answer.stop), None):
            raise stop
    return done


def _by_thing(hints: Sequence[Row]) -> list[tuple[Thing, list[Row]]]:
    found: defaultdict[Thing, list[Row]] = defaultdict(list)
    for hint in sorted(hints, key=lambda hint: int(hint["hint_id"])):
        found[hint["source"], hint["entity"], hint["native_id"]].append(hint)
    return list(found.items())


class _Answer(NamedTuple):
    """What became of an object's hints; `stop` ends the lane."""

    state: Literal["new", "done", "dead"]
    reason: str | None = None
    stop: Fatal | None = None


def _answer(drain: Drain, thing: Thing, hints: Sequence[Row]) -> _Answer:
    """Look, then keep what was seen, what follows from it and that the hints are answered, in one transaction."""
    with drain.store.transaction() as tx:
        look = tx.rows("next_look")[0]
    try:
        looked = _look(drain.lookups[thing[0]], thing)
    except (Retryable, Uncertain) as away:
        answer = _Answer("new", str(away))
    except Rejected as never:
        answer = _Answer("dead", str(never)[:500])
    except Fatal as wrong:
        answer = _Answer("new", str(wrong), wrong)
    else:
        try:
            return _decide(drain, looked, look, hints)
        except Rejected as never:  # a text that cannot be stored
            answer = _Answer("dead", str(never)[:500])
    with drain.store.transaction() as tx:
        _finish(tx, hints, answer, drain.pace)
    return answer


def _decide(drain: Drain, looked: Looked, look: Row, hints: Sequence[Row]) -> _Answer:
    thing = {"source": looked.source, "entity": looked.entity, "native_id": looked.native_id}
    facts, answer = dict(looked.facts), _Answer("done")
    with drain.store.transaction() as tx:
        tx.rows("lock_object", **thing)
        kept = {"gone": not facts, "facts": facts, "facts_sha256": sha256(facts)}
        # Who looked later has kept and decided more than we saw.
        if tx.run("keep_look", **thing, **look, **kept):
            drain.decide(tx, looked)
        _finish(tx, hints, answer, drain.pace)
    return answer


def _look(lookup: Lookup, thing: Thing) -> Looked:
    source, entity, native_id = thing
    record = lookup.look_at(entity, native_id)
    if record is None:
        return Looked(source=source, entity=entity, native_id=native_id, facts={})
    row = lookup.translate(entity, record.payload)
    if failures := failures_of(entity, [row]).get(0):
        raise Rejected(f"{record.place}: {'; '.join(map(str, failures))}")
    # The hash by which the same row is known once it has landed, and by which a decision is known to be stale.
    facts = typed(ENTITIES[entity], row) | {"row_hash": sha256(row)}
    return Looked(source=source, entity=entity, native_id=native_id, facts=facts)


def _finish(tx: Transaction, hints: Sequence[Row], answer: _Answer, pace: Pace) -> None:
    tx.run(
        "finish_hints",
        hints=[hint["hint_id"] for hint in hints],
        fences=[hint["fence"] for hint in hints],
        states=[answer.state] * len(hints),
        reasons=[answer.reason if answer.state == "dead" else None] * len(hints),
        waits=[
            pace.wait(attempts=hint["attempts"], key=f"{hint['hint_id']}")
            if answer.state == "new"
            else timedelta()
            for hint in hints
        ],
    )
