"""Runs the named queries on Postgres; turns its failures into what to do next."""

import logging
import re
import select
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool

from include import ports
from include.store.queries import query
from include.store.refusals import named_by_what_to_do
from include.store.values import ADAPTERS, adapted, copied

CONNECT_TIMEOUT_S = 10
KEPT_CONNECTIONS_MAX = 14
"""The fast lane has thirteen threads."""

STREAMED_ROWS = 5_000

IDLE_MAX_S = 600
"""So long a transaction may say nothing. Then its holder is thought dead: Postgres ends it, takes back what it did
and frees what it locked."""

Connection = psycopg.Connection[dict[str, Any]]
_SETTINGS = "-c timezone=UTC -c datestyle=ISO,MDY -c plan_cache_mode=force_custom_plan"
_GONE = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3 -c tcp_user_timeout=60000"
"""That a machine died is noticed within a minute, whatever its connection was doing or holding.

While an answer is on its way nobody is asked whether they live; and where there is a tcp_user_timeout, tcp(7) waits for
that in both cases. It is also for who is told something and does not listen."""

_OPTION_ENDS = re.compile(r"[\\\s]")
"""What would end an option's value, and is written after a backslash."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class As:
    """As whom a connection works: under which of our roles, and which program the audit log says it was.

    `run`: of that program, which rows about its work keep; Airflow's name of it. `os_login`: who started it, where a
    person did.
    """

    role: str = ""
    program: str = ""
    run: str = ""
    os_login: str = ""


class PostgresStore:
    """The store of one database. Connections are opened per transaction and closed after it, unless they are kept.

    `who`: as whom. Where the database has no such role, or does not let us be it, connections work as their login;
    `tieout doctor` says so. `connect`: where a connection comes from, committed at the end and rolled back after an
    error.
    """

    def __init__(
        self,
        url: str,
        connect: Callable[[], AbstractContextManager[Connection]] | None = None,
        *,
        who: As = As(),
    ) -> None:
        self._url, self._who = url, who
        self._connect = connect or self._open

    def _open(self) -> Connection:
        return psycopg.connect(self._url, **self._options())

    def _options(self, settings: str = "") -> dict[str, Any]:
        """How connections are opened: nobody can work before they are who they should be."""
        program = re.sub(r"[^\w.-]", "_", self._who.program)
        named = f" -c tieout.actor={program}" if program else ""
        if self._who.os_login:
            login = re.sub(r"[^\w.@-]", "_", self._who.os_login)
            named += f" -c tieout.os_login={login}"
        if self._who.run:
            run = _OPTION_ENDS.sub(r"\\\g<0>", self._who.run)
            named += f" -c tieout.dag_run={run}"
        role = f" {role_option(self._url, self._who.role)}" if self._who.role else ""
        return {
            "connect_timeout": CONNECT_TIMEOUT_S,
            "context": ADAPTERS,
            "row_factory": dict_row,
            "options": f"{_SETTINGS} {_GONE} {_ends_idle()}{named}{role} {settings}".strip(),
        }

    @property
    def url(self) -> str:
        """Where the database is."""
        return self._url

    @contextmanager
    def keeping(
        self, *, most: int = KEPT_CONNECTIONS_MAX, patience_s: float = CONNECT_TIMEOUT_S
    ) -> Iterator["PostgresStore"]:
        """The same store for who asks often: its connections stay open between transactions, until the end.

        Threads may share it, `most` of them at once; processes may not. A connection that broke meanwhile is replaced.
        `patience_s`: how long one is waited for; then it is as if Postgres were away.
        """
        pool = ConnectionPool[Connection](
            self._url,
            kwargs=self._options,  # asked as connections are made: the database may be away until then
            min_size=0,
            max_size=most,
            num_workers=1,
            timeout=patience_s,
            check=_asked_if_it_spoke,
            open=False,
        )
        with pool:
            yield PostgresStore(self._url, pool.connection, who=self._who)

    @contextmanager
    def transaction(self) -> Iterator["PostgresTransaction"]:
        """All or nothing. Raises Retryable when Postgres is away or rolled us back, Fatal when it refuses us.

        Rejected when a text of what it was given cannot be stored.
        """
        with named_by_what_to_do(), self._connect() as connection:
            yield PostgresTransaction(connection)

    @contextmanager
    def one_by_one(self) -> Iterator["PostgresTransaction"]:
        """Statements that commit each by itself, which asks Postgres once instead of three times. Raises the same."""
        with named_by_what_to_do(), self._connect() as connection:
            connection.autocommit = True
            try:
                yield PostgresTransaction(connection)
            finally:
                if not connection.closed:
                    connection.autocommit = False

    @contextmanager
    def alone(self, name: str) -> Iterator[bool]:
        """Whether nobody else is inside of the same name, until the end, or until who is inside dies.

        A connection of its own holds it, outside of any transaction. Raises what `transaction` does.
        """
        with named_by_what_to_do():
            options = self._options() | {"keepalives_idle": 30}
            connection = psycopg.connect(self._url, autocommit=True, **options)
        with closing(connection):
            with named_by_what_to_do():
                [row] = PostgresTransaction(connection).rows("stand_alone", what=name)
            try:
                yield bool(row["alone"])
            finally:
                with suppress(psycopg.Error):  # where the connection is gone, so is what it held
                    PostgresTransaction(connection).rows("step_aside")

    @contextmanager
    def in_turn(self, name: str, *, patience_s: int) -> Iterator["PostgresStore"]:
        """The same store, once nobody else is inside of the same name; who is inside and dies leaves at once.

        One connection holds the turn and does all that is done in it. Raises Retryable when the turn does not come in
        time, and what `transaction` does.
        """
        with named_by_what_to_do():
            options = self._options(f"-c lock_timeout={patience_s}s") | {"keepalives_idle": 30}
            connection = psycopg.connect(self._url, autocommit=True, **options)
        with closing(connection):
            with named_by_what_to_do():
                PostgresTransaction(connection).rows("stand_in_line", what=name)
            yield PostgresStore(self._url, lambda: _inside(connection), who=self._who)


def _asked_if_it_spoke(connection: Connection) -> None:
    """Raises when a kept connection broke: one that is well says nothing unasked, and need not be asked."""
    heard = select.poll()
    heard.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    if heard.poll(0):
        ConnectionPool.check_connection(connection)


@contextmanager
def _inside(connection: Connection) -> Iterator[Connection]:
    with connection.transaction():
        yield connection


def url_as(url: str, role: str) -> str:
    """The same database under a role of ours, for who takes but a URL; as it was where the login may not be that.

    Raises Retryable, Fatal when the database cannot be asked.
    """
    with named_by_what_to_do():
        option = role_option(url, role)
    if not option:
        return url
    parts = urlsplit(url)
    query_ = "&".join(filter(None, [parts.query, f"options={quote(option)}"]))
    return parts._replace(query=query_).geturl()


def role_option(url: str, role: str) -> str:
    """With which option a connection works under a role of ours; "" where the login may not be that."""
    return f"-c role={role}" if may_be(url, role) else ""


@cache
def may_be(url: str, role: str) -> bool:
    """Whether the login may work as a role of ours; asked once a process."""
    with psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_S) as connection:
        found = connection.execute(_bytes(query("may_be")), {"role": role}).fetchone()
    may = bool(found and found[0])
    if not may:
        log.warning("the database knows no role %s that we may be: we work as our login", role)
    return may


def _ends_idle() -> str:
    return f"-c idle_in_transaction_session_timeout={IDLE_MAX_S}s"


class PostgresTransaction:
    """Named queries inside one transaction. Parameters are bound by name: `%(as_of)s`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, name: str, **params: Any) -> list[ports.Row]:
        """The rows of a query, each a dict by column."""
        return self._connection.execute(_bytes(query(name)), adapted(params)).fetchall()

    def run(self, name: str, **params: Any) -> int:
        """Execute a statement; the number of rows it touched."""
        return self._connection.execute(_bytes(query(name)), adapted(params)).rowcount

    def run_for(self, name: str, *, names: ports.Names, **params: Any) -> int:
        """Execute a statement whose `{table}` and the like are filled with identifiers; the rows it touched."""
        return self._connection.execute(_composed(name, names), adapted(params)).rowcount

    def rows_for(self, name: str, *, names: ports.Names, **params: Any) -> list[ports.Row]:
        """The rows of a query whose `{table}` and the like are filled with identifiers."""
        return self._connection.execute(_composed(name, names), adapted(params)).fetchall()

    @contextmanager
    def apart(self) -> Iterator[None]:
        """A part of the transaction that is taken back alone when it fails."""
        with named_by_what_to_do(), self._connection.transaction():
            yield

    def stream(self, name: str, **params: Any) -> Iterator[ports.Row]:
        """The rows of a query, fetched in portions; other queries may run in between."""
        with self._connection.cursor(name=f"stream_{name}") as cursor:
            cursor.itersize = STREAMED_ROWS
            cursor.execute(_bytes(query(name)), adapted(params))
            yield from cursor

    def copy_out(self, name: str, **params: Any) -> Iterator[bytes]:
        """The rows of a query as CSV with a header, piece by piece."""
        text = psycopg.ClientCursor(self._connection).mogrify(query(name), params)
        statement = f"COPY ({text.rstrip().rstrip(';')}) TO STDOUT (FORMAT csv, HEADER)"
        with self._connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            for piece in copy:
                yield bytes(piece)

    def copy_in(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
        """COPY rows into a table; how many there were. Dicts become jsonb. `rows` must not query meanwhile."""
        target = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(*table.split(".")), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        count = 0
        with self._connection.cursor() as cursor, cursor.copy(target) as copy:
            for row in rows:
                copy.write_row(copied(row))
                count += 1
        return count


def _composed(name: str, names: ports.Names) -> sql.Composed:
    parts = {
        part: sql.Identifier(*value.split("."))
        if isinstance(value, str)
        else sql.SQL(", ").join(map(sql.Identifier, value))
        for part, value in names.items()
    }
    return sql.SQL(query(name)).format(**parts)


def _bytes(text: str) -> bytes:
    return text.encode()
