-- What the console's pages show. Every list is read by key, from its last line on, and never further than one page.

-- name: console_run
-- The newest published day; a day published anew counts as its newest run.
SELECT run_id, as_of, published_at, rules_sha256, certificate ->> 'certificate_sha256' AS certificate_sha256
FROM recon.runs WHERE state = 'published'
ORDER BY as_of DESC, computed_at DESC LIMIT 1;

-- name: console_published_run
-- A published day by its run: what a list that is read page by page began with, though a newer one came meanwhile.
SELECT run_id, as_of, published_at, rules_sha256, certificate ->> 'certificate_sha256' AS certificate_sha256
FROM recon.runs WHERE state = 'published' AND run_id = %(run_id)s;

-- name: console_now
SELECT clock_timestamp() AS now;

-- name: console_newest_attempt
-- The last day that was computed, published or not.
SELECT run_id, as_of, state, computed_at FROM recon.runs ORDER BY computed_at DESC LIMIT 1;

-- name: console_proofs
SELECT proof, count(*) AS figures, count(*) FILTER (WHERE holds) AS hold
FROM recon.proofs WHERE run_id = %(run_id)s GROUP BY proof ORDER BY proof;

-- name: console_desks
-- What waits for whom: open breaks by owner and severity, and the oldest of each owner.
SELECT owner, count(*) AS breaks, count(*) FILTER (WHERE severity = 'S1') AS s1,
    count(*) FILTER (WHERE severity = 'S2') AS s2, count(*) FILTER (WHERE severity = 'S3') AS s3,
    count(*) FILTER (WHERE severity = 'S4') AS s4, count(*) FILTER (WHERE state = 'PROPOSED') AS to_check,
    count(*) FILTER (WHERE assignee IS NULL) AS unassigned, sum(abs(amount_sgd_minor))::bigint AS sgd_minor,
    min(since_on) AS oldest_on
FROM recon.break_lives WHERE is_open GROUP BY owner ORDER BY s1 DESC, s2 DESC, breaks DESC, owner;

-- name: console_freshness
-- Of every source: when it was read last, whether what it says it holds is what arrived, and by how many minutes its proofs
-- of completeness stop before the end of the last day that is over. A proof that failed says nothing of how far; none that
-- held is NULL, and stands for the whole source.
SELECT cursors.system, count(*) AS entities, min(moved_at) AS oldest_at, max(moved_at) AS newest_at,
    bool_and(coalesce(newest.proven, false)) AS proven,
    (array_agg(cursors.entity ORDER BY moved_at NULLS FIRST))[1] AS oldest_entity,
    array_remove(array_agg(cursors.entity ORDER BY cursors.entity) FILTER (WHERE NOT newest.proven), NULL) AS unproven,
    CASE WHEN bool_and(complete_until IS NOT NULL) THEN
        CASE WHEN min(complete_until) < min(day_end)
            THEN ceil(extract(epoch FROM min(day_end) - min(complete_until)) / 60)::int ELSE 0 END
    END AS behind_minutes,
    (array_agg(cursors.entity ORDER BY complete_until NULLS FIRST, cursors.entity))[1] AS furthest_behind,
    min(last_day.day) AS day, clock_timestamp() AS now
FROM ops.cursors
CROSS JOIN (SELECT (clock_timestamp() AT TIME ZONE %(zone)s)::date - 1 AS day) AS last_day
CROSS JOIN LATERAL (SELECT (day + 1)::timestamp AT TIME ZONE %(zone)s AS day_end) AS over
LEFT JOIN LATERAL (
    SELECT proven FROM ops.proofs
    WHERE proofs.system = cursors.system AND proofs.entity = cursors.entity
    ORDER BY proof_id DESC LIMIT 1
) AS newest ON true
LEFT JOIN LATERAL (
    SELECT complete_until FROM ops.proofs
    WHERE proofs.system = cursors.system AND proofs.entity = cursors.entity AND proven
    ORDER BY proof_id DESC LIMIT 1
) AS held ON true
GROUP BY cursors.system ORDER BY cursors.system;

-- name: console_latency
-- From decided to confirmed, over the last day: seconds. Of more than `count_max` messages the newest tell it. (The clock is
-- read once, for the index.)
SELECT count(*) AS messages, percentile_cont(0.5) WITHIN GROUP (ORDER BY took_s) AS p50_s,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY took_s) AS p95_s
FROM (
    SELECT extract(epoch FROM finished_at - decided_at)::double precision AS took_s
    FROM delivery.outbox WHERE state = 'confirmed' AND finished_at > (SELECT clock_timestamp() - interval '1 day')
    ORDER BY finished_at DESC LIMIT %(count_max)s
) AS newest;

