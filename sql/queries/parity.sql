-- Parity: both paths' answers of a day, one join that finds what differs, and the facts that explain it.
--
-- Ours are read through the views of schema `seen`, pointed at the snapshot of the day's run; nothing outside schema
-- `parity` is written.

-- name: parity_alone
-- Whoever judges or signs waits until nothing is being compared.
SELECT pg_advisory_xact_lock(hashtext('parity'));

-- name: parity_day_alone
-- Days beside each other, one comparison of a day at a time: its editions are counted.
SELECT pg_advisory_xact_lock_shared(hashtext('parity')),
    pg_advisory_xact_lock(hashtext('parity day'), %(day)s::date - DATE '2000-01-01');

-- name: parity_planning
-- Few rows differ, which the planner cannot know: what it thinks they cost to pass on must not keep it from sharing the
-- join among workers.
SELECT set_config('parallel_tuple_cost', '0', true), set_config('work_mem', '256MB', true);

-- name: parity_editions
SELECT day, edition, run_id, ours_sha256, theirs_sha256, certificate_sha256, rules_sha256, code_sha256, verdict_sha256
FROM parity.days WHERE day = %(day)s ORDER BY edition DESC;

-- name: answer_our_orders
INSERT INTO parity.answers_ours (path, day, edition, kind, key, seq, amount_minor, currency, on_date, status, text)
SELECT 'ours', %(day)s, %(edition)s, 'orders', link.side_a_id,
    row_number() OVER (PARTITION BY link.side_a_id ORDER BY ordered.native_id), ordered.amount_minor, ordered.currency,
    ordered.order_date, ordered.state, parity.normalised(ordered.number)
FROM recon.matches AS link JOIN seen.orders AS ordered ON ordered.native_id = link.side_b_id
WHERE link.run_id = %(run_id)s AND link.recon = 'R2' AND link.side_a_type = 'opportunity' AND link.state = 'posted';

-- name: answer_our_invoices
INSERT INTO parity.answers_ours (
    path, day, edition, kind, key, seq, amount_minor, tax_minor, currency, on_date, due_date
)
SELECT 'ours', %(day)s, %(edition)s, 'invoices', number, row_number() OVER (PARTITION BY number ORDER BY native_id),
    gross_minor, tax_minor, currency, issue_date, due_date
FROM seen.invoices WHERE coalesce(state, '') NOT IN ('DRAFT', 'VOID');

-- name: answer_our_statuses
-- What the ERP says counts only of what no payment settles; everything else follows from what we applied.
INSERT INTO parity.answers_ours (path, day, edition, kind, key, seq, on_date, status, at)
SELECT 'ours', %(day)s, %(edition)s, 'statuses', number, row_number() OVER (PARTITION BY number ORDER BY native_id),
    paid_on,
    CASE
        WHEN state IN ('VOID', 'CREDITED', 'WRITTEN_OFF') THEN state
        WHEN owed.open_minor IS NULL THEN 'PAID'
        WHEN owed.open_minor < gross_minor THEN 'PARTIALLY_PAID'
        ELSE 'OPEN'
    END,
    paid.at
FROM seen.invoices AS invoice
LEFT JOIN recon.open_invoices AS owed ON owed.run_id = %(run_id)s AND owed.invoice_id = invoice.native_id
LEFT JOIN (
    SELECT DISTINCT ON (match.side_b_id) match.side_b_id AS invoice_id, payment.paid_on, success.at
    FROM recon.matches AS match
    JOIN seen.payments AS payment ON payment.native_id = match.side_a_id
    LEFT JOIN (
        SELECT payment_id, max(occurred_at) AS at FROM seen.attempts
        WHERE outcome IN ('succeeded', 'success') GROUP BY payment_id
    ) AS success ON success.payment_id = match.side_a_id
    WHERE match.run_id = %(run_id)s AND match.recon = 'R3' AND match.side_a_type = 'payment'
        AND match.side_b_type = 'invoice' AND match.state = 'posted'
    ORDER BY match.side_b_id, payment.paid_on DESC, match.side_a_id DESC
) AS paid ON paid.invoice_id = invoice.native_id
WHERE coalesce(state, '') <> 'DRAFT';

-- name: answer_our_arr
-- What recurs is known where it is not sure whose deal it was, too.
INSERT INTO parity.answers_ours (path, day, edition, kind, key, seq, amount_minor, currency)
SELECT DISTINCT ON (side_a_id) 'ours', %(day)s::date, %(edition)s::integer, 'arr', side_a_id, 1, amount_minor, currency
FROM recon.matches WHERE run_id = %(run_id)s AND recon = 'R5' ORDER BY side_a_id, state, side_b_id;

