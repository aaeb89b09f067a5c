-- What is expected of the data a run saw: measured and judged once, and shown for as long as the run is.

-- name: quality_of_day
-- The verdicts on a run's data, worst first. No rows: the run was not checked.
SELECT suite, expectation, verdict, sentence, observed, owner
FROM recon.quality_results WHERE run_id = %(run_id)s
ORDER BY array_position(ARRAY['fail', 'warn', 'pass'], verdict), place;

-- name: run_to_check
-- The newest run of a day, what it saw, and how much of every side it holds.
WITH newest AS (
    SELECT run_id, batch_through, proof_through, rules_sha256, opening_run_id
    FROM recon.runs WHERE as_of = %(as_of)s ORDER BY computed_at DESC LIMIT 1
)
SELECT newest.*, checked_at,
    (
        SELECT coalesce(jsonb_object_agg(side, loaded), '{}') FROM (
            SELECT side, sum(loaded_count) AS loaded FROM recon.control_totals
            WHERE control_totals.run_id = newest.run_id GROUP BY side
        ) AS held
    ) AS held
FROM newest LEFT JOIN recon.quality_checks USING (run_id);

-- name: lock_quality
-- Of two who check a run at once, the second finds it checked.
SELECT pg_advisory_xact_lock(hashtextextended('tieout quality ' || %(run_id)s::text, 0));

-- name: forget_measures
DELETE FROM recon.quality_measures WHERE run_id = %(run_id)s;

-- name: measure_behind
-- By how many minutes each source's newest proof of completeness that held stops before the end of the day. One that
-- failed says nothing of how far; where none has held, nothing is known to be complete: behind since ever (1970).
INSERT INTO recon.quality_measures
SELECT %(run_id)s, 'behind ' || flow, entity, minutes, 0, minutes
FROM (
    SELECT DISTINCT ON (system, entity) system, entity,
        CASE WHEN NOT proven THEN extract(epoch FROM %(day_end)s::timestamptz) / 60
            WHEN complete_until < %(day_end)s THEN extract(epoch FROM %(day_end)s - complete_until) / 60
            ELSE 0 END AS minutes
    FROM ops.proofs WHERE proof_id <= %(proof_through)s
    ORDER BY system, entity, proven DESC, proof_id DESC
) AS newest
JOIN unnest(%(flows)s::text[], %(systems)s::text[]) AS promised (flow, system) USING (system);

-- name: measure_held
-- The share of the rows held the day before, in percent, that are no longer there.
WITH rows_of AS (
    SELECT run_id, side, sum(loaded_count) AS rows FROM recon.control_totals
    WHERE run_id IN (%(run_id)s, %(opening_run_id)s) GROUP BY run_id, side
)
INSERT INTO recon.quality_measures
SELECT %(run_id)s, 'held', side, coalesce(here.rows, 0), before.rows,
    100 * greatest(0, before.rows - coalesce(here.rows, 0)) / before.rows
FROM (SELECT side, rows FROM rows_of WHERE run_id = %(opening_run_id)s AND rows > 0) AS before
LEFT JOIN (SELECT side, rows FROM rows_of WHERE run_id = %(run_id)s) AS here USING (side);

-- name: measure_read
-- The share of an entity's rows, in percent, that nobody could read.
INSERT INTO recon.quality_measures
SELECT %(run_id)s, 'read', side, sum(quarantined_count), 0,
    100 * sum(quarantined_count) / nullif(sum(quarantined_count) + sum(loaded_count), 0)
FROM recon.control_totals WHERE run_id = %(run_id)s
GROUP BY side;

