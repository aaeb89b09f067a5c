"""The invariants of sql/checks: each is a query that must find nothing."""

import psycopg

from include.store.queries import SQL


def assert_checks_hold(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        for path in sorted((SQL / "checks").glob("*.sql")):
            found = connection.execute(path.read_bytes()).fetchmany(5)
            assert not found, f"{path.stem}: {found}"
