"""A published day with as many breaks as wanted."""

from uuid import UUID

import psycopg

BREAKS = """
INSERT INTO recon.breaks
SELECT %s, md5('break' || n)::uuid, 'R3', (ARRAY['CA01', 'CA16', 'CA03', 'CA05'])[1 + n %% 4], 'PAY-' || n,
    (ARRAY['SGD', 'USD', 'JPY', 'TWD'])[1 + n %% 4], (n * 7919) %% 1000003 - 2000,
    'S' || 1 + n %% 4, n %% 90, 'AR', 'apply or refund',
    'customer CUST-' || n || ' paid with the text ' || md5(n::text) || '; INV-' || n || ' and INV-' || n + 1
    || ' fit equally well, and the remittance advice would decide; =HYPERLINK("https://x", "' || md5(n::text) || '")'
FROM generate_series(1, %s) AS n
"""


def keep_many_breaks(connection: psycopg.Connection, run_id: UUID, breaks: int) -> None:
    """Keep a run of 2026-01-01 that is published, with that many breaks in four currencies."""
    certificate = '{"certificate_sha256": "c0ffee", "inputs": {"unproven_sources": {"count": 0}}}'
    connection.execute(
        "INSERT INTO recon.runs (run_id, as_of, batch_through, proof_through, rules_sha256, code_sha256, state, "
        "certificate, published_at) VALUES (%s, '2026-01-01', 0, 0, '', '', 'published', %s, now())",
        (run_id, certificate),
    )
    connection.execute(BREAKS, (run_id, breaks))