-- name: answer_our_matches
INSERT INTO parity.answers_ours (path, day, edition, kind, key, seq, amount_minor, currency, text)
SELECT 'ours', %(day)s, %(edition)s, 'matches', match.side_a_id, 1, sum(match.amount_minor), min(match.currency),
    string_agg(DISTINCT parity.normalised(invoice.number), ' ' ORDER BY parity.normalised(invoice.number))
FROM recon.matches AS match JOIN seen.invoices AS invoice ON invoice.native_id = match.side_b_id
WHERE match.run_id = %(run_id)s AND match.recon = 'R3' AND match.side_a_type = 'payment'
    AND match.side_b_type = 'invoice' AND match.state = 'posted'
GROUP BY match.side_a_id;

-- name: create_told_rows
CREATE TEMP TABLE told_rows (
    line bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    amount_minor bigint,
    tax_minor bigint,
    currency text COLLATE "C",
    on_date date,
    due_date date,
    status text COLLATE "C",
    text text COLLATE "C",
    at timestamptz
) ON COMMIT DROP;

-- name: create_bad_rows
CREATE TEMP TABLE bad_rows (
    place text NOT NULL,
    kind text COLLATE "C" NOT NULL,
    key text COLLATE "C",
    column_name text NOT NULL,
    reason text NOT NULL
) ON COMMIT DROP;

-- name: answer_theirs
-- Several rows of one key are numbered by when they were written, and else as they came.
INSERT INTO parity.answers_theirs (
    path, day, edition, kind, key, seq, amount_minor, tax_minor, currency, on_date, due_date, status, text, at
)
SELECT 'theirs', %(day)s, %(edition)s, kind, key, row_number() OVER (PARTITION BY kind, key ORDER BY at, line),
    amount_minor, tax_minor, currency, on_date, due_date, status, text, at
FROM told_rows;

-- name: columns_of_table
SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
WHERE attrelid = (
    SELECT to_regclass(string_agg(quote_ident(part), '.' ORDER BY place))
    FROM unnest(string_to_array(%(table)s, '.')) WITH ORDINALITY AS parts (part, place)
) AND attnum > 0 AND NOT attisdropped;

-- name: tell_from_table
-- A table of theirs has the columns of parity.answers, and `word` where status is one of their own. A match names its
-- invoices in any order, as in their files. No table has an order: equal rows of a key are numbered by what they say.
INSERT INTO told_rows
SELECT row_number() OVER (ORDER BY kind, key, at, amount_minor, tax_minor, currency, on_date, due_date, word, text),
    kind, btrim(key), amount_minor, tax_minor, currency, on_date, due_date,
    CASE WHEN btrim(word) <> '' THEN coalesce(known.status, '?' || lower(btrim(word))) END,
    CASE WHEN kind = 'matches' THEN (
        SELECT string_agg(DISTINCT number COLLATE "C", ' ' ORDER BY number COLLATE "C")
        FROM unnest(string_to_array(nullif(parity.normalised(text), ''), ' ')) AS number
    ) ELSE nullif(parity.normalised(text), '') END, at
FROM {table} AS told
LEFT JOIN unnest(%(kinds)s::text[], %(words)s::text[], %(statuses)s::text[]) AS known (known_kind, known_word, status)
    ON known_kind = kind AND known_word = lower(btrim(word))
WHERE day = %(day)s AND kind = ANY (%(all_kinds)s::text[]) AND btrim(key) <> '' AND length(key) <= %(key_max)s
    AND (currency = ANY (%(currencies)s::text[]) OR currency IS NULL AND num_nonnulls(amount_minor, tax_minor) = 0)
    AND coalesce(least(on_date, due_date, at::date) > '0001-01-01' AND greatest(on_date, due_date, at::date) < '9999-12-31', true);

-- name: set_bad_rows_aside
-- A row that says no day is put aside on every day, as of a file.
INSERT INTO bad_rows
SELECT %(place)s || ', row ' || row_number() OVER (ORDER BY kind, key, currency, amount_minor, at), coalesce(kind, ''), key,
    CASE WHEN day IS NULL THEN 'day'
        WHEN kind IS NULL OR NOT kind = ANY (%(all_kinds)s::text[]) THEN 'kind'
        WHEN coalesce(btrim(key), '') = '' OR length(key) > %(key_max)s THEN 'key'
        WHEN currency = ANY (%(currencies)s::text[]) OR currency IS NULL AND num_nonnulls(amount_minor, tax_minor) = 0
            THEN 'date' ELSE 'currency' END,
    'it is missing, or none that we know'
FROM {table}
WHERE day IS NULL OR day = %(day)s AND NOT coalesce(
    kind = ANY (%(all_kinds)s::text[]) AND btrim(key) <> '' AND length(key) <= %(key_max)s
    AND (currency = ANY (%(currencies)s::text[]) OR currency IS NULL AND num_nonnulls(amount_minor, tax_minor) = 0)
    AND coalesce(least(on_date, due_date, at::date) > '0001-01-01' AND greatest(on_date, due_date, at::date) < '9999-12-31', true),
    false
);

