"""Systems and people that are told something."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol, runtime_checkable

from include.domain.alerts import Bulletin, Channel
from include.domain.delivery import Allowance, Message, Outcome
from include.ports.stops import Fatal, Rejected, Retryable, Uncertain


@dataclass(frozen=True, kw_only=True)
class Written:
    """What became of one row of a write, by our key: confirmed when `stop` is None, else what to do next."""

    key: str
    native_id: str = ""
    created: bool = False
    stop: Retryable | Rejected | Uncertain | Fatal | None = None


@dataclass(frozen=True, kw_only=True)
class Report:
    """A report on one day. `key` is the same for the same mail, so that mail readers fold a repeat.

    The pictures of `html` stand in it as data. `written_at` is when it was rendered; a repeat says so too. `attached`
    says what the attachments are, and `instead` where to find what one has that must be left out, because no server
    takes a mail of that size.
    """

    key: str
    as_of: date
    subject: str
    html: str
    text: str
    attachments: Mapping[str, bytes] = field(default_factory=dict)
    written_at: datetime | None = None
    attached: str = ""
    instead: str = ""


@dataclass(frozen=True, kw_only=True)
class ToldRow:
    """One row of another path's answers as text, in our words (key, amount …). `damage`: it has no form."""

    kind: str
    place: str
    cells: Mapping[str, str]
    damage: str = ""


class OldPath(Protocol):
    """A path beside ours that answers the same questions."""

    name: str

    def answers(self, day: date) -> Iterable[ToldRow]:
        """All it says of a day, in the order it says it. Raises NothingUsable when it says nothing at all."""


class Postman(Protocol):
    """Delivers a report to finance."""

    def send(self, report: Report, *, to: Sequence[str]) -> None:
        """Send once. Raises Retryable before the message was handed over, Uncertain after, Rejected when these
        recipients or this message are not taken, Fatal when nothing of ours is.
        """


class Herald(Protocol):
    """Tells people of alerts by one channel."""

    @property
    def channel(self) -> Channel:
        """Which channel."""

    def tell(self, bulletin: Bulletin) -> None:
        """Send once, to whoever does not have it yet. Raises Retryable when it surely was not taken, Uncertain when it
        may have been, Partly when some have it, Rejected when this bulletin is not taken, Fatal when nothing is.
        """


class Target(Protocol):
    """A system we write to, one kind of effect a message. Every message of a call is accounted for, one by one."""

    system: str
    most: int  # messages in one call

    def look(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Which of these effects are there already: key -> the target's id, found by what identifies it there.

        Raises Retryable, Fatal.
        """

    def send(self, messages: Sequence[Message]) -> Mapping[str, Outcome]:
        """Cause the effects; what came of each, by key.

        Raises Retryable when nothing was sent, Uncertain when the answer was lost and any of it may have happened,
        Fatal when any of it may have happened before it was stopped; who knows which did says so by `Outcome.stops`.
        """


@runtime_checkable
class Budgeted(Target, Protocol):
    """A target that counts our calls."""

    @property
    def allowance(self) -> Allowance | None:
        """What it last said; None when it has not said it yet."""


@runtime_checkable
class Shared(Target, Protocol):
    """A target another path writes to as well, with keys of its own or none."""

    def standing(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Which of these effects another path caused: key -> the target's id, found by what they are about.

        Of a kind that may be said twice, or whose `send` looks for it anyway, it says nothing. Raises Retryable, Fatal.
        """
