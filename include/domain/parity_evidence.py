"""What an explanation may look at: the day and its policy, and what our own sources say about the key."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from include.domain.business_days import Calendar
from include.domain.parity import Pair, Told
from include.domain.parity_replays import Settled

SHORT_ID, LONG_ID = 15, 18
"""Letters of a Salesforce id, without and with its check letters: two names of one record."""
_BETWEEN = re.compile(r"[\W_]+")


@dataclass(frozen=True, kw_only=True)
class Lens:
    """How differences are looked at: policy, and the day."""

    day: date
    settle_days: int  # what happened so lately may not be known to both yet
    settle_until: datetime  # what is dated after it neither
    retried_within: timedelta
    zone: ZoneInfo  # the legal entity's
    zones: tuple[ZoneInfo, ...]
    calendar: Calendar  # the legal entity's


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What we know about the key of a difference, besides both answers."""

    since: date | None = None  # when what we say became so
    at: datetime | None = None  # the instant behind our date
    before: Told | None = None  # what we said before the days that may still settle; None: nothing
    known: str = ""  # of a key we do not have: what our sources hold instead; empty: they hold nothing
    proven_through: datetime | None = None  # our sources are complete through it
    unread: str = ""  # their row was there and could not be read: where and why
    unread_nameless: int = 0  # rows of this kind of which not even the key could be read
    named: bool = True  # what we say stands in a source's row, and is not our own conclusion
    first: Told | None = None  # of a further row: their first one with this key
    lines: int = 0  # of an invoice, each with the same price
    percent: Decimal | None = None  # its tax
    other_percents: Mapping[Decimal, str] = field(
        default_factory=dict
    )  # rates that held on other days -> when
    replays: Mapping[str, Settled] = field(default_factory=dict)  # rule -> what comes of it for this customer
    own: Settled | None = None  # what comes of our own rules, played the same way
    alike: str = ""  # of a key that only one has: what the other may call it
    without: Mapping[str, int] = field(default_factory=dict)  # amendment left out -> ARR then


def alike(pairs: Iterable[Pair]) -> dict[tuple[str, str], str]:
    """(kind, key) that only one path has -> the key that only the other has and that is the same, written otherwise.

    Otherwise: in another case, with other blanks or signs between its parts, with zeros before a number, or as the long
    form of the same id.
    """
    lone = [one for one in pairs if (one.ours is None) != (one.theirs is None) and one.seq == 1]
    theirs = {(one.kind, form): one.key for one in lone if one.ours is None for form in _forms(one.key)}
    found: dict[tuple[str, str], str] = {}
    for mine in (one for one in lone if one.theirs is None):
        other = next(
            (theirs[mine.kind, form] for form in _forms(mine.key) if (mine.kind, form) in theirs), ""
        )
        if other:
            found[mine.kind, mine.key], found[mine.kind, other] = other, mine.key
    return found


def _forms(key: str) -> tuple[str, ...]:
    plain = "".join(unicodedata.normalize("NFKC", key).split())
    is_id = len(plain) in {SHORT_ID, LONG_ID} and plain.isalnum()
    parts = [part.lstrip("0") or part for part in _BETWEEN.split(plain.casefold()) if part]
    bare = (" ".join(parts), "".join(parts)) if parts else ()
    return (plain.casefold(), *bare, *((plain[:SHORT_ID],) if is_id else ()))
