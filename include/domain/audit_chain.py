"""The audit log's chain: what a row hashes to, what a seal says, and which row it is when they do not agree.

A block is the text that the query `audit_blocks` gives of a span of rows: one after another, each with the sizes of its
texts before them, so that no text can pass for another row.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from include.domain.canonical_json import dumps

NOTHING = "0" * 64
"""What stands for the seal before the first."""

TEXTS = ("login", "actor", "act", "entity", "why", "before_sha256", "after_sha256", "run_id", "op_key")
COLUMNS = ("id", "xid", "at", *TEXTS)
_HEAD = re.compile(rb"(-?\d+)\n(\d+)\n([^\n]+)\n" + rb"(\d+)\n" * len(TEXTS))

SWAPPED_MAX = 200
"""Rows of one seal that do not fit, up to which it is looked for whether they changed places."""

Event = Mapping[str, str]
"""A row of the log, every column as text: `at` in UTC, as in 2026-11-29 13:02:52.123456."""


class Unreadable(ValueError):
    """A block that is not made of whole rows."""


class Kind(StrEnum):
    """What was done to the log."""

    EDITED = "edited"
    DELETED = "deleted"
    INSERTED = "inserted"
    REORDERED = "reordered"
    TRUNCATED = "truncated"  # its end is gone
    FORGED = "forged"  # a seal that is not what was signed, or not signed by whom it should be
    SEAL_MISSING = "seal missing"
    UNGUARDED = "unguarded"  # what refuses changes of the log or tells it of others is gone or off


@dataclass(frozen=True)
class Tampering:
    """One thing that is wrong: in which seal (0: in none), and of which row (0: of none, or nobody can tell)."""

    kind: Kind
    seal: int
    event: int
    says: str

    def __str__(self) -> str:
        where = f" seal {self.seal}:" if self.seal else ""
        return f"{self.kind}:{where} {self.says}"


@dataclass(frozen=True, kw_only=True)
class Seal:
    """What is signed: which rows, in hashes, and the seal before. Places are (xid, id)."""

    seal: int
    after: tuple[int, int]
    through: tuple[int, int]
    rows: int
    rows_sha256: str
    leaves_sha256: str
    previous_sha256: str
    sealed_at: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Seal":
        """From a row of audit.seals, or from what `facts` gave. Raises KeyError, ValueError."""
        names = ("rows_sha256", "leaves_sha256", "previous_sha256", "sealed_at")
        return cls(
            seal=int(row["seal"]),
            after=(int(row["after_xid"]), int(row["after_id"])),
            through=(int(row["through_xid"]), int(row["through_id"])),
            rows=int(row["rows"]),
            **{name: str(row[name]) for name in names},
        )

    def facts(self) -> dict[str, Any]:
        """As columns of audit.seals."""
        return {
            "seal": self.seal,
            "after_xid": str(self.after[0]),
            "after_id": self.after[1],
            "through_xid": str(self.through[0]),
            "through_id": self.through[1],
            "rows": self.rows,
            "rows_sha256": self.rows_sha256,
            "leaves_sha256": self.leaves_sha256,
            "previous_sha256": self.previous_sha256,
            "sealed_at": self.sealed_at,
        }

    def statement(self) -> bytes:
        """The bytes that are signed."""
        return dumps(self.facts()).encode()

    def sha256(self) -> str:
        """What the next seal names it by."""
        return hashlib.sha256(self.statement()).hexdigest()


def line(event: Event) -> bytes:
    """A row as a block holds it."""
    texts = [event[name] for name in TEXTS]
    sizes = [str(len(text.encode())) for text in texts]
    return "\n".join([event["id"], event["xid"], event["at"], *sizes, *texts]).encode()


def leaf(row: bytes) -> bytes:
    """What a line hashes to: 32 bytes."""
    return hashlib.sha256(row).digest()


def events(block: bytes) -> Iterator[dict[str, str]]:
    """The rows of a block, in its order. Raises Unreadable."""
    for head, start, _ in _rows(block):
        event = dict(zip(("id", "xid", "at"), map(bytes.decode, head.groups()[:3]), strict=True))
        place = start
        for name, size in zip(TEXTS, map(int, head.groups()[3:]), strict=True):
            event[name] = block[place : place + size].decode()
            place += size + 1
        yield event


def leaves_of(block: bytes) -> tuple[list[int], list[bytes]]:
    """The ids of a block's rows and what they hash to. Raises Unreadable."""
    ids, leaves = [], []
    for head, _, end in _rows(block):
        ids.append(int(head[1]))
        leaves.append(leaf(block[head.start() : end]))
    return ids, leaves


def _rows(block: bytes) -> Iterator[tuple[re.Match[bytes], int, int]]:
    """The numbers of each row, where its texts begin and where it ends."""
    place = 0
    while place < len(block):
        head = _HEAD.match(block, place)
        start = head.end() if head else place
        end = start + sum(map(int, head.groups()[3:])) + len(TEXTS) - 1 if head else place
        if head is None or end > len(block) or block[end : end + 1] not in {b"", b"\n"}:
            raise Unreadable(f"the row at {place} is cut short")
        yield head, start, end
        place = end + 1


def differences(
    seal: int, *, ids: Sequence[int], leaves: bytes, found: Sequence[Event]
) -> Iterator[Tampering]:
    """Which rows of a seal are not as they were sealed. `ids`, `leaves`: as the seal keeps them."""
    sealed = {one: leaves[32 * place : 32 * place + 32] for place, one in enumerate(ids)}
    now = {int(event["id"]): event for event in found}
    wrong = [one for one, event in now.items() if one in sealed and leaf(line(event)) != sealed[one]]
    gone = [one for one in sealed if one not in now]
    added = [one for one in now if one not in sealed]
    moved = dict(_moved(now, sealed, [*wrong, *added], [*wrong, *gone]))
    for one in gone:
        if one not in moved.values():
            yield Tampering(Kind.DELETED, seal, one, f"event {one} was deleted{_between(ids, one)}")
    for one in added:
        if one not in moved:
            yield Tampering(Kind.INSERTED, seal, one, f"event {one} was inserted after it was sealed")
    for one in wrong:
        if one not in moved:
            yield Tampering(Kind.EDITED, seal, one, f"event {one} was edited")
    for one, was in moved.items():
        yield Tampering(Kind.REORDERED, seal, one, f"event {one} stood where event {was} was sealed")


def _moved(
    now: Mapping[int, Event], sealed: Mapping[int, bytes], stand: Sequence[int], stood: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Rows that are what was sealed, in another place: id now, id then."""
    if len(stand) * len(stood) > SWAPPED_MAX**2:
        return
    xids = {event["xid"] for event in now.values()}
    for one in stand:
        for was in stood:
            if was != one and any(
                leaf(line({**now[one], "id": str(was), "xid": xid})) == sealed[was] for xid in xids
            ):
                yield one, was


def _between(ids: Sequence[int], one: int) -> str:
    place = list(ids).index(one)
    before = f"after event {ids[place - 1]}" if place else "the first of its seal"
    return f" ({before})"
