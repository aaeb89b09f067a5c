"""A throw-away database with the newest schema, copied from a template that is migrated once per schema."""

import hashlib
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from include.local.databases import CONNECT_TIMEOUT_S, DatabaseUrls
from include.local.home import SetUpFailed
from include.store.migrate import migrate, migrations

Strategy = Literal["WAL_LOG", "FILE_COPY"]
"""How Postgres copies a template (CREATE DATABASE … STRATEGY)."""

_LOCK = 0x71E1  # any constant; two processes that need the template make it once


@contextmanager
def scratch_database(urls: DatabaseUrls, *, strategy: Strategy = "WAL_LOG") -> Iterator[str]:
    """The URL of an empty database with our schema, dropped at the end.

    FILE_COPY is quicker where the server never waits for a disk, and slower where it does.

    Raises SetUpFailed when the server does not let us create databases.
    """
    prefix = f"tieout_scratch_{hashlib.sha256(platform.node().encode()).hexdigest()[:8]}_"
    name = f"{prefix}{os.getpid()}_{time.monotonic_ns()}"
    try:
        with psycopg.connect(urls.admin, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as admin:
            admin.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
            _drop_left_behind(admin, prefix)
            template = _template(admin, urls)
            _create(admin, name, template, strategy)
    except (psycopg.errors.InsufficientPrivilege, psycopg.OperationalError) as error:
        raise SetUpFailed(
            f"no database for one run could be created on {urlsplit(urls.admin).hostname}: {error}"
        ) from None
    try:
        yield _at(urls, name)
    finally:
        with psycopg.connect(urls.admin, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as admin:
            _drop(admin, name)


def _template(admin: psycopg.Connection, urls: DatabaseUrls) -> str:
    schema = hashlib.sha256(b"".join(migrations().values())).hexdigest()[:16]
    name = f"tieout_template_{schema}"
    ready = admin.execute("SELECT datistemplate FROM pg_database WHERE datname = %s", (name,)).fetchone()
    if ready and ready[0]:
        return name
    _drop(admin, name)  # half made by a process that was killed
    _create(admin, name, "template0")
    migrate(_at(urls, name))
    admin.execute(sql.SQL("ALTER DATABASE {} IS_TEMPLATE true").format(sql.Identifier(name)))
    return name


def _drop_left_behind(admin: psycopg.Connection, prefix: str) -> None:
    found = admin.execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (prefix,)
    ).fetchall()
    for (name,) in found:
        if not Path(f"/proc/{name.split('_')[3]}").exists():
            _drop(admin, name)


def _create(admin: psycopg.Connection, name: str, template: str, strategy: Strategy = "WAL_LOG") -> None:
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8' STRATEGY {}")
    admin.execute(statement.format(sql.Identifier(name), sql.Identifier(template), sql.Identifier(strategy)))


def _drop(admin: psycopg.Connection, name: str) -> None:
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _at(urls: DatabaseUrls, name: str) -> str:
    return urlsplit(urls.admin)._replace(path=f"/{name}").geturl()
