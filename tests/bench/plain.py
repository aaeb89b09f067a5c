"""The least that any reconciliation in this Postgres must do: COPY the rows in, and one hash join into a table.

The tables it leaves in schema `plain` are what the naive rules and the peers read: the rows as their systems state
them, without anything the engine derived.
"""

from dataclasses import dataclass
from time import monotonic

import psycopg
from psycopg import sql

TABLES = {
    "invoices": """
        id text, number text, customer_id text, issue_date date, due_date date, currency text, gross_minor bigint,
        status text
    """,
    "payments": """
        id text, customer_id text, payer_text text, reference text, currency text, amount_minor bigint,
        paid_on date, status text, invoice_id text
    """,
}

JOIN = """
    CREATE TABLE plain.joined AS
    SELECT payment.id AS payment_id, invoice.id AS invoice_id, payment.currency, payment.amount_minor
    FROM plain.payments AS payment
    JOIN plain.invoices AS invoice ON invoice.number = payment.reference
        AND invoice.currency = payment.currency AND invoice.gross_minor = payment.amount_minor
"""


@dataclass(frozen=True)
class Plain:
    """Seconds of the two parts, and what went through them."""

    copy_s: float
    join_s: float
    rows: int
    joined: int

    @property
    def seconds(self) -> float:
        return self.copy_s + self.join_s


def copy_and_join(url: str) -> Plain:
    """Copy the landed invoices and payments into plain tables, and join them; the tables stay."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS plain CASCADE")
        connection.execute("CREATE SCHEMA plain")
        copied = [_copy(connection, name) for name in TABLES]
        connection.execute("ANALYZE plain.invoices, plain.payments")
        connection.execute("SET enable_mergejoin = off; SET enable_nestloop = off")
        started = monotonic()
        joined = connection.execute(JOIN).rowcount
        join_s = monotonic() - started
    return Plain(sum(seconds for seconds, _ in copied), join_s, sum(rows for _, rows in copied), joined)


def _copy(connection: psycopg.Connection, name: str) -> tuple[float, int]:
    """Seconds of copying in alone: the rows wait in memory."""
    columns = ", ".join(column.split()[0] for column in TABLES[name].split(","))
    table = sql.Identifier("plain", name)
    connection.execute(sql.SQL("CREATE TABLE {} ({})").format(table, sql.SQL(TABLES[name])))
    landed = f"COPY (SELECT {columns} FROM canonical.{name} ORDER BY id) TO STDOUT"
    with connection.cursor() as cursor, cursor.copy(landed) as out:
        waiting = [bytes(block) for block in out]
    started = monotonic()
    with connection.cursor() as cursor, cursor.copy(sql.SQL("COPY {} FROM STDIN").format(table)) as copy:
        for block in waiting:
            copy.write(block)
    return monotonic() - started, len(waiting)
