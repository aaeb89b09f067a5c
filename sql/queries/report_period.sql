-- What a week or a month came to, up to a published day: trend, causes, how long things took, what needed nobody.

-- name: edition_is_due
-- Whether a day tells a period. One that is told as it happens tells it if any of the period's own days was published and no
-- other day has mailed it: what a backfilled day merely kept, or no server took on an earlier one, has told nobody. One told
-- after the fact keeps it for the console, if it is the first published at or after the period's end; published later than
-- another, though it lies before, it tells nothing again. The day that began to tell goes on, whatever was published since:
-- somebody may still wait for their mail.
WITH told AS (
    SELECT as_of = %(as_of)s AS here, EXISTS (
        SELECT FROM recon.mailings
        WHERE mailings.run_id = editions.run_id AND mailings.edition = editions.edition
            AND (state IN ('sent', 'called', 'uncertain') OR editions.as_of > %(as_of)s)
    ) AS mailed
    FROM recon.editions WHERE edition = %(edition)s AND editions.until = %(until)s
), asked AS (
    SELECT EXISTS (SELECT FROM told WHERE here) AS begun, EXISTS (SELECT FROM told WHERE NOT here) AS told,
        EXISTS (SELECT FROM told WHERE NOT here AND mailed) AS mailed,
        EXISTS (SELECT FROM recon.runs WHERE state = 'published' AND as_of BETWEEN %(since)s AND %(until)s) AS known,
        EXISTS (
            SELECT FROM recon.runs WHERE state = 'published' AND as_of >= %(until)s AND as_of < %(as_of)s
        ) AS late
)
SELECT CASE WHEN %(past)s THEN begun OR known AND NOT late AND NOT told ELSE (begun OR known) AND NOT mailed END AS due
FROM asked;

-- name: add_period_breaks
-- The breaks of the last published run of every day of the period, and of the one its first day opened with: what closed
-- on that day is in no other. Each as it stood when its run was told (create_day_breaks). Those of the day itself are there.
WITH days AS (
    SELECT DISTINCT ON (as_of) as_of, run_id, opening_run_id FROM recon.runs
    WHERE state = 'published' AND as_of BETWEEN %(since)s AND %(until)s
    ORDER BY as_of, computed_at DESC
), told AS MATERIALIZED (
    SELECT run_id, least(published_at, (
        SELECT recorded_at FROM ops.batches WHERE batch > batch_through ORDER BY batch LIMIT 1
    )) AS known_at
    FROM recon.runs
    WHERE run_id <> %(run_id)s AND run_id IN (SELECT unnest(ARRAY[run_id, opening_run_id]) FROM days)
), laid_out_without AS (
    DELETE FROM day_breaks WHERE run_id <> %(run_id)s
)
INSERT INTO day_breaks
SELECT found.*, known.state, known.assignee, false, 0
FROM told
JOIN recon.breaks AS found USING (run_id)
LEFT JOIN LATERAL (
    SELECT to_state AS state, event.assignee FROM recon.break_events AS event
    WHERE event.break_id = found.break_id AND (event.run_id = told.run_id OR event.happened_at <= known_at)
    ORDER BY version DESC LIMIT 1
) AS known ON true;

-- name: period_days
-- The last published run of every day of the period: its breaks that somebody still had to do with; what was held is worth
-- what it is when the period is told.
SELECT as_of, breaks, critical, held, held_worth_minor
FROM (
    SELECT DISTINCT ON (as_of) as_of, run_id FROM recon.runs
    WHERE state = 'published' AND as_of BETWEEN %(since)s AND %(until)s
    ORDER BY as_of, computed_at DESC
) AS days
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE is_open) AS breaks, count(*) FILTER (WHERE is_open AND severity = 'S1') AS critical,
        count(*) FILTER (WHERE holds) AS held,
        coalesce(sum(round(held_minor * worth)), 0) AS held_worth_minor
    FROM scope_breaks AS shown
    CROSS JOIN LATERAL (SELECT coalesce(state, 'OPEN') NOT IN ('ACCEPTED', 'RESOLVED') AS is_open) AS stands
    LEFT JOIN unnest(%(rated)s::text[], %(worths)s::numeric[]) AS rate (currency, worth)
        ON rate.currency = shown.currency
    WHERE shown.run_id = days.run_id
) AS found
ORDER BY as_of;

-- name: period_first_ever
-- The day of the period that opened with no day before it, if there is one: it found all that had gathered until then.
SELECT min(as_of) AS first_ever FROM recon.runs
WHERE state = 'published' AND as_of BETWEEN %(since)s AND %(until)s AND opening_run_id IS NULL;