-- name: create_window_facts
-- The facts of the newest window of days (0) and of those before it, counted where they lie. `blank` counts rows that do
-- not say whom or what they belong to.
CREATE TEMP TABLE window_facts ON COMMIT DROP AS
WITH facts AS (
    SELECT 'invoices' AS entity, issue_date AS day, currency, '' AS status, gross_minor AS minor, order_id IS NULL AS blank
    FROM seen.invoices
    UNION ALL
    SELECT 'orders', order_date, currency, '', amount_minor, opportunity_id IS NULL FROM seen.orders
    UNION ALL
    SELECT 'payments', paid_on, currency, coalesce(state, ''), amount_minor, customer_id IS NULL FROM seen.payments
    UNION ALL
    SELECT 'bank lines', value_date, currency, '', amount_minor, coalesce(reference, '') = '' FROM seen.bank_lines
)
SELECT entity, (%(as_of)s::date - day) / %(days)s::int AS back, currency, status, count(*) AS facts,
    count(*) FILTER (WHERE blank) AS blanks, count(*) FILTER (WHERE minor > 0) AS amounts,
    coalesce(sum(ln(minor::double precision)) FILTER (WHERE minor > 0), 0) AS logs,
    coalesce(sum(ln(minor::double precision) ^ 2) FILTER (WHERE minor > 0), 0) AS squares
FROM facts
WHERE day > %(as_of)s::date - %(days)s::int * (%(windows)s::int + 1)
GROUP BY 1, 2, 3, 4;

-- name: measure_volume
-- By how many standard deviations (at least a tenth, and the root, of the mean) the number of facts differs. Nothing is
-- said of an entity whose history is shorter than the windows.
WITH counted AS (
    SELECT entity, back, coalesce(sum(facts), 0) AS facts
    FROM (SELECT DISTINCT entity FROM window_facts) AS known
    CROSS JOIN generate_series(0, %(windows)s::int) AS back
    LEFT JOIN window_facts USING (entity, back)
    GROUP BY entity, back
), usual AS (
    SELECT entity, avg(facts) AS mean, stddev_samp(facts) AS deviation, max(back) FILTER (WHERE facts > 0) AS oldest
    FROM counted WHERE back > 0 GROUP BY entity
)
INSERT INTO recon.quality_measures
SELECT %(run_id)s, 'volume', entity, facts, round(mean, 1), CASE WHEN mean >= %(least_rows)s AND oldest = %(windows)s::int
    THEN (facts - mean) / greatest(deviation, sqrt(mean), mean / 10) END
FROM counted JOIN usual USING (entity) WHERE back = 0;

-- name: measure_amounts
-- By how many hundredths of a standard deviation the mean logarithm of the amounts differs.
WITH summed AS (
    SELECT entity, currency, back = 0 AS now, sum(amounts) AS amounts, sum(logs) AS logs, sum(squares) AS squares
    FROM window_facts GROUP BY entity, currency, back = 0
), compared AS (
    SELECT entity, currency, here.logs / here.amounts AS observed, before.logs / before.amounts AS expected,
        sqrt(greatest(0, before.squares / before.amounts - (before.logs / before.amounts) ^ 2)) AS deviation,
        least(here.amounts, before.amounts) AS amounts
    FROM summed AS here JOIN summed AS before USING (entity, currency)
    WHERE here.now AND NOT before.now AND here.amounts > 0 AND before.amounts > 0
)
INSERT INTO recon.quality_measures
SELECT %(run_id)s, 'amounts', entity || ', ' || currency, round(exp(observed)::numeric / minor_per_major),
    round(exp(expected)::numeric / minor_per_major),
    CASE WHEN amounts >= %(least_rows)s THEN 100 * (observed - expected) / nullif(greatest(deviation, 0.01), 0) END
FROM compared JOIN canonical.currencies USING (currency);

