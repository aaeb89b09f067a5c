"""The schema: built in one go or step by step it is the same, forward-only, and it agrees with the entity table."""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from include.domain.currencies import EXPONENTS
from include.domain.entities import ENTITIES, LOOKED_AT
from include.flows.reasons import REASON_MAX
from include.flows.write_rows import typed_columns
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.store import migrate as migrating
from include.store.migrate import MigrationConflict, MigrationWaits, migrate, migrations
from include.store.postgres import PostgresStore
from include.store.queries import SQL, UnknownQuery, query

CATALOG = """
    SELECT table_schema, table_name, column_name, data_type, is_nullable, coalesce(collation_name, ''),
        coalesce(column_default, '')
    FROM information_schema.columns
    WHERE table_schema IN ('ops', 'raw', 'canonical', 'recon', 'delivery', 'parity', 'audit', 'vault')
    UNION ALL
    SELECT schemaname, tablename, indexname, indexdef, '', '', '' FROM pg_indexes
    WHERE schemaname IN ('ops', 'raw', 'canonical', 'recon', 'delivery', 'parity', 'audit', 'vault')
    UNION ALL
    SELECT connamespace::regnamespace::text, conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', '', ''
    FROM pg_constraint
    WHERE connamespace::regnamespace::text IN
        ('ops', 'raw', 'canonical', 'recon', 'delivery', 'parity', 'audit', 'vault')
    ORDER BY 1, 2, 3, 4
"""
LEDGER = "SELECT name, sha256 FROM public.schema_migrations ORDER BY name"


@contextmanager
def empty_database(urls: DatabaseUrls) -> Iterator[str]:
    with scratch_database(urls) as url:
        with psycopg.connect(url) as connection:
            for schema in (
                "audit",
                "vault",
                "parity",
                "seen",
                "delivery",
                "recon",
                "canonical",
                "raw",
                "ops",
            ):
                connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())
            connection.execute("DROP TABLE public.schema_migrations")
        yield url


