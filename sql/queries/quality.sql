-- What is expected of the data a run saw: measured and judged once, and shown for as long as the run is.

-- name: quality_of_day
-- The verdicts on a run's data, worst first. No rows: the run was not checked.
SELECT suite, expectation, verdict, sentence, observed, owner, sentence_figured, observed_figured
FROM recon.quality_results WHERE run_id = %(run_id)s
ORDER BY array_position(ARRAY['fail', 'warn', 'unjudged', 'pass'], verdict), place;

-- name: quality_not_asked
-- What nothing is held or shown of, so that no expectation of it could be asked.
SELECT not_held FROM recon.quality_checks WHERE run_id = %(run_id)s;

-- name: run_to_check
-- The newest run of a day, what it saw, and how much of every side it holds. `judged`: for good; what keeps a day from being
-- published is looked at again, since a source may have been mended. `outdated`: something came hours ago that it does not
-- see, so that what a system holds by now says nothing of it.
WITH newest AS (
    SELECT run_id, batch_through, proof_through, rules_sha256, opening_run_id, published_at
    FROM recon.runs WHERE as_of = %(as_of)s ORDER BY computed_at DESC LIMIT 1
)
SELECT newest.*,
    EXISTS (
        SELECT FROM ops.batches WHERE batch > batch_through AND recorded_at < ops.clock() - interval '6 hours'
    ) AS outdated,
    checked_at IS NOT NULL AND (published_at IS NOT NULL OR NOT EXISTS (
        SELECT FROM recon.quality_results AS found WHERE found.run_id = newest.run_id AND verdict = 'fail'
    )) AS judged,
    (
        SELECT coalesce(jsonb_object_agg(side, loaded), '{}') FROM (
            SELECT side, sum(loaded_count) AS loaded FROM recon.control_totals
            WHERE control_totals.run_id = newest.run_id GROUP BY side
        ) AS held
    ) AS held
FROM newest LEFT JOIN recon.quality_checks USING (run_id);

-- name: forget_quality_results
DELETE FROM recon.quality_results WHERE run_id = %(run_id)s;

-- name: forget_quality_pages
DELETE FROM recon.quality_pages WHERE run_id = %(run_id)s;

-- name: forget_quality_check
DELETE FROM recon.quality_checks WHERE run_id = %(run_id)s;

-- name: forget_measures
DELETE FROM recon.quality_measures WHERE run_id = %(run_id)s;

-- name: measure_behind
-- By how many minutes the newest proof of completeness that held of each source we read stops before the end of the day.
-- One that failed says nothing of how far; where none has held, nothing is known to be complete: no number, and behind since
-- ever (1970).
-- What is read no more is no longer promised.
INSERT INTO recon.quality_measures
SELECT %(run_id)s, 'behind ' || flow, entity, CASE WHEN proven THEN minutes END, 0, minutes
FROM (
    SELECT DISTINCT ON (read.system, read.entity) read.system, read.entity, proven,
        CASE WHEN proven IS NOT TRUE THEN extract(epoch FROM %(day_end)s::timestamptz) / 60
            WHEN complete_until < %(day_end)s THEN extract(epoch FROM %(day_end)s - complete_until) / 60
            ELSE 0 END AS minutes
    FROM unnest(%(read_systems)s::text[], %(read_entities)s::text[]) AS read (system, entity)
    LEFT JOIN ops.proofs ON proofs.system = read.system AND proofs.entity = read.entity
        AND proof_id <= %(proof_through)s
    ORDER BY read.system, read.entity, proven DESC NULLS LAST, proof_id DESC
) AS newest
JOIN unnest(%(flows)s::text[], %(systems)s::text[]) AS promised (flow, system) USING (system);

-- name: proven_entities
-- Whatever was ever proven, for who cannot say what is read.
SELECT DISTINCT system, entity FROM ops.proofs WHERE proof_id <= %(proof_through)s ORDER BY system, entity;

