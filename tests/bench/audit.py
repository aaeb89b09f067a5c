"""What the audit log costs: many rows sealed and read again, and the same effects with and without being audited."""

from itertools import count
from statistics import median
from time import monotonic, process_time
from typing import Any

import psycopg

from include.domain.delivery import Message
from include.flows.deliver_outbox import deliver_outbox
from include.flows.put_message import say
from include.flows.seal_audit import seal_audit
from include.flows.verify_audit import verify_audit
from include.local.scratch import scratch_database
from include.policy import load_policy
from include.signing import holds, signer_of
from include.store.postgres import PostgresStore
from tests.bench.places import keep
from tests.bench.steps import Bench
from tests.flows.peers import Peer

SIGN = signer_of("1" * 64)
FILL = """
    INSERT INTO audit.events (actor, act, entity, why, before_sha256, after_sha256, op_key)
    SELECT 'program:fast_lane', 'message confirmed', 'invoices/INV-' || n, 'invoice_status to salesforce',
        ops.sha256_of(n::text), ops.sha256_of('after ' || n), 'paid:INV-' || n || '#1'
    FROM generate_series(1, %s) AS n
"""
EDIT = "UPDATE audit.events SET why = why || '.' WHERE id = %s"
MESSAGES, AT_ONCE, ROUNDS = 6_000, 200, 5
_runs = count()


def audit(bench: Bench, *, rows: int) -> Any:
    """Verify so many rows, untouched and with one of them edited; and the ratio of audited writes to unaudited ones."""
    with scratch_database(bench.urls) as url:
        verified = _verified(url, rows)
    with scratch_database(bench.urls) as url:
        written = _written(url)
    return keep(f"audit-{rows}", {"rows": rows, **verified, **written})


def _verified(url: str, rows: int) -> dict[str, Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FILL, (rows,))
        connection.execute("VACUUM (ANALYZE) audit.events")
    with PostgresStore(url).keeping() as store:
        began = monotonic()
        sealed = seal_audit(store, sign=SIGN)
        seal_s = monotonic() - began
        took, busy = [], []
        for _ in range(3):
            began, cpu = monotonic(), process_time()
            verdict = verify_audit(store, holds=holds, public_keys=[SIGN(b"")[0]])
            took.append(monotonic() - began)
            busy.append(process_time() - cpu)
            assert (verdict.found, verdict.rows) == ([], sealed)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(EDIT, (rows // 2,))
        began = monotonic()
        found = verify_audit(store, holds=holds, public_keys=[SIGN(b"")[0]]).found
        found_s = monotonic() - began
        assert [one.event for one in found] == [rows // 2], found
    return {
        "sealed_per_s": sealed / seal_s,
        "verified_per_s": sealed / min(took),
        "verify_runs_s": took,
        "verify_python_cpu_s": min(busy),
        "edit_found_s": found_s,
        "seals": verdict.seals,
    }


def _written(url: str) -> dict[str, Any]:
    """Effects decided, taken and confirmed, by turns with the triggers of the log and without them."""
    seconds: dict[bool, list[float]] = {True: [], False: []}
    with PostgresStore(url).keeping() as store:
        _effects(store)  # pages, plans and connections are there
        for turn in range(2 * ROUNDS):
            audited = turn % 2 == 0
            _audit_outbox(url, audited=audited)
            began = monotonic()
            _effects(store)
            seconds[audited].append(monotonic() - began)
    ratios = [without / with_it for with_it, without in zip(seconds[True], seconds[False], strict=True)]
    return {
        "effects": MESSAGES,
        "audited_per_s": MESSAGES / median(seconds[True]),
        "unaudited_per_s": MESSAGES / median(seconds[False]),
        "ratio": median(ratios),
        "ratios": ratios,
    }


def _audit_outbox(url: str, *, audited: bool) -> None:
    with psycopg.connect(url) as connection:
        for trigger in ("is_audited_on_insert", "is_audited_on_update"):
            does = "ENABLE" if audited else "DISABLE"
            connection.execute(f"ALTER TABLE delivery.outbox {does} TRIGGER {trigger}".encode())


def _effects(store: PostgresStore) -> None:
    run, peer = next(_runs), Peer(system="salesforce")
    for start in range(0, MESSAGES, AT_ONCE):
        with store.transaction() as tx:
            for number in range(start, start + AT_ONCE):
                subject = f"invoices/{run}-{number}"
                body = {"invoice_id": f"{run}-{number}", "status": "PAID", "paid": "100.00"}
                say(
                    tx,
                    Message(key="", kind="invoice_status", target="salesforce", subject=subject, body=body),
                )
    done = deliver_outbox(store, peer, pace=load_policy().delivery.pace)
    assert done["confirmed"] == MESSAGES, done
