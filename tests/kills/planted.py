"""Mistakes somebody could make in sending effects, to be planted on purpose: the kill matrix must find each."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from include.connectors.mail import client
from include.connectors.mail.message import compose
from include.domain.delivery import Message, Outcome, Pace
from include.flows import deliver_outbox as real
from include.ports import Report, Row, Store, Target, Transaction
from tests.kills.desk import Desk


class RandomKeys:
    """A target that is asked under another key each time: whatever is sent twice is there twice."""

    def __init__(self, target: Target) -> None:
        self._target, self.system, self.most = target, target.system, target.most

    def look(self, messages: Sequence[Message]) -> Mapping[str, str]:
        return self._target.look(messages)

    def send(self, messages: Sequence[Message]) -> Mapping[str, Outcome]:
        sent = {hashlib.sha256(os.urandom(16)).hexdigest(): message for message in messages}
        told = self._target.send([replace(message, key=key) for key, message in sent.items()])
        return {sent[key].key: outcome for key, outcome in told.items()}


class Blind(RandomKeys):
    """A target where nobody looks whether what is in doubt was done."""

    def look(self, messages: Sequence[Message]) -> Mapping[str, str]:  # noqa: ARG002 - the protocol's
        return {}

    def send(self, messages: Sequence[Message]) -> Mapping[str, Outcome]:
        return self._target.send(messages)


def marked_before_sent(store: Store, target: Target, *, pace: Pace) -> Counter[str]:
    """Deliver, but write down the success first."""
    done: Counter[str] = Counter()
    while taken := real._take(store, target, pace):
        hoped = {one.message.key: Outcome(result="confirmed", remote_id="?") for one in taken}
        done += real._finish(store, real.Called(taken, hoped, None, datetime.now(UTC)), pace)
        target.send([one.message for one in taken])
    return done


class OutboxAfterCommit:
    """A store that commits what was decided, and only then the messages that follow from it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        later: list[Callable[[Transaction], Any]] = []
        with self._store.transaction() as tx:
            yield _Later(tx, later)  # type: ignore[misc]
        if later:
            with self._store.transaction() as tx:
                for put in later:
                    put(tx)


class _Later:
    def __init__(self, tx: Transaction, later: list[Callable[[Transaction], Any]]) -> None:
        self._tx, self._later = tx, later

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)

    def rows(self, name: str, **params: Any) -> list[Row]:
        if name != "put_messages":
            return self._tx.rows(name, **params)
        self._later.append(lambda tx: tx.rows(name, **params))
        return [{"key": message["key"]} for message in params["told"]["messages"]]


def _random_keys(desk: Desk) -> None:
    desk.wrap = RandomKeys


def _blind(desk: Desk) -> None:
    desk.wrap = Blind


def _marked_before_sent(desk: Desk) -> None:
    desk.deliver_outbox = marked_before_sent


def _outbox_after_commit(desk: Desk) -> None:
    desk.store = OutboxAfterCommit(desk.store)


PLANTED: Mapping[str, Callable[[Desk], None]] = {
    "a random key for each attempt": _random_keys,
    "marked as sent before it is sent": _marked_before_sent,
    "the message after the commit of its decision": _outbox_after_commit,
    "sent again without looking first": _blind,
}


def _under_another_id(_desk: Desk) -> None:
    def composed(report: Report, **given: Any) -> Any:
        return compose(replace(report, key=os.urandom(16).hex()), **given)

    patch.object(client, "compose", composed).start()


PLANTED_IN_MAIL: Mapping[str, Callable[[Desk], None]] = {
    "a mail under another Message-ID each time": _under_another_id,
}
"""The same in what goes out by mail, which recipes send none of."""