-- name: connected_later
-- Of what is read, what nobody waited for: the run knows no proof of it, and its first of all came a day after the run's day
-- ended or more, or after that day was published.
SELECT read.system, read.entity
FROM unnest(%(read_systems)s::text[], %(read_entities)s::text[]) AS read (system, entity)
CROSS JOIN LATERAL (
    SELECT proof_id, checked_at FROM ops.proofs
    WHERE proofs.system = read.system AND proofs.entity = read.entity ORDER BY proof_id LIMIT 1
) AS first
WHERE proof_id > %(proof_through)s AND (
    checked_at >= %(day_end)s::timestamptz + interval '1 day'
    OR EXISTS (SELECT FROM recon.runs WHERE as_of = %(as_of)s AND state = 'published')
)
ORDER BY read.system, read.entity;

-- name: measure_held
-- Of the rows of an entity that the day before held, how many are held no longer, in percent: those of which no version is
-- known now. What came besides makes up for none of them.
WITH gone AS (
    SELECT count(DISTINCT was.native_id) AS rows
    FROM {table} AS was
    JOIN recon.runs AS opening ON opening.run_id = %(opening_run_id)s
    WHERE was.recorded_in <= opening.batch_through
        AND was.superseded_in > opening.batch_through AND was.superseded_in <= %(batch)s
        AND (%(day)s::text IS NULL OR (to_jsonb(was) ->> %(day)s)::date <= opening.as_of)
        AND NOT EXISTS (
            SELECT FROM {table} AS living
            WHERE living.native_id = was.native_id AND living.recorded_in <= %(batch)s
                AND (living.superseded_in IS NULL OR living.superseded_in > %(batch)s)
        )
), before AS (
    SELECT sum(loaded_count) AS rows FROM recon.control_totals
    WHERE run_id = %(opening_run_id)s AND side = %(side)s
)
INSERT INTO recon.quality_measures
SELECT %(run_id)s, 'held', %(side)s, before.rows - gone.rows, before.rows, 100 * gone.rows / before.rows
FROM before CROSS JOIN gone WHERE before.rows > 0;

-- name: measure_read
-- The share of an entity's rows, in percent, that nobody could read.
INSERT INTO recon.quality_measures
SELECT %(run_id)s, 'read', side, sum(quarantined_count), 0,
    100 * sum(quarantined_count) / nullif(sum(quarantined_count) + sum(loaded_count), 0)
FROM recon.control_totals WHERE run_id = %(run_id)s
GROUP BY side;

-- name: create_daily_facts
-- The facts of every day of the windows, counted where they lie. `blank` counts rows that do not say whom or what they
-- belong to.
CREATE TEMP TABLE daily_facts ON COMMIT DROP AS
WITH facts AS (
    SELECT 'invoices' AS entity, issue_date AS day, currency, '' AS status, gross_minor AS minor, order_id IS NULL AS blank
    FROM seen.invoices
    UNION ALL
    SELECT 'orders', order_date, currency, '', amount_minor, opportunity_id IS NULL FROM seen.orders
    UNION ALL
    SELECT 'payments', paid_on, currency, coalesce(state, ''), amount_minor, customer_id IS NULL FROM seen.payments
    UNION ALL
    SELECT 'bank lines', value_date, currency, '', amount_minor, coalesce(reference, '') = '' FROM seen.bank_lines
    UNION ALL
    SELECT 'credit notes', issue_date, currency, '', abs(gross_minor), invoice_id IS NULL FROM seen.credit_notes
    UNION ALL
    SELECT 'payouts', arrival_date, currency, '', net_minor, false FROM seen.payouts
    UNION ALL
    SELECT 'refunds', created_on, currency, '', amount_minor, false FROM seen.refunds
    UNION ALL
    SELECT 'deals won', close_date, currency, '', amount_minor, account_id IS NULL FROM seen.opportunities WHERE is_won
    UNION ALL
    SELECT 'subscriptions', start_date, subscriptions.currency, '',
        round(quantity * unit_price * minor_per_major)::double precision, false
    FROM seen.subscriptions JOIN canonical.currencies ON currencies.currency = subscriptions.currency
)
SELECT entity, day, currency, status, count(*) AS facts,
    count(*) FILTER (WHERE blank) AS blanks, count(*) FILTER (WHERE minor > 0) AS amounts,
    coalesce(sum(ln(minor::double precision)) FILTER (WHERE minor > 0), 0) AS logs,
    coalesce(sum(ln(minor::double precision) ^ 2) FILTER (WHERE minor > 0), 0) AS squares
