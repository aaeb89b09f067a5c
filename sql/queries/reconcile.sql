-- A run: its snapshot, its inputs, its control totals, its results.

-- name: take_snapshot
-- What a published day knew stays what it knew; any other day knows what has landed and was proven by now.
SELECT batch_through, proof_through FROM (
    SELECT 1 AS choice, batch_through, proof_through FROM recon.runs WHERE as_of = %(as_of)s AND state = 'published'
    UNION ALL
    SELECT 2, (SELECT coalesce(max(batch), 0) FROM ops.batches), (SELECT coalesce(max(proof_id), 0) FROM ops.proofs)
) AS known
ORDER BY choice, batch_through LIMIT 1;

-- name: input_of_dated
SELECT count(*) AS count, encode(sha256(coalesce(string_agg(row_hash, '' ORDER BY row_hash), '')::bytea), 'hex') AS sha256
FROM {table}
WHERE recorded_in <= %(batch)s AND (superseded_in IS NULL OR superseded_in > %(batch)s) AND {dated_on} <= %(as_of)s;

-- name: input_of_undated
SELECT count(*) AS count, encode(sha256(coalesce(string_agg(row_hash, '' ORDER BY row_hash), '')::bytea), 'hex') AS sha256
FROM {table}
WHERE recorded_in <= %(batch)s AND (superseded_in IS NULL OR superseded_in > %(batch)s);

-- name: quarantined_rows
SELECT system, entity, native_id, version, place, currency, amount_minor, failures
FROM canonical.quarantine
WHERE quarantined_in <= %(batch)s AND (released_in IS NULL OR released_in > %(batch)s)
ORDER BY entity, native_id, version;

-- name: lost_counts
-- Landed rows whose id is neither in the canonical table nor, in that version, in quarantine.
SELECT count(*) AS lost
FROM ops.pulls
JOIN raw.records USING (pull_id)
WHERE pulls.entity = %(entity)s AND pulls.landed_in <= %(batch)s
    AND NOT EXISTS (SELECT FROM {table} AS canonical WHERE canonical.native_id = records.native_id)
    AND NOT EXISTS (
        SELECT FROM canonical.quarantine
        WHERE quarantine.system = records.system AND quarantine.entity = records.entity
            AND quarantine.native_id = records.native_id AND quarantine.version = records.version
    );

-- name: totals_of_dated
SELECT currency, count(*) AS loaded_count, coalesce(sum({amount}), 0) AS loaded_minor
FROM {table}
WHERE recorded_in <= %(batch)s AND (superseded_in IS NULL OR superseded_in > %(batch)s) AND {dated_on} <= %(as_of)s
GROUP BY currency;

-- name: totals_of_undated
SELECT currency, count(*) AS loaded_count, coalesce(sum({amount}), 0) AS loaded_minor
FROM {table}
WHERE recorded_in <= %(batch)s AND (superseded_in IS NULL OR superseded_in > %(batch)s)
GROUP BY currency;

-- name: decided_invoices
-- The three fates of what was loaded, each from where it is decided, so that a hole between them shows.
SELECT currency, 'matched' AS fate, sum(amount_minor) AS amount_minor FROM cash_matches GROUP BY currency
UNION ALL
SELECT currency, 'open', sum(open_minor) FROM pool_invoices GROUP BY currency
UNION ALL
SELECT currency, 'excluded', sum(open_minor) FROM run_invoices
WHERE status IN ('DRAFT', 'CREDITED', 'WRITTEN_OFF', 'VOID') GROUP BY currency;

-- name: decided_payments
SELECT currency, 'matched' AS fate, sum(amount_minor) AS amount_minor FROM cash_matches GROUP BY currency
UNION ALL
SELECT currency, 'open', sum(amount_minor) FROM pool_payments GROUP BY currency
UNION ALL
SELECT currency, 'excluded', sum(amount_minor)
FROM canonical.payments
LEFT JOIN status_words ON status_words.entity = 'payments' AND status_words.word = lower(payments.status)
WHERE recorded_in <= %(batch)s AND (superseded_in IS NULL OR superseded_in > %(batch)s)
    AND paid_on <= %(as_of)s
    AND status_words.status <> 'SUCCEEDED'
GROUP BY currency;

-- name: open_invoices
SELECT invoice_id, customer_id, currency, open_minor, due_date FROM pool_invoices ORDER BY invoice_id;

