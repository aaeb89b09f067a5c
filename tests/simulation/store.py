"""The real Postgres through one connection: what is a transaction to the platform is a savepoint here.

A whole seed runs inside one transaction that is rolled back in the end: that is what makes thousands of seeds
affordable. Workers take turns between transactions, never inside one, so that none of them ever waits for another.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import psycopg
from psycopg import sql

from include.ports import Names, Row
from include.store.postgres import PostgresStore, PostgresTransaction
from include.store.queries import query
from include.store.refusals import named_by_what_to_do
from include.store.values import adapted
from tests.simulation.machine import Machine

Connection = psycopg.Connection[dict[str, Any]]
PLANS_MAX = 20_000
"""Far more than there are statements: each savepoint, with its clock, counts as one of its own."""

_MADE = re.compile(r"CREATE TEMP TABLE (\w+)")
"""Tables made for one transaction: a savepoint's end does not take them away again."""


def connect(url: str) -> Connection:
    """A connection as the store's, but that plans are kept: the same few tables are asked thousands of times."""
    options = PostgresStore(url)._options()
    kept = options["options"].replace("force_custom_plan", "force_generic_plan")
    connection = psycopg.connect(url, **{**options, "options": kept}, prepare_threshold=1)
    connection.prepared_max = PLANS_MAX
    # psycopg forgets all of them at each rollback and each DROP, in case a type is made anew: none is here.
    connection._prepared._should_discard = lambda *_: False  # type: ignore[method-assign]
    return connection


@dataclass
class OneConnection:
    """A store for all workers of one seed. `planted`: other statements than those of sql/queries, by name."""

    connection: Connection
    machine: Machine
    url: str = ""
    planted: Mapping[str, str] = field(default_factory=dict)
    depth: int = 0
    commits: int = 0
    _over: str = ""
    """What ends the savepoint before, with the next one: each question to the server costs a turn of the processors."""

    @property
    def now(self) -> datetime:
        """What the database takes the time to be."""
        return self.machine.now

    @contextmanager
    def transaction(self) -> Iterator[PostgresTransaction]:
        assert not self.depth, "a transaction inside a transaction would be another connection's"
        self.machine.at("begin")
        self.depth += 1
        self.connection.execute(
            f"{self._over}SAVEPOINT step; SET LOCAL tieout.clock = '{self.now.isoformat()}'"
        )
        self._over = "RELEASE SAVEPOINT step; "
        try:
            with named_by_what_to_do():
                yield _Step(self.connection, self.planted)
            self._may_die()
        except BaseException:
            self.connection.execute("ROLLBACK TO SAVEPOINT step")
            raise
        else:
            self.commits += 1
        finally:
            self.depth -= 1
        self.machine.at("after commit")

    def _may_die(self) -> None:
        actor = self.machine.current
        if actor is None:
            return
        actor.places += 1
        dice = self.machine.dice(f"{actor.name}/{actor.places}")
        if self.machine._drawn(actor, "before commit", dice, ()):
            actor.dying = True
            self.machine.at("begin")  # raises Killed

    @contextmanager
    def alone(self, _name: str) -> Iterator[bool]:
        yield True


class _Step(PostgresTransaction):
    """As the store's transaction, but for tables that should have gone with the one before, and for planted SQL."""

    def __init__(self, connection: Connection, planted: Mapping[str, str]) -> None:
        super().__init__(connection)
        self._planted = planted

    def rows(self, name: str, **params: Any) -> list[Row]:
        if name in self._planted:
            return self._connection.execute(self._planted[name].encode(), adapted(params)).fetchall()
        return super().rows(name, **params)

    def run(self, name: str, **params: Any) -> int:
        if name in self._planted:
            return self._connection.execute(self._planted[name].encode(), adapted(params)).rowcount
        for table in _made(name):
            left = sql.Identifier("pg_temp", table)
            self._connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(left))
        return super().run(name, **params)

    def run_for(self, name: str, *, names: Names, **params: Any) -> int:
        if name == "analyse_landed":
            return 0
        return super().run_for(name, names=names, **params)


@cache
def _made(name: str) -> Sequence[str]:
    return _MADE.findall(query(name))


def numbers_of(connection: Connection) -> str:
    """A statement that sets every sequence to where it is now, as no rollback does: same seed, same numbers."""
    rows = connection.execute(
        "SELECT format('setval(%L, %s, %L)', format('%I.%I', schemaname, sequencename), coalesce(last_value, 1),"
        " last_value IS NOT NULL) AS set FROM pg_sequences ORDER BY 1"
    ).fetchall()
    connection.rollback()
    return "SELECT " + ", ".join(row["set"] for row in rows)


@contextmanager
def undone(connection: Connection, numbers: str) -> Iterator[None]:
    """Everything inside is taken back in the end. `numbers`: see `numbers_of`."""
    connection.execute(numbers.encode())
    try:
        yield
    finally:
        connection.rollback()


def clock_of(machine: Machine) -> Callable[[], datetime]:
    """The machine's clock as a function."""
    return lambda: machine.now