-- name: measure_mix
-- The population stability index of currencies, and of payments' statuses, in hundredths.
WITH counted AS (
    SELECT entity, 'currencies' AS what, currency AS word, back = 0 AS now, facts FROM window_facts
    UNION ALL
    SELECT entity, 'statuses', status, back = 0, facts FROM window_facts WHERE entity = 'payments'
), shares AS (
    SELECT entity, what, word,
        greatest(0.001, coalesce(sum(facts) FILTER (WHERE now), 0)
            / nullif(sum(sum(facts) FILTER (WHERE now)) OVER (PARTITION BY entity, what), 0)) AS here,
        greatest(0.001, coalesce(sum(facts) FILTER (WHERE NOT now), 0)
            / nullif(sum(sum(facts) FILTER (WHERE NOT now)) OVER (PARTITION BY entity, what), 0)) AS before,
        sum(sum(facts) FILTER (WHERE now)) OVER (PARTITION BY entity, what) AS now_facts,
        sum(sum(facts) FILTER (WHERE NOT now)) OVER (PARTITION BY entity, what) AS before_facts
    FROM counted GROUP BY entity, what, word
)
INSERT INTO recon.quality_measures
SELECT %(run_id)s, 'mix', entity || ', ' || what, count(*) FILTER (WHERE here > 0.001),
    count(*) FILTER (WHERE before > 0.001), CASE WHEN least(min(now_facts), min(before_facts)) >= %(least_rows)s
        THEN 100 * sum((here - before) * ln(here / before)) END
FROM shares GROUP BY entity, what;

-- name: measure_blanks
-- By how many percentage points the share of rows that do not say whom or what they belong to differs.
WITH shares AS (
    SELECT entity, 100.0 * sum(blanks) FILTER (WHERE back = 0) / nullif(sum(facts) FILTER (WHERE back = 0), 0) AS here,
        100.0 * sum(blanks) FILTER (WHERE back > 0) / nullif(sum(facts) FILTER (WHERE back > 0), 0) AS before,
        least(sum(facts) FILTER (WHERE back = 0), sum(facts) FILTER (WHERE back > 0)) AS facts
    FROM window_facts GROUP BY entity
)
INSERT INTO recon.quality_measures
SELECT %(run_id)s, 'blanks', entity, round(here, 1), round(before, 1),
    CASE WHEN facts >= %(least_rows)s THEN here - before END
FROM shares WHERE here IS NOT NULL AND before IS NOT NULL;

-- name: measure_payouts
-- What was paid out by currency and day, in major units, against what the bank's lines settled of it; only where the bank
-- was read, and only once the money had time to arrive.
WITH banked AS (
    SELECT side_a_id AS payout_id, sum(amount_minor + residual_minor) AS minor
    FROM recon.matches
    WHERE run_id = %(run_id)s AND recon = 'R4' AND state = 'posted'
        AND side_a_type = 'payout' AND side_b_type = 'bank_line'
    GROUP BY side_a_id
), days AS (
    SELECT currency, arrival_date, count(*) AS payouts, sum(net_minor) AS paid, count(minor) AS arrived,
        coalesce(sum(minor), 0) AS banked
    FROM seen.payouts LEFT JOIN banked ON payout_id = native_id
    WHERE coalesce(state, 'PAID') = 'PAID' AND net_minor <> 0
        AND arrival_date > %(as_of)s::date - %(window_days)s::int AND arrival_date <= %(arrived_by)s
        AND EXISTS (SELECT FROM seen.bank_lines)
    GROUP BY currency, arrival_date
)
INSERT INTO recon.quality_measures
SELECT %(run_id)s, 'payouts, sum', currency || ' ' || arrival_date, banked / minor_per_major, paid / minor_per_major,
    (banked - paid) / minor_per_major
FROM days JOIN canonical.currencies USING (currency)
UNION ALL
SELECT %(run_id)s, 'payouts, count', currency || ' ' || arrival_date, arrived, payouts, arrived - payouts FROM days;

-- name: create_mirrored
CREATE TEMP TABLE mirrored (invoice_id text COLLATE "C", currency text, gross numeric) ON COMMIT DROP;