def described(url: str) -> list[tuple[str, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(CATALOG).fetchall() + connection.execute(LEDGER).fetchall()


def test_from_nothing_and_step_by_step_is_the_same_schema(server_urls: DatabaseUrls) -> None:
    with empty_database(server_urls) as at_once, empty_database(server_urls) as stepwise:
        assert migrate(at_once) == list(migrations())
        for name in migrations():
            assert migrate(stepwise, through=name) == [name]
        assert described(at_once) == described(stepwise)
        assert migrate(stepwise) == []


def test_what_was_held_and_mailed_before_is_known_by_what_is_left_and_by_its_day_and_figures(
    server_urls: DatabaseUrls,
) -> None:
    run, cents = "00000000-0000-0000-0000-000000000001", {"wrong": 1000, "in part": 1000, "back": -500}
    with empty_database(server_urls) as url:
        migrate(url, through="432_coverage_after_cutover.sql")
        with psycopg.connect(url) as connection:
            connection.execute("INSERT INTO ops.batches DEFAULT VALUES")
            connection.execute(
                "INSERT INTO recon.runs (run_id, as_of, batch_through, proof_through, rules_sha256, code_sha256, "
                "state, certificate) VALUES (%s, '2026-01-01', 1, 0, '', '', 'published', '{\"outputs\": {}}')",
                (run,),
            )
            for key, minor in cents.items():
                connection.execute(
                    "INSERT INTO canonical.payments (native_id, version, place, row_hash, recorded_in, id, currency, "
                    "amount_minor, paid_on, reference_tokens, reference_keys, names_a_document) "
                    "VALUES (%(k)s, '', '', '', 1, %(k)s, 'SGD', %(minor)s, '2025-12-01', '{}', '{}', false)",
                    {"k": key, "minor": minor},
                )
                code = "CA06" if key == "wrong" else "CA01"
                connection.execute(
                    "INSERT INTO recon.breaks VALUES "
                    "(%s, gen_random_uuid(), 'R3', %s, %s, 'SGD', 1, 'S2', 0, '', '', '')",
                    (run, code, key),
                )
            connection.execute(
                "INSERT INTO canonical.refunds (native_id, version, place, row_hash, recorded_in, id, payment_id, "
                "currency, amount_minor, created_on) "
                "VALUES ('r', '', '', '', 1, 'r', 'wrong', 'SGD', 300, '2025-12-02')"
            )
            connection.execute(
                "INSERT INTO recon.matches (run_id, match_id, recon, rule, side_a_type, side_a_id, side_b_type, "
                "side_b_id, currency, amount_minor, residual_minor, residual_reason, state, paid_currency, paid_minor) "
                "VALUES (%s, 'm', 'R3', 'P1', 'payment', 'in part', 'invoice', 'I', 'SGD', 600, 0, '', 'posted', "
                "'SGD', 600)",
                (run,),
            )
            connection.execute(
                "INSERT INTO recon.mailings (run_id, edition, recipient, address, scope, locale, subject, html, plain, "
                "state, sent_at) VALUES (%s, 'daily', 'a', 'a', '{}', '', '', '', '', 'sent', now())",
                (run,),
            )
        migrate(url)
        with psycopg.connect(url) as connection:
            left = connection.execute(
                "SELECT payment_id, left_minor, in_part FROM recon.unapplied_payments ORDER BY payment_id"
            ).fetchall()
            mailed = connection.execute(
                "SELECT told_of::text, telling, figures FROM recon.mailings"
            ).fetchall()
    assert left == [("in part", 400, True), ("wrong", 700, False)]
    assert mailed == [("2026-01-01", 1, hashlib.sha256(b"{}").hexdigest())]


def test_a_failing_migration_leaves_the_database_as_it_was(server_urls: DatabaseUrls, tmp_path: Path) -> None:
    folder = copied(tmp_path)
    (folder / "900_broken.sql").write_text("CREATE TABLE ops.half (); SELECT 1/0;")
    with empty_database(server_urls) as url:
        with pytest.raises(psycopg.errors.DivisionByZero):
            migrate(url, folder=folder)
        assert migrate(url) == list(migrations())


def test_a_migration_gives_way_to_who_holds_a_table_and_comes_again(
    server_urls: DatabaseUrls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(tmp_path)
    (folder / "1000_another.sql").write_text("ALTER TABLE ops.batches ADD COLUMN another text")
    for name, value in {"LOCK_S": 1, "TRIES": 2, "PAUSE_S": 0}.items():
        monkeypatch.setattr(migrating, name, value)
    with scratch_database(server_urls, strategy="FILE_COPY") as url, psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE ops.batches IN ACCESS SHARE MODE")
        with pytest.raises(MigrationWaits, match="in use at each try"):
            migrate(url, folder=folder)
        monkeypatch.setattr(migrating, "sleep", lambda _: holder.commit())
        assert migrate(url, folder=folder) == ["1000_another.sql"]
        assert migrate(url, folder=folder) == [], "of four digits comes after three"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda folder: (folder / "020_raw.sql").write_text("-- other"), "020_raw.sql was edited"),
        (
            lambda folder: (folder / "020_raw.sql").unlink(),
            "020_raw.sql was applied to this database and is gone",
        ),
        (lambda folder: (folder / "015_late.sql").write_text("SELECT 1"), "015_late.sql sorts before"),
    ],
)
def test_history_is_never_rewritten(
    server_urls: DatabaseUrls, tmp_path: Path, change: object, says: str
) -> None:
    folder = copied(tmp_path)
    change(folder)  # type: ignore[operator]
    with (
        scratch_database(server_urls, strategy="FILE_COPY") as url,
        pytest.raises(MigrationConflict, match=says),
    ):
        migrate(url, folder=folder)


def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SQL / "schema", tmp_path / "schema"))


def test_a_file_without_its_number_is_refused(tmp_path: Path) -> None:
    (tmp_path / "topic.sql").write_text("SELECT 1")
    with pytest.raises(ValueError, match=r"NNN_topic\.sql"):
        migrations(tmp_path)


