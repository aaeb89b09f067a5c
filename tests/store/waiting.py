"""Waiting for other transactions: rows of the audit log are sealed after whoever began before them on the server."""

import time

import psycopg

WAIT_S = 120


def nobody_before(url: str) -> None:
    """Return once no transaction under way, in any database of the server, began before the log's newest row."""
    until = time.monotonic() + WAIT_S
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            found = connection.execute(
                "SELECT coalesce(max(xid) < pg_snapshot_xmin(pg_current_snapshot()), true) FROM audit.events"
            ).fetchone()
            if found == (True,):
                return
            assert time.monotonic() < until, "a transaction began before the newest row and did not end"
            time.sleep(0.05)


def somebody_waits(url: str) -> None:
    """Return once somebody waits for a lock in this database: others wait in theirs meanwhile."""
    waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    until = time.monotonic() + WAIT_S
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute(waiting).fetchone() is None:
            assert time.monotonic() < until, "nobody waits"
            time.sleep(0.05)
