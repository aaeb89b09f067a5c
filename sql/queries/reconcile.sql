-- A run: its snapshot, its inputs, its control totals, its results.

-- name: lock_day
-- One at a time at a day, before anything of it is read: whoever waited sees what the other left.
SELECT pg_advisory_xact_lock(hashtext('tieout day'), %(as_of)s::date - DATE '2000-01-01');

-- name: take_snapshot
-- What a published day knew stays what it knew. A past day (known_by: its end) knows what had landed and was proven when
-- the last of the sources that say so was first complete through it; any other day what has and was by now. A source that
-- was connected later, a day after that one ended or more, was not waited for then; before there was any, all are. The
-- same holds for what people ruled.
WITH sources AS (
    SELECT min(checked_at) < %(known_by)s::timestamptz + interval '1 day' AS was_read,
        min(checked_at) FILTER (
            WHERE complete_until >= %(known_by)s::timestamptz AND complete_until < 'infinity'
        ) AS first_at
    FROM ops.proofs GROUP BY system, entity
), complete AS (
    SELECT max(first_at) AS at FROM sources WHERE was_read OR NOT EXISTS (SELECT FROM sources WHERE was_read)
)
SELECT batch_through, proof_through, rulings_through FROM (
    SELECT 1 AS choice, batch_through, proof_through, rulings_through FROM recon.runs WHERE as_of = %(as_of)s AND state = 'published'
    UNION ALL
    SELECT 2, (SELECT coalesce(max(batch), 0) FROM ops.batches WHERE recorded_at <= at),
        (SELECT max(proof_id) FROM ops.proofs WHERE checked_at <= at),
        (SELECT coalesce(max(greatest(
            CASE WHEN granted_at <= at THEN ruling_no END, CASE WHEN ended_at <= at THEN ended_no END
        )), 0) FROM recon.rulings)
    FROM complete WHERE at IS NOT NULL
    UNION ALL
    SELECT 3, (SELECT coalesce(max(batch), 0) FROM ops.batches), (SELECT coalesce(max(proof_id), 0) FROM ops.proofs),
        (SELECT coalesce(max(greatest(ruling_no, ended_no)), 0) FROM recon.rulings)
) AS known
ORDER BY choice, batch_through LIMIT 1;

-- name: opening_run
-- The last day before this one that was published and knew no more than this one does; a published day opens with what
-- it opened with, whatever was published since.
SELECT run_id, as_of, batch_through, rulings_through, rules_sha256,
    certificate ->> 'certificate_sha256' AS certificate_sha256
FROM recon.runs
WHERE run_id = CASE WHEN EXISTS (SELECT FROM recon.runs WHERE as_of = %(as_of)s AND state = 'published')
    THEN (
        SELECT opening_run_id FROM recon.runs WHERE as_of = %(as_of)s AND state = 'published'
        ORDER BY batch_through, computed_at LIMIT 1
    )
    ELSE (
        SELECT run_id FROM recon.runs
        WHERE as_of < %(as_of)s AND state = 'published' AND batch_through <= %(batch)s
        ORDER BY as_of DESC, computed_at DESC LIMIT 1
    )
END;

-- name: newest_published_before
SELECT max(as_of) AS as_of FROM recon.runs WHERE as_of < %(as_of)s AND state = 'published';

-- name: is_published_since
-- Whether a published run of the day was computed since then; never, where nobody began.
SELECT EXISTS (
    SELECT FROM recon.runs
    WHERE as_of = %(as_of)s AND state = 'published' AND computed_at >= %(since)s::timestamptz
) AS published;

-- name: see_snapshot
-- From here to the end of the transaction the views of schema `seen` show this snapshot.
SELECT set_config('tieout.batch', %(batch)s::text, true), set_config('tieout.as_of', %(as_of)s::text, true),
    set_config('tieout.rules', %(rules_sha256)s, true), set_config('tieout.rulings', %(rulings)s::text, true),
    set_config('plan_cache_mode', 'force_custom_plan', true),  -- bucket by bucket the same text means other sizes
    set_config('work_mem', '128MB', true);  -- a run joins whole tables; spilling them costs more than the memory

-- name: keep_status_words
INSERT INTO recon.status_words
SELECT %(rules_sha256)s, entity, word, status
FROM unnest(%(entities)s::text[], %(words)s::text[], %(statuses)s::text[]) AS policy (entity, word, status)
ON CONFLICT DO NOTHING;

-- name: input_of
-- The hash of hashes, bucket by bucket: no text is longer than a 256th of the table, where one of all would end at 1 GB.
SELECT coalesce(sum(rows), 0)::bigint AS count,
    encode(sha256(coalesce(string_agg(part, '' ORDER BY bucket), '')::bytea), 'hex') AS sha256
FROM (
    SELECT left(row_hash, 2) COLLATE "C" AS bucket, count(*) AS rows,
        encode(sha256(string_agg(row_hash, '' ORDER BY row_hash COLLATE "C")::bytea), 'hex') AS part
    FROM {table} GROUP BY 1
) AS buckets;

-- name: totals_of
SELECT currency, count(*) AS loaded_count, coalesce(sum({amount}), 0) AS loaded_minor
FROM {table}
GROUP BY currency;

-- name: unknown_statuses_of
SELECT native_id, status FROM {table} WHERE state = 'UNKNOWN' ORDER BY native_id;

