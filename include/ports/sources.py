"""Systems that are read."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple, Protocol, runtime_checkable

from include.ports.sealed import SealedValue

Cursor = Mapping[str, str]
"""An opaque position in one object of one source; the store keeps it, the source alone reads it."""


@dataclass(frozen=True, kw_only=True)
class RawRecord:
    """One payload as received. `place` is where a person finds it: file and line, or a URL path.

    `version` orders nothing; with `native_id` it makes the payload's key (SystemModstamp, write date, event id, line).
    `damage` is set when the payload could not even be read; such a record is kept and quarantined. `gone`: the source
    no longer has the row; its canonical version ends, its history stays. `sealed`: what the stand-ins in its
    payload stand for, kept with it.
    """

    native_id: str
    version: str
    payload: Mapping[str, Any]
    place: str
    damage: str = ""
    gone: bool = False
    sealed: Iterable[SealedValue] = ()


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of an object's changes. Storing `records` and `next_cursor` is one transaction.

    `request`: the call that gave it, in the system's own words as far as a person needs them to ask again: object or
    endpoint, window and place. It holds no secret, and of rows no more than stamps and ids.
    `asks_ahead`: the pages that follow answer what was asked for with this one or before, and are as of then.
    """

    records: Sequence[RawRecord]
    next_cursor: Cursor
    has_more: bool
    request: str = ""
    asks_ahead: bool = False


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


class Personal(Source, Protocol):
    """A source that says where its payloads hold personal data.

    `shown`: below such a name in a payload all is personal but what stands under these; the name of a payload itself is
    its entity's. With `*` among them structures of other names are looked into.
    """

    shown: Mapping[str, Collection[str]]

    def personal(self, entity: str) -> Collection[str]:
        """The names in a payload, at any depth, under which personal data stands."""


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


class HeldInvoice(NamedTuple):
    """An invoice as another system holds it: the ERP's id, and its gross amount in major units."""

    invoice_id: str
    currency: str
    gross: Decimal


class Mirror(Protocol):
    """A system that holds invoices of the ERP."""

    def invoices(self, *, since: date) -> Sequence[HeldInvoice]:
        """All that came to it since a day. Raises Retryable, Fatal."""