FROM facts
WHERE day > %(as_of)s::date - %(days)s::int * (%(windows)s::int + 1) AND day <= %(as_of)s
GROUP BY 1, 2, 3, 4;

-- name: create_window_facts
-- The facts of the newest window of days (0) and of those before it.
CREATE TEMP TABLE window_facts ON COMMIT DROP AS
SELECT entity, (%(as_of)s::date - day) / %(days)s::int AS back, currency, status, sum(facts) AS facts,
    sum(blanks) AS blanks, sum(amounts) AS amounts, sum(logs) AS logs, sum(squares) AS squares
FROM daily_facts GROUP BY 1, 2, 3, 4;

-- name: measure_day_volume
-- By how many standard deviations, in hundredths, the facts of the newest business day differ in number from those of the
-- same weekday in the weeks before, by the roots of counts, which scatter alike on quiet and on busy days, and by no less
-- than chance makes them scatter. What comes once a month is no surprise: a day is held to have too many only against the
-- days around the same day of the months before, where these had more. Nothing is said of an entity with few facts a day
-- or a short history.
WITH known AS (
    SELECT entity, min(day) AS oldest FROM daily_facts GROUP BY entity
), days AS (
    SELECT entity, day, sum(facts) AS facts FROM daily_facts GROUP BY entity, day
), weekly AS (
    SELECT entity, count(*) AS weeks,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY sqrt(coalesce(facts, 0) + 0.375)) AS middle
    FROM known
    CROSS JOIN unnest(%(like_days)s::date[]) AS alike (day)
    LEFT JOIN days USING (entity, day)
    WHERE alike.day >= oldest
    GROUP BY entity
), scatter AS (
    SELECT entity, 1.4826 * percentile_cont(0.5) WITHIN GROUP (
        ORDER BY abs(sqrt(coalesce(facts, 0) + 0.375) - middle)
    ) AS spread
    FROM known
    JOIN weekly USING (entity)
    CROSS JOIN unnest(%(like_days)s::date[]) AS alike (day)
    LEFT JOIN days USING (entity, day)
    WHERE alike.day >= oldest
    GROUP BY entity
), monthly AS (
    SELECT entity, percentile_cont(0.5) WITHIN GROUP (ORDER BY sqrt(most + 0.375)) AS middle
    FROM (
        SELECT entity, months.day, coalesce(max(facts), 0) AS most
        FROM known
        CROSS JOIN unnest(%(month_days)s::date[]) AS months (day)
        LEFT JOIN days USING (entity)
        WHERE months.day >= oldest AND days.day BETWEEN months.day - 2 AND months.day + 2
        GROUP BY entity, months.day
    ) AS around
    GROUP BY entity
), judged AS (
    SELECT entity, coalesce(facts, 0) AS facts, weekly.middle ^ 2 - 0.375 AS usual,
        sqrt(coalesce(facts, 0) + 0.375) AS root, weekly.middle, greatest(weekly.middle, monthly.middle) AS highest,
        greatest(0.5, spread) AS spread, weeks
    FROM weekly JOIN scatter USING (entity)
    LEFT JOIN monthly USING (entity)
    LEFT JOIN (SELECT * FROM days WHERE day = %(day)s) AS here USING (entity)
)
INSERT INTO recon.quality_measures
SELECT %(run_id)s, 'day volume', entity, facts, greatest(0, round(usual::numeric, 1)),
    CASE WHEN weeks >= %(least_weeks)s AND usual >= %(least_facts)s
        THEN 100 * (root - CASE WHEN root > middle THEN least(root, highest) ELSE middle END) / spread END
