"""The database of an earlier schema, with what people and runs left in it, is brought to the newest while others write.

`database_of_schema_361.sql.gz` is pg_dump's of a database that the code of that schema filled: a generated world of two
days, the four recipes, and decisions of people on breaks.
"""

import gzip
import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from include.flows.act_on_break import By
from include.flows.deliver_outbox import deliver_outbox
from include.flows.publish_run import publish_run
from include.flows.reconcile import reconcile
from include.flows.resolve_break import approve
from include.local.databases import DatabaseUrls
from include.policy import load_policy
from include.sealing import seal_before
from include.store.migrate import migrate, pending
from include.store.postgres import As, PostgresStore
from include.verify import verify_run
from tests.checks import assert_checks_hold
from tests.flows.peers import Peer
from tests.flows.test_sealing import vault
from tests.store.test_schema import empty_database

DUMP = Path(__file__).with_name("database_of_schema_361.sql.gz")
THROUGH = "361_what_ended.sql"
NEXT_DAY = date(2026, 7, 2)
HINT = (
    "INSERT INTO delivery.inbox (source, event_id, entity, native_id, kind, sequence) "
    "VALUES ('payments', %s, 'payments', %s, 'charge.succeeded', %s)"
)
KEPT = {
    "runs": "SELECT run_id, as_of, state, certificate FROM recon.runs ORDER BY run_id",
    "messages": "SELECT key, revision, body_sha256, state, remote_id FROM delivery.outbox ORDER BY message_id",
    "payloads": "SELECT count(*), sum(seq) FROM raw.records",
    "lives": "SELECT break_id, code, state, assignee, version FROM recon.break_lives ORDER BY break_id",
    "history": "SELECT break_id, action, actor, reason FROM recon.break_events ORDER BY break_id, version",
}


@pytest.fixture(scope="module")
def old(server_urls: DatabaseUrls) -> Iterator[str]:
    with empty_database(server_urls) as url:
        with psycopg.connect(url) as connection:
            connection.execute(gzip.decompress(DUMP.read_bytes()))
        yield url


def rows(url: str, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(sql.encode()).fetchall()


def test_an_earlier_database_is_brought_to_the_newest_schema_while_others_write_and_goes_on(old: str) -> None:
    assert pending(old)[0] > THROUGH
    before = {name: rows(old, sql) for name, sql in KEPT.items()}
    over, written, failed = threading.Event(), [], []

    def write() -> None:
        while not over.is_set():
            name = f"late_{len(written)}"
            try:
                with psycopg.connect(old) as connection:
                    connection.execute(HINT, (name, name, name))
                written.append(name)
            except psycopg.Error as error:  # what a writer must not meet
                failed.append(str(error))

    writer = threading.Thread(target=write)
    writer.start()
    migrate(old)
    over.set()
    writer.join()
    assert pending(old) == []
    assert failed == []
    assert written
    assert rows(old, "SELECT count(*) FROM delivery.inbox WHERE event_id LIKE 'late\\_%'") == [
        (len(written),)
    ]
    assert {name: rows(old, sql) for name, sql in KEPT.items()} == before

    with PostgresStore(old).keeping() as store:
        for run_id, *_ in before["runs"]:
            assert verify_run(store, run_id)[1] == []
        [(proposed, maker), *_] = rows(
            old, "SELECT break_id, assignee FROM recon.break_lives WHERE state = 'PROPOSED' ORDER BY break_id"
        )
        assert maker == "ben"
        approve(store, proposed, By(actor="dan", reason="agreed under the newer schema"))
        peers = [Peer(system=name) for name in ("salesforce", "erp", "payments")]
        for peer in peers:
            deliver_outbox(store, peer, pace=load_policy().delivery.pace)
        assert [peer.effects for peer in peers] == [[], [], []], "what was confirmed stays so"
        run = reconcile(store, as_of=NEXT_DAY, policy=load_policy())
        assert run.proven
        publish_run(store, as_of=NEXT_DAY, policy=load_policy())
        assert verify_run(store, run.run_id)[1] == []
        with store.transaction() as tx:
            assert tx.rows("in_clear")[0]["held"] > 0
        seal_before(PostgresStore(old, who=As("tieout_ingest", "cli")), vault(), by="dpo")
        with store.transaction() as tx:
            assert tx.rows("in_clear") == [{"held": 0}]
        for run_id in [*(run_id for run_id, *_ in before["runs"]), run.run_id]:
            assert verify_run(store, run_id)[1] == []
    assert_checks_hold(old)
