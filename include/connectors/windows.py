"""Windows of change: what to ask a source for after a cursor, and where that leaves the cursor.

A walk reads the window [since, until] in pages ordered by (stamp, id). Both ends belong to it, and it begins
an overlap before the last one ended: what commits late, or shares a second with an end, is read twice rather
than never. `until` is a horizon the source vouches for, fixed when the walk begins; a row that changes
meanwhile belongs to the next walk.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from include.connectors.wire import usable
from include.domain.canonical_json import sha256
from include.ports import Cursor, Page, RawRecord, Retryable

BEGINNING = "1970-01-01T00:00:00+00:00"

Key = tuple[str, str]
"""(native id, version)."""


@dataclass(frozen=True, kw_only=True)
class Walk:
    """One reading of a window. `after`: where the last one ended; `at`: the last row read; None: none yet."""

    after: datetime | None
    until: datetime
    overlap: timedelta
    at: tuple[str, str] | None = None

    @property
    def since(self) -> datetime | None:
        return self.after - self.overlap if self.after else None

    @property
    def words(self) -> str:
        """The window and the place in it, for a person."""
        begin = f"from {self.since.isoformat()} " if self.since else ""
        place = f", after {self.at[0]} {self.at[1]}" if self.at else ""
        return f"{begin}up to {self.until.isoformat()}{place}"

    def page(
        self,
        records: Sequence[RawRecord],
        *,
        at: tuple[str, str] | None,
        request: str,
        place: str = "the source",
    ) -> Page:
        """The page with these records; `at` is its last (stamp, id), None when the walk is over.

        `request`: the call that gave it, at `place`. Raises Retryable as `onward`.
        """
        if at:
            self.onward(at, place=place)
        cursor = {"until": self.until.isoformat()}
        if at:
            cursor |= {"stamp": at[0], "id": at[1]}
            cursor |= {"after": self.after.isoformat()} if self.after else {}
        return Page(records=records, next_cursor=cursor, has_more=at is not None, request=request)

    def onward(self, at: tuple[str, str], *, place: str = "the source") -> "Walk":
        """The same walk behind (stamp, id). Raises Retryable when that is where it stood: it would never end."""
        if at == self.at:
            raise Retryable(f"{place}: the pages do not move on; it does not obey what was asked for")
        return replace(self, at=at)


def walk_from(cursor: Cursor | None, *, overlap: timedelta, horizon: Callable[[], datetime]) -> Walk:
    """The walk a cursor stands in, or the next one, up to the horizon.

    A horizon behind the last one takes the cursor back: a clock that was wrong is right again, and what it stamps from
    now on must not lie below the cursor.
    """
    if cursor and "stamp" in cursor:
        after = _instant(cursor["after"]) if "after" in cursor else None
        return Walk(
            after=after, until=_instant(cursor["until"]), overlap=overlap, at=(cursor["stamp"], cursor["id"])
        )
    after = _instant(cursor["until"]) if cursor else None
    until = horizon()
    return Walk(after=min(after, until) if after else None, until=until, overlap=overlap)


def window(*, after: Cursor | None, until: Cursor, overlap: timedelta) -> Walk:
    """The whole window between two cursors, as the walks between them read it."""
    return Walk(
        after=_instant(after["until"]) if after else None, until=_instant(until["until"]), overlap=overlap
    )


def complete_until(cursor: Cursor) -> datetime:
    """Up to where walks are over: the horizon of the last one, and while one is under way that of the one before."""
    over = cursor.get("after", BEGINNING) if "stamp" in cursor else cursor["until"]
    return _instant(over)


def numbered(keys: Iterable[Key]) -> Iterator[Key]:
    """The keys, repeats told apart: a system that states a key twice has two rows; neither may be lost.

    A version no index could hold goes by its hash.
    """
    seen: Counter[Key] = Counter()
    for native_id, stated in keys:
        version = stated if usable(stated) else sha256(stated)
        seen[native_id, version] += 1
        count = seen[native_id, version]
        yield native_id, version if count == 1 else f"{version}#{count}"


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