def test_every_entity_field_has_its_column(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        for entity in ENTITIES.values():
            rows = connection.execute(
                "SELECT column_name FROM information_schema.columns "
                "WHERE table_schema = 'canonical' AND table_name = %s",
                (entity.name,),
            ).fetchall()
            bookkeeping = {"native_id", "version", "place", "row_hash", "recorded_in", "superseded_in"}
            bookkeeping |= {"stated_at"} if entity.name in LOOKED_AT else set()
            assert {str(name) for (name,) in rows} - bookkeeping == set(typed_columns(entity)), entity.name


@pytest.mark.parametrize(
    "statement", ["UPDATE raw.records SET place = ''", "DELETE FROM raw.records", "TRUNCATE raw.records"]
)
def test_payloads_kept_as_received_cannot_be_changed(database_url: str, statement: str) -> None:
    with (
        psycopg.connect(database_url) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="is refused"),
    ):
        connection.execute(statement.encode())


def test_a_transaction_is_all_or_nothing(store: PostgresStore) -> None:
    def fail() -> None:
        with store.transaction() as tx:
            tx.rows("open_batch")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.transaction() as tx:
        assert tx.rows("take_snapshot", as_of="2026-01-01", known_by=None)[0]["batch_through"] == 0


def test_a_query_that_is_not_there_is_named() -> None:
    with pytest.raises(UnknownQuery, match="no_such_query"):
        query("no_such_query")


def test_every_query_says_what_it_is_for_in_its_file() -> None:
    for path in (SQL / "queries").glob("*.sql"):
        assert path.read_text().startswith("-- "), path.name


def test_the_database_knows_the_decimals_of_every_currency(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT currency, exponent FROM canonical.currencies").fetchall()
    assert {str(currency): exponent for currency, exponent in rows} == EXPONENTS


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("recon.customer_balances", "run_id"),
        ("canonical.invoices", "recorded_in"),
        ("raw.records", "pull_id"),
    ],
)
def test_rows_of_a_run_a_batch_or_a_pull_nobody_knows_are_refused(
    database_url: str, table: str, column: str
) -> None:
    """What foreign keys would ask of every row is asked of a statement's rows together."""
    with (
        psycopg.connect(database_url) as connection,
        pytest.raises(psycopg.errors.ForeignKeyViolation, match=column),
    ):
        connection.execute(stranger(connection, table, column))


@pytest.mark.parametrize("table", ["recon.runs", "ops.batches", "ops.pulls"])
def test_what_rows_are_named_by_is_never_removed(database_url: str, table: str) -> None:
    with psycopg.connect(database_url) as connection, pytest.raises(psycopg.errors.ForeignKeyViolation):
        connection.execute(f"DELETE FROM {table}".encode())


def stranger(connection: psycopg.Connection, table: str, column: str) -> bytes:
    """An INSERT of a row with some value in every required column, which names a stranger in `column`."""
    columns = connection.execute(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
        "AND attnotnull AND NOT atthasdef AND attidentity = ''",
        (table,),
    ).fetchall()
    values = {
        "text": "'x'",
        "uuid": "gen_random_uuid()",
        "jsonb": "'{}'",
        "date": "'2026-01-31'",
        "character": "'SGD'",
    }
    names = ", ".join(name for name, _ in columns)
    assert column in names
    return f"INSERT INTO {table} ({names}) VALUES ({', '.join(values.get(kind, '7') for _, kind in columns)})".encode()


def test_the_database_keeps_no_more_of_what_people_write_than_anybody_reads(database_url: str) -> None:
    """Wherever there must be words, there are not too many."""
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "SELECT conrelid::regclass::text, bool_or(conname = 'words_fit'), bool_or(conname <> 'words_fit') "
            "FROM pg_constraint WHERE contype = 'c' AND pg_get_constraintdef(oid) ~ '(reason|found)\\)* <> ' "
            "OR conname = 'words_fit' GROUP BY 1"
        ).fetchall()
        assert {table for table, fits, asked in found if asked and not fits} == set()
        assert {table for table, *_ in found} > {"recon.break_events", "delivery.replay_ends"}
        with pytest.raises(psycopg.errors.CheckViolation, match="words_fit"):
            connection.execute(
                "INSERT INTO ops.histories (server, timeline, noted_by, reason, doubted) "
                "VALUES ('s', '1', 'ann', %s, true)",
                ("x" * (REASON_MAX + 1),),
            )
