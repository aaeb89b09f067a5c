"""Answers hints: looks at what they are about as it is now, keeps that, and decides what must follow, all at once.

Hints come twice, late, out of order or not at all; it makes no difference, for nothing is ever taken from a hint.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, NamedTuple

from include.domain.canonical_json import sha256
from include.domain.delivery import Pace
from include.domain.entities import COMPARED, ENTITIES
from include.domain.shown import cut
from include.flows.spare_systems import LOOKS, May, may_call, note_call
from include.flows.tell_steps import tell_looked_at
from include.flows.write_rows import typed
from include.ports import (
    Away,
    Fatal,
    Lookup,
    Rejected,
    Row,
    Stop,
    Store,
    Transaction,
    Translated,
)
from include.telemetry import about
from include.validation.rows import failures_of

HINTS_AT_ONCE = 50
ROUNDS_MAX = 100_000
SILENT_MAX = 2
"""Looks in a row that a source did not answer; then it is not asked about the rest of a round."""

log = logging.getLogger(__name__)


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
    """An object as it was when we looked; no facts when it is gone. `hint_id`: the first hint that asked for it."""

    source: str
    entity: str
    native_id: str
    facts: Mapping[str, Any]
    hint_id: int | None = None


Decide = Callable[[Transaction, Sequence[Looked]], None]
"""What follows from objects that were looked at, whatever they are, inside the transaction that keeps the looks."""

Thing = tuple[str, str, str]


def keep_look(tx: Transaction, look: Row, looked: Looked) -> bool:
    """Keep what a look saw; False when a later look is kept already, or a later page, which has seen more."""
    facts = dict(looked.facts)
    kept = {"gone": not facts, "facts": facts, "facts_sha256": sha256(facts)}
    about = {"source": looked.source, "entity": looked.entity, "native_id": looked.native_id}
    return bool(tx.run("keep_look", **about, **look, **kept))


@dataclass(frozen=True)
class Drain:
    """What answering needs: where to look, what to decide then, and how patient to be.

    `left`: hints that were taken when our own database went away. They are given back: nobody waits for their lease.
    """

    store: Store
    lookups: Mapping[str, Lookup]
    decide: Decide
    pace: Pace
    left: list[Row] = field(default_factory=list)


def drain_inbox(drain: Drain, *, rounds: int = ROUNDS_MAX, live_first: bool = False) -> Counter[str]:
    """Answer every hint that is due; how many objects came to what. Safe to repeat and to run several times at once.

    With fewer `rounds` it ends sooner, so that what was decided can leave before the rest is answered. Those come first
    that wait longest, or those that were heard of as they happened: with one worker each way nothing live waits behind
    a backlog, nor that for ever.

    One object that cannot be read or decided about costs that object alone. Raises Fatal when a source or a decision
    does, once the rest is answered.
    """
    done: Counter[str] = Counter()
    take = "take_live_hints" if live_first else "take_hints"
    for _ in range(rounds):
        with drain.store.transaction() as tx:
            if drain.left:
                _finish(tx, [(hint, _Answer("new")) for hint in drain.left], drain.pace)
            may = may_call(tx, sorted(drain.lookups), LOOKS, drain.pace)
            wanted = {"sources": list(may), "most": HINTS_AT_ONCE, "lease": drain.pace.lease}
            hints = tx.rows(take, **wanted)
        drain.left[:] = hints
        if not hints:
            return done
        sights = _looks(drain, _by_thing(hints), may)
        answers = _answers(drain, sights)
        drain.left.clear()
        done.update(answer.state for answer in answers)
        for sight, answer in zip(sights, answers, strict=True):
            if sight.look:
                tell_looked_at(sight.hints, answer.state, began_at=sight.look["looked_at"])
        if stop := next((answer.stop for answer in answers if answer.stop), None):
            raise stop
    return done


def _by_thing(hints: Sequence[Row]) -> list[tuple[Thing, list[Row]]]:
    found: defaultdict[Thing, list[Row]] = defaultdict(list)
    for hint in sorted(hints, key=lambda hint: int(hint["hint_id"])):
        found[hint["source"], hint["entity"], hint["native_id"]].append(hint)
    return list(found.items())


class _Answer(NamedTuple):
    """What became of an object's hints; `stop` ends the lane, `away`: its system did not answer."""

    state: Literal["new", "done", "dead"]
    reason: str | None = None
    stop: Fatal | None = None
    away: bool = False


class _Sight(NamedTuple):
    """An object whose hints are being answered: what we saw, or why nothing. No row: it is gone."""

    thing: Thing
    hints: Sequence[Row]
    look: Row
    answer: _Answer
    row: Translated | None = None
    place: str = ""


def _looks(drain: Drain, things: Sequence[tuple[Thing, list[Row]]], may: Mapping[str, May]) -> list[_Sight]:
    """Look at each. A source that does not answer is not asked about the rest, and that is noted for all."""
    sights, silent, said = list[_Sight](), Counter[str](), dict[str, str | None]()
    for thing, hints in things:
        source = thing[0]
        if silent[source] == (1 if may[source].probe else SILENT_MAX):
            sights.append(_Sight(thing, hints, {}, _Answer("new", f"not asked: {said[source]}")))
            continue
        sight = _look(drain, thing, hints)
        silent[source] = silent[source] + 1 if sight.answer.away else 0
        if not sight.answer.away or source not in said:
            said[source] = sight.answer.reason if sight.answer.away else None
        sights.append(sight)
    for source, silence in said.items():
        if silence is not None or may[source].failing:
            with drain.store.transaction() as tx:
                note_call(tx, source, LOOKS, drain.pace, silence=silence)
    return sights


