"""From the outbox to Salesforce, beside the twin's own limit and beside one call a record.

All three write invoices to a twin in a process of its own, each run other invoices: bare calls of 200 prepared rows, as
many at once as we have hands; our outbox, delivered as the lane does; and one upsert a record.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import requests
from simple_salesforce.api import Salesforce

from include.connectors.salesforce.client import SalesforceClient, guarded_session
from include.connectors.salesforce.effects import ROWS as ROW_OF
from include.connectors.salesforce.effects import SalesforceEffects
from include.connectors.salesforce.translate import TARGETS, TURN
from include.connectors.salesforce.writer import COLLECTION_ROWS_MAX, SalesforceWriter
from include.domain.delivery import Message
from include.flows.deliver_outbox import deliver_outbox
from include.flows.put_message import say
from include.local.scratch import scratch_database
from include.policy import load_policy
from include.store.postgres import PostgresStore
from tests.bench.places import keep
from tests.bench.steps import Bench
from tests.bench.throughput import KEY, twin

MESSAGES, ONE_BY_ONE = 20_000, 200
HANDS = 2
QUEUED_AT_ONCE = 1_000


def writes(bench: Bench) -> Path:
    """Rows a second, three ways; each way twice, and the quicker run counts."""
    count = bench.samples or MESSAGES
    with TemporaryDirectory() as folder, twin(_no_world(Path(folder)), "salesforce") as port:
        # By turns: the twin holds more with each run, and no way shall have it easier.
        runs = [(_bare(port, count, one), _ours(bench, port, count, two)) for one, two in ("ac", "bd")]
        bare, ours = (max(way) for way in zip(*runs, strict=True))
        single = max(_one_by_one(port, min(count, ONE_BY_ONE), run) for run in ("e", "f"))
    rates = {"bare": round(bare), "ours": round(ours), "one_by_one": round(single)}
    ratios = {"of_bare": round(ours / bare, 3), "over_single": round(ours / single, 1)}
    return keep("latency-writes", {"n": count, "hands": HANDS, **rates, **ratios})


def _no_world(folder: Path) -> Path:
    (folder / "salesforce").mkdir()
    return folder


def _body(number: int, run: str) -> dict[str, Any]:
    return {
        "invoice_id": f"{run}{number}",
        "number": f"INV-{run}-{number}",
        "account_id": None,
        "opportunity_id": None,
        "currency": "SGD",
        "gross": "109.00",
        "open": "0.00",
        "status": "PAID",
    }


def _row(number: int, run: str) -> dict[str, Any]:
    """Every field that ours sends, also the turn, which the target keeps apart from an older one."""
    _, row_of = ROW_OF["invoice_status"]
    target = TARGETS["invoices"]
    row = {**row_of(_body(number, run)), TURN: str(number)}
    return {target.fields[name]: value for name, value in row.items() if value is not None}


def _log_in(port: int) -> Salesforce:
    session = guarded_session(f"http://127.0.0.1:{port}")
    return Salesforce(consumer_key=KEY, consumer_secret=KEY, domain="twin.my", session=session)


def _bare(port: int, count: int, run: str) -> float:
    """Prepared bytes over kept connections, nothing read but the status."""
    salesforce = _log_in(port)
    target = TARGETS["invoices"]
    path = f"{salesforce.base_url}composite/sobjects/{target.sobject}/{target.key}"
    bodies = []
    for start in range(0, count, COLLECTION_ROWS_MAX):
        numbers = range(start, min(start + COLLECTION_ROWS_MAX, count))
        rows = [{"attributes": {"type": target.sobject}, **_row(number, run)} for number in numbers]
        bodies.append(json.dumps({"allOrNone": False, "records": rows}).encode())
    hands = [_log_in(port) for _ in range(HANDS)]

    def send(hand: int) -> None:
        for body in bodies[hand::HANDS]:
            answer = hands[hand].session.patch(path, body, headers=hands[hand].headers, timeout=60)
            assert answer.status_code == requests.codes.ok, answer.text[:200]

    began = monotonic()
    with ThreadPoolExecutor(HANDS) as pool:
        list(pool.map(send, range(HANDS)))
    return count / (monotonic() - began)


def _ours(bench: Bench, port: int, count: int, run: str) -> float:
    with scratch_database(bench.urls) as url:
        _queue(PostgresStore(url), count, run)
        pace, connect = load_policy().delivery.pace, partial(_log_in, port)
        effects = [SalesforceEffects(SalesforceWriter(SalesforceClient(connect))) for _ in range(HANDS)]

        with PostgresStore(url).keeping() as store, ThreadPoolExecutor(HANDS) as pool:
            began = monotonic()
            deliver = partial(deliver_outbox, store, pace=pace)
            confirmed = sum(done["confirmed"] for done in pool.map(deliver, effects))
            took = monotonic() - began
    assert confirmed == count, confirmed
    return count / took


def _queue(store: PostgresStore, count: int, run: str) -> None:
    for start in range(0, count, QUEUED_AT_ONCE):
        with store.transaction() as tx:
            for number in range(start, min(start + QUEUED_AT_ONCE, count)):
                body = _body(number, run)
                subject = f"invoices/{body['invoice_id']}"
                say(
                    tx,
                    Message(key="", kind="invoice_status", target="salesforce", subject=subject, body=body),
                )


def _one_by_one(port: int, count: int, run: str) -> float:
    salesforce, target = _log_in(port), TARGETS["invoices"]
    path = f"{salesforce.base_url}sobjects/{target.sobject}/{target.key}"
    began = monotonic()
    for number in range(count):
        row = _row(number, run)
        key = row.pop(target.key)
        answer = salesforce.session.patch(f"{path}/{key}", json=row, headers=salesforce.headers, timeout=60)
        assert answer.ok, answer.text[:200]
    return count / (monotonic() - began)