FROM judged;

-- name: measure_day_amounts
-- By how many hundredths of a standard deviation the mean logarithm of the newest business day's amounts differs.
WITH summed AS (
    SELECT entity, currency, day = %(day)s AS now, sum(amounts) AS amounts, sum(logs) AS logs, sum(squares) AS squares
    FROM daily_facts WHERE day <= %(day)s GROUP BY entity, currency, day = %(day)s
), compared AS (
    SELECT entity, currency, here.logs / here.amounts AS observed, before.logs / before.amounts AS expected,
        sqrt(greatest(0, before.squares / before.amounts - (before.logs / before.amounts) ^ 2)) AS deviation,
        here.amounts, before.amounts AS amounts_before
    FROM summed AS here JOIN summed AS before USING (entity, currency)
    WHERE here.now AND NOT before.now AND here.amounts > 0 AND before.amounts > 0
)
INSERT INTO recon.quality_measures
SELECT %(run_id)s, 'day amounts', entity || ', ' || currency, round(exp(observed)::numeric / minor_per_major),
    round(exp(expected)::numeric / minor_per_major),
    CASE WHEN amounts >= %(least_amounts)s AND amounts_before >= %(least_rows)s
        THEN 100 * (observed - expected) / greatest(deviation, 0.1) END
FROM compared JOIN canonical.currencies USING (currency);

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
-- By how many hundredths of a standard deviation the mean logarithm of the amounts differs; by none where that is no more than
-- chance makes of so few.
WITH summed AS (
    SELECT entity, currency, back = 0 AS now, sum(amounts) AS amounts, sum(logs) AS logs, sum(squares) AS squares
    FROM window_facts GROUP BY entity, currency, back = 0
), compared AS (
    SELECT entity, currency, here.logs / here.amounts AS observed, before.logs / before.amounts AS expected,
        sqrt(greatest(0, before.squares / before.amounts - (before.logs / before.amounts) ^ 2)) AS deviation,
        here.amounts, before.amounts AS amounts_before, sqrt(1 / here.amounts + 1 / before.amounts) AS chance
    FROM summed AS here JOIN summed AS before USING (entity, currency)
    WHERE here.now AND NOT before.now AND here.amounts > 0 AND before.amounts > 0
), judged AS (
    SELECT *, (observed - expected) / greatest(deviation, 0.01) AS off FROM compared
)
INSERT INTO recon.quality_measures
SELECT %(run_id)s, 'amounts', entity || ', ' || currency, round(exp(observed)::numeric / minor_per_major),
    round(exp(expected)::numeric / minor_per_major),
    CASE WHEN amounts >= %(least_amounts)s AND amounts_before >= %(least_rows)s
        THEN CASE WHEN abs(off) > %(chance_sigmas)s * chance THEN 100 * off ELSE 0 END END
FROM judged JOIN canonical.currencies USING (currency);

