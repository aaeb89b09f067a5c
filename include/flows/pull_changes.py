"""Reads what changed in a source and keeps it as received; the page and the cursor commit together."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice
from time import monotonic
from typing import Any

import msgspec

from include.flows.check_shape import check_shape
from include.flows.in_bulk import in_bulk
from include.flows.keep_personal import forgotten, keep_sealed, keyed, without
from include.ports import (
    Cursor,
    Described,
    Fatal,
    Page,
    RawRecord,
    Retryable,
    Source,
    Store,
    Swept,
    Transaction,
)

REQUEST_MAX = 2000
"""Characters kept of the call that gave a page."""

ASKED_AT_ONCE = 200

PAGES_MAX = 100_000
"""A source that never stops saying has_more is broken; this is where we stop believing it."""

_UNSTORABLE = re.compile(r"((?<!\\)(?:\\\\)*)\\u0000|([\ud800-\udfff])")

_HALF = re.compile(r"[\ud800-\udfff]")
_QUICK = msgspec.json.Encoder(enc_hook=str)
_ENCODER = json.JSONEncoder(default=str, ensure_ascii=False)
"""For half a character, which the other refuses."""

_COLUMNS = ("pull_id", "system", "entity", "native_id", "version", "payload", "place", "damage", "gone")


class LeftOut(Retryable):
    """Rows of a page that were asked for again while it came, and say something else."""

    def __init__(self, system: str, entity: str, native_ids: Sequence[str]) -> None:
        super().__init__(
            f"{system} {entity}: {len(native_ids):,} rows of the page were asked for again while it came, and say "
            "something else; the page will be read again"
        )
        self.native_ids = native_ids


@dataclass(frozen=True)
class Pulled:
    """What one call read: pages, records in them, and how many of those were new to us."""

    pages: int = 0
    records: int = 0
    new: int = 0


@in_bulk()
def pull_changes(source: Source, store: Store, *, entity: str) -> Pulled:
    """Read pages of one entity until the source has no more.

    Safe to repeat and to interrupt: a crash repeats a page, never skips one. Raises Retryable also when another worker
    moved the cursor meanwhile; Fatal also when a field the source used to show is gone.
    """
    if isinstance(source, Described):
        check_shape(source, store, entity=entity)  # a field hidden from us must not land as unknown
    source = keyed(source, store)
    done, clock = Pulled(), database_clock(store)
    cursor, since = _standing(store, system=source.system, entity=entity)
    asked_at, page = since or clock(), source.fetch_page(entity, cursor)
    # The next page is on its way while this one is kept: neither the source nor the database waits for the other.
    with ThreadPoolExecutor(1, thread_name_prefix="pull") as ahead:
        for _ in range(PAGES_MAX):
            next_since = asked_at if page.asks_ahead else None
            next_at = next_since or clock()
            coming = ahead.submit(source.fetch_page, entity, page.next_cursor) if page.has_more else None
            try:
                done = _commit(store, source, entity, seen=cursor, asked_at=asked_at, page=page, done=done)
            except LeftOut as changed:
                if since is None or not isinstance(source, Swept):
                    raise
                # The answer stays what it is, however often it is read.
                page = _ask_again(store, source, entity, changed.native_ids, asked_at=clock(), page=page)
                done = _commit(store, source, entity, seen=cursor, asked_at=asked_at, page=page, done=done)
            if coming is None:
                return done
            cursor, since, asked_at, page = page.next_cursor, next_since, next_at, coming.result()
    raise Fatal(f"{source.system} {entity}: still more after {PAGES_MAX:,} pages; its paging does not end")


def _commit(
    store: Store,
    source: Source,
    entity: str,
    *,
    seen: Cursor | None,
    asked_at: datetime,
    page: Page,
    done: Pulled,
) -> Pulled:
    with store.transaction() as tx:
        _move_cursor(tx, source.system, entity, seen=seen, to=page.next_cursor)
        new = keep_page(tx, source, entity, seen=seen, asked_at=asked_at, page=page)
        about = {"system": source.system, "entity": entity}
        tx.run("keep_asked_at", **about, asked_at=asked_at if page.asks_ahead else None)
        if page.records and not source.states_once:
            _refuse_doubtful(tx, source.system, entity, asked_at=asked_at)
    return Pulled(done.pages + 1, done.records + len(page.records), done.new + new)


def read_cursor(store: Store, *, system: str, entity: str) -> Cursor | None:
    """Where we stand in an entity of a source; None before the first page."""
    return _standing(store, system=system, entity=entity)[0]


def _standing(store: Store, *, system: str, entity: str) -> tuple[Cursor | None, datetime | None]:
    """The cursor, and since when the source works on the answer it stands in, if it does."""
    with store.transaction() as tx:
        rows = tx.rows("read_cursor", system=system, entity=entity)
    return (rows[0]["position"], rows[0]["asked_at"]) if rows else (None, None)


def rewind(store: Store, *, system: str, entity: str) -> None:
    """Go back to the end of the last proven window, so that the next pull reads the unproven one again."""
    with store.transaction() as tx:
        tx.run("rewind_cursor", system=system, entity=entity)


def _move_cursor(tx: Transaction, system: str, entity: str, *, seen: Cursor | None, to: Cursor) -> None:
    # Compare-and-set: the page belongs to the cursor it was read from.
    query = "move_cursor" if seen else "start_cursor"
    moved = tx.run(query, system=system, entity=entity, seen=dict(seen or {}), position=dict(to))
    if not moved:
        raise Retryable(f"{system} {entity}: another worker moved the cursor; the page will be read again")


def _refuse_doubtful(tx: Transaction, system: str, entity: str, *, asked_at: datetime) -> None:
    # A page is as of the moment before it was asked for, or newer: whoever stood still just then has seen more than
    # what was asked for meanwhile. Of a row left out all the same, the cursor must not say that it was read.
    left_out = tx.rows("left_out", system=system, entity=entity, asked_at=asked_at)
    if left_out:
        raise LeftOut(system, entity, [row["native_id"] for row in left_out])


def _ask_again(
    store: Store, source: Swept, entity: str, native_ids: Sequence[str], *, asked_at: datetime, page: Page
) -> Page:
    """Keep these rows as they are now; the page without them."""
    records = [record for some in portions(native_ids) for record in source.rows(entity, some)]
    asked_for = f"{entity} by id, {len(native_ids):,} that were asked for since the answer was"
    now = replace(page, records=records, request=asked_for)
    with store.transaction() as tx:
        tx.rows("hold_cursor", system=source.system, entity=entity)
        keep_page(tx, source, entity, seen=None, asked_at=asked_at, page=now)
        _refuse_doubtful(tx, source.system, entity, asked_at=asked_at)
    left = set(native_ids)
    return replace(page, records=[record for record in page.records if record.native_id not in left])


def portions(ids: Sequence[str]) -> Iterator[list[str]]:
    """So many ids as a source is asked for at once."""
    remaining = iter(ids)
    while portion := list(islice(remaining, ASKED_AT_ONCE)):
        yield portion


def database_clock(store: Store) -> Callable[[], datetime]:
    """The database's time, asked for now and counted on from here."""
    with store.transaction() as tx:
        [row] = tx.rows("database_clock")
    began, now = monotonic(), row["now"]
    return lambda: now + timedelta(seconds=monotonic() - began)


