"""The invariants of sql/checks: each is a query that must find nothing."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import psycopg

from include.store.queries import SQL


def assert_checks_hold(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        assert_nothing_found(connection)


def assert_nothing_found(connection: psycopg.Connection[Any]) -> None:
    """The same, asked over a connection that may be asked again."""
    found = found_by_checks(connection)
    assert not found, found


def found_by_checks(connection: psycopg.Connection[Any]) -> dict[str, list[Any]]:
    """Check -> the first rows it finds; only of those that find any."""
    found = {name: connection.execute(text, prepare=True).fetchmany(5) for name, text in _checks().items()}
    return {name: rows for name, rows in found.items() if rows}


@cache
def _checks() -> Mapping[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted((SQL / "checks").glob("*.sql"))}