-- name: keep_bad_rows
INSERT INTO parity.quarantine SELECT %(day)s, %(edition)s, place, kind, key, column_name, reason FROM bad_rows;

-- name: bad_rows
SELECT place, kind, key, column_name, reason FROM bad_rows ORDER BY place;

-- name: analyse_answers
-- Whoever compares another day at this moment has done it; waiting for its end would put the days behind each other.
ANALYZE (SKIP_LOCKED) parity.answers_ours, parity.answers_theirs;

-- name: hash_answers
-- The hash of hashes, bucket by bucket: no text is longer than a 256th of the day.
SELECT coalesce(sum(rows), 0)::bigint AS rows,
    encode(sha256(convert_to(coalesce(string_agg(part, '' ORDER BY bucket), ''), 'UTF8')), 'hex') AS sha256
FROM (
    SELECT left(digest, 2) AS bucket, count(*) AS rows,
        encode(sha256(convert_to(string_agg(digest, '' ORDER BY digest), 'UTF8')), 'hex') AS part
    FROM (
        SELECT encode(sha256(convert_to(ROW(
            kind, key, seq, amount_minor, tax_minor, currency, on_date, due_date, status, text, at
        )::text, 'UTF8')), 'hex') COLLATE "C" AS digest
        FROM parity.answers WHERE path = %(path)s AND day = %(day)s AND edition = %(edition)s
    ) AS digests GROUP BY left(digest, 2)
) AS parts;

-- name: keep_parity_totals
INSERT INTO parity.totals
SELECT %(day)s, %(edition)s, kind, currency, count(*) FILTER (WHERE path = 'ours'),
    count(*) FILTER (WHERE path = 'theirs'), coalesce(sum(amount_minor) FILTER (WHERE path = 'ours'), 0),
    coalesce(sum(amount_minor) FILTER (WHERE path = 'theirs'), 0)
FROM parity.answers WHERE day = %(day)s AND edition = %(edition)s AND currency IS NOT NULL
GROUP BY kind, currency;

-- name: parity_totals
SELECT kind, currency, ours_count, theirs_count, ours_minor, theirs_minor FROM parity.totals
WHERE day = %(day)s AND edition = %(edition)s ORDER BY kind, currency;

-- name: count_doubled
SELECT count(*) AS doubled FROM parity.answers_ours
WHERE day = %(day)s AND edition = %(edition)s AND seq > 1 AND kind IN ('orders', 'invoices');

-- name: differing_answers
-- The one join. A row comes out of it only when something differs.
SELECT kind, key, seq, ours.seq IS NOT NULL AS in_ours, theirs.seq IS NOT NULL AS in_theirs,
    ours.amount_minor AS ours_amount_minor, ours.tax_minor AS ours_tax_minor, ours.currency AS ours_currency,
    ours.on_date AS ours_on_date, ours.due_date AS ours_due_date, ours.status AS ours_status, ours.text AS ours_text,
    ours.at AS ours_at, theirs.amount_minor AS theirs_amount_minor, theirs.tax_minor AS theirs_tax_minor,
    theirs.currency AS theirs_currency, theirs.on_date AS theirs_on_date, theirs.due_date AS theirs_due_date,
    theirs.status AS theirs_status, theirs.text AS theirs_text, theirs.at AS theirs_at
FROM (SELECT * FROM parity.answers_ours WHERE day = %(day)s AND edition = %(edition)s) AS ours
FULL OUTER JOIN (SELECT * FROM parity.answers_theirs WHERE day = %(day)s AND edition = %(edition)s) AS theirs
    USING (kind, key, seq)
WHERE ours.seq IS NULL OR theirs.seq IS NULL OR ours.amount_minor IS DISTINCT FROM theirs.amount_minor
    OR ours.tax_minor IS DISTINCT FROM theirs.tax_minor OR ours.currency IS DISTINCT FROM theirs.currency
    OR ours.on_date IS DISTINCT FROM theirs.on_date OR ours.due_date IS DISTINCT FROM theirs.due_date
    OR ours.status IS DISTINCT FROM theirs.status OR ours.text IS DISTINCT FROM theirs.text;

-- name: keep_parity_day
INSERT INTO parity.days (
    day, edition, run_id, source, ours_count, theirs_count, quarantined_count, read_count, pairs_count, doubled_count,
    differences_count, ours_sha256, theirs_sha256, certificate_sha256, rules_sha256, code_sha256, verdict_sha256, excused
) VALUES (
    %(day)s, %(edition)s, %(run_id)s, %(source)s, %(ours_count)s, %(theirs_count)s, %(quarantined_count)s,
    %(read_count)s, %(pairs_count)s, %(doubled_count)s, %(differences_count)s, %(ours_sha256)s, %(theirs_sha256)s,
    %(certificate_sha256)s, %(rules_sha256)s, %(code_sha256)s, %(verdict_sha256)s, %(excused)s
);

