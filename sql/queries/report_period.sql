-- What a week or a month came to, up to a published day: trend, causes, how long things took, what needed nobody.

-- name: period_days
-- The last published run of every day of the period.
SELECT as_of, run_id, breaks, critical, held, held_worth_minor
FROM (
    SELECT DISTINCT ON (as_of) as_of, run_id FROM recon.runs
    WHERE state = 'published' AND as_of BETWEEN %(since)s AND %(until)s
    ORDER BY as_of, computed_at DESC
) AS days
CROSS JOIN LATERAL (
    SELECT count(*) AS breaks, count(*) FILTER (WHERE severity = 'S1') AS critical,
        count(*) FILTER (WHERE code = ANY (%(held_codes)s)) AS held,
        coalesce(sum(abs(amount_sgd_minor)) FILTER (WHERE code = ANY (%(held_codes)s)), 0)::bigint AS held_worth_minor
    FROM recon.breaks WHERE breaks.run_id = days.run_id
) AS found
ORDER BY as_of;

-- name: period_causes
-- What was opened in the period, by kind, those of most value first; of a kind, what of it is closed again.
SELECT life.code, count(DISTINCT life.break_id) AS breaks,
    count(DISTINCT life.break_id) FILTER (WHERE life.state IN ('RESOLVED', 'ACCEPTED')) AS closed,
    sum(abs(life.amount_sgd_minor))::bigint AS worth_minor
FROM recon.break_lives AS life
WHERE life.first_seen_on BETWEEN %(since)s AND %(until)s
GROUP BY life.code
ORDER BY sum(abs(life.amount_sgd_minor)) DESC NULLS LAST, count(DISTINCT life.break_id) DESC, life.code
LIMIT %(limit)s;

-- name: period_resolved
-- How long what was closed in the period had been open, in days, by who owned it. A run closes on its day, people on theirs.
SELECT owner, count(*) AS breaks, percentile_disc(0.5) WITHIN GROUP (ORDER BY days) AS median_days,
    percentile_disc(0.9) WITHIN GROUP (ORDER BY days) AS most_days, count(*) FILTER (WHERE by_policy) AS by_policy
FROM (
    SELECT DISTINCT ON (life.break_id) life.owner, greatest(0, closed_on - life.first_seen_on) AS days,
        event.action = 'written_off' AS by_policy
    FROM recon.break_events AS event
    JOIN recon.break_lives AS life USING (break_id)
    LEFT JOIN recon.runs ON runs.run_id = event.run_id
    CROSS JOIN LATERAL (
        SELECT coalesce(runs.as_of, (event.happened_at AT TIME ZONE %(zone)s)::date) AS closed_on
    ) AS dated
    WHERE event.to_state IN ('RESOLVED', 'ACCEPTED') AND event.from_state NOT IN ('RESOLVED', 'ACCEPTED')
        AND closed_on BETWEEN %(since)s AND %(until)s
    ORDER BY life.break_id, event.version DESC
) AS closings
GROUP BY owner ORDER BY count(*) DESC, owner;

-- name: period_payments
-- The payments received in the period, and those that were applied by rule. To be run while the run's snapshot is seen.
SELECT received.currency, count(*) AS received, sum(received.amount_minor)::bigint AS received_minor,
    count(*) FILTER (WHERE applied.payment_id IS NOT NULL) AS applied,
    coalesce(sum(received.amount_minor) FILTER (WHERE applied.payment_id IS NOT NULL), 0)::bigint AS applied_minor
FROM seen.payments AS received
LEFT JOIN (
    SELECT DISTINCT side_a_id AS payment_id FROM recon.matches
    WHERE run_id = %(run_id)s AND recon = 'R3' AND state = 'posted' AND side_a_type = 'payment' AND rule <> 'manual'
) AS applied ON applied.payment_id = received.native_id
WHERE received.paid_on BETWEEN %(since)s AND %(until)s AND received.amount_minor > 0
    AND coalesce(received.state, 'SUCCEEDED') IN ('SUCCEEDED', 'UNKNOWN')
GROUP BY received.currency ORDER BY received.currency;

-- name: period_deals
-- Deals won in the period, and the days from winning to the first invoice of their order, where there is one by now.
SELECT count(*) AS won, count(first_on) AS invoiced,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY greatest(0, first_on - close_date)) AS median_days,
    avg(greatest(0, first_on - close_date)) AS mean_days
FROM (
    SELECT deal.native_id, deal.close_date, min(invoice.issue_date) AS first_on
    FROM seen.opportunities AS deal
    LEFT JOIN seen.orders AS placed ON placed.opportunity_id = deal.native_id
    LEFT JOIN seen.invoices AS invoice
        ON invoice.order_id = placed.native_id AND coalesce(invoice.state, 'OPEN') NOT IN ('DRAFT', 'VOID')
    WHERE deal.is_won AND deal.close_date BETWEEN %(since)s AND %(until)s
    GROUP BY deal.native_id, deal.close_date
) AS deals;