-- name: measure_mix
-- The population stability index of currencies, and of payments' statuses, in hundredths; none where that is no more than
-- chance makes of so few, since between two samples of one mix it is about (1/n + 1/m) times a chi-squared number. A word
-- that none has counts as half a fact. It is told by the share, in percent, of the word that moved it most.
WITH counted AS (
    SELECT entity, 'currencies' AS what, currency AS word, back = 0 AS now, facts FROM window_facts
    UNION ALL
    SELECT entity, 'statuses', status, back = 0, facts FROM window_facts WHERE entity = 'payments'
), words AS (
    SELECT entity, what, word, coalesce(sum(facts) FILTER (WHERE now), 0) AS here_facts,
        coalesce(sum(facts) FILTER (WHERE NOT now), 0) AS before_facts,
        nullif(sum(coalesce(sum(facts) FILTER (WHERE now), 0)) OVER whole, 0) AS here_all,
        nullif(sum(coalesce(sum(facts) FILTER (WHERE NOT now), 0)) OVER whole, 0) AS before_all
    FROM counted GROUP BY entity, what, word WINDOW whole AS (PARTITION BY entity, what)
), shares AS (
    SELECT *, greatest(0.001, 0.5 / least(here_all, before_all), here_facts / here_all) AS here,
        greatest(0.001, 0.5 / least(here_all, before_all), before_facts / before_all) AS before
    FROM words
), moved AS (
    SELECT *, (here - before) * ln(here / before) AS index, row_number() OVER (
            PARTITION BY entity, what ORDER BY (here - before) * ln(here / before) DESC, word COLLATE "C"
        ) AS place
    FROM shares
), summed AS (
    SELECT entity, what, min(word) FILTER (WHERE place = 1) AS word, sum(index) AS index,
        round(100 * min(here_facts / here_all) FILTER (WHERE place = 1), 1) AS percent,
        round(100 * min(before_facts / before_all) FILTER (WHERE place = 1), 1) AS percent_before,
        least(coalesce(min(here_all), 0), coalesce(min(before_all), 0)) AS facts,
        (1 / min(here_all) + 1 / min(before_all))
            * (count(*) - 1 + %(chance_sigmas)s * sqrt(2 * (count(*) - 1))) AS chance
    FROM moved GROUP BY entity, what
)
INSERT INTO recon.quality_measures
SELECT %(run_id)s, 'mix',
    entity || ', ' || what || coalesce(', percent of ' || nullif(word, ''), ', percent of none'),
    coalesce(percent, 0), coalesce(percent_before, 0),
    CASE WHEN facts >= %(least_rows)s THEN CASE WHEN index > chance THEN 100 * index ELSE 0 END END
FROM summed;

-- name: measure_blanks
-- By how many percentage points the share of rows that do not say whom or what they belong to differs; by none where that
-- is no more than chance makes of so few.
WITH counted AS (
    SELECT entity, coalesce(sum(blanks) FILTER (WHERE back = 0), 0) AS here_blanks,
        sum(facts) FILTER (WHERE back = 0) AS here_facts,
        coalesce(sum(blanks) FILTER (WHERE back > 0), 0) AS before_blanks,
        sum(facts) FILTER (WHERE back > 0) AS before_facts,
        sum(blanks) / sum(facts) AS share
    FROM window_facts GROUP BY entity
), shares AS (
    SELECT entity, 100.0 * here_blanks / here_facts AS here, 100.0 * before_blanks / before_facts AS before,
        least(here_facts, before_facts) AS facts,
        100 * sqrt(share * (1 - share) * (1 / here_facts + 1 / before_facts)) AS chance
    FROM counted WHERE here_facts > 0 AND before_facts > 0
)
INSERT INTO recon.quality_measures
SELECT %(run_id)s, 'blanks', entity, round(here, 1), round(before, 1), CASE WHEN facts >= %(least_rows)s
    THEN CASE WHEN abs(here - before) > %(chance_sigmas)s * chance THEN here - before ELSE 0 END END
FROM shares;

-- name: create_settled_lines
-- What the run posted between platform and bank. A run that was just stored is unknown to the planner, which would look through
-- all of it for every line.
CREATE TEMP TABLE settled_lines ON COMMIT DROP AS
SELECT side_a_type, side_a_id, side_b_type, side_b_id, currency, amount_minor, residual_minor FROM recon.matches
WHERE run_id = %(run_id)s AND recon = 'R4' AND state = 'posted';

-- name: analyse_settled_lines
ANALYZE settled_lines;

