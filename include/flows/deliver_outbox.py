"""Delivers effects: takes what is due, looks where it may have happened, sends the rest, writes down what came of each.

At least once on the wire, once in effect: a call whose answer was lost leaves its message *uncertain*, and an uncertain
message is looked for at the target before it is sent again. So is every message for some days after the database was
restored or a standby took over: what was sent last may be unknown here.

What is not, word for word, what was decided is not sent: somebody changed it where nobody may.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from include.domain.delivery import AFTER, ANSWERS, Allowance, Message, Outcome, Pace, State, silence_of
from include.flows.decide_again import decide_again
from include.flows.guard_writer import outcome_of, outcomes_of, standing_at
from include.flows.spare_systems import EFFECTS, may_call, note_allowance, note_call
from include.flows.tell_steps import tell_delivered
from include.ports import Budgeted, Fatal, Retryable, Row, Store, Target, Transaction, Uncertain

ROUNDS_MAX = 10_000
BY_ITS_KEY = "found by its key"
"""Tells what a look found, which is ours, from what `send` found standing there (see orders_due.sql)."""
BY_THE_OTHER_PATH = "the other path wrote it"
"""Tells it from what is ours: decided while another path wrote, and there already."""
ELSEWHERE = "another path writes this by now"
ARRIVED_LATE = "as it was decided before: that call arrived late"
"""Tells what stands there as of somebody else: it is not what the deal says, and its owner decides."""
PARENT_MISSING = "REF_MISSING"
"""What a message refers to is not there yet: tried for a day before it is parked."""
ANOTHER_BODY = "KEY_PAYLOAD_MISMATCH"
ALTERED = Outcome(
    result="rejected", reason=ANOTHER_BODY, detail="it is not what was decided; nothing was sent"
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A message we have until its lease is over.

    `attempts`: calls so far that surely did nothing. `long_refused`: the target said no a day ago already. `in_shadow`:
    it was decided while another path wrote; without `may_send`, another path writes now, and it is only looked for.
    `as_decided`: it says what it said when it was decided. `called_before`: an order whose key left with
    something else before.
    """

    message_id: int
    fence: int
    attempts: int
    look_first: bool
    long_refused: bool
    in_shadow: bool
    may_send: bool
    as_decided: bool
    called_before: bool
    message: Message


@dataclass(frozen=True)
class Called:
    """What came of messages, by key, until that is written down."""

    taken: Sequence[Taken]
    outcomes: Mapping[str, Outcome]
    allowance: Allowance | None
    began_at: datetime
    stop: Fatal | None = None


def deliver_outbox(
    store: Store,
    target: Target,
    *,
    pace: Pace,
    rounds: int = ROUNDS_MAX,
    unkept: list[Called] | None = None,
) -> Counter[str]:
    """Deliver what is due at one target, until nothing is; how many messages came to what.

    With fewer `rounds` it ends sooner, so that whoever works beside it is heard. Safe to repeat, to interrupt anywhere
    and to run several times at once. `unkept`: what could not be written down because our own database was away; who
    hands it in again has it written down first, and nobody waits for a lease. Raises Fatal when the target cannot go
    on, after what became of each message was written down.
    """
    unkept = [] if unkept is None else unkept
    done = _keep(store, unkept, pace)
    for _ in range(rounds):
        taken = _take(store, target, pace)
        if not taken:
            return done
        began_at = datetime.now(UTC)
        sound = [one for one in taken if one.as_decided]
        outcomes, stop = _call(target, sound) if sound else ({}, None)
        allowance = target.allowance if isinstance(target, Budgeted) else None
        unkept.append(Called(taken, outcomes, allowance, began_at, stop))
        done.update(_keep(store, unkept, pace))
    return done


def _take(store: Store, target: Target, pace: Pace) -> list[Taken]:
    with store.transaction() as tx:
        tx.run("notice_history")
        may = may_call(tx, [target.system], EFFECTS, pace).get(target.system)
        if may is None:
            return []
        tx.run("walk_in_order")
        rows = tx.rows(
            "take_messages",
            target=target.system,
            most=1 if may.probe else target.most,
            lease=pace.lease,
            keys_live=pace.keys_live,
            doubt=pace.doubt,
        )
    return sorted(map(_taken, rows), key=lambda one: one.message_id)