-- name: quarantined_rows
-- `alike`: it says again, in the same words, what was said before.
SELECT system, entity, native_id, version, place, currency, amount_minor, failures, EXISTS (
        SELECT FROM raw.records AS again
        JOIN raw.records AS stated USING (system, entity, native_id, payload)
        WHERE again.system = quarantine.system AND again.entity = quarantine.entity
            AND again.native_id = quarantine.native_id AND again.version = quarantine.version AND stated.seq < again.seq
    ) AS alike
FROM seen.quarantine
ORDER BY entity, native_id, version;

-- name: late_rows
-- Facts of days up to the last published one that arrived only after it was, none of whose versions it knew.
SELECT count(*) AS rows, (array_agg(native_id ORDER BY {day}, native_id))[1:5] AS first_ids, min({day}) AS first_day
FROM {table} AS late
WHERE recorded_in > %(opening_batch)s AND recorded_in <= %(batch)s
    AND (superseded_in IS NULL OR superseded_in > %(batch)s)
    AND {day} <= %(opening_as_of)s
    AND NOT EXISTS (
        SELECT FROM {table} AS earlier
        WHERE earlier.native_id = late.native_id AND earlier.recorded_in <= %(opening_batch)s
    );

-- name: lost_counts
SELECT entity, sum(lost_count)::bigint AS lost FROM ops.pulls
WHERE landed_in <= %(batch)s AND lost_count > 0
GROUP BY entity;

-- name: rates_as_of
-- The newest rate of each pair in the ten days up to the day asked for; older ones do not say what money is worth.
SELECT DISTINCT ON (from_currency, to_currency) from_currency, to_currency, rate
FROM seen.fx_rates
WHERE rate_date >= (SELECT current_setting('tieout.as_of')::date - 10)
ORDER BY from_currency, to_currency, rate_date DESC, source;

-- name: open_run
-- The same rows may be known by more: a run that is not published yet is told by what is known now, such as a proof that
-- reaches further, and has no certificate until it is.
INSERT INTO recon.runs (
    run_id, as_of, batch_through, proof_through, rulings_through, rules_sha256, code_sha256, opening_run_id, state
) VALUES (
    %(run_id)s, %(as_of)s, %(batch)s, %(proof_through)s, %(rulings)s, %(rules_sha256)s, %(code_sha256)s,
    %(opening_run_id)s, 'computed'
)
ON CONFLICT (run_id) DO UPDATE SET computed_at = clock_timestamp(),
    batch_through = CASE WHEN runs.published_at IS NULL THEN excluded.batch_through ELSE runs.batch_through END,
    proof_through = CASE WHEN runs.published_at IS NULL THEN excluded.proof_through ELSE runs.proof_through END,
    rulings_through = CASE WHEN runs.published_at IS NULL THEN excluded.rulings_through ELSE runs.rulings_through END,
    certificate = CASE WHEN runs.published_at IS NOT NULL OR runs.proof_through = excluded.proof_through
        THEN runs.certificate END;

-- name: run_by_id
SELECT run_id, as_of, state, certificate FROM recon.runs WHERE run_id = %(run_id)s;

-- name: run_to_verify
SELECT run_id, as_of, certificate, rules_sha256, code_sha256 FROM recon.runs WHERE run_id = %(run_id)s;

-- name: count_breaks
SELECT count(*) AS breaks FROM recon.breaks WHERE run_id = %(run_id)s;

-- name: forget_matches
DELETE FROM recon.matches WHERE run_id = %(run_id)s;

-- name: forget_breaks
DELETE FROM recon.breaks WHERE run_id = %(run_id)s;

-- name: forget_totals
DELETE FROM recon.control_totals WHERE run_id = %(run_id)s;

-- name: forget_customer_balances
DELETE FROM recon.customer_balances WHERE run_id = %(run_id)s;

-- name: forget_unapplied_payments
DELETE FROM recon.unapplied_payments WHERE run_id = %(run_id)s;

-- name: forget_open_invoices
DELETE FROM recon.open_invoices WHERE run_id = %(run_id)s;

-- name: certify_run
UPDATE recon.runs SET certificate = %(certificate)s WHERE run_id = %(run_id)s;

-- name: publish_run
UPDATE recon.runs SET state = 'published', published_at = coalesce(published_at, clock_timestamp())
WHERE run_id = %(run_id)s;

-- name: refuse_run
UPDATE recon.runs SET state = 'refused' WHERE run_id = %(run_id)s;

-- name: latest_run_of
SELECT run_id, as_of, batch_through, rulings_through, state, certificate, rules_sha256, code_sha256
FROM recon.runs WHERE as_of = %(as_of)s
ORDER BY computed_at DESC LIMIT 1;

-- name: blocking_breaks
SELECT code, key, evidence FROM recon.breaks
WHERE run_id = %(run_id)s AND code IN ('DQ02', 'DQ06')
ORDER BY code, key;

-- name: create_unread_rows
CREATE TEMP TABLE unread_rows (
    entity text NOT NULL,
    native_id text COLLATE "C" NOT NULL,
    last_in bigint NOT NULL,
    PRIMARY KEY (entity, native_id)
) ON COMMIT DROP;

-- name: fill_unread_rows
-- A row stated twice in the same words says nothing new.
INSERT INTO unread_rows
SELECT entity, native_id, max(quarantined_in)
FROM seen.quarantine
WHERE NOT EXISTS (
    SELECT FROM raw.records AS again
    JOIN raw.records AS stated USING (system, entity, native_id, payload)
    WHERE again.system = quarantine.system AND again.entity = quarantine.entity
        AND again.native_id = quarantine.native_id AND again.version = quarantine.version AND stated.seq < again.seq
)
GROUP BY entity, native_id;

-- name: analyse_unread_rows
ANALYZE unread_rows;
