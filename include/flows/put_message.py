"""Decides an effect: its message goes into the outbox in the transaction of the decision, once by its key."""

from dataclasses import replace
from typing import Literal, NamedTuple

from include.domain.delivery import Message, State, key_of
from include.ports import Transaction


class Put(NamedTuple):
    """What became of a decision: `new`, `known` (it was decided before), or `conflict` (with another body then)."""

    what: Literal["new", "known", "conflict"]
    state: State
    remote_id: str | None


def put_message(tx: Transaction, message: Message) -> Put:
    """Queue an effect, or find what became of it when it was decided before.

    A key that comes back with another body is a fault in how keys are made: it is kept as a conflict (S1) and nothing
    is sent.
    """
    new = tx.run(
        "put_message",
        key=message.key,
        kind=message.kind,
        target=message.target,
        subject=message.subject,
        body=dict(message.body),
        body_sha256=message.body_sha256,
        based_on=message.based_on,
        newest_only=message.newest_only,
    )
    [known] = tx.rows("message_by_key", key=message.key)
    if new and message.newest_only:
        tx.run("supersede_older", key=message.key)
    if known["body_sha256"] != message.body_sha256:
        tx.run("keep_key_conflict", key=message.key, body=dict(message.body), body_sha256=message.body_sha256)
        return Put("conflict", known["state"], known["remote_id"])
    return Put("new" if new else "known", known["state"], known["remote_id"])


def say(tx: Transaction, message: Message) -> Put:
    """Queue how something is now, unless that is what was said last.

    Its key is made here, by its place in the line of what was said about its subject, which the caller has locked.
    """
    [last] = tx.rows("newest_message", target=message.target, subject=message.subject, kind=message.kind) or [
        {"body_sha256": None, "state": "superseded", "said": 0}
    ]
    if last["body_sha256"] == message.body_sha256 and last["state"] not in ("parked", "superseded"):
        return Put("known", last["state"], None)
    key = key_of(message.kind, message.subject, last["said"] + 1)
    return put_message(tx, replace(message, key=key, newest_only=True))