-- name: keep_parity_kinds
INSERT INTO parity.kinds
SELECT %(day)s, %(edition)s, kind, ours_count, theirs_count, ours_count - (
    SELECT count(*) FROM parity.differences AS lone
    WHERE lone.day = %(day)s AND lone.edition = %(edition)s AND lone.kind = told.kind AND field = 'key'
        AND lone.theirs IS NULL
)
FROM (
    SELECT kind, count(*) FILTER (WHERE path = 'ours') AS ours_count,
        count(*) FILTER (WHERE path = 'theirs') AS theirs_count
    FROM parity.answers WHERE day = %(day)s AND edition = %(edition)s GROUP BY kind
) AS told;

-- name: keep_rerun
INSERT INTO parity.reruns (day, edition, same) VALUES (%(day)s, %(edition)s, %(same)s);

-- name: parity_newest_editions
-- The newest edition of each day, with how its comparisons since went.
SELECT days.day, days.edition, verdict_sha256, quarantined_count, doubled_count, count(rerun_no) AS reruns, count(rerun_no) FILTER (WHERE same) AS reruns_same
FROM (
    SELECT DISTINCT ON (day) * FROM parity.days WHERE day BETWEEN %(first_day)s AND %(last_day)s
    ORDER BY day, edition DESC
) AS days
LEFT JOIN parity.reruns ON reruns.day = days.day AND reruns.edition = days.edition
GROUP BY days.day, days.edition, verdict_sha256, quarantined_count, doubled_count
ORDER BY days.day;

-- name: parity_kinds
SELECT kinds.day, kind, ours_count AS ours, theirs_count AS theirs, pairs_count AS pairs
FROM parity.kinds JOIN (
    SELECT day, max(edition) AS edition FROM parity.days WHERE day BETWEEN %(first_day)s AND %(last_day)s GROUP BY day
) AS newest USING (day, edition)
ORDER BY day, kind;

-- name: parity_tallies
-- Where the currency differs, each path's amount is told in its own, and the amounts are not set against each other.
WITH newest AS (
    SELECT day, max(edition) AS edition FROM parity.days WHERE day BETWEEN %(first_day)s AND %(last_day)s GROUP BY day
), listed AS (
    SELECT difference.day, kind, field, ours, theirs, class, cause, currency, coalesce(ours_minor, 0)::numeric AS ours_minor,
        coalesce(theirs_minor, 0)::numeric AS theirs_minor,
        parity.accepted_in(%(entries)s::bigint[], difference) IS NOT NULL AS accepted,
        bool_or(field = 'currency' AND num_nonnulls(ours_minor, theirs_minor) > 0) OVER (
            PARTITION BY difference.day, kind, key, seq
        ) AS in_two_currencies
    FROM newest JOIN parity.differences AS difference USING (day, edition)
)
SELECT day, kind, field, CASE WHEN field = 'key' THEN CASE WHEN ours IS NULL THEN 'theirs' ELSE 'ours' END END AS side,
    class AS kind_of, cause, accepted, count(*) FILTER (WHERE counts) AS count, told.currency,
    sum(delta_minor) AS delta_minor
FROM listed CROSS JOIN LATERAL (
    SELECT true AS counts, listed.currency,
        CASE WHEN in_two_currencies AND field = 'amount' THEN 0 ELSE ours_minor - theirs_minor END AS delta_minor
    WHERE field <> 'currency'
    UNION ALL
    SELECT true, ours, ours_minor WHERE field = 'currency'
    UNION ALL
    SELECT false, theirs, -theirs_minor WHERE field = 'currency'
) AS told
GROUP BY 1, 2, 3, 4, 5, 6, 7, told.currency
ORDER BY 1, 2, 3, 4, 5, 6, 7, told.currency;

-- name: parity_totals_apart
SELECT totals.day, kind, currency, ours_minor - theirs_minor AS apart
FROM parity.totals JOIN (
    SELECT day, max(edition) AS edition FROM parity.days WHERE day BETWEEN %(first_day)s AND %(last_day)s GROUP BY day
) AS newest USING (day, edition)
ORDER BY day, kind, currency;