-- name: unknown_statuses_of_dated
SELECT native_id, rows.status
FROM {table} AS rows
LEFT JOIN status_words ON status_words.entity = %(entity)s AND status_words.word = lower(rows.status)
WHERE recorded_in <= %(batch)s AND (superseded_in IS NULL OR superseded_in > %(batch)s) AND {dated_on} <= %(as_of)s
    AND rows.status IS NOT NULL AND status_words.status IS NULL
ORDER BY native_id;

-- name: unknown_statuses_of_undated
SELECT native_id, rows.status
FROM {table} AS rows
LEFT JOIN status_words ON status_words.entity = %(entity)s AND status_words.word = lower(rows.status)
WHERE recorded_in <= %(batch)s AND (superseded_in IS NULL OR superseded_in > %(batch)s)
    AND rows.status IS NOT NULL AND status_words.status IS NULL
ORDER BY native_id;

-- name: rates_as_of
-- The newest rate of each pair in the ten days up to the day asked for; older ones do not say what money is worth.
SELECT DISTINCT ON (from_currency, to_currency) from_currency, to_currency, rate
FROM canonical.fx_rates
WHERE recorded_in <= %(batch)s AND (superseded_in IS NULL OR superseded_in > %(batch)s)
    AND rate_date BETWEEN %(as_of)s::date - 10 AND %(as_of)s
ORDER BY from_currency, to_currency, rate_date DESC, source;

-- name: open_run
INSERT INTO recon.runs (run_id, as_of, batch_through, proof_through, rules_sha256, code_sha256, state)
VALUES (%(run_id)s, %(as_of)s, %(batch)s, %(proof_through)s, %(rules_sha256)s, %(code_sha256)s, 'computed')
ON CONFLICT (run_id) DO UPDATE SET computed_at = clock_timestamp();

-- name: run_by_id
SELECT run_id, as_of, state, certificate FROM recon.runs WHERE run_id = %(run_id)s;

-- name: forget_matches
DELETE FROM recon.matches WHERE run_id = %(run_id)s;

-- name: forget_breaks
DELETE FROM recon.breaks WHERE run_id = %(run_id)s;

-- name: forget_totals
DELETE FROM recon.control_totals WHERE run_id = %(run_id)s;

-- name: forget_open_invoices
DELETE FROM recon.open_invoices WHERE run_id = %(run_id)s;

-- name: keep_matches
-- One match per payment: its id comes from what it joins, so it is the same in every run.
INSERT INTO recon.matches
SELECT %(run_id)s,
    'R3-' || left(encode(sha256((
        payment_id || '|' || string_agg(invoice_id, '|') OVER (
            PARTITION BY payment_id ORDER BY invoice_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        )
    )::bytea), 'hex'), 16),
    'R3', rule, 'payment', payment_id, 'invoice', invoice_id, currency, amount_minor, 0, '', 'posted'
FROM cash_matches;

-- name: certify_run
UPDATE recon.runs SET certificate = %(certificate)s WHERE run_id = %(run_id)s;

-- name: keep_suggestions
-- Held payments, one row per invoice they may be for; what was posted since is no candidate any more.
INSERT INTO recon.matches
SELECT %(run_id)s, 'R3-' || left(encode(sha256((payment_id || '|' || invoice_id)::bytea), 'hex'), 16),
    'R3', %(rule)s, 'payment', payment_id, 'invoice', invoice_id, pool_invoices.currency, open_minor, 0, '', 'suggested'
FROM unnest(%(payments)s::text[], %(invoices)s::text[]) AS pair (payment_id, invoice_id)
JOIN pool_invoices USING (invoice_id);

-- name: publish_run
UPDATE recon.runs SET state = 'published', published_at = coalesce(published_at, clock_timestamp())
WHERE run_id = %(run_id)s;

-- name: refuse_run
UPDATE recon.runs SET state = 'refused' WHERE run_id = %(run_id)s;

-- name: latest_run_of
SELECT run_id, as_of, state, certificate, rules_sha256, code_sha256
FROM recon.runs WHERE as_of = %(as_of)s
ORDER BY computed_at DESC LIMIT 1;

-- name: blocking_breaks
SELECT code, key, evidence FROM recon.breaks
WHERE run_id = %(run_id)s AND code IN ('DQ02', 'DQ06')
ORDER BY code, key;
