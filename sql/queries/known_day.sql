-- What a published day says, as it was known at a moment: the run that was shown for it then.

-- name: known_run
-- The last one published for the day until the moment; a day published anew later says then what it said then.
SELECT run_id, as_of, published_at, certificate ->> 'certificate_sha256' AS certificate_sha256
FROM recon.runs
WHERE as_of = %(as_of)s AND published_at <= %(known_at)s AND certificate IS NOT NULL
ORDER BY published_at DESC, run_id LIMIT 1;

-- name: known_items
-- What each invoice and payment of the run was: the open ones with what was open, and what was posted to what.
SELECT 'open' AS state, invoice_id, NULL AS payment_id, currency, open_minor AS amount_minor
FROM recon.open_invoices WHERE run_id = %(run_id)s
UNION ALL
SELECT 'matched', side_b_id, side_a_id, currency, amount_minor + residual_minor
FROM recon.matches WHERE run_id = %(run_id)s AND recon = 'R3' AND state = 'posted'
ORDER BY 1, 2, 3 NULLS FIRST;
