"""What each role of the database may do with each table, found by trying; and that processes work under theirs."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors

from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.ports import Fatal
from include.store.migrate import migrate
from include.store.postgres import As, PostgresStore, may_be
from include.store.queries import SQL, query

ROLES = (
    *("tieout_ingest", "tieout_app", "tieout_send", "tieout_console", "tieout_auditor", "tieout_broker"),
    "tieout_remover",
)
VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")

TRY = """
CREATE FUNCTION pg_temp.may(statement text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RAISE EXCEPTION 'taken back' USING ERRCODE = 'P0099';
EXCEPTION
    WHEN insufficient_privilege THEN RETURN false;
    WHEN OTHERS THEN RETURN true;  -- it was let in, and whatever else is wrong with it is another matter
END $$
"""
TABLES = """
    SELECT format('%I.%I', nspname, relname), min(attname::text) FILTER (WHERE attgenerated = '' AND attidentity = '')
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    JOIN pg_attribute ON attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped
    WHERE relkind IN ('r', 'p') AND nspname IN (SELECT ops.our_schemas())
    GROUP BY nspname, relname ORDER BY nspname, relname
"""
HISTORY = """
    SELECT tgrelid::regclass::text FROM pg_trigger
    WHERE tgname ~ '(are_append_only|stay|are_not_emptied)$' AND NOT tgisinternal
        AND tgtype & 16 = 16 AND tgtype & 1 = 0
"""
"""Tables whose triggers refuse to change a row."""

PEOPLE_ADD = {
    *(
        "recon.break_events",
        "recon.break_proposals",
        "recon.break_approvals",
        "recon.pairings",
        "recon.rulings",
    ),
    *("parity.accepted_differences", "parity.sign_offs"),
    *("recon.break_lives", "delivery.acts", "delivery.replays", "delivery.replay_approvals"),
    "delivery.replay_ends",
    "ops.console_people",
}
PEOPLE_CHANGE = {
    *("recon.break_lives", "recon.rulings", "ops.console_people", "delivery.outbox"),
    "parity.accepted_differences",
}
GOES = {
    *("delivery.inbox", "delivery.lanes", "ops.proofs", "ops.sweeps", "ops.day_runs"),
    *("ops.alerts", "ops.tellings", "ops.bulletins"),
    *("recon.matches", "recon.breaks", "recon.open_invoices", "recon.unapplied_payments"),
    *("recon.customer_balances", "recon.arr_bridge"),
}
"""Tables of which rows are removed once they are old."""
NOT_FOR_INGEST = {
    *("ops.switches", "ops.writers", "ops.promotions", "ops.radii", "ops.rule_sets", "ops.console_people"),
}


@pytest.fixture(scope="module")
def url(server_urls: DatabaseUrls) -> Iterator[str]:
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        yield url


def tried(url: str, role: str) -> set[tuple[str, str]]:
    """Every (verb, table) that this role was let in with."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(TABLES).fetchall()
        connection.execute(TRY)
        connection.execute(f"SET ROLE {role}".encode())
        statements = [
            (verb, table, statement)
            for table, column in tables
            for verb, statement in (
                ("SELECT", f"SELECT FROM {table} LIMIT 0"),
                ("INSERT", f"INSERT INTO {table} DEFAULT VALUES"),
                ("UPDATE", f"UPDATE {table} SET {column} = {column} WHERE false"),
                ("DELETE", f"DELETE FROM {table} WHERE false"),
                ("TRUNCATE", f"TRUNCATE {table}"),
            )
        ]
        found = connection.execute(
            "SELECT place, pg_temp.may(statement) FROM unnest(%s::text[]) WITH ORDINALITY AS told (statement, place)",
            ([statement for *_, statement in statements],),
        ).fetchall()
        return {statements[place - 1][:2] for place, may in found if may}


def may_do(role: str, verb: str, table: str, *, history: bool) -> bool:
    """What the roles are for, said once more."""
    schema = table.partition(".")[0]
    if role in {"tieout_broker", "tieout_remover"} or table == "vault.tokens":
        return _may_one_thing(role, verb, table)
    if schema == "vault":
        return _may_unseal(role, verb, table) and not (history and verb in {"UPDATE", "DELETE"})
    if verb == "SELECT":
        return True
    if (
        verb == "TRUNCATE"
        or role == "tieout_auditor"
        or (history and verb != "INSERT")
        or table in {"ops.removals", "ops.retention"}
    ):
        return False
    ingest = {
        "INSERT": (schema in {"raw", "canonical", "ops"} and table not in NOT_FOR_INGEST)
        or table == "delivery.inbox",
        "UPDATE": (schema in {"canonical", "ops"} and table not in NOT_FOR_INGEST)
        or table == "delivery.inbox",
        "DELETE": table in {"ops.cursors", "ops.task_failures"},
    }
    app = {
        "INSERT": (schema in {"ops", "recon", "delivery", "parity"} and table != "delivery.attempts")
        or table == "audit.seals",
        "UPDATE": schema in {"ops", "recon", "delivery", "parity"} and table != "delivery.attempts",
        "DELETE": schema == "recon" or table == "ops.task_failures",
    }
    people = {"INSERT": table in PEOPLE_ADD, "UPDATE": table in PEOPLE_CHANGE, "DELETE": False}
    if role == "tieout_send":
        return app[verb] or (verb, table) == ("INSERT", "delivery.attempts")
    return {"tieout_ingest": ingest, "tieout_app": app, "tieout_console": people}[role][verb]


def _may_one_thing(role: str, verb: str, table: str) -> bool:
    if role == "tieout_remover":
        reads = verb == "SELECT" and table.partition(".")[0] in {"ops", "delivery", "recon"}
        return reads or (verb == "DELETE" and table in GOES) or (verb, table) == ("INSERT", "ops.removals")
    return (role, table) == ("tieout_broker", "vault.tokens") and verb in {"SELECT", "INSERT", "UPDATE"}


def _may_unseal(role: str, verb: str, table: str) -> bool:
    if role == "tieout_send":
        return verb in {"SELECT", "INSERT", "UPDATE"}
    if role == "tieout_ingest":
        return (verb == "SELECT") is (table != "vault.sealed") and verb in {"SELECT", "INSERT"}
    return verb == "SELECT" and table != "vault.sealed"


def refuses_removal(connection: psycopg.Connection[Any]) -> set[str]:
    return {
        str(table)
        for (table,) in connection.execute(
            "SELECT tgrelid::regclass::text FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid "
            "WHERE tgtype & 8 = 8 AND tgtype & 1 = 0 AND proname IN ('refuse_change', 'keep_what_is_named')"
        ).fetchall()
    }


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_let_in_where_it_works_and_nowhere_else(url: str, role: str) -> None:
    with psycopg.connect(url) as connection:
        tables = [str(table) for table, _ in connection.execute(TABLES).fetchall()]
        history = {str(table) for (table,) in connection.execute(HISTORY).fetchall()}
        kept = refuses_removal(connection)
    wanted = {
        (verb, table)
        for table in tables
        for verb in VERBS
        if may_do(role, verb, table, history=table in history or (verb == "DELETE" and table in kept))
    }
    assert tried(url, role) == wanted


@pytest.mark.parametrize("role", ROLES)
def test_nobody_changes_what_was_received_or_adds_to_the_audit_log(url: str, role: str) -> None:
    found = tried(url, role)
    assert not {one for one in found if one[1].startswith("raw.") and one[0] not in {"SELECT", "INSERT"}}
    assert not {one for one in found if one[1] == "audit.events" and one[0] != "SELECT"}
    assert not {one for one in found if one[1] == "audit.seals" and one[0] not in {"SELECT", "INSERT"}}


def test_what_became_of_tokens_is_seen_by_who_may_see_none(url: str) -> None:
    for role in ROLES:
        with psycopg.connect(url) as connection:
            connection.execute(f"SET ROLE {role}".encode())
            if role in {"tieout_broker", "tieout_remover"}:
                with pytest.raises(errors.InsufficientPrivilege):
                    connection.execute("SELECT FROM vault.sealed")
                continue
            seen = connection.execute("SELECT * FROM vault.token_states").description or []
            assert not {"envelope", "wrapped_key"} & {column.name for column in seen}


def test_a_role_makes_no_tables_and_does_not_log_in(url: str) -> None:
    for role in ROLES:
        with psycopg.connect(url) as connection:
            connection.execute(f"SET ROLE {role}".encode())
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute("CREATE TABLE recon.mine ()")
    with psycopg.connect(url) as connection:
        assert connection.execute(
            "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'tieout\\_%' AND rolname <> 'tieout_doctor_test' "
            "AND (rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls)"
        ).fetchone() == (0,)


def test_a_store_works_as_the_role_it_was_made_for(url: str) -> None:
    store = PostgresStore(url, who=As("tieout_auditor", "a test"))
    with store.transaction() as tx:
        assert tx.rows("newest_batch")
    with pytest.raises(Fatal, match="permission denied"), store.transaction() as tx:
        tx.rows("open_batch")
    with store.keeping() as kept, pytest.raises(Fatal, match="permission denied"), kept.transaction() as tx:
        tx.rows("open_batch")


def test_what_a_program_calls_itself_is_in_the_audit_log(url: str) -> None:
    with PostgresStore(url, who=As("tieout_app", "night; DROP")).transaction() as tx:
        tx.run("note_person", person="ann", may=["can_read"])
        tx.run("keep_key_conflict", key="k", body={}, body_sha256="x")
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT actor, login <> '', act FROM audit.events ORDER BY id DESC LIMIT 2"
        ).fetchall()
    assert found == [("program:night__DROP", True, "key decided twice"), ("ann", True, "console entered")]