-- name: parity_latencies
-- Seconds at the 95th percentile of what ours wrote on a day: a payment's status from decided to confirmed; an invoice from
-- its deal seen won to confirmed; each of what was decided or won since ours writes it: before, it waited on purpose. And tasks said twice within a day,
-- word for word. NULL where nothing of it happened.
WITH won AS (
    SELECT opportunity_id, min(looked_at) AS at FROM delivery.deal_states WHERE is_won GROUP BY opportunity_id
), billed AS (
    SELECT body ->> 'opportunity_id' AS opportunity_id, finished_at AS at FROM delivery.outbox
    WHERE kind = 'invoice' AND state = 'confirmed' AND finished_at >= %(begins)s AND finished_at < %(ends)s
        AND coalesce((body ->> 'line')::integer, 1) = 1
)
SELECT
    (
        SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - decided_at)::numeric)
        FROM delivery.outbox JOIN ops.writers ON flow = 'statuses' AND writer = 'ours' AND decided_at >= since
        WHERE kind = 'invoice_status' AND state = 'confirmed' AND decided_at >= %(begins)s AND decided_at < %(ends)s
            AND finished_at >= %(begins)s
    ) AS status_s,
    (
        SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM billed.at - won.at)::numeric)
        FROM billed JOIN won USING (opportunity_id)
        JOIN ops.writers ON flow = 'invoices' AND writer = 'ours' AND won.at >= since
    ) AS invoice_s,
    (
        SELECT count(*)::numeric FROM delivery.outbox AS task
        WHERE kind IN ('task', 'dunning') AND state = 'confirmed' AND finished_at >= %(begins)s
            AND finished_at < %(ends)s AND EXISTS (
                SELECT FROM delivery.outbox AS first
                WHERE first.target = task.target AND first.subject = task.subject AND first.kind = task.kind
                    AND first.body_sha256 = task.body_sha256 AND first.message_id < task.message_id
                    AND first.state = 'confirmed' AND first.finished_at >= task.finished_at - interval '1 day'
            )
    ) AS doubled_tasks;

-- name: parity_invoice_baseline
-- What the old path takes at the 95th percentile, in seconds: from a deal seen won, by the same clock, to when it wrote its
-- first invoice, on the days it answered about.
WITH won AS (
    SELECT opportunity_id, min(looked_at) AS at FROM delivery.deal_states WHERE is_won GROUP BY opportunity_id
), newest AS (
    SELECT DISTINCT ON (day) day, edition, batch_through FROM parity.days JOIN recon.runs USING (run_id)
    WHERE day BETWEEN %(first_day)s AND %(last_day)s ORDER BY day, edition DESC
), billed AS (
    SELECT ordered.opportunity_id, min(answer.at) AS at
    FROM newest
    JOIN parity.answers_theirs AS answer ON answer.day = newest.day AND answer.edition = newest.edition
        AND kind = 'invoices' AND on_date = answer.day
    JOIN canonical.invoices AS invoice ON invoice.number = answer.key AND invoice.recorded_in <= batch_through
        AND (invoice.superseded_in IS NULL OR invoice.superseded_in > batch_through)
    JOIN canonical.orders AS ordered ON ordered.native_id = invoice.order_id AND ordered.recorded_in <= batch_through
        AND (ordered.superseded_in IS NULL OR ordered.superseded_in > batch_through)
    GROUP BY ordered.opportunity_id
)
SELECT percentile_disc(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM billed.at - won.at)::numeric) AS invoice_s
FROM billed JOIN won USING (opportunity_id) WHERE billed.at > won.at;

-- name: parity_register
-- Newest first; how many differences of the newest editions each entry lets stay.
SELECT accepted_no, entry.kind, entry.field, entry.class, entry.cause, entry.key, owner, reason, maker, made_on,
    expires_on, checker, approved_at, ended_by, ended_at
FROM parity.accepted_differences AS entry ORDER BY accepted_no DESC;

-- name: parity_register_of_days
-- The entries that let a difference of some days stay, each on days before its end.
SELECT accepted_no, kind, field, class, cause, key, owner, reason, maker, checker, expires_on
FROM parity.accepted_differences AS entry
WHERE approved_at IS NOT NULL AND ended_at IS NULL AND EXISTS (
    SELECT FROM parity.differences AS difference JOIN (
        SELECT day, max(edition) AS edition FROM parity.days
        WHERE day BETWEEN %(first_day)s AND %(last_day)s GROUP BY day
    ) AS newest USING (day, edition)
    WHERE parity.accepted_in(ARRAY[entry.accepted_no], difference) = entry.accepted_no
)
ORDER BY accepted_no;

-- name: parity_window_register
-- What was in force when the window was judged.
SELECT accepted_no, kind, field, class, cause, key, owner, reason, maker, checker, expires_on
FROM parity.windows JOIN parity.accepted_differences ON accepted_no = ANY (accepted)
WHERE window_no = %(window_no)s ORDER BY accepted_no;

-- name: parity_today
SELECT (clock_timestamp() AT TIME ZONE %(zone)s)::date AS today;

