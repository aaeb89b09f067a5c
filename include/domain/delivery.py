"""Effects that happen once: what a message is, what may come of a call, and when to try again.

A key comes from facts, never from chance (`key_of`), so that whoever decides again decides the same message.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from include.domain.canonical_json import sha256

State = Literal["queued", "called", "uncertain", "confirmed", "parked", "superseded"]
Result = Literal["confirmed", "found", "rejected", "retryable", "uncertain", "stale", "unsent"]

AFTER: Mapping[Result, State] = {
    "confirmed": "confirmed",
    "found": "confirmed",
    "rejected": "parked",
    "retryable": "queued",
    "uncertain": "uncertain",
    "stale": "superseded",
    "unsent": "queued",
}
"""What a message becomes by what came of its call."""


def key_of(kind: str, *facts: object) -> str:
    """The key of an effect: SHA-256 over `kind/v1` and the facts that make it this effect and no other.

    For an order they are the tenant, the organisation, the opportunity's 18
    characters and how often it was won.
    """
    texts = [f"{kind}/v1", *(str(fact) for fact in facts)]
    if any("|" in text for text in texts):
        return sha256(texts)  # with quotes around each, so that no fact can pass for two
    return hashlib.sha256("|".join(texts).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Message:
    """One effect on one system.

    `subject` is what it is about (`invoices/INV-1`): messages about one subject reach a target in the order they were
    decided in. `newest_only` messages say how something is, so that a newer one replaces those still waiting.
    `based_on` is the version of the target's record the decision saw, where it matters. `token` is that of its flow's
    writer when it was taken to be sent, `fence` counts who took it; None until then. `hint_id`: the hint it was decided
    for, where there was one. `turn`: when it was taken to be sent, in milliseconds since 1970 by the database's clock;
    a target that can refuses one over what was taken later. None until it was taken.
    """

    key: str
    kind: str
    target: str
    subject: str
    body: Mapping[str, Any]
    newest_only: bool = False
    based_on: str | None = None
    token: int | None = None
    hint_id: int | None = None
    fence: int | None = None
    turn: int | None = None

    @property
    def body_sha256(self) -> str:
        """What the same key must always come with."""
        return sha256(
            {"body": dict(self.body), "kind": self.kind, "target": self.target, "subject": self.subject}
        )


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one message's call. `reason` is why it is parked, of delivery.park_reasons.

    `stops`: what is wrong is wrong for every other message too, and a person must mend it. `away`: the target as a
    whole gave no answer, so that it says nothing of the message.
    """

    result: Result
    remote_id: str | None = None
    reason: str | None = None
    detail: str | None = None
    stops: bool = False
    away: bool = False


@dataclass(frozen=True)
class Allowance:
    """How many calls of a day a system counts, and how many it allows."""

    used: int
    allowed: int


ANSWERS = frozenset[Result]({"confirmed", "found", "rejected", "retryable"})
"""Results that only a target that answers gives."""


def silence_of(outcomes: Iterable[Outcome]) -> str | None:
    """What was said when a round of calls got no answer at all; None when it got one, or nothing was called."""
    told = list(outcomes)
    if any(one.result in ANSWERS for one in told):
        return None
    return next((one.detail or one.result for one in told if one.away), None)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How long to wait, and when to give up."""

    lease: timedelta  # how long whoever took a message has
    first_wait: timedelta
    longest_wait: timedelta
    attempts_max: int
    keys_live: timedelta  # how long the target knows a key again; after that, look before sending
    doubt: timedelta  # how long after a restore of our database nothing is sent unlooked for
    silences_max: int = 5  # so many rounds in a row without an answer, and a system is left alone
    rest: timedelta = timedelta(seconds=15)  # for so long; then one call finds out whether it is back
    can_wait: tuple[str, ...] = ()  # kinds of messages that wait for the next day when calls run short
    short_percent: int = 100  # of a day's calls: from here on they run short

    def puts_off(self, allowance: Allowance) -> tuple[str, ...]:
        """The kinds that wait, because a system has few calls left that matter more elsewhere."""
        short = allowance.allowed > 0 and allowance.used * 100 >= allowance.allowed * self.short_percent
        return self.can_wait if short else ()

    def wait(self, *, attempts: int, key: str) -> timedelta:
        """Before the next attempt: twice as long each time, spread by half, and the same for the same message."""
        longest = min(self.longest_wait, self.first_wait * (1 << min(attempts - 1, 30)))
        spread = int(hashlib.sha256(f"{key}|{attempts}".encode()).hexdigest()[:8], 16)
        return longest / 2 + longest / 2 * spread / 0xFFFFFFFF
