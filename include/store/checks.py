"""What `tieout doctor` asks the database."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from include.domain.diagnosis import Answer, Check, Verdict, fail, ok, permissions, skew, warn
from include.ports import Fatal, Retryable, Row
from include.store.migrate import MigrationConflict, pending
from include.store.postgres import may_be
from include.store.queries import check, query

VERSION_MIN = 16
APP = "tieout_app"
CONNECT_TIMEOUT_S = 10
NAMED_MAX = 5
BEAT_MINUTES_MAX = 15
"""Three looks of the dag watch."""

_WATCH = "unpause the dag watch and see that it succeeds; docs/playbooks/watch_silent.md"
_REFUSED = ("authentication failed", "does not exist", "no pg_hba.conf entry")
_REACH = "check the connection tieout_db, and that Postgres runs"
_GRANT = "grant our role SELECT and INSERT on what is named"
_MIGRATE = "let who may make roles run `tieout migrate`, or `SELECT ops.grant_roles()` in our database"
_GUARDS = "find out who took them away; make them again as sql/schema has them, by a migration of your own"
_SEAL = (
    "give connection audit_log a key (`tieout audit key`), and see that the dags fast_lane and keep_audit run"
)
UNSEALED_S_MAX = 7200
"""Two rounds of the dag keep_audit."""
REMOVED_WITHIN = timedelta(days=2)
"""Of the time a row has; the dag remove_old runs each night."""
_REMOVE = "unpause the dag remove_old, and read the log of its task rows"
_RESTORED = "docs/recovery.md says what to look at after a restore"
_SPARED = "nothing, if they are down or out of calls: what waits leaves once they answer; docs/fencing.md"
_LESS = "let the tables be owned by another role, and connect as one that is no superuser"


def checks(url: str, *, now: Callable[[], datetime], doubt: timedelta, zone: str) -> Sequence[Check]:
    """Connection, version, migrations, permissions, clock, and whether somebody looked for alerts lately.

    `doubt`: how long a restore of the database leaves effects in doubt. `zone`: whose days sources are read through.
    """
    return [
        Check("connection", lambda: _connection(url), _REACH),
        Check("version", lambda: _version(url), "bring Postgres to a supported version"),
        Check(
            "migrations", lambda: _migrations(url), "restore sql/schema as it was applied, or ask its author"
        ),
        Check("permissions", lambda: _permissions(url), _GRANT),
        Check("roles", _if_newest(lambda: _roles(url)), _MIGRATE),
        Check("guards", _if_newest(lambda: _guards(url)), _GUARDS),
        Check("audit log", _if_newest(lambda: _sealing(url)), _SEAL),
        Check("history", _if_newest(lambda: _history(url, doubt)), _RESTORED),
        Check("clock", lambda: skew(_facts(url)["at"], now())),
        Check("watch", _if_newest(lambda: _watching(url)), _WATCH),
        Check("old rows", _if_newest(lambda: _old_rows(url, zone)), _REMOVE),
        Check("systems left alone", _if_newest(lambda: _spared(url)), _SPARED),
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


def _if_newest(ask: Callable[[], Answer]) -> Callable[[], Answer]:
    """The same, but not asked of a schema older than what it asks for."""

    def asked() -> Answer:
        try:
            return ask()
        except (
            psycopg.errors.UndefinedTable,
            psycopg.errors.UndefinedFunction,
            psycopg.errors.InvalidSchemaName,
        ):
            return Answer(Verdict.SKIP, "not asked: the schema is not the newest")

    return asked


def _roles(url: str) -> Answer:
    """Whether our roles are there, ours to be, and no more than they should be."""
    try:
        found = _rows(url, "role_findings", role=APP)
    except psycopg.errors.InsufficientPrivilege:
        return warn("our login may be none of the roles, and sees nothing of theirs", _MIGRATE)
    named = [f"{row['name']} {row['finding']}" for row in found]
    lacking = [
        row for row in found if row["finding"] in {"missing", "not ours to be", "not owned by tieout_owner"}
    ]
    if lacking:
        return warn(f"all work with the rights of our login: {_some(named)}", _MIGRATE)
    if named:
        return warn(f"more than there should be: {_some(named)}", "revoke what is named")
    return ok("every process works under a role of its own, and none may change what is history")


def guards_gone(url: str) -> list[str] | None:
    """The triggers that should be there and on, and are not; None where the schema is older: nobody knows which then.

    Raises Fatal, Retryable, psycopg.Error.
    """
    if pending(url):
        return None
    return [str(row["guard"]) for row in _found(url, check("guards_are_there"), role=APP)]


def _guards(url: str) -> Answer:
    """Whether every trigger that keeps history, or tells the audit log, is there and on."""
    gone = guards_gone(url)
    if gone is None:
        return Answer(Verdict.SKIP, "not asked: the schema is not the newest")
    if gone:
        return fail(f"nothing keeps what these should: {_some(gone)}", _GUARDS)
    return ok("every trigger of the migrations is there and on")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED_MAX} more" if len(names) > NAMED_MAX else ""
    return ", ".join(names[:NAMED_MAX]) + more


def _sealing(url: str) -> Answer:
    last = _rows(url, "newest_seal", role=APP)
    place = {"xid": last[0]["through_xid"], "id": last[0]["through_id"]} if last else {"xid": "0", "id": 0}
    [waiting] = _rows(url, "audit_unsealed", role=APP, **place, most=None)
    if waiting["oldest_s"] > UNSEALED_S_MAX:
        return warn(
            f"{waiting['rows']} rows wait for a seal, for up to {waiting['oldest_s'] // 3600} hours", _SEAL
        )
    return ok(f"sealed up to seal {last[0]['seal']}" if last else "nothing waits for a seal for long")


def _facts(url: str) -> Row:
    return _rows(url, "database_facts")[0]


def _rows(url: str, name: str, *, role: str = "", **params: Any) -> list[Row]:
    """The rows of a named query, asked by our login, or as the role that works with them."""
    return _found(url, query(name), role=role, params=params)


def _found(
    url: str, asked: LiteralString, *, role: str, params: Mapping[str, Any] | None = None
) -> list[Row]:
    try:
        options = f"-c role={role}" if role and may_be(url, role) else ""
        with psycopg.connect(
            url, connect_timeout=CONNECT_TIMEOUT_S, row_factory=dict_row, options=options
        ) as connection:
            return connection.execute(asked, params).fetchall()
    except psycopg.OperationalError as error:
        # The driver's message names host and role, and no password.
        reason = str(error).strip().splitlines()[0]
        if any(word in reason for word in _REFUSED):
            raise Fatal(f"Postgres: {reason}") from None
        raise Retryable(f"Postgres: {reason}") from None


def _history(url: str, doubt: timedelta) -> Answer:
    newest = _rows(url, "histories", role=APP, doubt=doubt)[:1]
    if newest and newest[0]["in_doubt"]:
        until = f"{newest[0]['doubted_until']:%Y-%m-%d %H:%M} UTC"
        return warn(
            f"{newest[0]['reason']}: effects are looked for before they are sent until {until}", _RESTORED
        )
    return ok("the database is where it was")


def _watching(url: str) -> Answer:
    rows = _rows(url, "beat_of", role=APP, flow="watch")
    if not rows:
        return warn("nobody has watched yet, so nobody would be told of anything", _WATCH)
    minutes = int(rows[0]["age_s"]) // 60
    if minutes > BEAT_MINUTES_MAX:
        return fail(f"nobody has watched for {minutes} minutes", _WATCH)
    return ok(f"somebody looked {minutes} minutes ago")


def _old_rows(url: str, zone: str) -> Answer:
    rows = _rows(url, "past_their_time", role=APP, grace=REMOVED_WITHIN, zone=zone)
    if rows:
        named = _some([str(row["relation"]) for row in rows])
        return warn(f"rows that should have been gone for two days are here: {named}", _REMOVE)
    return ok("no row is kept for longer than it should be")


def _spared(url: str) -> Answer:
    rows = _rows(url, "spared_systems", role=APP)
    if rows:
        return warn("; ".join(f"{row['system']} ({row['part']}): {row['detail']}" for row in rows), _SPARED)
    return ok("every system answers, and nothing is kept back for want of calls")
