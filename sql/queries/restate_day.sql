-- What a published day would be with what is known by now.

-- name: published_snapshot
-- What the run that holds for a day saw, and the newest batch there is.
SELECT run_id, batch_through, proof_through, rulings_through, rules_sha256, code_sha256,
    (SELECT coalesce(max(batch), 0) FROM ops.batches) AS newest_batch
FROM recon.runs WHERE as_of = %(as_of)s AND state = 'published'
ORDER BY computed_at DESC LIMIT 1;

-- name: run_figures
-- What a report says of a run, figure by figure. Breaks about the reading itself (DQ) are left out but for rows that
-- cannot be read: that something came late is no other figure of the day.
SELECT side || 's loaded' AS what, coalesce(currency::text, '') AS currency, sum(loaded_count)::bigint AS count,
    sum(loaded_minor) AS minor
FROM recon.control_totals WHERE run_id = %(run_id)s AND recon <> 'all' GROUP BY 1, 2
UNION ALL
SELECT 'invoices open, ' || bucket, currency, count(*), sum(open_minor)
FROM recon.open_invoices WHERE run_id = %(run_id)s GROUP BY 1, 2
UNION ALL
SELECT 'payments applied', coalesce(paid_currency, currency), count(DISTINCT side_a_id),
    sum(coalesce(paid_minor, amount_minor))
FROM recon.matches
WHERE run_id = %(run_id)s AND recon = 'R3' AND state = 'posted' AND side_a_type = 'payment' GROUP BY 1, 2
UNION ALL
SELECT 'payouts and charges settled', currency, count(*), sum(amount_minor)
FROM recon.matches WHERE run_id = %(run_id)s AND recon = 'R4' AND state = 'posted' GROUP BY 1, 2
UNION ALL
SELECT 'breaks ' || code, coalesce(currency, ''), count(*), coalesce(sum(amount_minor), 0)
FROM recon.breaks WHERE run_id = %(run_id)s AND (code NOT LIKE 'DQ%%' OR code = 'DQ01') GROUP BY 1, 2
UNION ALL
SELECT 'recurring revenue of ' || to_char(month, 'YYYY-MM'), currency, 0, closing_minor
FROM recon.arr_reported WHERE run_id = %(run_id)s
ORDER BY what, currency;