-- name: measure_mirrored
-- Invoices by currency and day of issue, in major units: those Salesforce holds, against the ERP's that it holds or said it
-- had taken. What the ERP never had stands under its own heading; what it has of other days is left out.
WITH ours AS (
    SELECT native_id, invoices.currency::text, issue_date, gross_minor / minor_per_major AS gross
    FROM seen.invoices JOIN canonical.currencies ON currencies.currency = invoices.currency
    WHERE issue_date > %(as_of)s::date - %(window_days)s::int
), told AS (
    SELECT DISTINCT substr(subject, length('invoices/') + 1) COLLATE "C" AS invoice_id FROM delivery.outbox
    WHERE target = 'salesforce' AND kind = 'invoice_status' AND state = 'confirmed'
), sides AS (
    SELECT currency, issue_date::text AS day, 0 AS held, 0 AS held_gross, 1 AS owed, gross AS owed_gross FROM ours
    WHERE EXISTS (SELECT FROM told WHERE told.invoice_id = native_id)
        OR EXISTS (SELECT FROM mirrored WHERE mirrored.invoice_id = native_id)
    UNION ALL
    SELECT mirrored.currency, coalesce(issue_date::text, 'unknown to the ERP'), 1, mirrored.gross, 0, 0
    FROM mirrored LEFT JOIN ours ON ours.native_id = invoice_id
    WHERE ours.native_id IS NOT NULL
        OR NOT EXISTS (SELECT FROM canonical.invoices AS known WHERE known.native_id = invoice_id)
), days AS (
    SELECT currency || ' ' || day AS part, sum(held) AS held, sum(held_gross) AS held_gross, sum(owed) AS owed,
        sum(owed_gross) AS owed_gross
    FROM sides GROUP BY currency, day
)
INSERT INTO recon.quality_measures
SELECT %(run_id)s, 'invoices, sum', part, held_gross, owed_gross, held_gross - owed_gross FROM days
UNION ALL
SELECT %(run_id)s, 'invoices, count', part, held, owed, held - owed FROM days;

-- name: parts_off
-- Of a measure, the parts furthest from what is expected.
SELECT part, observed, expected FROM recon.quality_measures
WHERE run_id = %(run_id)s AND measure = %(measure)s
    AND (deviation < %(low)s::double precision OR deviation > %(high)s::double precision)
ORDER BY abs(deviation) DESC, part LIMIT %(most)s;

-- name: keep_quality_check
INSERT INTO recon.quality_checks (run_id, checking_s, rendering_s, not_held)
VALUES (%(run_id)s, %(checking_s)s, %(rendering_s)s, %(not_held)s);

-- name: forget_old_pages
-- Pages of all but the newest checked days.
DELETE FROM recon.quality_pages WHERE run_id NOT IN (
    SELECT run_id FROM recon.runs WHERE as_of IN (
        SELECT DISTINCT as_of FROM recon.runs JOIN recon.quality_checks USING (run_id)
        ORDER BY as_of DESC LIMIT %(days)s
    )
);

-- name: blocking_quality
SELECT expectation, sentence FROM recon.quality_results WHERE run_id = %(run_id)s AND verdict = 'fail' ORDER BY place;

-- name: checked_days
-- One line a day: the newest checked run of it.
SELECT DISTINCT ON (as_of)
    as_of, run_id, state, checked_at, checking_s, rendering_s, not_held,
    (SELECT count(*) FROM recon.quality_results AS found WHERE found.run_id = runs.run_id AND verdict = 'pass') AS pass,
    (SELECT count(*) FROM recon.quality_results AS found WHERE found.run_id = runs.run_id AND verdict = 'warn') AS warn,
    (SELECT count(*) FROM recon.quality_results AS found WHERE found.run_id = runs.run_id AND verdict = 'fail') AS fail
FROM recon.runs JOIN recon.quality_checks USING (run_id)
WHERE %(as_of)s::date IS NULL OR as_of = %(as_of)s
ORDER BY as_of DESC, computed_at DESC
LIMIT %(limit)s;

-- name: quality_page
SELECT body FROM recon.quality_pages WHERE run_id = %(run_id)s AND path = %(path)s;

-- name: quality_paths
SELECT path FROM recon.quality_pages WHERE run_id = %(run_id)s ORDER BY path;
