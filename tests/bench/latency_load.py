"""Many payments at once: twenty a second, then a crowd; and how quickly a webhook is acknowledged when many knock."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from threading import local
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.bench.places import keep
from tests.bench.stage import Stage, settle, spread, wait_until

MINOR = 100
PER_SECOND, FOR_S, CROWD = 20, 300, 2_000
TWICE_SHARE = 0.1
HANDS = 6
DRAINED_S = 300.0
KNOCKS_PER_SECOND, KNOCKS_S, WIRES = 200, 30, 32

SEEN = """
SELECT charge, (extract(epoch FROM greatest(activity.finished_at, (
    SELECT min(finished_at) FROM delivery.outbox AS told
    WHERE told.kind = 'invoice_status' AND told.subject = activity.invoice AND told.state = 'confirmed'
        AND told.message_id >= coalesce((
            SELECT max(message_id) FROM delivery.outbox AS before
            WHERE before.kind = 'invoice_status' AND before.subject = activity.invoice
                AND before.message_id < activity.message_id
        ), 0)
))))::float8 AS seen_at
FROM (
    SELECT split_part(subject, '/', 3) AS charge, 'invoices/' || (body ->> 'invoice_id') AS invoice, message_id,
        finished_at
    FROM delivery.outbox
    WHERE kind = 'payment_activity' AND state = 'confirmed' AND decided_at >= %(since)s
) AS activity
"""
"""When Salesforce had confirmed both what happened and how the invoice stands after it: the field shows no later."""

OUT_OF_ORDER = """
SELECT count(*) AS n FROM (
    SELECT finished_at < lag(finished_at) OVER (PARTITION BY subject ORDER BY message_id) AS early
    FROM delivery.outbox WHERE kind = 'invoice_status' AND state = 'confirmed' AND decided_at >= %(since)s
) AS told WHERE early
"""


def load(stage: Stage, *, samples: int) -> Path:
    """So many seconds of twenty payments a second, one in ten told twice; then a crowd."""
    since = datetime.now(UTC)
    floor = stage.floor()
    steady = _paid(stage, PER_SECOND * samples, per_second=PER_SECOND)
    _drained(stage, steady, since)
    crowd_size = CROWD * samples // FOR_S
    crowd_since, began = datetime.now(UTC), time.time()
    crowd = _paid(stage, crowd_size, per_second=None)
    _drained(stage, crowd, crowd_since)
    seen = {row["charge"]: row["seen_at"] for row in stage.rows(SEEN, since=since)}
    figures = {
        "per_second": PER_SECOND,
        "sustained": spread([seen[charge] - at for charge, at in steady.items()]),
        "crowd": {"n": len(crowd), "drained_s": round(max(seen[one] for one in crowd) - began, 2)},
        "crowd_each": spread([seen[charge] - at for charge, at in crowd.items()]),
        "floor": spread(floor),
        "out_of_order": stage.rows(OUT_OF_ORDER, since=since)[0]["n"],
        **_accounted(stage, {*steady, *crowd}),
    }
    return keep("latency-load", {"hand_overs": stage.hand_overs(since), **figures})


def acknowledged(stage: Stage, *, samples: int) -> Path:
    """Two hundred webhooks a second for so many seconds, each from the moment it was due to the answer's last byte."""
    charge = stage.charge(stage.invoices()[0], minor=MINOR)
    stage.open_minor[stage.invoices()[0]] -= MINOR
    events = [{**charge, "id": f"evt_ack_{time.time_ns()}_{n}"} for n in range(KNOCKS_PER_SECOND * samples)]
    floor = stage.floor()
    took, statuses = asyncio.run(_knock_all(stage.door, [stage.sign(event) for event in events]))
    wanted = [event["id"] for event in events]
    held = stage.rows("SELECT count(*) AS n FROM delivery.inbox WHERE event_id = ANY (%(ids)s)", ids=wanted)
    figures = {
        **spread(took),
        "per_second": KNOCKS_PER_SECOND,
        "statuses": dict(statuses),
        "held": held[0]["n"],
    }
    settle(stage)
    return keep("latency-ack", {**figures, "floor": spread(floor)})


