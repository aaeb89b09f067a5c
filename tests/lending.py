"""Databases lent to one test after the other: emptied in between, neither dropped nor made anew.

To make one is to copy a thousand files, and its first connections read a catalogue of hundreds of tables; so those
are kept as well. What a test changed but rows, or left at work, is not mended: that database is dropped.
"""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.store.postgres import Connection, PostgresStore
from tests.checks import assert_checks_hold, assert_nothing_found

LOANS_MAX, TABLE_BYTES_MAX = 60, 2**20
"""When a database is worth no more lending: what was deleted stays in its files, and temporary tables in its
catalogue's."""

LEFT_WITHIN_S = 0.3
"""How long those who are done may take to be gone: a server ends a connection after it was closed. Who takes longer
costs the database, not the test."""

OF_OTHERS = {"twin", "AnyIO worker thread"}
"""Threads of servers that play other systems: they know no database of ours."""

KEEPER = "tieout-tests"
"""As what connections that are kept show in pg_stat_activity."""


class Lender:
    """The databases of one worker."""

    def __init__(self, urls: DatabaseUrls) -> None:
        self._urls = urls
        self._free: list[Lent] = []
        self._lent: dict[str, Lent] = {}

    @contextmanager
    def lend(self) -> Iterator[str]:
        """The URL of a database with our schema and nothing in it."""
        try:
            one = self._free.pop() if self._free else Lent(self._urls)
        except (
            psycopg.OperationalError
        ):  # a server of somebody else, where we may not empty tables of history
            with scratch_database(self._urls) as url:
                yield url
            return
        self._lent[one.url] = one
        others = _threads()
        try:
            yield one.url
        finally:
            del self._lent[one.url]
            if _soon(lambda: _threads() <= others) and one.can_be_lent_again():
                self._free.append(one)
            else:
                one.close()

    def at(self, url: str) -> "Lent | None":
        """What is lent under this URL."""
        return self._lent.get(url)

    def close(self) -> None:
        """Drop what is not lent."""
        while self._free:
            self._free.pop().close()


class Lent:
    """One database, with a connection of ours and those of its store."""

    def __init__(self, urls: DatabaseUrls) -> None:
        self._closing = ExitStack()
        self.url = self._closing.enter_context(scratch_database(urls, strategy="FILE_COPY"))
        self._ours = self._unguarded()
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._busy = self._loans = 0
        self._shape, self._counters = self._ask("shape"), self._ask("counters")
        found = {name: self._read(name) for name in self._written()}
        self._rows = {name: rows for name, rows in found.items() if rows}
        self._sums = self._summed()

    def _unguarded(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection for which no trigger fires."""
        options = "-c session_replication_role=replica"
        try:
            return psycopg.connect(self.url, autocommit=True, application_name=KEEPER, options=options)
        except psycopg.OperationalError:
            self._closing.close()
            raise

    def store(self) -> PostgresStore:
        """A store whose connections stay open, from test to test."""
        return PostgresStore(self.url, self._connection)

    def assert_checks_hold(self) -> None:
        """Every check of sql/checks finds nothing."""
        try:
            assert_nothing_found(self._ours)
        except psycopg.OperationalError:  # a test ended all connections there were
            assert_checks_hold(self.url)

    def can_be_lent_again(self) -> bool:
        """Empty it; False where that cannot be, or is worth it no more."""
        self._loans += 1
        with suppress(psycopg.Error):
            return (
                self._loans < LOANS_MAX
                and not self._busy
                and _soon(lambda: not self._ask("who_else", keeper=KEEPER))
                and self._settled()
                and self._ask("shape") == self._shape
                and self._emptied()
            )
        return False

    def close(self) -> None:
        """Drop it."""
        for connection in (self._ours, *self._idle):
            connection.close()
        self._closing.close()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with self._lock:
            kept = self._idle.pop() if self._idle else None
            self._busy += 1
        try:
            connection = kept if kept and _answers(kept) else self._connected()
            try:
                yield connection
                connection.commit()
            finally:
                with suppress(psycopg.Error):
                    connection.rollback()
                if not connection.closed:
                    self._idle.append(connection)
        finally:
            with self._lock:
                self._busy -= 1

    def _connected(self) -> Connection:
        options: dict[str, Any] = PostgresStore(self.url)._options()
        return psycopg.connect(self.url, application_name=KEEPER, **options)

    def _settled(self) -> bool:
        """Connections forget what they were told; where the database told them something, they are closed."""
        told = self._ask("settings")
        for name, _ in told:
            self._ours.execute(sql.SQL("ALTER DATABASE {} RESET ALL").format(sql.Identifier(name)))
        for connection in self._idle:
            connection.autocommit = True
            connection.execute("DISCARD ALL")
            connection.autocommit = False
            if told:
                connection.close()
        self._idle = [connection for connection in self._idle if not connection.closed]
        return True

    def _emptied(self) -> bool:
        sums, written = self._summed(), self._written()
        again = [name for name in self._rows if sums[name] != self._sums[name]]
        gone = [name for name in written if name not in self._rows] + again
        with self._ours.transaction():
            if gone:
                self._ours.execute("".join(f"DELETE FROM {name};" for name in gone).encode())
            for name in again:
                self._write(name)
            ids, places = zip(*self._counters, strict=True)
            self._ask("count_anew", ids=list(ids), places=list(places))
        return max(written.values(), default=0) < TABLE_BYTES_MAX

    def _written(self) -> dict[str, int]:
        """The tables that something was written to, each with its size in bytes."""
        return dict(self._ask("written"))

    def _summed(self) -> dict[str, tuple[int, int]]:
        """Of every table that is not empty at first, how many rows it has, and what they come to."""
        each = [
            f"SELECT '{name}', count(*), sum(hashtextextended(one::text, 0)) FROM {name} AS one"
            for name in self._rows
        ]
        found = self._ours.execute(" UNION ALL ".join(each).encode()).fetchall()
        return {name: (count, total) for name, count, total in found}

    def _read(self, name: str) -> bytes:
        with self._ours.cursor().copy(f"COPY {self._columns(name)} TO STDOUT".encode()) as copied:
            return b"".join(map(bytes, copied))

    def _write(self, name: str) -> None:
        with self._ours.cursor().copy(f"COPY {self._columns(name)} FROM STDIN".encode()) as copied:
            copied.write(self._rows[name])

    def _columns(self, name: str) -> str:
        [(columns,)] = self._ask("columns", name=name)
        return f"{name} ({columns})"

    def _ask(self, query: str, **params: Any) -> list[tuple[Any, ...]]:
        return self._ours.execute(_queries()[query], params or None, prepare=True).fetchall()


def _answers(connection: Connection) -> bool:
    """Whether the server has not ended it meanwhile."""
    try:
        connection.execute("")
        connection.rollback()
    except psycopg.OperationalError:
        return False
    return True


def _threads() -> set[threading.Thread]:
    return {one for one in threading.enumerate() if one.name not in OF_OTHERS}


def _soon(holds: Callable[[], bool]) -> bool:
    until = time.monotonic() + LEFT_WITHIN_S
    while not (held := holds()) and time.monotonic() < until:
        time.sleep(0.005)
    return held


@cache
def _queries() -> Mapping[str, bytes]:
    _, *parts = re.split(
        r"^-- name: (\w+)$", Path(__file__).with_suffix(".sql").read_text(), flags=re.MULTILINE
    )
    return {name: text.strip().encode() for name, text in zip(parts[::2], parts[1::2], strict=True)}