_SAID = (
    *("key", "kind", "target", "subject", "body", "based_on", "newest_only"),
    *("token", "fence", "turn"),
)
"""What a row of the outbox says of its message once it was taken, by the message's own names."""


def _taken(row: Row) -> Taken:
    message = Message(**{name: row[name] for name in _SAID})
    return Taken(
        message_id=row["message_id"],
        fence=row["fence"],
        attempts=row["attempts"],
        look_first=row["look_first"],
        long_refused=row["long_refused"],
        in_shadow=bool(row["in_shadow"]),
        may_send=row["may_send"],
        as_decided=_sha256(message) == row["body_sha256"],
        called_before=row["called_before"],
        message=message,
    )


def _sha256(message: Message) -> str:
    """Of what it says now; of what nobody can have decided, nothing."""
    try:
        return message.body_sha256
    except TypeError:  # a number that is no integer
        return ""


def _call(target: Target, taken: Sequence[Taken]) -> tuple[dict[str, Outcome], Fatal | None]:
    """What came of each message, by key; and the error that ends the lane, to be raised once that is written down."""
    doubtful = [one for one in taken if one.look_first or one.in_shadow]
    outcomes: dict[str, Outcome] = {}
    try:
        outcomes = _looked_for(target, taken)
    except (Retryable, Uncertain, Fatal) as away:
        # Nobody could look: what was in doubt stays in doubt, and what was never called was not called now.
        outcomes = {
            one.message.key: outcome_of("uncertain" if one.look_first else "unsent", away) for one in doubtful
        }
        if isinstance(away, Fatal):
            rest = [one.message for one in taken if one.message.key not in outcomes]
            return outcomes | {message.key: outcome_of("unsent", away) for message in rest}, away
    left = [one for one in taken if one.message.key not in outcomes]
    held = Outcome(result="unsent", detail=ELSEWHERE)
    outcomes |= {one.message.key: held for one in left if not one.may_send}
    unsent = [one.message for one in left if one.may_send]
    sent, stop = _send(target, unsent) if unsent else ({}, None)
    return outcomes | sent, stop


def _looked_for(target: Target, taken: Sequence[Taken]) -> dict[str, Outcome]:
    """What is there already: by our keys where it may be ours, by what it is about where it may be another path's."""
    ours = [one.message for one in taken if one.look_first]
    found = target.look(ours) if ours else {}
    known = {key: Outcome(result="found", remote_id=one, detail=BY_ITS_KEY) for key, one in found.items()}
    theirs = [one.message for one in taken if one.in_shadow and one.message.key not in known]
    standing = standing_at(target, theirs) if theirs else {}
    return known | {
        key: Outcome(result="found", remote_id=remote, detail=BY_THE_OTHER_PATH)
        for key, remote in standing.items()
    }


def _send(target: Target, messages: Sequence[Message]) -> tuple[dict[str, Outcome], Fatal | None]:
    told = outcomes_of(target, messages)
    stop = next((Fatal(outcome.detail or "") for outcome in told.values() if outcome.stops), None)
    return told, stop


def _keep(store: Store, unkept: list[Called], pace: Pace) -> Counter[str]:
    """Write down what came of each call. One that cannot be for another reason than a database that is away is left."""
    done: Counter[str] = Counter()
    while unkept:
        called = unkept.pop(0)
        try:
            done.update(_finish(store, called, pace))
        except Retryable:
            unkept.insert(0, called)
            raise
        sound = [one for one in called.taken if one.as_decided]
        tell_delivered(store, sound, called.outcomes, began_at=called.began_at)
        if called.stop:
            raise called.stop
    return done