def _look(drain: Drain, thing: Thing, hints: Sequence[Row]) -> _Sight:
    source, entity, native_id = thing
    with drain.store.transaction() as tx:
        look = tx.rows("next_look")[0]
    lookup = drain.lookups[source]
    with _about(thing, hints):
        try:
            record = lookup.look_at(entity, native_id)
            row = lookup.translate(entity, record.payload) if record else None
        except Exception as wrong:  # noqa: BLE001 - what is no Stop is told as a fault of ours
            return _Sight(thing, hints, look, _stopped(thing, wrong))
    return _Sight(thing, hints, look, _Answer("done"), row, record.place if record else "")


def _about(thing: Thing, hints: Sequence[Row]) -> AbstractContextManager[None]:
    """Lines of the log inside say which event it was about, the first where there were more."""
    source, entity, native_id = thing
    return about(system=source, entity=entity, native_id=native_id, event_id=hints[0]["event_id"])


def _answers(drain: Drain, sights: Sequence[_Sight]) -> list[_Answer]:
    """What became of each. Their rows are judged together, and what follows is decided together: of many it takes
    little longer than of one.
    """
    judged = [_judged(sight, wrong) for sight, wrong in zip(sights, _wrongs(sights), strict=True)]
    good = [sight for sight in judged if sight.answer.state == "done"]
    answers = {sight.thing: sight.answer for sight in judged} | (_decided(drain, good) if good else {})
    for sight in judged:
        if answers[sight.thing].state != "done":
            with drain.store.transaction() as tx:
                _finish(tx, [(hint, answers[sight.thing]) for hint in sight.hints], drain.pace)
    return list(answers.values())


def _wrongs(sights: Sequence[_Sight]) -> list[str]:
    wrong: dict[Thing, str] = {}
    for entity in {sight.thing[1] for sight in sights if sight.row is not None}:
        some = [sight for sight in sights if sight.row is not None and sight.thing[1] == entity]
        failures = failures_of(entity, [sight.row for sight in some if sight.row is not None])
        wrong |= {some[place].thing: "; ".join(map(str, found)) for place, found in failures.items()}
    return [wrong.get(sight.thing, "") for sight in sights]


def _judged(sight: _Sight, wrong: str) -> _Sight:
    return sight._replace(answer=_dead(Rejected(f"{sight.place}: {wrong}"))) if wrong else sight


def _decided(drain: Drain, sights: Sequence[_Sight]) -> dict[Thing, _Answer]:
    """What became of them. When deciding fails, each is decided alone, so that one spoils nothing but itself."""
    try:
        _decide(drain, sights)
    except Exception as error:  # noqa: BLE001 - it was rolled back; whose fault it is shows of each alone
        if len(sights) == 1:
            with _about(sights[0].thing, sights[0].hints):
                return {sights[0].thing: _stopped(sights[0].thing, error)}
        return {thing: answer for one in sights for thing, answer in _decided(drain, [one]).items()}
    return {sight.thing: sight.answer for sight in sights}


def _stopped(thing: Thing, wrong: Exception) -> _Answer:
    """What becomes of the hints of an object whose look or decision ended in an error."""
    if isinstance(wrong, Rejected):  # of a decision: a text that cannot be stored
        return _dead(wrong)
    if isinstance(wrong, Stop):
        stop = wrong if isinstance(wrong, Fatal) else None
        return _Answer("new", str(wrong), stop, away=isinstance(wrong, Away))
    log.error("%s/%s/%s cannot be answered", *thing, exc_info=wrong)
    return _Answer("dead", f"a fault of ours ({type(wrong).__name__}); the log of the lane has it whole")


def _dead(never: Rejected) -> _Answer:
    return _Answer("dead", cut(str(never), 500))


def _decide(drain: Drain, sights: Sequence[_Sight]) -> None:
    """Keep what was seen, what follows from it and that the hints are answered, in one transaction."""
    sources, entities, native_ids = (list(part) for part in zip(*(one.thing for one in sights), strict=True))
    with drain.store.transaction() as tx:
        tx.rows("lock_objects", sources=sources, entities=entities, native_ids=native_ids)
        fresh = [looked for sight in sights if keep_look(tx, sight.look, looked := _looked(sight))]
        if fresh:
            drain.decide(tx, fresh)
        _finish(tx, [(hint, sight.answer) for sight in sights for hint in sight.hints], drain.pace)


def _looked(sight: _Sight) -> Looked:
    source, entity, native_id = sight.thing
    first = int(sight.hints[0]["hint_id"])
    facts = {} if sight.row is None else _facts(entity, sight.row)
    return Looked(source=source, entity=entity, native_id=native_id, facts=facts, hint_id=first)


def _facts(entity: str, row: Translated) -> dict[str, Any]:
    """What a look keeps of a row: nothing of people, so that nobody has to be forgotten here."""
    of = ENTITIES[entity]
    facts = typed(of, row)
    if left_out := {*(field.name for field in of.personal), *COMPARED.get(entity, ())}:
        return {name: value for name, value in facts.items() if name not in left_out}
    # The hash by which the same row is known once it has landed, and by which a decision is known to be stale.
    return facts | {"row_hash": sha256(row)}


def _finish(tx: Transaction, answered: Sequence[tuple[Row, _Answer]], pace: Pace) -> None:
    tx.run(
        "finish_hints",
        hints=[hint["hint_id"] for hint, _ in answered],
        fences=[hint["fence"] for hint, _ in answered],
        states=[answer.state for _, answer in answered],
        reasons=[answer.reason if answer.state == "dead" else None for _, answer in answered],
        waits=[
            pace.wait(attempts=hint["attempts"], key=f"{hint['hint_id']}")
            if answer.state == "new"
            else timedelta()
            for hint, answer in answered
        ],
    )