def test_where_a_role_is_missing_connections_work_as_their_login(url: str) -> None:
    assert not may_be(url, "tieout_nobody")
    with PostgresStore(url, who=As("tieout_nobody")).transaction() as tx:
        assert tx.rows("newest_batch")


MESSAGE = (
    "INSERT INTO delivery.outbox (key, kind, target, subject, body, body_sha256, newest_only) "
    "VALUES ('k', 'order', 'erp', 'deals/1', '{}', 'x', false)"
)
CALLED = (
    "UPDATE delivery.outbox "
    "SET state = 'called', fence = fence + 1, first_called_at = now(), leased_until = now()"
)
CONFIRMED = "UPDATE delivery.outbox SET state = 'confirmed', finished_at = now()"


@pytest.mark.parametrize("role", ["tieout_app", "tieout_console"])
def test_who_calls_no_other_system_says_nothing_of_calls(url: str, role: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(MESSAGE)
        for before, refused in (
            ([], CALLED),
            ([], "UPDATE delivery.outbox SET remote_id = 'SO-1'"),
            ([CALLED], CONFIRMED),
            ([CALLED], "UPDATE delivery.outbox SET first_called_at = clock_timestamp()"),
        ):
            with connection.transaction(force_rollback=True):
                for statement in before:
                    connection.execute(statement.encode())
                connection.execute(f"SET LOCAL ROLE {role}".encode())
                with (
                    pytest.raises(errors.RaiseException, match="calls no other system"),
                    connection.transaction(),
                ):
                    connection.execute(refused.encode())
        connection.execute(CALLED)
        connection.execute("SET LOCAL ROLE tieout_app")
        connection.execute(
            "UPDATE delivery.outbox SET state = 'uncertain'"
        )  # a switch of writers gives a call up
        with pytest.raises(errors.RaiseException, match="calls no other system"):
            connection.execute(
                MESSAGE.replace("newest_only)", "newest_only, remote_id)").replace("false)", "false, 'R')")
            )
        connection.rollback()


def test_who_calls_other_systems_says_what_came_of_it(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SET ROLE tieout_send")
        for statement in (MESSAGE, CALLED, CONFIRMED):
            assert connection.execute(statement).rowcount == 1
        connection.rollback()


def test_nobody_hangs_what_writes_the_audit_log_on_a_table_of_their_own(url: str) -> None:
    for role in ROLES:
        with psycopg.connect(url) as connection:
            connection.execute(f"SET ROLE {role}".encode())
            connection.execute(
                "CREATE TEMP TABLE acts (actor_id text, action text, message_id int, reason text)"
            )
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(
                    "CREATE TRIGGER forges AFTER INSERT ON acts REFERENCING NEW TABLE AS added "
                    "FOR EACH STATEMENT EXECUTE FUNCTION audit.delivery_acts_insert()"
                )


def test_what_runs_as_the_owner_finds_no_type_of_a_callers_making(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SET ROLE tieout_send")
        connection.execute(
            "CREATE FUNCTION pg_temp.grab(said pg_catalog.text) RETURNS boolean LANGUAGE plpgsql AS $$ "
            "BEGIN RAISE EXCEPTION 'this runs as %', current_user; END $$"
        )
        connection.execute("CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (pg_temp.grab(value))")
        connection.execute("INSERT INTO vault.openings (actor, purpose, opened) VALUES ('ann', 'a test', 1)")
        told = connection.execute("SELECT actor, why FROM audit.events ORDER BY id DESC LIMIT 1").fetchone()
    assert told == ("ann", "1 values")


TALK_ROUND = """
    CREATE TYPE pg_temp.oid AS (said pg_catalog.text);
    CREATE FUNCTION pg_temp.there(regrole) RETURNS pg_temp.oid LANGUAGE sql AS $$ SELECT ROW('x')::pg_temp.oid $$;
    CREATE FUNCTION pg_temp.back(pg_temp.oid) RETURNS pg_catalog.oid LANGUAGE sql AS
        $$ SELECT 'tieout_app'::regrole::pg_catalog.oid $$;
    CREATE CAST (regrole AS pg_temp.oid) WITH FUNCTION pg_temp.there(regrole);
    CREATE CAST (pg_temp.oid AS pg_catalog.oid) WITH FUNCTION pg_temp.back(pg_temp.oid) AS IMPLICIT;
"""
"""With it, `to_regrole('tieout_send')::oid` is the role that asks, wherever that is read while it runs."""


def test_a_type_of_ones_own_makes_nobody_a_sender(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(MESSAGE)
        connection.execute("SET LOCAL ROLE tieout_app")
        connection.execute(TALK_ROUND)
        [taken_for] = connection.execute(
            "SELECT pg_has_role(current_user, to_regrole('tieout_send')::oid, 'MEMBER')"
        ).fetchone() or (False,)
        assert taken_for, "who reads the name while it runs is talked round"
        with pytest.raises(errors.RaiseException, match="calls no other system"):
            connection.execute(CALLED)
        connection.rollback()


SETTLED = "'search_path=pg_catalog, pg_temp' = ANY (coalesce(proconfig, '{}'))"
CALLED_BY_TABLES = """
    WITH RECURSIVE called AS (
        SELECT refobjid AS id FROM pg_depend WHERE refclassid = 'pg_proc'::regclass AND classid IN (
            'pg_constraint'::regclass, 'pg_trigger'::regclass, 'pg_attrdef'::regclass, 'pg_class'::regclass)
        UNION SELECT refobjid FROM called JOIN pg_depend ON objid = id
        WHERE refclassid = 'pg_proc'::regclass AND classid = 'pg_proc'::regclass
    )
    SELECT id FROM called
"""


def test_what_keeps_a_table_finds_its_names_where_no_caller_can_put_others(url: str) -> None:
    """Every trigger's function and every one that runs as its owner by a path; what tables call also by its body."""
    ours = "pronamespace::regnamespace::name IN (SELECT ops.our_schemas())"
    guards = f"{ours} AND (prosecdef OR prorettype = 'trigger'::regtype)"
    called = f"{ours} AND oid IN ({CALLED_BY_TABLES}) AND prosqlbody IS NULL"
    with psycopg.connect(url) as connection:
        for which in (guards, called):
            open_ = f"SELECT oid::regprocedure::text FROM pg_proc WHERE {which} AND NOT {SETTLED}"
            assert connection.execute(open_.encode()).fetchall() == []
        [found] = connection.execute(f"SELECT count(*) FROM pg_proc WHERE {guards}".encode()).fetchone() or (
            0,
        )
        [read] = connection.execute(
            f"SELECT array_agg(proname::text) FROM pg_proc WHERE {ours} AND oid IN ({CALLED_BY_TABLES}) "
            "AND prosqlbody IS NOT NULL".encode()
        ).fetchone() or ([],)
    assert found > 50
    assert {"may_call", "identity", "is_person", "are_identities", "are_distinct"} <= set(read)


def test_a_guard_of_a_later_migration_finds_its_names_there_too(server_urls: DatabaseUrls) -> None:
    with scratch_database(server_urls, strategy="FILE_COPY") as url, psycopg.connect(url) as connection:
        connection.execute(
            "CREATE FUNCTION recon.later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
            "CREATE FUNCTION recon.is_later(said text) RETURNS boolean LANGUAGE sql AS $$ SELECT said::text > '' $$;"
            "CREATE TABLE recon.later (said text CHECK (recon.is_later(said)))"
        )
        connection.execute("SELECT ops.grant_roles()")
        made = connection.execute(
            f"SELECT proname FROM pg_proc WHERE proname IN ('later', 'is_later') AND {SETTLED} ORDER BY 1".encode()
        ).fetchall()
    assert made == [("is_later",), ("later",)]


def test_temporary_tables_are_for_the_roles_whose_work_needs_them(server_urls: DatabaseUrls) -> None:
    with scratch_database(server_urls, strategy="FILE_COPY") as url, psycopg.connect(url) as connection:
        connection.execute("SELECT ops.grant_roles()")
        may = {
            role
            for role in ROLES
            for row in [
                connection.execute("SELECT has_database_privilege(%s, current_database(), 'TEMP')", (role,))
            ]
            if row.fetchone() == (True,)
        }
        assert may == {"tieout_ingest", "tieout_app", "tieout_send"}
        connection.execute("SET ROLE tieout_auditor")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("CREATE TEMP TABLE mine ()")


def test_a_later_migration_comes_under_the_roles(server_urls: DatabaseUrls) -> None:
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        with psycopg.connect(url) as connection:
            connection.execute(
                "CREATE TABLE recon.later (a int); CREATE VIEW seen.later AS SELECT a FROM recon.later"
            )
            connection.execute(
                "CALL audit.watch('recon.later', 'INSERT', "
                "$$ SELECT 'ann', 'later', 'later', '', '', '', '', '' FROM added $$)"
            )
            connection.execute("SELECT ops.grant_roles()")
            owner = "SELECT relowner::regrole::text FROM pg_class WHERE oid = 'recon.later'::regclass"
            assert connection.execute(owner).fetchone() == ("tieout_owner",)
            assert connection.execute("SELECT * FROM ops.open_to_everybody()").fetchall() == []
        assert migrate(url) == []
        found = tried(url, "tieout_app")
        assert {("INSERT", "recon.later"), ("DELETE", "recon.later")} <= found
        assert ("INSERT", "recon.later") not in tried(url, "tieout_console")


@pytest.mark.parametrize("role", ROLES)
def test_who_works_here_dates_nothing_otherwise_than_it_is(url: str, role: str) -> None:
    """Tests set the clock, by a login that may own the database; a login of a role's sets none."""
    asked = (
        "SELECT ops.clock() = '2001-02-03+00', abs(extract(epoch FROM ops.clock() - clock_timestamp())) < 60"
    )
    with psycopg.connect(url) as connection:
        connection.execute("SET tieout.clock = '2001-02-03 00:00:00+00'")
        assert connection.execute(asked).fetchone() == (True, False)
        connection.execute(f"SET SESSION AUTHORIZATION {role}".encode())
        connection.execute("SET tieout.clock = '2001-02-03 00:00:00+00'")
        assert connection.execute(asked).fetchone() == (False, True)


def test_who_may_not_make_roles_is_told_what_to_do_and_nothing_breaks(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("SET SESSION AUTHORIZATION tieout_auditor")
        [said] = connection.execute("SELECT ops.grant_roles()").fetchone() or [""]
    assert "tieout_auditor may not make the role tieout_owner" in said
    assert "until then all work as tieout_auditor" in said


SPOILED = {
    "GRANT UPDATE ON recon.matches TO tieout_console": "update on recon.matches given to tieout_console",
    "GRANT SELECT ON vault.tokens TO tieout_app": "select on vault.tokens given to tieout_app",
    "GRANT UPDATE (why) ON audit.events TO tieout_app": "audit.events.why given by the column",
    "GRANT tieout_send TO tieout_console": "tieout_console of the rights of tieout_send",
    "GRANT pg_read_all_data TO tieout_auditor": "tieout_auditor of the rights of pg_read_all_data",
    "GRANT EXECUTE ON FUNCTION audit.delivery_acts_insert() TO PUBLIC": "REVOKE ALL ON ROUTINE",
    "ALTER FUNCTION delivery.refuse_word_of_a_call() RESET search_path":
        "ALTER ROUTINE delivery.refuse_word_of_a_call() SET search_path",
    "GRANT CREATE ON SCHEMA ops TO tieout_app": "create on schema ops given to tieout_app",
    "GRANT UPDATE ON SEQUENCE audit.events_id_seq TO tieout_app": "update on audit.events_id_seq given to tieout_app",
    "GRANT SELECT ON vault.sealed TO stranger": "select on vault.sealed given to stranger",
    "GRANT SELECT (envelope) ON vault.sealed TO stranger": "vault.sealed.envelope given by the column",
    "GRANT USAGE ON SCHEMA recon TO stranger": "usage on schema recon given to stranger",
    "GRANT EXECUTE ON FUNCTION vault.forget_records TO stranger":
        "execute on vault.forget_records(bigint) given to stranger",
    "ALTER DEFAULT PRIVILEGES FOR ROLE tieout_owner IN SCHEMA recon GRANT SELECT ON TABLES TO stranger":
        "select on tables to come of tieout_owner given to stranger",
    "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO stranger', current_database()); END $$":
        "create on database",
    "GRANT tieout_owner TO stranger WITH INHERIT FALSE, SET TRUE": "stranger of the rights of tieout_owner",
    "GRANT tieout_send TO stranger WITH INHERIT FALSE, ADMIN TRUE": "stranger of the rights of tieout_send",
    "ALTER ROLE stranger CREATEROLE; GRANT tieout_app TO stranger WITH INHERIT FALSE":
        "stranger is more than a login that may be one of the roles",
    "ALTER ROLE stranger SUPERUSER; GRANT tieout_app TO stranger WITH INHERIT FALSE":
        "stranger is more than a login that may be one of the roles",
}  # fmt: skip


def test_the_doctor_finds_what_anybody_has_more_than_they_should(url: str) -> None:
    def found() -> set[str]:
        rows = connection.execute(query("role_findings"), {}).fetchall()
        return {f"{name} {finding}" for finding, name in rows if "TEMPORARY" not in name}

    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE ROLE stranger LOGIN; GRANT tieout_app TO stranger WITH INHERIT FALSE, SET TRUE"
        )
        assert found() == set()
        for statement, wanted in SPOILED.items():
            with connection.transaction(force_rollback=True):
                connection.execute(statement.encode())
                assert any(wanted in one for one in found()), statement
        connection.rollback()


TRIGGERS = """
    SELECT tgrelid::regclass::text, tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE NOT tgisinternal AND relnamespace::regnamespace::name IN (SELECT ops.our_schemas()) ORDER BY 1, 2
"""


def test_every_trigger_that_the_migrations_make_is_missed_when_it_is_gone_or_off(url: str) -> None:
    """sql/checks/guards_are_there.sql names them; whoever makes another names it there."""
    check = (SQL / "checks" / "guards_are_there.sql").read_bytes()
    with psycopg.connect(url) as connection:
        assert connection.execute(check).fetchall() == []
        made = connection.execute(TRIGGERS).fetchall()
        off = "ALTER TABLE {} DISABLE TRIGGER {}"
        gone = "DROP TRIGGER {1} ON {0}"
        for how in (off, gone):
            with connection.transaction(force_rollback=True):
                for table, trigger in made:
                    connection.execute(how.format(table, f'"{trigger}"').encode())
                missed = {one for one, *_ in connection.execute(check).fetchall()}
                assert missed == {f"{table} ({trigger})" for table, trigger in made}
    assert len(made) > 100


SWITCHED_OFF = {
    "ALTER TABLE recon.break_approvals DISABLE TRIGGER ALL": "RI_ConstraintTrigger",
    "CREATE RULE nothing AS ON UPDATE TO delivery.outbox DO INSTEAD NOTHING": "delivery.outbox (rule nothing)",
}


def test_a_key_that_is_not_looked_up_and_a_rule_in_the_way_are_seen(url: str) -> None:
    check = (SQL / "checks" / "guards_are_there.sql").read_bytes()
    with psycopg.connect(url) as connection:
        for statement, wanted in SWITCHED_OFF.items():
            with connection.transaction(force_rollback=True):
                connection.execute(statement.encode())
                assert any(wanted in one for one, *_ in connection.execute(check).fetchall()), statement