-- name: period_unrated
-- The currencies in which breaks of the period are worth nothing that could be added up, since no rate is known.
SELECT DISTINCT currency FROM scope_breaks JOIN recon.runs USING (run_id)
WHERE as_of BETWEEN %(since)s AND %(until)s AND currency <> ALL (%(rated)s) AND (amount_minor <> 0 OR held_minor <> 0)
ORDER BY currency;

-- name: period_unfollowed
-- The published days of the period whose breaks nobody follows: they were told after a later day was.
SELECT count(DISTINCT as_of) AS days FROM recon.runs
WHERE state = 'published' AND as_of BETWEEN %(since)s AND %(until)s
    AND NOT EXISTS (SELECT FROM recon.life_updates AS followed WHERE followed.as_of = runs.as_of);

-- name: period_causes_by_days
-- The same as period_causes, of days whose breaks nobody follows: what a day of the period has and the run that its first day
-- opened with has not. Kind and worth are those of the last day that has it; what the last day has no more is closed.
WITH days AS (
    SELECT DISTINCT ON (as_of) as_of, run_id, opening_run_id FROM recon.runs
    WHERE state = 'published' AND as_of BETWEEN %(since)s AND %(until)s
    ORDER BY as_of, computed_at DESC
), as_it_was AS (
    SELECT DISTINCT ON (break_id) break_id, code, amount_sgd_minor,
        as_of < max(as_of) OVER () OR state IN ('RESOLVED', 'ACCEPTED') IS TRUE AS closed
    FROM days
    LEFT JOIN scope_breaks USING (run_id)
    ORDER BY break_id, as_of DESC
)
SELECT code, count(*) AS breaks, count(*) FILTER (WHERE closed) AS closed,
    sum(abs(amount_sgd_minor)) AS worth_minor
FROM as_it_was
WHERE break_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM scope_breaks AS before
    WHERE before.break_id = as_it_was.break_id
        AND before.run_id = (SELECT opening_run_id FROM days ORDER BY as_of LIMIT 1)
)
GROUP BY code
ORDER BY sum(abs(amount_sgd_minor)) DESC NULLS LAST, count(*) DESC, code
LIMIT %(limit)s;

-- name: period_causes
-- What was opened in the period, by kind, those of most value first; of a kind, what of it was closed when it ended. Kind,
-- worth and state are those of then, whatever became of a break since. A run's steps are of its day, people's of theirs.
WITH as_it_was AS (
    SELECT DISTINCT ON (life.break_id) event.code, event.amount_sgd_minor, event.to_state
    FROM recon.break_lives AS life
    JOIN recon.break_events AS event USING (break_id)
    LEFT JOIN recon.runs ON runs.run_id = event.run_id
    WHERE life.first_seen_on BETWEEN %(since)s AND %(until)s
        AND coalesce(runs.as_of, (event.happened_at AT TIME ZONE %(zone)s)::date) <= %(until)s
        AND (%(whole)s OR life.break_id IN (SELECT break_id FROM scope_breaks))
    ORDER BY life.break_id, event.version DESC
)
SELECT code, count(*) AS breaks, count(*) FILTER (WHERE to_state IN ('RESOLVED', 'ACCEPTED')) AS closed,
    sum(abs(amount_sgd_minor)) AS worth_minor
FROM as_it_was
GROUP BY code
ORDER BY sum(abs(amount_sgd_minor)) DESC NULLS LAST, count(*) DESC, code
LIMIT %(limit)s;

-- name: period_resolved
-- How long what was closed in the period, and still is at its end, had been open, in days, by who owned it. A run closes on
-- its day, people on theirs. What policy accepted at once says nothing of how long anything takes, and is counted beside.
SELECT owner, count(*) AS breaks,
    percentile_disc(0.5) WITHIN GROUP (ORDER BY days) FILTER (WHERE NOT by_policy) AS median_days,
    percentile_disc(0.9) WITHIN GROUP (ORDER BY days) FILTER (WHERE NOT by_policy) AS most_days,
    count(*) FILTER (WHERE by_policy) AS by_policy
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
        AND NOT EXISTS (
            SELECT FROM recon.break_events AS later
            LEFT JOIN recon.runs AS later_run ON later_run.run_id = later.run_id
            WHERE later.break_id = event.break_id AND later.version > event.version
                AND later.to_state NOT IN ('RESOLVED', 'ACCEPTED')
                AND coalesce(later_run.as_of, (later.happened_at AT TIME ZONE %(zone)s)::date) <= %(until)s
        )
        AND (%(whole)s OR life.break_id IN (SELECT break_id FROM scope_breaks))
    ORDER BY life.break_id, event.version DESC
) AS closings
GROUP BY owner ORDER BY count(*) DESC, owner;

