"""From a twin's list endpoint to landed rows: ours, a bare client that keeps nothing, and the peers.

`python -m tests.bench.throughput ENTITY TWIN_PORT DATABASE_URL` extracts and lands one entity in a process of its own
and prints a line of JSON; without a database it only drains the endpoint.
"""

import csv
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

from simple_salesforce.api import Salesforce

from include.connectors.salesforce.client import SalesforceClient, guarded_session
from include.connectors.salesforce.source import SalesforceSource
from include.connectors.stripe.client import StripePayments
from include.connectors.stripe.source import StripeSource
from include.flows.check_completeness import check_completeness
from include.flows.land_records import land_records
from include.flows.pull_changes import pull_changes
from include.local.home import PROJECT
from include.ports import Source
from include.store.postgres import PostgresStore
from tests.bench.engine import peak_mib
from tests.bench.places import VENV, WORLDS
from tests.bench.steps import Bench

KEY = "bench"
TWIN = """
import sys
from pathlib import Path
from include.twin.server import TwinKeys, TwinPorts, serve
serve(world=Path(sys.argv[1]), mailbox=Path(sys.argv[1]) / "mail", ports=TwinPorts(),
      keys=TwinKeys("bench", "bench", "bench", "bench"))
"""
SYSTEMS = {"accounts": "salesforce", "payments": "payments"}
PEERS = {"dlt into Postgres": "dlt_postgres", "query_all and to_sql": "query_all_to_sql"}
OF_SALESFORCE = {"query_all_to_sql"}
TIMEOUT_S = 3600


def world(entity: str, *, size: int, seed: int) -> Path:
    """A folder with so many rows of one entity; written when it is not there yet."""
    folder = WORLDS / f"{entity}-{seed}-{size}"
    if not (folder / "ready").exists():
        name = {"accounts": "salesforce/Account.csv", "payments": "payments/payments.csv"}[entity]
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        rows = {"accounts": _accounts, "payments": _payments}[entity](size, random.Random(seed))  # noqa: S311
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)
        (folder / "ready").touch()
    return folder


def _accounts(size: int, dice: random.Random) -> Iterator[list[str]]:
    yield [
        *("Id", "Name", "Website", "BillingCountryCode", "CurrencyIsoCode", "TaxId__c"),
        *("ERP_Customer_Id__c", "LastModifiedDate"),
    ]
    first = datetime(2020, 1, 1, tzinfo=UTC)
    for n in range(size):
        changed = first + timedelta(seconds=dice.randrange(150_000_000))
        name = f"{dice.choice(['Ardent', 'Bright', 'Cedar', 'Delta'])} {n} Pte Ltd"
        tax = f"T{dice.randrange(10**8):08}"
        yield [f"001{n:012}AAA", name, f"www.c{n}.example", "SG", "SGD", tax, f"C{n}", changed.isoformat()]


def _payments(size: int, dice: random.Random) -> Iterator[list[str]]:
    yield ["id", "customer_id", "payer_text", "reference", "currency", "amount", "fee", "paid_on", "status"]
    for n in range(size):
        customer = dice.randrange(20_000)
        paid = date(2024, 1, 1) + timedelta(days=dice.randrange(900))
        amount = f"{dice.randrange(100, 10**7) / 100:.2f}"
        reference = f"Payment INV-2025-{dice.randrange(10**6):06}"
        payer = f"CUSTOMER {customer} PTE LTD"
        yield [
            f"ch_{n:09}", f"C{customer}", payer, reference, "SGD", amount, "1.10", paid.isoformat(), "succeeded"
        ]  # fmt: skip


@contextmanager
def twin(folder: Path, system: str) -> Iterator[int]:
    """The port at which a twin in a process of its own serves the folder."""
    command = [sys.executable, "-c", TWIN, str(folder)]
    with subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            addresses = dict(process.stdout.readline().split() for _ in range(6))
            yield int(addresses[system].rpartition(":")[2])
        finally:
            process.terminate()


def measured(bench: Bench, entity: str, *, size: int) -> dict[str, Any]:
    """Seconds and peak memory of the bare client, of ours and of each peer, on the same twin."""
    from include.local.scratch import scratch_database  # noqa: PLC0415 - the measuring process itself needs none

    folder, system = world(entity, size=size, seed=bench.seed), SYSTEMS[entity]
    ours = [sys.executable, "-m", "tests.bench.throughput", entity]
    with twin(folder, system) as port:
        bare = min((_run([*ours, str(port)]) for _ in range(2)), key=lambda one: float(one["seconds"]))
        with scratch_database(bench.urls) as url:
            run = _run([*ours, str(port), url])
        peers = {}
        for name, module in PEERS.items():
            if module in OF_SALESFORCE and system != "salesforce":
                continue
            script = Path(__file__).parent / "peers" / f"{module}.py"
            with scratch_database(bench.urls) as url:
                peers[name] = _run([str(VENV / "bin/python"), str(script), system, str(port), url])
    return {"seed": bench.seed, "size": size, "bare": bare, "run": run, "peers": peers}


def _run(command: list[str]) -> dict[str, Any]:
    done = subprocess.run(
        command, cwd=PROJECT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return {"failed": said[:200], "seconds": float("inf")}
    took: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return took


def source(entity: str, port: int) -> Source:
    """Our source of the entity, reading the twin at a port."""
    address = f"http://127.0.0.1:{port}"
    if SYSTEMS[entity] == "payments":
        return StripeSource(StripePayments(KEY, address=address), zone=ZoneInfo("Asia/Singapore"))
    session = guarded_session(address)
    log_in = {"consumer_key": KEY, "consumer_secret": KEY, "domain": "twin.my", "session": session}
    return SalesforceSource(SalesforceClient(lambda: Salesforce(**log_in)))


def main(entity: str, port: str, url: str = "") -> None:
    sys.path.insert(0, str(Path(__file__).parent / "peers"))
    from bare_pages import pages  # noqa: PLC0415 - the peers' own reader, which knows nothing of ours

    started = monotonic()
    if not url:
        rows = sum(map(len, pages(SYSTEMS[entity], port)))
        print(json.dumps({"rows": rows, "seconds": monotonic() - started, "peak_mib": peak_mib()}))
        return
    store, reading = PostgresStore(url), source(entity, int(port))
    pulled = pull_changes(reading, store, entity=entity)
    pull_s = monotonic() - started
    landed = land_records(reading, store, entity=entity)
    seconds = monotonic() - started
    proof = check_completeness(reading, store, entity=entity)
    took = {"rows": pulled.new, "good": landed.good, "proven": proof.proven, "pull_s": pull_s}
    took |= {"seconds": seconds, "prove_s": monotonic() - started - seconds, "peak_mib": peak_mib()}
    print(json.dumps(took))


if __name__ == "__main__":
    main(*sys.argv[1:])
