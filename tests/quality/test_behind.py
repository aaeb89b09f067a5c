"""How far behind a source is, by the proofs that held."""

from datetime import UTC, datetime
from uuid import UUID

import psycopg

from include.store.postgres import PostgresStore

RUN = UUID(int=1)
DAY_END = datetime(2026, 6, 30, 16, tzinfo=UTC)


def prove(url: str, entity: str, until: str, *, proven: bool) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO ops.proofs (system, entity, cursor_until, source_count, held_count, missing, "
            "source_amounts, held_amounts, proven, complete_until) "
            "VALUES ('bank', %s, '{}', 1, 1, '{}', '{}', '{}', %s, %s)",
            (entity, proven, until),
        )


def test_a_proof_that_failed_does_not_say_how_far_a_source_is_complete(
    store: PostgresStore, database_url: str
) -> None:
    prove(database_url, "bank_lines", "2026-06-30 15:00Z", proven=True)
    prove(database_url, "bank_lines", "infinity", proven=False)
    prove(database_url, "failed_ever_since", "infinity", proven=False)
    prove(database_url, "whole", "infinity", proven=True)
    prove(database_url, "read_no_more", "2020-01-01 00:00Z", proven=True)
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO recon.runs VALUES (%s, '2026-06-30', 0, 99, '', '', 'computed')", (RUN,)
        )
    with store.transaction() as tx:
        tx.run(
            "measure_behind",
            run_id=RUN,
            day_end=DAY_END,
            proof_through=99,
            flows=["extract_bank"],
            systems=["bank"],
            read_systems=["bank"] * 4,
            read_entities=["bank_lines", "failed_ever_since", "whole", "never_proven"],
        )
    with psycopg.connect(database_url) as connection:
        found = connection.execute("SELECT part, deviation, observed FROM recon.quality_measures").fetchall()
    assert {part for part, _, observed in found if observed is None} == {"never_proven", "failed_ever_since"}
    behind = {part: int(minutes) for part, minutes, _ in found}
    assert min(behind.pop(name) for name in ("never_proven", "failed_ever_since")) > 365 * 24 * 60
    assert behind == {"bank_lines": 60, "whole": 0}