-- name: parity_any_such
SELECT 1 AS found FROM parity.differences
WHERE kind = %(kind)s AND field = %(field)s AND class = %(kind_of)s AND cause = %(cause)s
    AND (%(key)s::text IS NULL OR key = %(key)s) LIMIT 1;

-- name: parity_accepted_already
SELECT accepted_no, expires_on FROM parity.accepted_differences
WHERE kind = %(kind)s AND field = %(field)s AND class = %(kind_of)s AND cause = %(cause)s
    AND key IS NOT DISTINCT FROM %(key)s::text AND ended_at IS NULL;

-- name: propose_accepted
-- Nothing where somebody proposes the same at this moment, who is waited for.
INSERT INTO parity.accepted_differences (kind, field, class, cause, key, owner, reason, maker, made_on, expires_on)
VALUES (
    %(kind)s, %(field)s, %(kind_of)s, %(cause)s, %(key)s, %(owner)s, %(reason)s, %(maker)s, %(made_on)s, %(expires_on)s
)
ON CONFLICT (kind, field, class, cause, coalesce(key, '')) WHERE ended_at IS NULL DO NOTHING
RETURNING accepted_no;

-- name: claim_accepted
-- Whoever else wants to act on the entry waits here, and then sees what became of it.
SELECT maker, checker, ended_at, ended_by FROM parity.accepted_differences WHERE accepted_no = %(accepted_no)s FOR UPDATE;

-- name: approve_accepted
UPDATE parity.accepted_differences SET checker = %(checker)s, approved_at = clock_timestamp()
WHERE accepted_no = %(accepted_no)s AND checker IS NULL AND ended_at IS NULL;

-- name: end_accepted
UPDATE parity.accepted_differences SET ended_by = %(person)s, ended_at = clock_timestamp()
WHERE accepted_no = %(accepted_no)s AND ended_at IS NULL;

-- name: note_drill
INSERT INTO parity.drills (drill, day, person, found) VALUES (%(drill)s, %(day)s, %(person)s, %(found)s);

-- name: parity_drills
SELECT drill, day, person, found FROM parity.drills WHERE day BETWEEN %(first_day)s AND %(last_day)s ORDER BY drill_no;

-- name: parity_window_drills
-- Those that were noted when the window was judged.
SELECT drill, day, person, found FROM parity.windows JOIN parity.drills ON day BETWEEN first_day AND last_day
WHERE window_no = %(window_no)s AND noted_at <= opened_at ORDER BY drill_no;

-- name: parity_window_of
SELECT window_no FROM parity.windows WHERE content_sha256 = %(content_sha256)s;

-- name: open_parity_window
INSERT INTO parity.windows (
    first_day, last_day, days_needed, judged_needed, excused, drills, accepted, rules_sha256, content_sha256
) VALUES (
    %(first_day)s, %(last_day)s, %(days_needed)s, %(judged_needed)s, %(excused)s, %(drills)s, %(accepted)s,
    %(rules_sha256)s, %(content_sha256)s
) RETURNING window_no;

-- name: parity_window
SELECT window_no, first_day, last_day, excused, rules_sha256, content_sha256 FROM parity.windows WHERE window_no = %(window_no)s;

-- name: parity_newest_window
-- Of the days up to one, else up to the last one judged: what most have signed (`begun`: how many), as long as nothing is in
-- its way, though it was judged again since with more re-runs, entries or drills; else what was judged last.
SELECT window_no, CASE WHEN signatures > 0 AND NOT EXISTS (SELECT FROM parity.obstacles(window_no)) THEN signatures ELSE 0 END AS begun
FROM parity.windows CROSS JOIN LATERAL (
    SELECT count(*) AS signatures FROM parity.sign_offs WHERE sign_offs.window_no = windows.window_no
) AS signed
WHERE last_day = coalesce(%(last)s::date, (SELECT max(last_day) FROM parity.windows))
ORDER BY begun DESC, window_no DESC LIMIT 1;

-- name: parity_windows_begun
-- Signed by some and not by all, the latest first; none that somebody declined to sign, nor of before anybody went back.
SELECT window_no FROM parity.windows JOIN parity.sign_offs USING (window_no)
WHERE NOT EXISTS (
    SELECT FROM parity.sign_asks AS asked WHERE asked.window_no = windows.window_no AND outcome = 'declined'
)
GROUP BY window_no, last_day HAVING count(*) < 3 AND min(signed_at) > ops.went_back() ORDER BY last_day DESC, window_no DESC LIMIT 5;

