"""Databases with a world landed in them, kept in the benchmark's own server, and copies of them to run on."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, monotonic_ns
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from include.connectors.world.client import WorldSource
from include.flows.check_completeness import check_completeness
from include.flows.land_records import land_records
from include.flows.pull_changes import pull_changes
from include.local.databases import DatabaseUrls, database_name
from include.local.scratch import scratch_database
from include.store.postgres import PostgresStore
from tests.bench.places import LANDING, code_hash

KEPT, RUNNING = "tieout_landed_", "tieout_bench_"


def land(world: Path, url: str) -> float:
    """Read, prove and land a world; how many seconds it took."""
    started = monotonic()
    land_in(PostgresStore(url), world)
    return monotonic() - started


def land_in(store: PostgresStore, world: Path) -> None:
    """Read, prove and land a world."""
    source = WorldSource(world)
    for entity in source.entities:
        pull_changes(source, store, entity=entity)
        check_completeness(source, store, entity=entity)
        land_records(source, store, entity=entity)


@contextmanager
def landed_copy(urls: DatabaseUrls, world: Path) -> Iterator[str]:
    """The URL of a database in which the world is landed and nothing was run; dropped at the end."""
    name = f"{RUNNING}{os.getpid()}_{monotonic_ns()}"
    with _admin(urls) as admin:
        kept = _kept(admin, urls, world)
        # The files are copied as they are: through the log, a gigabyte would be written twice.
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
        admin.execute(statement.format(sql.Identifier(name), sql.Identifier(kept)))
    try:
        yield _at(urls, name)
    finally:
        with _admin(urls) as admin:
            _drop(admin, name)


def landed_seconds(urls: DatabaseUrls, world: Path) -> float | None:
    """How long landing the world took when it was landed; None when it is not."""
    with _admin(urls) as admin:
        query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s"
        row = admin.execute(query, (_name(world),)).fetchone()
    return float(row[0]) if row and row[0] else None


def forget_outdated(urls: DatabaseUrls) -> None:
    """Drop databases landed by other code than today's, and copies left behind by runs that were killed."""
    with _admin(urls) as admin:
        names = [name for (name,) in admin.execute("SELECT datname FROM pg_database").fetchall()]
        for name in names:
            outdated = name.startswith(KEPT) and not name.startswith(f"{KEPT}{code_hash(LANDING)}_")
            orphan = name.startswith(RUNNING) and not Path(f"/proc/{name.split('_')[2]}").exists()
            if outdated or orphan:
                _drop(admin, name)


def _kept(admin: psycopg.Connection, urls: DatabaseUrls, world: Path) -> str:
    name = _name(world)
    if admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
        return name
    with scratch_database(urls) as url:
        seconds = land(world, url)
        _settle(url)
        renaming = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        admin.execute(renaming.format(sql.Identifier(database_name(url)), sql.Identifier(name)))
        note = sql.SQL("COMMENT ON DATABASE {} IS {}")
        admin.execute(note.format(sql.Identifier(name), sql.Literal(f"{seconds:.2f}")))
    return name


def _settle(url: str) -> None:
    """Leave no clean-up of the landing for the run to pay: hint bits, visibility, statistics, dirty pages."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


def _name(world: Path) -> str:
    return f"{KEPT}{code_hash(LANDING)}_{hashlib.sha256(world.name.encode()).hexdigest()[:12]}"


def _admin(urls: DatabaseUrls) -> psycopg.Connection:
    return psycopg.connect(urls.admin, autocommit=True)


def _drop(admin: psycopg.Connection, name: str) -> None:
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _at(urls: DatabaseUrls, name: str) -> str:
    return urlsplit(urls.admin)._replace(path=f"/{name}").geturl()
