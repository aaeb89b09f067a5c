"""Runs the peers (tests/bench/peers) on the plain tables of a database, each in a process of its own."""

import json
import subprocess
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psycopg

from tests.bench.places import VENV
from tests.bench.truth import Posted, Results, money

PEERS = {
    "pandas merge cascade": "pandas_cascade",
    "datacompy": "datacompy_keys",
    "Splink, link only": "splink_links",
}
TIMEOUT_S = 1800


@dataclass(frozen=True)
class Peer:
    """What it took and posted; `failed` is why it did not finish."""

    took: dict[str, Any]
    results: Results
    failed: str = ""


def run_peer(name: str, url: str, as_of: date) -> Peer:
    """Run a peer; its pairs are in the table of its name."""
    module = PEERS[name]
    script = Path(__file__).parent / "peers" / f"{module}.py"
    command = [str(VENV / "bin/python"), str(script), url, as_of.isoformat(), module]
    nothing = Results([], {}, as_of)
    if not (VENV / "bin/python").exists():
        return Peer({}, nothing, "there is no var/bench/venv; make bench makes it")
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return Peer({}, nothing, f"not done within {TIMEOUT_S // 60} minutes")
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return Peer({}, nothing, said[:200])
    return Peer(json.loads(done.stdout.splitlines()[-1]), Results(_posted(url, module), {}, as_of))


def _posted(url: str, table: str) -> list[Posted]:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            f"SELECT rule, payment_id, invoice_id, invoice.currency, gross_minor FROM plain.{table} "
            "JOIN plain.invoices AS invoice ON invoice.id = invoice_id"
        ).fetchall()
    return [
        Posted("R3", rule, payment, invoice, currency, money(minor, currency))
        for rule, payment, invoice, currency, minor in found
    ]
