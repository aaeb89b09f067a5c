"""A published day with as many breaks, matches and open invoices as wanted."""

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


HELD = """
INSERT INTO recon.unapplied_payments SELECT run_id, key, currency, abs(amount_minor), false FROM recon.breaks
WHERE run_id = %s AND amount_minor <> 0
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
    connection.execute(HELD, (run_id,))


FULL = (
    # Matches of the day, their invoices and payments; open invoices by age; totals, ARR and verdicts.
    """INSERT INTO recon.matches (
        run_id, match_id, recon, rule, side_a_type, side_a_id, side_b_type, side_b_id, currency, amount_minor,
        residual_minor, residual_reason, state, paid_currency, paid_minor
    )
    SELECT %(run)s, 'm-' || n, 'R3', (ARRAY['P0', 'P1', 'P3', 'P4'])[1 + n %% 4], 'payment', 'PAY-' || n, 'invoice',
        'INV-' || n, (ARRAY['SGD', 'USD', 'JPY', 'TWD'])[1 + n %% 4], 1000 + n, 0, '', 'posted',
        (ARRAY['SGD', 'USD', 'JPY', 'TWD'])[1 + n %% 4], 1000 + n
    FROM generate_series(1, %(matches)s) AS n""",
    """INSERT INTO canonical.payments (
        native_id, version, place, row_hash, recorded_in, id, customer_id, currency, amount_minor, paid_on,
        reference_tokens, reference_keys, names_a_document
    )
    SELECT 'PAY-' || n, '1', '', '', (SELECT min(batch) FROM ops.batches), 'PAY-' || n, 'CUST-' || n %% 900,
        (ARRAY['SGD', 'USD', 'JPY', 'TWD'])[1 + n %% 4], 1000 + n, DATE '2026-01-01' - n %% 120, '{}', '{}', false
    FROM generate_series(1, %(matches)s) AS n""",
    """INSERT INTO recon.open_invoices (
        run_id, invoice_id, customer_id, currency, open_minor, due_date, days_past_due, bucket
    )
    SELECT %(run)s, 'INV-O-' || n, 'CUST-' || n %% 900, (ARRAY['SGD', 'USD', 'JPY', 'TWD'])[1 + n %% 4], 1000 + n,
        DATE '2026-01-01' - n %% 120, n %% 120, (ARRAY['current', '1-30', '31-60', '61-90', 'over-90'])[1 + n %% 5]
    FROM generate_series(1, %(open)s) AS n""",
    """INSERT INTO recon.control_totals (
        run_id, recon, side, currency, lost_count, loaded_count, quarantined_count, loaded_minor, matched_minor,
        open_minor, excluded_minor, proven
    )
    SELECT %(run)s, 'R3', side, currency, 0, 60000, 0, 90000000, 60000000, 30000000, 0, true
    FROM unnest(ARRAY['invoice', 'payment', 'credit_note', 'refund']) AS side,
        unnest(ARRAY['SGD', 'USD', 'JPY', 'TWD']) AS currency""",
    """INSERT INTO recon.arr_reported (
        run_id, month, currency, opening_minor, new_minor, expansion_minor, contraction_minor, churn_minor,
        reactivation_minor, fx_minor, closing_minor, left_out
    )
    SELECT %(run)s, month::date, 'SGD', 100000, 20000, 3000, 1000, 2000, 500, -100, 120400, '{}'
    FROM generate_series(DATE '2023-02-01', DATE '2026-01-01', interval '1 month') AS month""",
    """INSERT INTO recon.quality_results (
        run_id, suite, expectation, place, verdict, sentence, observed, owner
    )
    SELECT %(run)s, 'invoices', 'expectation ' || n, n,
        CASE WHEN n %% 20 = 0 THEN 'warn' WHEN n %% 31 = 0 THEN 'unjudged' ELSE 'pass' END,
        n || ' of 60,000 invoices are not as expected.', n || ' of 60,000', 'AR'
    FROM generate_series(1, 160) AS n""",
)


def fill_the_day(connection: psycopg.Connection, run_id: UUID, *, matches: int, open_invoices: int) -> None:
    """All that such a day has beside its breaks: matches, ageing, totals, three years of ARR, verdicts."""
    connection.execute("INSERT INTO ops.batches DEFAULT VALUES")
    connection.execute(
        "UPDATE recon.runs SET batch_through = (SELECT max(batch) FROM ops.batches) WHERE run_id = %s",
        (run_id,),
    )
    for statement in FULL:
        connection.execute(statement.encode(), {"run": run_id, "matches": matches, "open": open_invoices})