-- name: console_rules
-- The rules that matched something in a run: one look into the index for each, however many matches there are.
WITH RECURSIVE found AS (
    (SELECT recon, rule FROM recon.matches WHERE run_id = %(run_id)s ORDER BY recon, rule LIMIT 1)
    UNION ALL
    SELECT another.recon, another.rule FROM found
    CROSS JOIN LATERAL (
        SELECT matches.recon, matches.rule FROM recon.matches
        WHERE matches.run_id = %(run_id)s AND (matches.recon, matches.rule) > (found.recon, found.rule)
        ORDER BY matches.recon, matches.rule LIMIT 1
    ) AS another
)
SELECT recon, rule FROM found;

-- name: console_matches
-- A match's name begins with its reconciliation: `until` is where that ends.
SELECT match_id, recon, rule, side_a_type, side_a_id, side_b_type, side_b_id, currency, amount_minor, paid_currency,
    paid_minor, residual_minor, residual_reason, state
FROM recon.matches
WHERE run_id = %(run_id)s AND (match_id, side_a_id, side_b_id) > (%(match)s, %(a)s, %(b)s)
    AND match_id < %(until)s AND (%(state)s::text IS NULL OR state = %(state)s)
ORDER BY match_id, side_a_id, side_b_id LIMIT %(limit)s;

-- name: console_matches_by_rule
SELECT match_id, recon, rule, side_a_type, side_a_id, side_b_type, side_b_id, currency, amount_minor, paid_currency,
    paid_minor, residual_minor, residual_reason, state
FROM recon.matches
WHERE run_id = %(run_id)s AND recon = %(recon)s AND rule = %(rule)s
    AND (match_id, side_a_id, side_b_id) > (%(match)s, %(a)s, %(b)s)
    AND (%(state)s::text IS NULL OR state = %(state)s)
ORDER BY match_id, side_a_id, side_b_id LIMIT %(limit)s;

-- name: console_count_matches
-- How many fit, counted up to `most`; NULL is any.
SELECT count(*) AS fitting FROM (
    SELECT FROM recon.matches
    WHERE run_id = %(run_id)s AND (%(recon)s::text IS NULL OR recon = %(recon)s)
        AND (%(rule)s::text IS NULL OR rule = %(rule)s) AND (%(state)s::text IS NULL OR state = %(state)s)
        AND (%(id)s::text IS NULL OR side_a_id = %(id)s OR side_b_id = %(id)s OR match_id = %(id)s)
    LIMIT %(most)s
) AS counted;

-- name: console_matches_of
-- What an id is matched with, on whichever side it stands.
SELECT match_id, recon, rule, side_a_type, side_a_id, side_b_type, side_b_id, currency, amount_minor, paid_currency,
    paid_minor, residual_minor, residual_reason, state
FROM recon.matches WHERE run_id = %(run_id)s AND (side_a_id = %(id)s OR side_b_id = %(id)s OR match_id = %(id)s)
ORDER BY match_id, side_a_id, side_b_id LIMIT %(limit)s;

-- name: console_count_matches_of
SELECT count(*) AS legs FROM recon.matches WHERE run_id = %(run_id)s AND (side_a_id = %(id)s OR side_b_id = %(id)s);

-- name: console_bank_legs_of
-- What a payout is, or could be, in the bank.
SELECT match_id, recon, rule, side_a_type, side_a_id, side_b_type, side_b_id, currency, amount_minor, paid_currency,
    paid_minor, residual_minor, residual_reason, state
FROM recon.matches
WHERE run_id = %(run_id)s AND side_a_id = %(id)s AND recon = 'R4' AND side_b_type = 'bank_line'
ORDER BY state, side_b_id LIMIT %(limit)s;

-- name: open_lives_of
-- Open breaks about an item.
SELECT break_id, code, severity, state, version, currency, amount_minor FROM recon.break_lives
WHERE is_open AND key = %(key)s AND recon = %(recon)s ORDER BY severity, break_id;

-- name: console_matches_searched
-- The same page by page, and of it what is asked for.
SELECT match_id, recon, rule, side_a_type, side_a_id, side_b_type, side_b_id, currency, amount_minor, paid_currency,
    paid_minor, residual_minor, residual_reason, state