def _finish(store: Store, called: Called, pace: Pace) -> Counter[str]:
    """Write down what came of each, where we are still the ones who have it, and whether the target answered.

    Safe to repeat where the answer to the commit was lost.
    """
    taken, outcomes = called.taken, called.outcomes
    altered = [one.message for one in taken if not one.as_decided]
    became = {one.message.key: _became(one, outcomes) for one in taken}
    states = {one.message.key: _after(one, became[one.message.key], pace) for one in taken}
    told = [(one, became[one.message.key]) for one in taken]
    with store.transaction() as tx:
        tx.run("walk_in_order")
        counted = tx.rows(
            "finish_messages",
            **_said(told),
            outcomes=[outcome.result for _, outcome in told],
            states=[states[one.message.key][0] for one in taken],
            reasons=[states[one.message.key][1] for one in taken],
            waits=[_wait(one, outcome, states[one.message.key][0], pace) for one, outcome in told],
            failures=[int(outcome.result == "retryable") for _, outcome in told],
        )
        ours = {row["message_id"] for row in counted}
        if late := [(one, outcome) for one, outcome in told if one.message_id not in ours]:
            tokens = [one.message.token for one, _ in late]
            tx.run("keep_late_attempts", **_said(late), tokens=tokens)
        _tell_altered(tx, altered)
        # Who comes late says nothing: neither of a message that another has by now, nor of how the target is.
        stale = [one for one, outcome in told if outcome.result == "stale" and one.message_id in ours]
        decide_again(tx, {one.message_id: one.message for one in stale})
        if ours:
            _note(tx, taken[0].message.target, outcomes, pace, called.allowance)
    return Counter(outcome.result if one.message_id in ours else "late" for one, outcome in told)


def _became(one: Taken, outcomes: Mapping[str, Outcome]) -> Outcome:
    if not one.as_decided:
        return ALTERED
    outcome = outcomes[one.message.key]
    if one.called_before and outcome.reason == ANOTHER_BODY and outcome.remote_id:
        return Outcome(result="found", remote_id=outcome.remote_id, detail=ARRIVED_LATE)
    return outcome


def _said(told: Sequence[tuple[Taken, Outcome]]) -> dict[str, list[Any]]:
    """Who had each message, and what its target said of it."""
    return {
        "messages": [one.message_id for one, _ in told],
        "fences": [one.fence for one, _ in told],
        "remote_ids": [outcome.remote_id for _, outcome in told],
        "details": [outcome.detail for _, outcome in told],
    }


def _tell_altered(tx: Transaction, messages: Sequence[Message]) -> None:
    """It is told like a key that was decided twice: somebody looks at both at once."""
    for message in messages:
        log.error("S1: message %s is not what was decided; nothing is sent", message.key)
        facts = {"body": dict(message.body), "body_sha256": _sha256(message)}
        tx.run("keep_key_conflict", key=message.key, **facts)


def _note(
    tx: Transaction, target: str, outcomes: Mapping[str, Outcome], pace: Pace, allowance: Allowance | None
) -> None:
    silence = silence_of(outcomes.values())
    if silence is not None or any(one.result in ANSWERS for one in outcomes.values()):
        note_call(tx, target, EFFECTS, pace, silence=silence)
    if allowance:
        note_allowance(tx, target, used=allowance.used, allowed=allowance.allowed, pace=pace)


def _after(one: Taken, outcome: Outcome, pace: Pace) -> tuple[State, str | None]:
    """The state that follows, and why when it is parked. What may have happened is never given up on."""
    if outcome.result == "retryable" and one.attempts + 1 >= pace.attempts_max:
        return "parked", "MAX_ATTEMPTS"
    if outcome.reason == PARENT_MISSING and not one.long_refused:
        return "queued", None  # it may be on its way
    state = AFTER[outcome.result]
    return state, (outcome.reason or "TARGET_REJECTED") if state == "parked" else None


def _wait(one: Taken, outcome: Outcome, state: State, pace: Pace) -> timedelta:
    """Longer with each call that surely did nothing; of all others, with each time it was taken."""
    if state not in ("queued", "uncertain"):
        return timedelta()
    attempts = one.attempts + 1 if outcome.result == "retryable" else one.fence
    return pace.wait(attempts=attempts, key=one.message.key)
