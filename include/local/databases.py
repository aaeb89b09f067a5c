"""The two databases on one server, Tieout's and Airflow's: their URLs, and creating what is absent."""

from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

import psycopg
from psycopg import errors, sql

from include.local.home import SetUpFailed

OLDEST_VERSION = 16
CONNECT_TIMEOUT_S = 10


@dataclass(frozen=True, repr=False)
class DatabaseUrls:
    """postgresql:// URLs with their passwords; hence no repr."""

    app: str
    airflow: str
    admin: str

    @classmethod
    def on(cls, address: SplitResult, name: str) -> "DatabaseUrls":
        """The URLs of the databases `name` and `name`_airflow on the server of `address`."""
        at = {"app": name, "airflow": f"{name}_airflow", "admin": "postgres"}
        return cls(**{role: address._replace(path=f"/{database}").geturl() for role, database in at.items()})


def prepare_databases(urls: DatabaseUrls, *, place: str) -> DatabaseUrls:
    """Create the databases that are absent; `place` names the server to people.

    Raises SetUpFailed when the server cannot be reached, is older than 16 or refuses to create one.
    """
    for url in (urls.app, urls.airflow):
        if not _exists(url, place=place):
            _create(url, urls.admin, place=place)
    return urls


def recreate_database(url: str, *, admin: str) -> None:
    """Empty a database of ours by dropping it; whoever is connected to it is sent away."""
    name = sql.Identifier(database_name(url))
    with psycopg.connect(admin, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))


def read_note(url: str) -> str:
    """The note on a database: it ends with the database, unlike one in a file."""
    query = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
    with psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_S) as connection:
        row = connection.execute(query).fetchone()
    return (row and row[0]) or ""


def write_note(url: str, note: str) -> None:
    """Replace the note on a database."""
    statement = sql.SQL("COMMENT ON DATABASE {} IS {}").format(
        sql.Identifier(database_name(url)), sql.Literal(note)
    )
    with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as connection:
        connection.execute(statement)


def database_name(url: str) -> str:
    return unquote(urlsplit(url).path.lstrip("/"))


def server_address(url: str) -> str:
    """Host, port and database of a URL, without its password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 5432}{parts.path}"


def _exists(url: str, *, place: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            version = connection.info.server_version // 10000
    except errors.InvalidCatalogName:
        return False
    except psycopg.OperationalError as problem:
        # libpq reports a refused login as text alone.
        if f'database "{database_name(url)}" does not exist' in str(problem):
            return False
        raise _cannot_reach(place, problem) from None
    if version < OLDEST_VERSION:
        raise SetUpFailed(f"{place} is PostgreSQL {version}; Tieout needs {OLDEST_VERSION} or newer")
    return True


def _create(url: str, admin: str, *, place: str) -> None:
    name = database_name(url)
    try:
        with psycopg.connect(admin, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except errors.DuplicateDatabase:
        return
    except errors.InsufficientPrivilege:
        user = urlsplit(url).username
        raise SetUpFailed(
            f'{place}: user {user} may not create database "{name}"; create it, or grant CREATEDB to {user}'
        ) from None
    except errors.DiskFull:
        raise SetUpFailed(f"{place}: its disk is full; free some space and start again") from None
    except psycopg.OperationalError as problem:
        raise _cannot_reach(place, problem) from None


def _cannot_reach(place: str, problem: Exception) -> SetUpFailed:
    reason = str(problem).strip().splitlines()[-1].strip()
    return SetUpFailed(
        f"{place} cannot be reached: {reason}; check that it runs and that address and password are right"
    )
