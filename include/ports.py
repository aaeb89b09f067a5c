"""What the flows need from the outside: sources to read, a postman for reports, and errors named by what to do next.

Stop
├── Retryable   the outside system was unavailable or throttled us; try again later
├── Rejected    the outside system refused this one record; park it and go on
├── Uncertain   the call was sent and its answer lost; look before sending again
├── Fatal       credentials, schema or configuration are wrong; stop and page someone
└── NothingUsable  the input holds no row that can be used; give another
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple, Protocol, runtime_checkable

from include.domain.alerts import Bulletin, Channel
from include.domain.delivery import Message, Outcome

Cursor = Mapping[str, str]
"""An opaque position in one object of one source; the store keeps it, the source alone reads it."""


class Stop(Exception):
    """Root of what stops a flow; the subclass says what to do next."""


class Retryable(Stop):
    """The outside system was unavailable or throttled us; try again later."""


class Away(Retryable):
    """The outside system as a whole: not reached, busy or in maintenance. It says nothing of what was asked for."""


class Throttled(Retryable):
    """The outside system asks us to wait. `after_s`: for how long, in seconds; 0 when it does not say."""

    def __init__(self, *words: str, after_s: int = 0) -> None:
        super().__init__(*words)
        self.after_s = after_s


class Rejected(Stop):
    """The outside system refused this one record; park it and go on. `reason`: of delivery.park_reasons."""

    def __init__(self, *words: str, reason: str = "TARGET_REJECTED") -> None:
        super().__init__(*words)
        self.reason = reason


class Uncertain(Stop):
    """The call was sent and its answer lost; look before sending again."""


class Partly(Stop):
    """Some have it for sure and others may not. `reached` names who has it, by marks that are no addresses."""

    def __init__(self, message: str, *, reached: frozenset[str]) -> None:
        super().__init__(message)
        self.reached = reached


class Fatal(Stop):
    """Credentials, schema or configuration are wrong; stop and page someone."""


class NothingUsable(Stop):
    """The input holds no row that can be used; give another."""


@dataclass(frozen=True, kw_only=True)
class RawRecord:
    """One payload as received. `place` is where a person finds it: file and line, or a URL path.

    `version` orders nothing; with `native_id` it makes the payload's key (SystemModstamp, write date, event id, line).
    `damage` is set when the payload could not even be read; such a record is kept and quarantined. `gone`: the source
    no longer has the row; its canonical version ends, its history stays.
    """

    native_id: str
    version: str
    payload: Mapping[str, Any]
    place: str
    damage: str = ""
    gone: bool = False


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of an object's changes. Storing `records` and `next_cursor` is one transaction."""

    records: Sequence[RawRecord]
    next_cursor: Cursor
    has_more: bool


@dataclass(frozen=True, kw_only=True)
class SourceTotals:
    """What the source itself says it holds in a window, by a query independent of the extraction.

    `keys` are (native id, version), each once; they may be read only once, as the source lists them. `amounts` sums
    the object's amount per ISO currency in major units, leaving out what is not a number; it is whole when the keys
    are read.
    """

    keys: Iterable[tuple[str, str]]
    amounts: Mapping[str, Decimal] = field(default_factory=dict)


Translated = Mapping[str, str | None]
"""A row in our words: canonical field name -> text as the source wrote it (money in major units), None = unknown."""


class Source(Protocol):
    """A system we read. Its objects are named by canonical entity (`include/domain/entities.py`)."""

    system: str
    entities: Sequence[str]  # what it feeds, in the order to read
    states_once: bool  # an id stated a second time is a mistake, not a newer version

    def fetch_page(self, entity: str, cursor: Cursor | None) -> Page:
        """The changes after `cursor`, oldest first; state in, state out.

        Raises Retryable, Fatal.
        """

    def totals(self, entity: str, *, after: Cursor | None, until: Cursor) -> SourceTotals:
        """What the source holds in (after, until], asked independently of `fetch_page`.

        Raises Retryable, Fatal.
        """

    def column(self, entity: str, field: str) -> str:
        """What the source itself calls a canonical field, for messages its owner must understand."""

    def complete_until(self, cursor: Cursor) -> datetime | None:
        """The moment before which nothing is still to come once this cursor is reached; None when that is always so."""

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:
        """The payload in canonical field names; never fails: what it cannot read it passes on as text."""


class Lookup(Protocol):
    """A system in which one object can be looked at as it is now."""

    system: str

    def look_at(self, entity: str, native_id: str) -> RawRecord | None:
        """The object's current state; None when the system has it no more.

        Raises Retryable, Rejected when there can be no such object, Fatal.
        """

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:
        """As a source's."""


class PartsLookup(Lookup, Protocol):
    """A system that also tells what belongs to an object, all of it at once."""

    def look_at_parts(self, entity: str, *, of: str, native_id: str) -> Sequence[RawRecord]:
        """All objects there now are whose canonical field `of` names this one. Raises Retryable, Fatal."""