-- name: parity_window_days
SELECT days.day, days.edition, judged, verdict_sha256, ours_count, theirs_count, quarantined_count,
    differences_count AS differences, source,
    doubled_count, (
        SELECT count(*) FROM parity.differences AS difference
        WHERE difference.day = days.day AND difference.edition = days.edition AND EXISTS (
            SELECT FROM parity.accepted_differences AS entry
            WHERE entry.accepted_no = ANY (win.accepted) AND entry.kind = difference.kind
                AND entry.field = difference.field AND entry.class = difference.class AND entry.cause = difference.cause
                AND (entry.key IS NULL OR entry.key = difference.key) AND difference.day <= entry.expires_on
        )
    ) AS accepted
FROM parity.windows AS win JOIN parity.window_days AS days USING (window_no)
JOIN parity.days AS compared USING (day, edition)
WHERE window_no = %(window_no)s ORDER BY day;

-- name: parity_window_kinds
SELECT day, edition, kind, ours_count, theirs_count, pairs_count
FROM parity.window_days JOIN parity.kinds USING (day, edition)
WHERE window_no = %(window_no)s ORDER BY day, kind;

-- name: parity_window_totals
SELECT day, edition, kind, currency, ours_count, theirs_count, ours_minor, theirs_minor
FROM parity.window_days JOIN parity.totals USING (day, edition)
WHERE window_no = %(window_no)s ORDER BY day, kind, currency;

-- name: parity_window_metrics
SELECT day, metric, value, at_least, at_most, required, passes FROM parity.window_metrics
WHERE window_no = %(window_no)s ORDER BY day, metric;

-- name: parity_obstacles
SELECT obstacle FROM parity.obstacles(%(window_no)s);

-- name: parity_signatures
SELECT role, person, reason, signed_at FROM parity.sign_offs WHERE window_no = %(window_no)s ORDER BY signed_at, role;

-- name: sign_parity
INSERT INTO parity.sign_offs (window_no, role, person, reason)
VALUES (%(window_no)s, %(role)s, %(person)s, %(reason)s);

-- name: give_up_sign_asks
-- Nobody has looked for long: their run is gone.
UPDATE parity.sign_asks SET closed_at = clock_timestamp(), outcome = 'unanswered'
WHERE closed_at IS NULL AND asked_in <> %(asked_in)s AND looked_at < clock_timestamp() - %(patience)s::interval;

-- name: ask_for_signatures
-- What is asked already is left to whoever asked; who declined is not asked again about the same.
INSERT INTO parity.sign_asks (window_no, role, asked_in)
SELECT %(window_no)s, role, %(asked_in)s FROM unnest(%(roles)s::text[]) AS role
WHERE NOT EXISTS (SELECT FROM parity.sign_offs AS done WHERE done.window_no = %(window_no)s AND done.role = role.role)
    AND NOT EXISTS (
        SELECT FROM parity.sign_asks AS asked WHERE asked.window_no = %(window_no)s AND asked.role = role.role
            AND (closed_at IS NULL OR outcome = 'declined')
    )
ON CONFLICT DO NOTHING;

-- name: sign_asks_of
SELECT ask_no, window_no, role, (
    SELECT answered_by || ': ' || words FROM parity.sign_asks AS earlier
    WHERE earlier.window_no = ask.window_no AND earlier.role = ask.role AND outcome = 'refused'
    ORDER BY ask_no DESC LIMIT 1
) AS refused
FROM parity.sign_asks AS ask WHERE asked_in = %(asked_in)s AND closed_at IS NULL ORDER BY ask_no;

-- name: look_at_sign_ask
-- `waits`: nobody has signed for the role, and no day of it was compared to something else since.
UPDATE parity.sign_asks AS ask SET looked_at = clock_timestamp() WHERE ask_no = %(ask)s
RETURNING ask_no, window_no, role, closed_at IS NULL AND NOT EXISTS (
    SELECT FROM parity.sign_offs AS done WHERE done.window_no = ask.window_no AND done.role = ask.role
) AND NOT EXISTS (
    SELECT FROM parity.window_days AS days JOIN parity.days AS newer ON newer.day = days.day
    WHERE days.window_no = ask.window_no AND newer.edition > days.edition
) AS waits;

-- name: close_sign_ask
UPDATE parity.sign_asks
SET closed_at = clock_timestamp(), outcome = %(outcome)s, answered_by = %(by)s, words = %(words)s
WHERE ask_no = %(ask)s AND closed_at IS NULL;

-- name: parity_window_differences
SELECT difference.day, difference.edition, kind, key, seq, field, ours, theirs, currency, ours_minor, theirs_minor,
    class, cause, evidence, parity.accepted_in(win.accepted, difference) AS accepted_no
FROM parity.windows AS win JOIN parity.window_days USING (window_no)
JOIN parity.differences AS difference USING (day, edition)
WHERE window_no = %(window_no)s ORDER BY day, kind, key, seq, field;