-- name: measure_payouts
-- What was paid out by currency and day, in major units, against what the bank's lines that settle it came to by the
-- bank's own amounts; only where the bank was read, and only once the money had time to arrive. A line that settles several
-- payouts counts once, with what it has more or less at the first of them; one in another currency by what it is worth.
-- Lines that name a payout, or come from whom only payouts come from, and settle none stand under a heading of their own.
WITH settling AS (
    SELECT side_a_id AS payout_id, side_b_id AS line_id, currency, amount_minor + residual_minor AS minor,
        row_number() OVER (PARTITION BY side_b_id ORDER BY side_a_id) = 1 AS first,
        sum(amount_minor + residual_minor) OVER (PARTITION BY side_b_id) AS line_minor
    FROM settled_lines WHERE side_a_type = 'payout' AND side_b_type = 'bank_line'
), banked AS (
    SELECT payout_id, sum(CASE
        WHEN line.currency <> settling.currency THEN minor
        WHEN first THEN minor + line.amount_minor - line_minor ELSE minor END) AS minor
    FROM settling JOIN seen.bank_lines AS line ON line.native_id = line_id
    GROUP BY payout_id
), days AS (
    SELECT currency, arrival_date::text AS day, count(*) AS payouts, sum(net_minor) AS paid, count(minor) AS arrived,
        coalesce(sum(minor), 0) AS banked
    FROM seen.payouts LEFT JOIN banked ON payout_id = native_id
    WHERE coalesce(state, 'PAID') = 'PAID' AND net_minor <> 0
        AND arrival_date > %(as_of)s::date - %(window_days)s::int AND arrival_date <= %(arrived_by)s
        AND EXISTS (SELECT FROM seen.bank_lines)
    GROUP BY currency, arrival_date
), texts AS MATERIALIZED (  -- a text is read once, however often a bank says it
    SELECT payer_text, payer_head, payer_key, bool_or(side_a_type = 'payout') AS of_payouts, bool_or(side_a_type <> 'payout') AS of_others
    FROM seen.bank_lines JOIN settled_lines ON side_b_id = native_id
    WHERE payer_text IS NOT NULL
    GROUP BY payer_text, payer_head, payer_key
), payers AS MATERIALIZED (
    SELECT compared AS payer_key
    FROM texts, LATERAL (SELECT recon.payer_key(payer_text, payer_head, payer_key)) AS said (compared)
    WHERE compared <> ''
    GROUP BY compared HAVING bool_or(of_payouts) AND NOT bool_or(of_others)
), named AS MATERIALIZED (
    SELECT recon.text_key(native_id) AS payout_key FROM seen.payouts
    WHERE arrival_date > %(as_of)s::date - 2 * %(window_days)s::int AND length(recon.text_key(native_id)) >= 6
), unsettled AS MATERIALIZED (
    SELECT currency, value_date, amount_minor, recon.text_key(reference) AS reference_key,
        recon.payer_key(payer_text, payer_head, payer_key) AS payer_key
    FROM seen.bank_lines
    WHERE value_date > %(as_of)s::date - %(window_days)s::int AND value_date <= %(as_of)s AND amount_minor > 0
        AND NOT EXISTS (SELECT FROM settled_lines WHERE side_b_id = native_id)
), strangers AS (
    SELECT currency, value_date || ', like a payout and none' AS day, 0, 0, count(*), sum(amount_minor)
    FROM unsettled
    WHERE payer_key IN (SELECT payer_key FROM payers)
        OR EXISTS (SELECT FROM named WHERE strpos(reference_key, payout_key) > 0)
    GROUP BY currency, value_date
), both_sides AS (
    SELECT * FROM days UNION ALL SELECT * FROM strangers
)
INSERT INTO recon.quality_measures
SELECT %(run_id)s, 'payouts, sum', currency || ' ' || day, banked / minor_per_major, paid / minor_per_major,
    (banked - paid) / minor_per_major
FROM both_sides JOIN canonical.currencies USING (currency)
UNION ALL
SELECT %(run_id)s, 'payouts, count', currency || ' ' || day, arrived, payouts, arrived - payouts FROM both_sides;

-- name: create_mirrored
CREATE TEMP TABLE mirrored (invoice_id text COLLATE "C", currency text, gross numeric) ON COMMIT DROP;