@dataclass(frozen=True, kw_only=True)
class Sign:
    """Something changed there: which object to look at. Its facts are not taken from here.

    `event_id` and (object, kind, sequence) are the same for the same change, so that a repeat is known. `only_known`:
    it matters only when the object was looked at before. `only_new`: it is one of very many, and matters only when the
    deal is not known to be won.
    """

    event_id: str
    entity: str
    native_id: str
    kind: str
    sequence: str
    occurred_at: datetime | None = None
    only_known: bool = False
    only_new: bool = False


@dataclass(frozen=True, kw_only=True)
class Glance:
    """What one quick look at a source showed, and where the next one begins; both are kept at once."""

    signs: Sequence[Sign]
    next_cursor: Cursor


class Watch(Protocol):
    """A source that is asked every second or two what changed; it may miss nothing, and may say things twice."""

    system: str
    name: str  # what is watched, by which its cursor is kept

    def glance(self, cursor: Cursor | None) -> Glance:
        """What changed since; state in, state out. Raises Retryable, Fatal."""

    @property
    def every_s(self) -> float:
        """Seconds between two glances that the source's limits allow."""


@runtime_checkable
class Swept(Source, Protocol):
    """A source that can be listed whole: finds hard deletes, late rows and what changed without a stamp."""

    def listing(self, entity: str, *, until: Cursor) -> Iterable[RawRecord]:
        """Every living row settled at the cursor; ends only when it was complete. Raises Retryable, Fatal."""

    def rows(self, entity: str, native_ids: Sequence[str]) -> Sequence[RawRecord]:
        """The rows of these ids as they now are, deleted ones as gone; none for what is not there."""


@runtime_checkable
class Described(Source, Protocol):
    """A source that says which fields it shows us."""

    def shape(self, entity: str) -> Mapping[str, str]:
        """Type by field, as the source names both, of all it shows. Raises Retryable, Fatal."""

    def reads(self, entity: str) -> frozenset[str]:
        """The fields of it we use, as the source names them."""


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

    The pictures of `html` stand in it as data. `written_at` is when it was rendered; a repeat says so too.
    """

    key: str
    as_of: date
    subject: str
    html: str
    text: str
    attachments: Mapping[str, bytes] = field(default_factory=dict)
    written_at: datetime | None = None


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
class Shared(Target, Protocol):
    """A target another path writes to as well, with keys of its own or none."""

    def standing(self, messages: Sequence[Message]) -> Mapping[str, str]:
        """Which of these effects another path caused: key -> the target's id, found by what they are about.

        Of a kind that may be said twice, or whose `send` looks for it anyway, it says nothing. Raises Retryable, Fatal.
        """


class HeldInvoice(NamedTuple):
    """An invoice as another system holds it: the ERP's id, and its gross amount in major units."""

    invoice_id: str
    currency: str
    gross: Decimal


class Mirror(Protocol):
    """A system that holds invoices of the ERP."""

    def invoices(self, *, since: date) -> Sequence[HeldInvoice]:
        """All that came to it since a day. Raises Retryable, Fatal."""


Row = dict[str, Any]
"""One row of a query, by column name."""

Names = Mapping[str, str | Sequence[str]]
"""What fills the `{braces}` of a statement written for any table: an identifier (`schema.table`) or a list of them."""


class Transaction(Protocol):
    """Named queries of `sql/queries` inside one transaction; what a flow decides in it commits at once."""

    def rows(self, name: str, **params: Any) -> list[Row]:
        """The rows of a query."""

    def run(self, name: str, **params: Any) -> int:
        """Execute a statement; the number of rows it touched."""

    def run_for(self, name: str, *, names: Names, **params: Any) -> int:
        """Execute a statement whose `{table}` and the like are filled with identifiers; the rows it touched."""

    def rows_for(self, name: str, *, names: Names, **params: Any) -> list[Row]:
        """The rows of a query whose `{table}` and the like are filled with identifiers."""

    def apart(self) -> AbstractContextManager[None]:
        """A part of the transaction that is taken back alone when it fails. Raises as a transaction does."""

    def stream(self, name: str, **params: Any) -> Iterator[Row]:
        """The rows of a query, fetched in portions as they are asked for; other queries may run in between."""

    def copy_out(self, name: str, **params: Any) -> Iterator[bytes]:
        """The rows of a query as CSV with a header, piece by piece; nothing else may run before the last piece."""

    def copy_in(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """COPY rows into a table; how many there were. `rows` must not query: the connection is busy copying."""


class Store(Protocol):
    """Where all state lives."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """All or nothing. Raises Retryable when the database is away or rolled us back."""


class LockingStore(Store, Protocol):
    """A store that can keep others out while nothing of it is open: what asks other systems takes minutes."""

    def alone(self, name: str) -> AbstractContextManager[bool]:
        """Whether nobody else is inside of the same name, until the end, or until who is inside dies.

        Holds a connection and no transaction. Raises Retryable when the database is away.
        """
