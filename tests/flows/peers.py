"""A system to write to that knows no keys: what is sent twice is there twice. And what can go wrong with it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from include.domain.delivery import Message, Outcome
from include.ports import Away, Fatal, Retryable, Uncertain

Fault = Callable[["Peer", Sequence[Message]], Mapping[str, Outcome]]


class Killed(BaseException):
    """The process is gone: nothing after this line runs."""


@dataclass
class Peer:
    """`effects` is everything it ever did, in order. Faults wait for their turn, one a call."""

    system: str = "erp"
    most: int = 200
    effects: list[Message] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    away: bool = False  # even for looking
    looked: int = 0

    def look(self, messages: Sequence[Message]) -> Mapping[str, str]:
        self.looked += 1
        if self.away:
            raise Away("the peer does not answer")
        there = {effect.key: number for number, effect in enumerate(self.effects)}
        return {message.key: f"R{there[message.key]}" for message in messages if message.key in there}

    def send(self, messages: Sequence[Message]) -> Mapping[str, Outcome]:
        if self.away:
            raise Away("the peer does not answer")
        return self.faults.pop(0)(self, messages) if self.faults else self.do(messages)

    def do(self, messages: Sequence[Message]) -> dict[str, Outcome]:
        self.effects += messages
        start = len(self.effects) - len(messages)
        return {
            message.key: Outcome(result="confirmed", remote_id=f"R{start + place}")
            for place, message in enumerate(messages)
        }


def answer_lost(peer: Peer, messages: Sequence[Message]) -> Mapping[str, Outcome]:
    peer.do(messages)
    raise Uncertain("the answer was lost")


def lost_before(_: Peer, __: Sequence[Message]) -> Mapping[str, Outcome]:
    raise Uncertain("the connection broke")


def throttled(_: Peer, __: Sequence[Message]) -> Mapping[str, Outcome]:
    raise Retryable("429")


def refused_for_now(_: Peer, messages: Sequence[Message]) -> Mapping[str, Outcome]:
    """Every row for itself; the next call may do it."""
    return {message.key: Outcome(result="retryable", detail="the row is locked") for message in messages}


def refused_login(_: Peer, __: Sequence[Message]) -> Mapping[str, Outcome]:
    raise Fatal("the login is refused")


def stopped_midway(peer: Peer, messages: Sequence[Message]) -> Mapping[str, Outcome]:
    """The first is done; in the middle of the second the login is refused; the others are not sent."""
    done = peer.do(messages[:2])
    told = {messages[0].key: done[messages[0].key]}
    wrong = {"detail": "the login is refused", "stops": True}
    told |= {message.key: Outcome(result="uncertain", **wrong) for message in messages[1:2]}
    return told | {message.key: Outcome(result="unsent", **wrong) for message in messages[2:]}


def killed_before(_: Peer, __: Sequence[Message]) -> Mapping[str, Outcome]:
    raise Killed


def killed_after(peer: Peer, messages: Sequence[Message]) -> Mapping[str, Outcome]:
    peer.do(messages)
    raise Killed


def half_refused(peer: Peer, messages: Sequence[Message]) -> Mapping[str, Outcome]:
    """Every second row is refused for good; the call as a whole succeeds."""
    told = peer.do(messages[::2])
    return told | {
        message.key: Outcome(result="rejected", reason="VALIDATION_HARD", detail="a field is too long")
        for message in messages[1::2]
    }


def half_silent(peer: Peer, messages: Sequence[Message]) -> Mapping[str, Outcome]:
    """Everything happens; of every second row the answer says nothing."""
    told = peer.do(messages)
    return {message.key: told[message.key] for message in messages[::2]}
