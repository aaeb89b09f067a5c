"""Decides an effect: its message goes into the outbox in the transaction of the decision, once by its key."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from include.domain.delivery import Message, State, key_of
from include.ports import Retryable, Row, Transaction
from include.telemetry import about

TRIES_MAX = 3
SAID_AT_ONCE = 1_000
_SAID = ("target", "kind", "subject", "body")
HELD_BACK = "HELD_BACK"
"""Why a message is parked that a person held back."""

log = logging.getLogger(__name__)

What = Literal[
    "new",
    "known",  # decided before, word for word
    "again",  # decided before with no effect, and anew now that what it was based on has changed, if only that
    "late",  # decided before, and on its way or done; what changed since is not in it
    "held",  # decided before, and held back by a person: nothing else is said until they let it go
    "conflict",  # the same key says something else of the same facts: a fault of ours (S1), and nothing is sent
]


class Put(NamedTuple):
    """What became of a decision."""

    what: What
    state: State
    remote_id: str | None


def put_message(tx: Transaction, message: Message) -> Put:
    """Queue an effect, or find what became of it when it was decided before.

    Of two who decide it at once the later one waits at the unique key, and then finds what the earlier one queued.
    """
    for _ in range(TRIES_MAX):
        if put := _put(tx, message):
            return put
    raise Retryable(f"message {message.key}: others keep deciding it; trying again later")


def _put(tx: Transaction, message: Message) -> Put | None:
    """None when somebody else has just queued it."""
    found = tx.rows("message_by_key", key=message.key)
    known = found[0] if found else None
    what = _what(message, known)
    if known and what == "again" and known["state"] != "superseded":
        # Whoever took it in this very moment was quicker: then it is on its way.
        what = "again" if tx.run("withdraw_message", message_id=known["message_id"]) else "late"
    if what in ("new", "again"):
        queued = _queue(tx, [message], revision=known["revision"] + 1 if known else 1)
        return Put(what, "queued", None) if queued else None
    if what == "conflict":
        with about(message_key=message.key):
            log.error("S1: key %s says something else of the same facts; nothing is sent", message.key)
        tx.run("keep_key_conflict", key=message.key, body=dict(message.body), body_sha256=message.body_sha256)
    return Put(what, known["state"], known["remote_id"]) if known else Put(what, "queued", None)


def say(tx: Transaction, message: Message) -> Put:
    """Queue how something is now, unless that is what was said last, be it refused, or a person holds that back.

    Its key is made here, by its place in the line of what was said about its subject. What is said of something must be
    read after it is locked (`lock_object`): of two who read at once, the later one would not know the other's news.
    """
    return say_all(tx, [message])[0]


def was_said(tx: Transaction, *, target: str, subject: str, kind: str) -> bool:
    """Whether anything was ever said about a subject."""
    return bool(tx.rows("newest_messages", targets=[target], subjects=[subject], kinds=[kind]))


def say_all(tx: Transaction, messages: Sequence[Message]) -> list[Put]:
    """As `say`, of many at once, each of another subject or kind; in the order of the messages."""
    if not messages:
        return []
    rows = tx.rows(
        "newest_messages",
        targets=[message.target for message in messages],
        subjects=[message.subject for message in messages],
        kinds=[message.kind for message in messages],
    )
    last = {row["place"] - 1: row for row in rows}
    puts = [_put_of(message, last.get(place)) for place, message in enumerate(messages)]
    news = [
        _numbered(message, last[place]["said"] if place in last else 0)
        for place, message in enumerate(messages)
        if puts[place].what == "new"
    ]
    if _queue(tx, news) < len(news):
        raise Retryable(f"{news[0].subject}: others say how it is at this moment; trying again later")
    return puts


def say_again(tx: Transaction, said: Sequence[Row]) -> int:
    """Say once more what was said last of these subjects (target, kind, subject, body, said); how many are queued.

    Another may have written there since, and whoever decides now finds that it was said and says nothing.
    """
    messages = [
        _numbered(Message(key="", **{name: row[name] for name in _SAID}), row["said"]) for row in said
    ]
    starts = range(0, len(messages), SAID_AT_ONCE)
    return sum(_queue(tx, messages[start : start + SAID_AT_ONCE]) for start in starts)


def _put_of(message: Message, last: Row | None) -> Put:
    if last and last["body_sha256"] == message.body_sha256 and last["state"] != "superseded":
        return Put("known", last["state"], None)
    if last and last["reason"] == HELD_BACK:
        return Put("held", last["state"], None)
    return Put("new", "queued", None)


def _numbered(message: Message, said: int) -> Message:
    return replace(message, key=key_of(message.kind, message.subject, said + 1), newest_only=True)


def _what(message: Message, known: Row | None) -> What:
    if known is None:
        return "new"
    without_effect = known["state"] in ("queued", "parked", "superseded")
    if known["body_sha256"] == message.body_sha256:
        moved = known["state"] == "queued" and known["based_on"] != message.based_on
        return "again" if known["state"] == "superseded" or moved else "known"
    if known["based_on"] == message.based_on:
        return "conflict"
    if known["reason"] == HELD_BACK:
        return "held"
    return "again" if without_effect else "late"


def _queue(tx: Transaction, messages: Sequence[Message], *, revision: int = 1) -> int:
    """Put them into the outbox, in their order; how many of them nobody else had put there."""
    if not messages:
        return 0
    told = [
        vars(message) | {"body": dict(message.body), "body_sha256": message.body_sha256, "place": place}
        for place, message in enumerate(messages)
    ]
    queued = [row["key"] for row in tx.rows("put_messages", told={"messages": told}, revision=revision)]
    if newest := [message.key for message in messages if message.newest_only and message.key in queued]:
        tx.run("supersede_older", keys=newest)
    return len(queued)