def _paid(stage: Stage, count: int, *, per_second: int | None) -> dict[str, float]:
    """Payments made and told by several hands, each when it is due; charge -> when it was made (seconds since 1970)."""
    invoices, dice, hands = cycle(stage.invoices()), random.Random(count), local()  # noqa: S311 - no secret
    began, made = time.time(), dict[str, float]()

    def pay(number: int, invoice_id: str, *, twice: bool) -> None:
        if per_second and (early := began + number / per_second - time.time()) > 0:
            time.sleep(early)
        http = hands.__dict__.setdefault("http", requests.Session())
        at = time.time()
        event = stage.charge(invoice_id, minor=MINOR, http=http)
        made[event["data"]["object"]["id"]] = at
        for _ in range(1 + twice):
            stage.knock(event, http)

    with ThreadPoolExecutor(HANDS) as pool:
        orders = []
        for number in range(count):
            invoice_id = next(invoices)
            stage.open_minor[invoice_id] -= MINOR
            orders.append(pool.submit(pay, number, invoice_id, twice=dice.random() < TWICE_SHARE))
        for order in orders:
            order.result()
    return made


def _drained(stage: Stage, charges: dict[str, float], since: datetime) -> None:
    def all_seen() -> bool:
        time.sleep(0.5)
        return charges.keys() <= {row["charge"] for row in stage.rows(SEEN, since=since) if row["seen_at"]}

    wait_until(all_seen, what=f"{len(charges)} payments in Salesforce", give_up_s=DRAINED_S)


def _accounted(stage: Stage, charges: Iterable[str]) -> dict[str, int]:
    """What Salesforce shows in the end: every payment once, and of every invoice what is truly open."""
    soql = "SELECT Activity_Key__c FROM Payment_Activity__c WHERE Type__c = 'PAYMENT'"
    shown = Counter(key.split("/")[1] for row in _all(stage, soql) if (key := row["Activity_Key__c"]))
    wrong = sum(stage.shown(invoice) != minor / 100 for invoice, minor in stage.open_minor.items())
    return {
        "lost": sum(1 for charge in charges if not shown[charge]),
        "doubled": sum(1 for charge in charges if shown[charge] > 1),
        "invoices_wrong": wrong,
    }


def _all(stage: Stage, soql: str) -> Iterable[dict[str, Any]]:
    page = stage.ask("GET", "query", params={"q": soql})
    yield from page["records"]
    while not page["done"]:
        page = stage.ask("GET", page["nextRecordsUrl"].partition("/v60.0/")[2])
        yield from page["records"]


async def _knock_all(
    door: str, deliveries: list[tuple[bytes, dict[str, str]]]
) -> tuple[list[float], Counter[int]]:
    """All of them at their moments over some kept connections; a late answer delays no other's moment."""
    parts = urlsplit(door)
    wires: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(WIRES):
        wires.put_nowait(await asyncio.open_connection(parts.hostname, parts.port))
    took, statuses, clock = [], Counter[int](), asyncio.get_running_loop().time
    began = clock() + 0.5

    async def knock(number: int, body: bytes, headers: dict[str, str]) -> None:
        due = began + number / KNOCKS_PER_SECOND
        await asyncio.sleep(due - clock())
        reader, writer = await wires.get()
        lines = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        statuses[await _status(reader)] += 1
        took.append(clock() - due)
        wires.put_nowait((reader, writer))

    await asyncio.gather(*(knock(number, *one) for number, one in enumerate(deliveries)))
    return took, statuses


async def _status(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    lines = head.split("\r\n")
    lengths = [line.partition(":")[2] for line in lines if line.lower().startswith("content-length:")]
    await reader.readexactly(int(lengths[0]))
    return int(lines[0].split()[1])