-- name: measure_mirrored
-- Invoices by currency and day of issue, in major units: those Salesforce holds, against the ERP's that should be there:
-- whatever we ever meant to tell it, what belongs to a deal it won, and what it holds. What the ERP does not have, of no
-- day, stands under its own heading, an invoice that it had and has no more among it; what it has of other days is left
-- out, and so is what it has by now, though the run does not see it yet.
WITH ours AS (
    SELECT native_id, invoices.currency::text, issue_date, order_id, gross_minor / minor_per_major AS gross,
        coalesce(state, 'OPEN') NOT IN ('DRAFT', 'VOID') AS issued
    FROM seen.invoices JOIN canonical.currencies ON currencies.currency = invoices.currency
    WHERE issue_date > %(as_of)s::date - %(window_days)s::int
), told AS (
    SELECT DISTINCT substr(subject, length('invoices/') + 1) COLLATE "C" AS invoice_id FROM delivery.outbox
    WHERE target = 'salesforce' AND kind = 'invoice_status' AND subject LIKE 'invoices/%%'
), won AS MATERIALIZED (
    -- Once for all: most invoices of an ERP may be of no deal, and each would look through them all.
    SELECT DISTINCT order_id
    FROM seen.placed JOIN seen.opportunities AS deal ON deal.native_id = opportunity_id
    WHERE deal.is_won
), sides AS (
    SELECT currency, issue_date::text AS day, 0 AS held, 0 AS held_gross, 1 AS owed, gross AS owed_gross FROM ours
    WHERE EXISTS (SELECT FROM mirrored WHERE mirrored.invoice_id = native_id)
        OR issued AND EXISTS (SELECT FROM told WHERE told.invoice_id = native_id)
        OR issued AND EXISTS (SELECT FROM won WHERE won.order_id = ours.order_id)
    UNION ALL
    SELECT mirrored.currency, coalesce(issue_date::text, 'unknown to the ERP'), 1, mirrored.gross, 0, 0
    FROM mirrored LEFT JOIN ours ON ours.native_id = invoice_id
    WHERE ours.native_id IS NOT NULL
        OR NOT EXISTS (
            SELECT FROM canonical.invoices AS known
            WHERE known.native_id = invoice_id
                AND (superseded_in IS NULL OR superseded_in > (SELECT current_setting('tieout.batch')::bigint))
        )
), days AS (
    SELECT currency || ' ' || day AS part, sum(held) AS held, sum(held_gross) AS held_gross, sum(owed) AS owed,
        sum(owed_gross) AS owed_gross
    FROM sides GROUP BY currency, day
)
INSERT INTO recon.quality_measures
SELECT %(run_id)s, 'invoices, sum', part, held_gross, owed_gross, held_gross - owed_gross FROM days
UNION ALL
SELECT %(run_id)s, 'invoices, count', part, held, owed, held - owed FROM days;

-- name: measures_judged
-- Of every measure, the parts of which anything could be told.
SELECT measure, count(deviation) AS judged FROM recon.quality_measures WHERE run_id = %(run_id)s GROUP BY measure;

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
-- One line a day, the newest days first: the newest checked run of it. Only of these the verdicts are counted.
WITH newest AS (
    SELECT DISTINCT ON (as_of) as_of, run_id, state FROM recon.runs
    WHERE (%(as_of)s::date IS NULL OR as_of = %(as_of)s)
        AND EXISTS (SELECT FROM recon.quality_checks WHERE quality_checks.run_id = runs.run_id)
    ORDER BY as_of DESC, computed_at DESC LIMIT %(limit)s
)
SELECT as_of, run_id, state, checked_at, checking_s, rendering_s, not_held, pass, warn, fail, unjudged
FROM newest JOIN recon.quality_checks USING (run_id) CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE verdict = 'pass') AS pass, count(*) FILTER (WHERE verdict = 'warn') AS warn,
        count(*) FILTER (WHERE verdict = 'fail') AS fail, count(*) FILTER (WHERE verdict = 'unjudged') AS unjudged
    FROM recon.quality_results AS found WHERE found.run_id = newest.run_id
) AS counted
ORDER BY as_of DESC;

-- name: quality_page
SELECT body FROM recon.quality_pages WHERE run_id = %(run_id)s AND path = %(path)s;

-- name: quality_paths
SELECT path FROM recon.quality_pages WHERE run_id = %(run_id)s ORDER BY path;