FROM recon.matches WHERE run_id = %(run_id)s AND (side_a_id = %(id)s OR side_b_id = %(id)s OR match_id = %(id)s)
    AND (%(recon)s = '' OR recon = %(recon)s) AND (%(rule)s = '' OR rule = %(rule)s)
    AND (%(state)s::text IS NULL OR state = %(state)s) AND (match_id, side_a_id, side_b_id) > (%(match)s, %(a)s, %(b)s)
ORDER BY match_id, side_a_id, side_b_id LIMIT %(limit)s;

-- name: console_match
SELECT match_id, recon, rule, side_a_type, side_a_id, side_b_type, side_b_id, currency, amount_minor, paid_currency,
    paid_minor, residual_minor, residual_reason, state, count(*) OVER () AS legs
FROM recon.matches WHERE run_id = %(run_id)s AND match_id = %(match)s
ORDER BY side_a_id, side_b_id LIMIT %(limit)s;

-- name: console_ruled_credit_note
-- What a credit note was matched with by hand, as a match; `pending` until a run has carried it out.
SELECT item_id AS match_id, 'R3' AS recon, 'manual' AS rule, item_type AS side_a_type, item_id AS side_a_id,
    'invoice' AS side_b_type, invoice_ids[1] AS side_b_id, currency, amounts_minor[1] AS amount_minor,
    currency AS paid_currency, amounts_minor[1] AS paid_minor, 0 AS residual_minor, '' AS residual_reason,
    CASE WHEN ruling_no <= rulings_through THEN 'posted' ELSE 'pending' END AS state, 1 AS legs
FROM recon.standing_pairings JOIN recon.runs ON run_id = %(run_id)s
WHERE kind = 'manual_match' AND item_type = 'credit_note' AND item_id = %(item)s;

-- name: console_records
SELECT entity, native_id, version, place, recorded_in, facts FROM canonical.newest WHERE native_id = ANY (%(ids)s);

-- name: console_lineage
-- How a record came here: the payload as received, the page it came on, and the batch that read it.
SELECT raw.records.seq, records.system, records.entity, records.native_id, records.version, records.place, records.damage,
    records.received_at, records.gone, records.payload, pulls.pull_id, pulls.pulled_at, pulls.records AS page_records,
    pulls.cursor_from, pulls.cursor_to, pulls.request, pulls.landed_in, batches.recorded_at, count(*) OVER () AS payloads
FROM ops.cursors
JOIN raw.records ON records.system = cursors.system AND records.entity = cursors.entity
JOIN ops.pulls ON pulls.pull_id = records.pull_id
LEFT JOIN ops.batches ON batches.batch = pulls.landed_in
WHERE cursors.entity = %(entity)s AND records.native_id = %(native_id)s
ORDER BY records.seq DESC LIMIT %(limit)s;

-- name: console_payouts
-- Newest first. What it reached the bank as, and the open break about it.
SELECT payout.native_id AS payout_id, payout.currency, payout.gross_minor, payout.fee_minor, payout.net_minor,
    payout.arrival_date, payout.status, bank.lines, bank.rule, life.break_id, life.code, life.severity
FROM (
    SELECT native_id, currency, gross_minor, fee_minor, net_minor, arrival_date, status FROM canonical.payouts
    WHERE superseded_in IS NULL AND (%(currency)s::text IS NULL OR currency = %(currency)s)
        AND (%(day)s::date IS NULL OR (arrival_date, native_id) < (%(day)s, %(id)s))
    ORDER BY arrival_date DESC, native_id DESC LIMIT %(limit)s
) AS payout
LEFT JOIN LATERAL (
    SELECT array_agg(side_b_id ORDER BY side_b_id) AS lines, min(rule) AS rule FROM recon.matches
    WHERE side_a_id = payout.native_id AND run_id = %(run_id)s AND recon = 'R4' AND side_b_type = 'bank_line'
        AND state = 'posted'
) AS bank ON true
LEFT JOIN LATERAL (
    SELECT break_id, code, severity FROM recon.break_lives
    WHERE is_open AND key = payout.native_id AND recon = 'R4' ORDER BY severity, break_id LIMIT 1
) AS life ON true
ORDER BY payout.arrival_date DESC, payout.native_id DESC;

-- name: console_count_payouts
SELECT count(*) AS fitting FROM (
    SELECT FROM canonical.payouts
    WHERE superseded_in IS NULL AND (%(currency)s::text IS NULL OR currency = %(currency)s) LIMIT %(most)s
) AS counted;

-- name: console_payout_items
SELECT type, currency, count(*) AS items, sum(gross_minor)::bigint AS gross_minor, sum(fee_minor)::bigint AS fee_minor,
    sum(net_minor)::bigint AS net_minor
