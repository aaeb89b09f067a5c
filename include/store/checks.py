"""What `tieout doctor` asks the database."""

from collections.abc import Callable, Sequence
from datetime import datetime

import psycopg
from psycopg.rows import dict_row

from include.domain.diagnosis import Answer, Check, Verdict, fail, ok, permissions, skew, warn
from include.ports import Fatal, Retryable, Row
from include.store.migrate import MigrationConflict, pending
from include.store.queries import query

VERSION_MIN = 16
CONNECT_TIMEOUT_S = 10
BEAT_MINUTES_MAX = 15
"""Three looks of the dag watch."""

_WATCH = "unpause the dag watch and see that it succeeds; docs/playbooks/watch_silent.md"
_REFUSED = ("authentication failed", "does not exist", "no pg_hba.conf entry")
_REACH = "check the connection tieout_db, and that Postgres runs"
_GRANT = "grant our role SELECT and INSERT on what is named"
_LESS = "let the tables be owned by another role, and connect as one that is no superuser"


def checks(url: str, *, now: Callable[[], datetime]) -> Sequence[Check]:
    """Connection, version, migrations, permissions, clock, and whether somebody looked for alerts lately."""
    return [
        Check("connection", lambda: _connection(url), _REACH),
        Check("version", lambda: _version(url), "bring Postgres to a supported version"),
        Check(
            "migrations", lambda: _migrations(url), "restore sql/schema as it was applied, or ask its author"
        ),
        Check("permissions", lambda: _permissions(url), _GRANT),
        Check("clock", lambda: skew(_facts(url)["at"], now())),
        Check("watch", lambda: _watching(url), _WATCH),
    ]


def _connection(url: str) -> Answer:
    _facts(url)
    return ok("Postgres answers")


def _version(url: str) -> Answer:
    number = int(_facts(url)["version"]) // 10_000
    if number < VERSION_MIN:
        return fail(f"Postgres {number} is older than {VERSION_MIN}", "bring Postgres to a supported version")
    return ok(f"Postgres {number}")


def _migrations(url: str) -> Answer:
    try:
        missing = pending(url)
    except MigrationConflict as conflict:
        return fail(str(conflict), "restore sql/schema as it was applied, or use another database")
    if missing:
        return fail(f"not applied: {', '.join(missing)}", "run `tieout migrate`")
    return ok("the schema is the newest")


def _permissions(url: str) -> Answer:
    rows = _rows(url, "tables_out_of_reach")
    few = {str(row["name"]): "must not be read or added to" for row in rows}
    many = ["do everything (it is a superuser)"] if _facts(url)["superuser"] else []
    return permissions(few=few, many=many, mend_few=_GRANT, mend_many=_LESS)


def _facts(url: str) -> Row:
    return _rows(url, "database_facts")[0]


def _rows(url: str, name: str, **params: str) -> list[Row]:
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_TIMEOUT_S, row_factory=dict_row) as connection:
            return connection.execute(query(name), params).fetchall()
    except psycopg.OperationalError as error:
        # The driver's message names host and role, and no password.
        reason = str(error).strip().splitlines()[0]
        if any(word in reason for word in _REFUSED):
            raise Fatal(f"Postgres: {reason}") from None
        raise Retryable(f"Postgres: {reason}") from None


def _watching(url: str) -> Answer:
    try:
        rows = _rows(url, "beat_of", flow="watch")
    except psycopg.errors.UndefinedTable:
        return Answer(Verdict.SKIP, "not asked: the schema is not the newest")
    if not rows:
        return warn("nobody has watched yet, so nobody would be told of anything", _WATCH)
    minutes = int(rows[0]["age_s"]) // 60
    if minutes > BEAT_MINUTES_MAX:
        return fail(f"nobody has watched for {minutes} minutes", _WATCH)
    return ok(f"somebody looked {minutes} minutes ago")
