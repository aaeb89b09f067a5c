"""What the flows need from the outside: sources to read, a postman for reports, and errors named by what to do next.

    Stop
    ├── Retryable   the outside system was unavailable or throttled us; try again later
    ├── Rejected    the outside system refused this one record; park it and go on
    ├── Uncertain   the call was sent and its answer lost; look before sending again
    └── Fatal       credentials, schema or configuration are wrong; stop and page someone
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

Cursor = Mapping[str, str]
"""An opaque position in one object of one source; the store keeps it, the source alone reads it."""


class Stop(Exception):
    """Root of what stops a flow; the subclass says what to do next."""


class Retryable(Stop):
    """The outside system was unavailable or throttled us; try again later."""


class Rejected(Stop):
    """The outside system refused this one record; park it and go on."""


class Uncertain(Stop):
    """The call was sent and its answer lost; look before sending again."""


class Fatal(Stop):
    """Credentials, schema or configuration are wrong; stop and page someone."""


@dataclass(frozen=True, kw_only=True)
class RawRecord:
    """One payload as received. `place` is where a person finds it: file and line, or a URL path.

    `version` orders nothing; with `native_id` it makes the payload's key (SystemModstamp, write date, event id, line).
    `damage` is set when the payload could not even be read; such a record is kept and quarantined.
    """

    native_id: str
    version: str
    payload: Mapping[str, Any]
    place: str
    damage: str = ""


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page of an object's changes. Storing `records` and `next_cursor` is one transaction."""

    records: Sequence[RawRecord]
    next_cursor: Cursor
    has_more: bool


@dataclass(frozen=True, kw_only=True)
class SourceTotals:
    """What the source itself says it holds in a window, by a query independent of the extraction.

    `keys` are the native ids; `amounts` sums the object's amount per ISO currency in major units, leaving out what is
    not a number.
    """

    keys: frozenset[str]
    amounts: Mapping[str, Decimal] = field(default_factory=dict)


Translated = Mapping[str, str | None]
"""A row in our words: canonical field name -> text as the source wrote it (money in major units), None = unknown."""


class Source(Protocol):
    """A system we read. Its objects are named by canonical entity (`include/domain/entities.py`)."""

    system: str

    @property
    def entities(self) -> Sequence[str]:
        """The canonical entities this source feeds, in the order to read them."""

    def fetch_page(self, entity: str, cursor: Cursor | None) -> Page:
        """The changes after `cursor`, oldest first; state in, state out.

        Raises Retryable, Fatal.
        """

    def totals(self, entity: str, *, after: Cursor | None, until: Cursor) -> SourceTotals:
        """What the source holds in (after, until], asked independently of `fetch_page`.

        Raises Retryable, Fatal.
        """

    def translate(self, entity: str, payload: Mapping[str, Any]) -> Translated:
        """The payload in canonical field names; never fails: what it cannot read it passes on as text."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """One day's tie-out report. `key` is the same for the same run, so that mail readers fold a repeat."""

    key: str
    as_of: date
    subject: str
    html: str
    text: str
    attachments: Mapping[str, bytes] = field(default_factory=dict)


class Postman(Protocol):
    """Delivers a report to finance."""

    def send(self, report: Report, *, to: Sequence[str]) -> None:
        """Send once. Raises Retryable before the message was handed over, Uncertain after, Fatal on refused logins."""
