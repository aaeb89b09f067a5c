"""What the peers share: open rows out of the plain tables, pairs back into one, and how long each part took.

Peers run in a virtual environment of their own (tests/bench/requirements.txt), hence nothing of the project here.
"""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pandas as pd
import psycopg

INVOICES = """
    COPY (
        SELECT id AS invoice_id, number, customer_id, issue_date, due_date, currency, gross_minor
        FROM plain.invoices
        WHERE issue_date <= '{as_of}' AND coalesce(status, '') NOT IN ('cancelled', 'draft')
        ORDER BY id
    ) TO STDOUT (FORMAT csv, HEADER)
"""
PAYMENTS = """
    COPY (
        SELECT id AS payment_id, customer_id, reference, currency, amount_minor, paid_on, invoice_id AS applied_to
        FROM plain.payments
        WHERE paid_on <= '{as_of}' AND coalesce(status, 'succeeded') = 'succeeded'
        ORDER BY id
    ) TO STDOUT (FORMAT csv, HEADER)
"""

Match = Callable[[pd.DataFrame, pd.DataFrame], pd.DataFrame]


def run(match: Match) -> None:
    """Read, match, write, and print a line of JSON. `match` returns payment_id, invoice_id, rule."""
    url, as_of, table = sys.argv[1:]
    started = monotonic()
    with psycopg.connect(url) as connection:
        invoices = _read(connection, INVOICES.format(as_of=as_of), dates=["issue_date", "due_date"])
        payments = _read(connection, PAYMENTS.format(as_of=as_of), dates=["paid_on"])
        read = monotonic()
        pairs = match(payments, invoices)[["payment_id", "invoice_id", "rule"]]
        matched = monotonic()
        _write(connection, table, pairs)
    written = monotonic()
    took = {"read_s": read - started, "match_s": matched - read, "write_s": written - matched}
    print(json.dumps({"seconds": written - started, **took, "pairs": len(pairs), "peak_mib": _peak_mib()}))


def number_key(text: pd.Series) -> pd.Series:
    """Year and serial of the first document a text names ("INV-2025-00042", "inv 2025/42"): "2025|42"."""
    parts = text.fillna("").str.extract(r"(20\d\d)\D*?0*([1-9]\d*)")
    return (parts[0] + "|" + parts[1]).where(parts[1].notna())


def _read(connection: psycopg.Connection, query: str, *, dates: list[str]) -> pd.DataFrame:
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        text = io.BytesIO(b"".join(copy))
    names = ["invoice_id", "payment_id", "number", "customer_id", "reference", "currency", "applied_to"]
    return pd.read_csv(text, dtype=dict.fromkeys(names, "string"), parse_dates=dates)


def _write(connection: psycopg.Connection, table: str, pairs: pd.DataFrame) -> None:
    connection.execute(f"DROP TABLE IF EXISTS plain.{table}")
    connection.execute(f"CREATE TABLE plain.{table} (payment_id text, invoice_id text, rule text)")
    with connection.cursor() as cursor, cursor.copy(f"COPY plain.{table} FROM STDIN (FORMAT csv)") as copy:
        copy.write(pairs.to_csv(index=False, header=False))


def _peak_mib() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM:"))
