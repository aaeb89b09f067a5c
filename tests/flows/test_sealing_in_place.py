"""What landed before its source was sealed is sealed where it lies; the books stay, and who was forgotten stays so."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from include.cli.main import app
from include.connectors.world.client import WorldSource
from include.flows.erase_subject import approve_erasure, ask_erasure
from include.flows.pull_changes import pull_changes
from include.local.databases import DatabaseUrls
from include.local.scratch import scratch_database
from include.ports import Rejected
from include.sealing import look_for_clear, seal_before
from include.store.postgres import As, PostgresStore
from include.verify import verify_run
from tests.canaries import Canaries
from tests.flows.conftest import Draw, load_from, results
from tests.flows.test_sealing import CANARIES, KEYS, P1, WORLD, behind, tokens, vault


@pytest.fixture
def world(draw: Draw) -> Path:
    return draw(**WORLD)


@pytest.fixture
def url(server_urls: DatabaseUrls, world: Path) -> Iterator[str]:
    """A database that an earlier release filled in clear."""
    with scratch_database(server_urls, strategy="FILE_COPY") as url:
        with PostgresStore(url).keeping() as store:
            load_from(WorldSource(world), store)
        yield url


def sealing(url: str) -> PostgresStore:
    return PostgresStore(url, who=As("tieout_ingest", "cli"))


def rows(url: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(sql.encode()).fetchall()


OF_THE_BOOKS = "SELECT seq, pull_id, native_id, version, place, received_at FROM raw.records ORDER BY seq"


def test_what_was_in_clear_is_sealed_and_every_result_and_certificate_stays(url: str) -> None:
    store = PostgresStore(url)
    before, kept = results(store, "2026-03-31"), rows(url, OF_THE_BOOKS)
    done = seal_before(sealing(url), vault(), by="dpo@example.com")
    assert (done.payloads > 0, done.rows > 0) == (True, True)
    assert Canaries(CANARIES).in_database(url) == {}
    assert rows(url, OF_THE_BOOKS) == kept
    assert verify_run(store, before.run.run_id)[1] == []
    after = results(store, "2026-04-01")
    assert (after.matches, after.totals) == (before.matches, before.totals)
    assert seal_before(sealing(url), vault(), by="dpo@example.com") == type(done)(0, 0)


def test_looking_into_payloads_names_where_something_is_in_clear_and_nothing_after_it_was_sealed(
    url: str,
) -> None:
    before = look_for_clear(PostgresStore(url, who=As("tieout_send", "doctor")))
    [[kept]] = rows(
        url, "SELECT count(*) FROM raw.records WHERE entity IN ('contacts', 'customers', 'payments')"
    )
    assert before.payloads >= kept > 0
    assert {"world customers email", "world payments payer_text"} <= before.clear.keys()
    seal_before(sealing(url), vault(), by="dpo@example.com")
    after = look_for_clear(PostgresStore(url, who=As("tieout_send", "doctor")))
    assert (after.payloads, after.clear) == (before.payloads, {})


def test_of_many_payloads_as_many_are_looked_into_as_said(
    url: str,
) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO raw.records (system, entity, pull_id, native_id, version, place, damage, payload) "
            "SELECT system, entity, pull_id, 'many-' || n, 'v' || n, place, '', jsonb_build_object('id', 'many-' || n, "
            "'email', CASE WHEN n IN (1, 5, 500) THEN 'jane@example.com' ELSE '' END) "
            "FROM generate_series(1, 500) AS n, "
            "(SELECT * FROM raw.records WHERE entity = 'customers' LIMIT 1) AS like_this"
        )
    looked = look_for_clear(PostgresStore(url, who=As("tieout_send", "doctor")), of_each=10)
    whole = look_for_clear(PostgresStore(url, who=As("tieout_send", "doctor")), of_each=1_000)
    kinds = rows(url, "SELECT DISTINCT entity FROM raw.records")
    assert looked.payloads <= 10 * len(kinds)
    assert whole.payloads > 500
    assert whole.clear["world customers email"] - looked.clear["world customers email"] >= 1


def test_it_is_the_same_as_if_it_had_been_sealed_when_it_came(
    url: str, store: PostgresStore, world: Path
) -> None:
    load_from(behind(world), store)
    seal_before(sealing(url), vault(), by="dpo")
    alike = "SELECT native_id, payer_text, payer_head, payer_key, payer_likeness FROM canonical.payments ORDER BY 1"
    assert rows(url, alike) == rows(store.url, alike)
    names = "SELECT native_id, email, name_head, name_likeness FROM canonical.customers ORDER BY 1"
    assert rows(url, names) == rows(store.url, names)
    lines = (
        "SELECT native_id, account, payer_text, payer_head, payer_key FROM canonical.bank_lines ORDER BY 1"
    )
    assert rows(url, lines) == rows(store.url, lines)
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM ops.cursors")
    assert pull_changes(behind(world), PostgresStore(url), entity="contacts").new == 0


def test_who_lay_in_clear_can_be_forgotten_once_it_is_sealed(url: str) -> None:
    seal_before(sealing(url), vault(), by="dpo")
    store = PostgresStore(url)
    assert len(tokens(store, "contacts", "P1")) == 4
    ask_erasure(store, vault().unseal, **P1, reason="asked for it", by="dpo")
    assert approve_erasure(store, vault().unseal, **P1, by="controller").destroyed > 0


def test_an_older_payload_of_somebody_forgotten_cannot_be_opened(url: str, world: Path) -> None:
    store, people = PostgresStore(url), world / "salesforce" / "Contact.csv"
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM ops.cursors")
    header, first, *others = people.read_text().splitlines()
    people.write_text("\n".join([header, *others, first.replace(CANARIES[3], "+65 8000 0000"), ""]))
    load_from(behind(world), store)
    ask_erasure(store, vault().unseal, **P1, reason="asked for it", by="dpo")
    approve_erasure(store, vault().unseal, **P1, by="controller")
    seal_before(sealing(url), vault(), by="dpo")
    assert Canaries(CANARIES).in_database(url) == {}
    assert (
        rows(url, "SELECT field FROM vault.sealed WHERE subject = 'contacts/P1' AND wrapped_key IS NOT NULL")
        == []
    )


def test_the_audit_log_tells_who_sealed_how_much_and_nobody_else_may(url: str) -> None:
    code = {"TIEOUT_DATABASE_URL": url, "TIEOUT_VAULT_KEYS": KEYS}
    done = CliRunner().invoke(app, ["keys", "seal", "--as", "DPO@example.com", "--json"], env=code)
    assert done.exit_code == 0, done.output
    told = json.loads(done.output)
    said = rows(url, "SELECT actor, why FROM audit.events WHERE act = 'rows sealed' ORDER BY xid, id")
    assert {actor for actor, _ in said} == {"dpo@example.com"}
    assert sum(int(why.split()[0]) for _, why in said) == told["payloads"] + told["rows"]
    with psycopg.connect(url) as connection:
        for role in ("tieout_ingest", "tieout_send", "tieout_app"):
            connection.execute(f"SET ROLE {role}".encode())
            with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
                connection.execute("ALTER TABLE raw.records DISABLE TRIGGER payloads_stay")
            connection.execute("RESET ROLE")
    off = "SELECT tgname FROM pg_trigger WHERE tgrelid = 'raw.records'::regclass AND tgenabled <> 'O'"
    assert rows(url, off) == []


@pytest.mark.parametrize("name", ["", "run", "policy", "program:fast_lane", "two people"])
def test_nobody_seals_in_the_name_of_a_program(store: PostgresStore, name: str) -> None:
    with pytest.raises(Rejected, match=r"nobody's|no login or mail address"):
        seal_before(store, vault(), by=name)