FROM canonical.payout_items WHERE payout_id = %(payout_id)s AND superseded_in IS NULL
GROUP BY type, currency ORDER BY type, currency;

-- name: console_count_owing
SELECT count(DISTINCT customer_id) AS customers FROM recon.open_invoices
WHERE run_id = %(run_id)s AND currency = %(currency)s;

-- name: console_owing
-- Who owes most of what is overdue, in one currency.
SELECT customer_id, count(*) AS invoices, sum(open_minor)::bigint AS open_minor,
    coalesce(sum(open_minor) FILTER (WHERE days_past_due > 0), 0)::bigint AS overdue_minor,
    max(days_past_due) AS days_past_due
FROM recon.open_invoices WHERE run_id = %(run_id)s AND currency = %(currency)s
GROUP BY customer_id ORDER BY overdue_minor DESC, open_minor DESC, customer_id LIMIT %(limit)s OFFSET %(first)s;

-- name: console_arr
-- The newest months, and of how many; the one that is asked for is among them, however old it is.
SELECT month, currency, opening_minor, new_minor, expansion_minor, contraction_minor, churn_minor, reactivation_minor,
    fx_minor, closing_minor, residual_minor, gross_retention, net_retention, left_out, months
FROM (
    SELECT *, count(*) OVER () AS months, row_number() OVER (ORDER BY month DESC) AS place
    FROM recon.arr_reported WHERE run_id = %(run_id)s
) AS reported
WHERE place <= %(limit)s OR month = %(month)s::date ORDER BY month DESC;

-- name: console_count_movers
SELECT count(*) AS customers FROM recon.arr_bridge
WHERE run_id = %(run_id)s AND month = %(month)s AND closing_minor <> opening_minor;

-- name: console_arr_movers
-- Whose recurring revenue moved most in a month; money of several currencies is not added up.
SELECT customer_id, currency, opening_minor, new_minor, expansion_minor, contraction_minor, churn_minor,
    reactivation_minor, closing_minor
FROM recon.arr_bridge
WHERE run_id = %(run_id)s AND month = %(month)s AND closing_minor <> opening_minor
ORDER BY abs(closing_minor - opening_minor) DESC, customer_id, currency LIMIT %(limit)s OFFSET %(first)s;

-- part: next_at
CASE WHEN state = 'called' THEN leased_until ELSE next_at END

-- part: queued
(finished_at IS NULL OR reason IS NOT NULL) AND state = ANY (%(states)s) AND (%(target)s::text IS NULL OR target = %(target)s)
    AND (%(subject)s::text IS NULL OR subject = %(subject)s)
    AND (%(numbers)s::bigint[] IS NULL OR message_id = ANY (%(numbers)s))

-- name: console_messages
-- Newest first. `state` NULL is all that is on its way or parked.
SELECT message_id, key, kind, target, subject, state, reason, detail, attempts, decided_at, {next_at} AS next_at, fence,
    remote_id
FROM delivery.outbox
WHERE {queued}
    AND (%(before)s::bigint IS NULL OR message_id < %(before)s)
ORDER BY message_id DESC LIMIT %(limit)s;

-- name: console_count_messages
SELECT count(*) AS fitting FROM (
    SELECT FROM delivery.outbox
    WHERE {queued} LIMIT %(most)s
) AS counted;

-- name: console_message
SELECT message_id, key, revision, kind, target, subject, body, state, reason, detail, attempts, decided_at,
    {next_at} AS next_at, finished_at, remote_id, based_on
FROM delivery.outbox WHERE message_id = %(message_id)s;

-- name: console_attempts
SELECT outcome, remote_id, detail, called_at FROM delivery.attempts WHERE message_id = %(message_id)s ORDER BY called_at;

-- name: console_acts_on_message
SELECT action, actor_id AS actor, reason, acted_at FROM delivery.acts WHERE message_id = %(message_id)s ORDER BY act_id;

-- name: console_runs
-- Which days were published or refused, newest first.
SELECT run_id, as_of, state, computed_at, published_at, rules_sha256, certificate ->> 'certificate_sha256' AS certificate_sha256,
    count(*) OVER () AS runs
FROM recon.runs ORDER BY computed_at DESC LIMIT %(limit)s;

-- name: console_aging
-- Open invoices of a run by currency and bucket.
SELECT currency, bucket, count(*) AS invoices, sum(open_minor)::bigint AS open_minor
FROM recon.open_invoices WHERE run_id = %(run_id)s
GROUP BY currency, bucket ORDER BY currency, bucket;
