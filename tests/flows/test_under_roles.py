"""The work itself under the roles of the database: each is enough for whoever works as it."""

from datetime import date
from pathlib import Path

import psycopg

from include.connectors.world.client import WorldSource
from include.domain.delivery import Message
from include.flows.act_on_break import By
from include.flows.ask_approvals import note_person
from include.flows.check_completeness import check_completeness
from include.flows.deliver_outbox import deliver_outbox
from include.flows.export_audit import Wanted, export_audit
from include.flows.land_records import land_records
from include.flows.publish_run import publish_run
from include.flows.pull_changes import pull_changes, rewind
from include.flows.put_message import say
from include.flows.reconcile import reconcile
from include.flows.replay import By as Acting
from include.flows.replay import Most, hold, replay
from include.flows.replay import Wanted as Parked
from include.flows.resolve_break import approve, comment, propose
from include.flows.seal_audit import seal_audit
from include.flows.verify_audit import verify_audit
from include.flows.verify_run import verify_run
from include.policy import load_policy
from include.signing import holds, signer_of
from include.store.postgres import As, PostgresStore
from tests.checks import assert_checks_hold
from tests.flows.conftest import Draw
from tests.flows.peers import Peer
from tests.store.waiting import nobody_before

DAY = date(2026, 2, 1)


def as_role(url: str, role: str) -> PostgresStore:
    return PostgresStore(url, who=As(f"tieout_{role}", "test"))


def test_a_day_from_its_sources_to_its_effects_and_its_audit_under_the_roles(
    database_url: str, draw: Draw, tmp_path: Path
) -> None:
    world = draw(
        invoices="1 INV-1 C 2026-01-01 2026-01-31 SGD 10.00\n2 INV-2 C 2026-01-01 2026-01-31 SGD 20.00",
        payments="P1 C INV-1 SGD 10.00 2026-01-05\nP2 - nothing SGD 78.00 2026-01-05",
        customers="C Customer",
        payouts="po-1 SGD 5.00 2026-01-10 paid",
        bank_lines="b-1 A 2026-01-11 SGD 5.00 po-1",
    )
    with psycopg.connect(
        database_url
    ) as connection:  # a copied database has its schema's grants, and none of its own
        connection.execute("SELECT ops.grant_roles()")
    ingest, app = as_role(database_url, "ingest"), as_role(database_url, "app")
    _read(WorldSource(world), ingest)
    run = reconcile(app, as_of=DAY, policy=load_policy())
    publish_run(app, as_of=DAY, policy=load_policy())
    assert verify_run(as_role(database_url, "auditor"), run.run_id)[1] == []
    _decide(as_role(database_url, "console"), database_url)
    _deliver(app, as_role(database_url, "send"), as_role(database_url, "console"))
    sign = signer_of("1" * 64)
    nobody_before(database_url)
    assert seal_audit(as_role(database_url, "send"), sign=sign) > 5
    auditor = as_role(database_url, "auditor")
    assert verify_audit(auditor, holds=holds, public_keys=[sign(b"")[0]]).found == []
    assert export_audit(auditor, Wanted(actor="ann"), out=tmp_path / "ann").rows > 0
    assert_checks_hold(database_url)


def _read(source: WorldSource, ingest: PostgresStore) -> None:
    for entity in source.entities:
        pull_changes(source, ingest, entity=entity)
        land_records(source, ingest, entity=entity)
        check_completeness(source, ingest, entity=entity)
    rewind(ingest, system=source.system, entity="payments")


def _decide(console: PostgresStore, url: str) -> None:
    """Two people decide on a break."""
    with psycopg.connect(url) as connection:
        [(break_id,)] = connection.execute(
            "SELECT break_id FROM recon.break_lives WHERE key = 'P2' LIMIT 1"
        ).fetchall()
    for person in ("ann", "ben"):
        note_person(console, person, ["can_work"])
    comment(console, break_id, By(actor="ann", reason="who is it?"))
    propose(console, break_id, By(actor="ann", reason="stands"), kind="accept", policy=load_policy())
    approve(console, break_id, By(actor="ben", reason="seen"))


def _deliver(app: PostgresStore, send: PostgresStore, console: PostgresStore) -> None:
    with app.transaction() as tx:
        for number in range(3):
            subject, body = f"deals/{number}", {"name": str(number)}
            say(tx, Message(key="", kind="order", target="erp", subject=subject, body=body))
    with app.transaction() as tx:
        waiting = tx.rows(
            "console_messages",
            states=["queued"],
            target="erp",
            subject="deals/2",
            numbers=None,
            before=None,
            limit=9,
        )
    assert hold(console, [waiting[0]["message_id"]], Acting("ann", "wait")) == 1
    assert replay(console, Parked(subject="deals/2"), Acting("ann", "go"), Most(9, 9)) == {"replayed": 1}
    assert deliver_outbox(send, Peer(), pace=load_policy().delivery.pace)["confirmed"] == 3