def keep_page(
    tx: Transaction, source: Source, entity: str, *, seen: Cursor | None, asked_at: datetime, page: Page
) -> int:
    """Keep a page's records as received; how many were new to us.

    `asked_at`: the database's time before the page was asked for. What was looked at later is newer than the page, and
    of a live system a row that was asked for later stays as it is. The transaction holds the entity's cursor, for
    which whoever erases waits. What an erased record says of somebody is not kept.
    """
    if not page.records:
        return 0
    ids = sorted({record.native_id for record in page.records})
    erased = forgotten(tx, system=source.system, entity=entity, native_ids=ids)
    records = [without(erased, record) for record in page.records]
    [pull] = tx.rows(
        "open_pull",
        system=source.system,
        entity=entity,
        cursor_from=seen and dict(seen),
        cursor_to=dict(page.next_cursor),
        asked_at=asked_at,
        records=len(records),
        request=_storable(page.request)[:REQUEST_MAX],
    )
    keys = (pull["pull_id"], source.system, entity)
    held = {
        row["native_id"] for row in tx.rows("held_ids", system=source.system, entity=entity, native_ids=ids)
    }
    known = [record for record in records if record.native_id in held]
    # Of what nobody ever stated there is nothing to be held against.
    unknown = (record for record in records if record.native_id not in held)
    new = tx.copy_in("raw.records", _COLUMNS, ((*keys, *_stored(record)) for record in unknown))
    tx.run("create_incoming_records")
    if known:
        tx.copy_in("incoming_records", _COLUMNS, ((*keys, *_stored(record)) for record in known))
        about = {"system": source.system, "entity": entity, "asked_at": asked_at}
        new += tx.run("keep_records", states_once=source.states_once, **about)
        new += 0 if source.states_once else tx.run("keep_restated", asked_at=asked_at)
    keep_sealed(tx, records, erased=erased.keys())
    return new


def _stored(record: RawRecord) -> tuple[str | bool, ...]:
    # Postgres keeps no NUL and no half of a surrogate pair: they are written out as escapes, and the row is damaged.
    text = _json(record.payload)
    if not record.damage and _is_storable(text):
        return record.native_id, record.version, text, record.place, "", record.gone
    clean = _UNSTORABLE.sub(lambda bad: f"{bad[1] or ''}\\\\u{ord(bad[2]) if bad[2] else 0:04x}", text)
    damage = record.damage or ("" if clean == text else _unstorable(record))
    return record.native_id, record.version, clean, record.place, damage.replace("\0", "\\0"), record.gone


def _storable(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\0", "\\0")


def _is_storable(text: str) -> bool:
    """Whether there is no need to look closer."""
    return "\\u0000" not in text and (text.isascii() or not _HALF.search(text))


def _unstorable(record: RawRecord) -> str:
    bad = [name for name, value in record.payload.items() if _UNSTORABLE.search(_json(value))]
    return f"column {', '.join(bad)}: holds a NUL or half a character, which no database keeps"


def _json(value: Any) -> str:
    try:
        return _QUICK.encode(value).decode()
    except UnicodeEncodeError:
        return _ENCODER.encode(value)
