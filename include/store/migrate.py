"""Brings a database to the newest schema: the files of `sql/schema` in order, each once, never backwards."""

import hashlib
import logging
import re
from pathlib import Path
from time import sleep

import psycopg
from psycopg.errors import DeadlockDetected, LockNotAvailable

from include.store.queries import SQL

_LOCK = 0x71E0  # any constant; two migrating processes wait for each other
_NUMBERED = re.compile(r"\d{3,}_[a-z0-9_]+\.sql")

LOCK_S, TRIES, PAUSE_S = 4, 30, 2.0
"""A migration that waits for a lock holds up everybody who comes after it: it gives way, and comes again.

A run holds its tables for minutes; those it shares with the lane are free in between.
"""

_LEDGER = """
    CREATE TABLE IF NOT EXISTS public.schema_migrations (
        name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )
"""


_ROLES = """
    SELECT ops.grant_roles()
"""

log = logging.getLogger(__name__)


class MigrationConflict(RuntimeError):
    """The database was built from other files than these; restore them or use another database."""


WAITED = """the schema was not changed: tables were in use at each try for minutes. See who holds them:
  SELECT pid, application_name, query FROM pg_stat_activity WHERE xact_start < now() - interval '1 minute';
stop that, or wait for its end, and migrate again"""


class MigrationWaits(RuntimeError):
    """Somebody held a table the whole time; nothing was changed. Stop what runs for long, and migrate again."""


def migrate(url: str, *, folder: Path = SQL / "schema", through: str | None = None) -> list[str]:
    """Apply what is missing, up to the file named `through` (default: all), in one transaction; the names applied.

    What is new is then handed to the roles of sql/schema/401_roles.sql; where they cannot be made, a warning says so.
    Raises MigrationConflict when an applied file was edited or removed since, or a new one sorts before it;
    MigrationWaits when tables are in use for minutes.
    """
    for tried in range(1, TRIES + 1):
        try:
            return _apply(url, migrations(folder), through)
        except (LockNotAvailable, DeadlockDetected) as held:
            told = str(held).partition("\n")[0]
            log.warning("try %d of %d: a table is in use: %s", tried, TRIES, told)
            if tried < TRIES:
                sleep(PAUSE_S)
    raise MigrationWaits(WAITED)


def _apply(url: str, files: dict[str, bytes], through: str | None) -> list[str]:
    with psycopg.connect(url) as connection:
        connection.execute(f"SET LOCAL lock_timeout = '{LOCK_S}s'".encode())
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute(_LEDGER)
        rows = connection.execute(
            "SELECT name, sha256 FROM public.schema_migrations ORDER BY name"
        ).fetchall()
        applied = {str(name): str(digest) for name, digest in rows}
        _refuse_conflicts(files, applied)
        missing = [
            name
            for name in files
            if name not in applied and (through is None or _place(name) <= _place(through))
        ]
        for name in missing:
            connection.execute(files[name])
            connection.execute(
                "INSERT INTO public.schema_migrations (name, sha256) VALUES (%s, %s)",
                (name, _sha256(files[name])),
            )
        _grant(connection)
    return missing


def _grant(connection: psycopg.Connection) -> None:
    there = connection.execute("SELECT to_regprocedure('ops.grant_roles()')").fetchone()
    granted = connection.execute(_ROLES).fetchone() if there and there[0] else None
    if granted and granted[0]:
        log.warning("%s", granted[0])


def pending(url: str, *, folder: Path = SQL / "schema") -> list[str]:
    """The files that `migrate` would apply; nothing is changed. Raises MigrationConflict as it would."""
    files = migrations(folder)
    with psycopg.connect(url) as connection:
        ledger = connection.execute("SELECT to_regclass('public.schema_migrations')").fetchone()
        if not ledger or not ledger[0]:
            return list(files)
        rows = connection.execute("SELECT name, sha256 FROM public.schema_migrations").fetchall()
    applied = {str(name): str(digest) for name, digest in rows}
    _refuse_conflicts(files, applied)
    return [name for name in files if name not in applied]


def migrations(folder: Path = SQL / "schema") -> dict[str, bytes]:
    """File name -> text, in order of application. Raises ValueError on a file not named NNN_topic.sql."""
    files = {path.name: path.read_bytes() for path in folder.glob("*.sql")}
    for name in files:
        if not _NUMBERED.fullmatch(name):
            raise ValueError(f"{folder / name}: a migration is named NNN_topic.sql")
    return {name: files[name] for name in sorted(files, key=_place)}


def _place(name: str) -> tuple[int, str]:
    number, _, topic = name.partition("_")
    return int(number), topic


def _refuse_conflicts(files: dict[str, bytes], applied: dict[str, str]) -> None:
    for name, digest in applied.items():
        if name not in files:
            raise MigrationConflict(
                f"sql/schema/{name} was applied to this database and is gone; migrations stay"
            )
        if _sha256(files[name]) != digest:
            raise MigrationConflict(
                f"sql/schema/{name} was edited after it was applied; add a new file instead"
            )
    newest = max(applied, key=_place, default="")
    late = [name for name in files if newest and name not in applied and _place(name) < _place(newest)]
    if late:
        raise MigrationConflict(
            f"sql/schema/{late[0]} sorts before {newest}, which is applied; number it higher"
        )


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