-- name: period_payments
-- The payments received in the period; those of which the rules applied every cent, and what they applied of all of them; the
-- worth of both in the reporting currency where a rate is known. One that names nobody is of everybody whose invoices it
-- settled. To be run while the run's snapshot is seen.
WITH applied AS (
    SELECT side_a_id AS payment_id, sum(coalesce(paid_minor, amount_minor)) AS minor FROM recon.matches
    WHERE run_id = %(run_id)s AND recon = 'R3' AND state = 'posted' AND side_a_type = 'payment' AND rule <> 'manual'
    GROUP BY side_a_id
), received AS (
    SELECT payment.currency, amount_minor AS minor, least(amount_minor, coalesce(applied.minor, 0)) AS applied_minor
    FROM seen.payments AS payment
    LEFT JOIN applied ON applied.payment_id = payment.native_id
    WHERE paid_on BETWEEN %(since)s AND %(until)s AND amount_minor > 0
        AND coalesce(state, 'SUCCEEDED') IN ('SUCCEEDED', 'UNKNOWN')
        AND (%(currencies)s::text[] IS NULL OR payment.currency = ANY (%(currencies)s))
        AND (%(countries)s::text[] IS NULL OR CASE
            WHEN payment.customer_id IS NOT NULL THEN payment.customer_id IN (SELECT customer_id FROM scope_customers)
            ELSE payment.native_id IN (
                SELECT side_a_id FROM recon.matches AS settles
                JOIN seen.invoices AS invoice ON invoice.native_id = side_b_id
                JOIN scope_customers ON scope_customers.customer_id = invoice.customer_id
                WHERE settles.run_id = %(run_id)s AND settles.recon = 'R3' AND settles.state = 'posted'
                    AND side_a_type = 'payment'
            ) END)
)
SELECT received.currency, count(*) AS received, sum(minor) AS received_minor,
    count(*) FILTER (WHERE applied_minor = minor) AS applied, sum(applied_minor) AS applied_minor,
    sum(round(minor * worth)) AS received_worth_minor, sum(round(applied_minor * worth)) AS applied_worth_minor
FROM received
LEFT JOIN unnest(%(rated)s::text[], %(worths)s::numeric[]) AS rate (currency, worth) ON rate.currency = received.currency
GROUP BY received.currency ORDER BY received.currency;

-- name: period_deals
-- Deals won in the period, and the days from winning to the first invoice of their order, whichever of the two names the
-- other. One without an invoice has waited until the day that tells it: with these the mean is at least so much. Without
-- these FILTERs it would count as invoiced after no day, since greatest() passes over what is NULL. A deal is of the customer
-- that ordered, else of the one its account is. To be run while the run's snapshot is seen.
SELECT count(*) AS won, count(first_on) AS invoiced,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY greatest(0, first_on - close_date))
        FILTER (WHERE first_on IS NOT NULL) AS median_days,
    avg(greatest(0, first_on - close_date)) FILTER (WHERE first_on IS NOT NULL) AS mean_days,
    avg(greatest(0, coalesce(first_on, %(until_day)s) - close_date)) AS least_mean_days,
    max(%(until_day)s - close_date) FILTER (WHERE first_on IS NULL) AS longest_waiting_days
FROM (
    SELECT deal.native_id, deal.close_date, min(invoice.issue_date) AS first_on
    FROM seen.opportunities AS deal
    LEFT JOIN seen.accounts AS buyer ON buyer.native_id = deal.account_id
    LEFT JOIN (
        SELECT side_a_id AS account_id, min(side_b_id) AS customer_id FROM recon.matches
        WHERE run_id = %(run_id)s AND recon = 'R1' AND state = 'posted' GROUP BY side_a_id HAVING count(*) = 1
    ) AS linked ON linked.account_id = deal.account_id
    LEFT JOIN seen.placed ON placed.opportunity_id = deal.native_id
    LEFT JOIN seen.orders AS bought ON bought.native_id = placed.order_id
    LEFT JOIN seen.invoices AS invoice
        ON invoice.order_id = placed.order_id AND coalesce(invoice.state, 'OPEN') NOT IN ('DRAFT', 'VOID')
    WHERE deal.is_won AND deal.close_date BETWEEN %(since)s AND %(until)s
        AND (%(currencies)s::text[] IS NULL OR deal.currency = ANY (%(currencies)s))
        AND (%(countries)s::text[] IS NULL
            OR coalesce(bought.customer_id, linked.customer_id, buyer.erp_customer_id)
                IN (SELECT customer_id FROM scope_customers))
    GROUP BY deal.native_id, deal.close_date
) AS deals;