-- name: parity_window_quarantine
SELECT day, edition, place, kind, key, column_name, reason
FROM parity.window_days JOIN parity.quarantine USING (day, edition)
WHERE window_no = %(window_no)s ORDER BY day, place;

-- name: parity_day
-- The edition asked for, else the newest; of the day asked for, else the last.
SELECT day, edition, run_id, source, ours_count, theirs_count, quarantined_count, pairs_count, differences_count,
    verdict_sha256, compared_at
FROM parity.days
WHERE (%(day)s::date IS NULL OR day = %(day)s) AND (%(edition)s::integer IS NULL OR edition = %(edition)s)
ORDER BY day DESC, edition DESC LIMIT 1;

-- name: parity_causes
SELECT class, cause, kind, field, count(*) AS count, count(accepted_no) AS accepted
FROM parity.differences LEFT JOIN parity.accepted USING (day, edition, kind, key, seq, field)
WHERE day = %(day)s AND edition = %(edition)s
GROUP BY class, cause, kind, field ORDER BY cause <> '', count(*) DESC, class, cause, kind, field;

-- name: parity_differences
-- By place: numbered in the order of the key, so that a page begins where the one before ended.
SELECT * FROM (
    SELECT row_number() OVER (ORDER BY kind, key, seq, field) AS place, count(*) OVER () AS fitting,
        kind, key, seq, field, ours, theirs, currency,
        CASE WHEN field <> 'currency' THEN ours_minor END AS ours_minor,
        CASE WHEN field <> 'currency' THEN theirs_minor END AS theirs_minor, class, cause, evidence, accepted_no
    FROM parity.differences LEFT JOIN parity.accepted USING (day, edition, kind, key, seq, field)
    WHERE day = %(day)s AND edition = %(edition)s AND (%(kind)s::text IS NULL OR kind = %(kind)s)
        AND (%(class_)s::text IS NULL OR class = %(class_)s) AND (%(cause)s::text IS NULL OR cause = %(cause)s)
) AS listed WHERE place > %(after)s ORDER BY place LIMIT %(limit)s;

-- name: parity_quarantine
SELECT place, kind, key, column_name, reason FROM parity.quarantine
WHERE day = %(day)s AND edition = %(edition)s ORDER BY place LIMIT %(limit)s;

-- name: parity_uncompared_days
-- Days that are certified and were not compared yet.
SELECT DISTINCT as_of AS day FROM recon.runs
WHERE as_of BETWEEN %(first_day)s AND %(last_day)s AND state = 'published'
    AND NOT EXISTS (SELECT FROM parity.days WHERE days.day = as_of)
ORDER BY day;

-- name: parity_published_run
-- The run that holds for a day; what was computed and not published is not proven.
SELECT run_id, as_of, batch_through, rulings_through, rules_sha256, certificate FROM recon.runs
WHERE as_of = %(day)s AND state = 'published' ORDER BY computed_at DESC LIMIT 1;

-- name: parity_restated
-- What was learnt since of items that the runs of some days left open: the next published run entered them anew. And of
-- orders dated by then: that they exist, or that they are of another amount. `limit` NULL: all of it.
SELECT DISTINCT compared.day, 'order' AS side, ordered.native_id AS item_id, ordered.currency::text,
    CASE WHEN before.order_date <= compared.day THEN before.amount_minor ELSE 0 END AS was_minor,
    ordered.amount_minor AS now_minor, CASE WHEN before.order_date <= compared.day THEN 'corrected' ELSE 'late' END AS why
FROM parity.days AS compared
JOIN recon.runs AS run USING (run_id)
JOIN canonical.orders AS ordered ON ordered.recorded_in > run.batch_through AND ordered.order_date <= compared.day
    AND ordered.superseded_in IS NULL
LEFT JOIN canonical.orders AS before ON before.native_id = ordered.native_id
    AND before.recorded_in <= run.batch_through AND before.superseded_in > run.batch_through
WHERE compared.day BETWEEN %(first_day)s AND %(last_day)s
    AND ordered.recorded_in <= (SELECT max(batch_through) FROM recon.runs WHERE state = 'published')
    AND (before.native_id IS NULL OR before.order_date > compared.day
        OR (before.amount_minor, before.currency) <> (ordered.amount_minor, ordered.currency))
UNION
SELECT DISTINCT previous.as_of AS day, side, item_id, restated.currency::text, was_minor, now_minor, why
FROM recon.restatements AS restated
JOIN recon.runs AS previous ON previous.run_id = restated.previous_run_id
JOIN recon.runs AS later ON later.run_id = restated.run_id AND later.state = 'published'
JOIN parity.days AS compared ON compared.run_id = restated.previous_run_id
WHERE compared.day BETWEEN %(first_day)s AND %(last_day)s
ORDER BY day, side, item_id, currency LIMIT %(limit)s;
