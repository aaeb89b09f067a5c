-- The desk: open breaks, or closed ones, as a person filters, orders and groups them.

-- part: fits
is_open = %(open)s
    AND (%(state)s::text IS NULL OR state = %(state)s)
    AND (%(severity)s::text IS NULL OR severity = %(severity)s)
    AND (%(owner)s::text IS NULL OR owner = %(owner)s)
    AND (%(assignee)s::text IS NULL OR coalesce(assignee, '') = %(assignee)s)
    AND (%(recon)s::text IS NULL OR recon = %(recon)s)
    AND (%(code)s::text IS NULL OR code = %(code)s)
    AND (%(currency)s::text IS NULL OR currency = %(currency)s)
    AND (%(since)s::date IS NULL OR since_on >= %(since)s)
    AND (%(until)s::date IS NULL OR since_on <= %(until)s)
    AND (%(q)s::text IS NULL OR position(%(q)s IN lower(key)) > 0 OR starts_with(break_id::text, %(q)s) OR key IN (
        SELECT native_id FROM ({numbered}) AS numbered
    ))

-- part: numbered
-- Documents by the numbers that people know them by; several may have one.
SELECT 'order' AS side, native_id, number FROM canonical.orders WHERE superseded_in IS NULL AND number = ANY (%(numbers)s)
UNION ALL
SELECT 'invoice', native_id, number FROM canonical.invoices WHERE superseded_in IS NULL AND number = ANY (%(numbers)s)

-- name: desk_breaks
-- One page behind the values `after` of the columns {order}, which end with break_id and have an index. Of the last line its
-- id alone would not do: it may have moved meanwhile, and all between were passed over.
SELECT break_id, recon, code, key, currency, amount_minor, amount_sgd_minor, severity, owner, state, assignee, version,
    since_on, opened_at, value_rank, clock_timestamp() AS now
FROM recon.break_lives AS life
WHERE {fits}
    AND (%(after)s::jsonb IS NULL OR ({order}) > (
        SELECT {order} FROM jsonb_populate_record(NULL::recon.break_lives, %(after)s::jsonb)
    ))
ORDER BY {order} LIMIT %(limit)s;

-- name: desk_count
-- How many fit, counted up to `most`.
SELECT count(*) AS fitting FROM (
    SELECT FROM recon.break_lives WHERE {fits} LIMIT %(most)s
) AS counted;

-- name: desk_groups
-- How many breaks there are of each {by}, and what they are worth where that is known.
SELECT {by}::text AS name, count(*) AS breaks, count(*) FILTER (WHERE severity IN ('S1', 'S2')) AS urgent,
    sum(abs(amount_sgd_minor))::bigint AS sgd_minor, min(since_on) AS oldest_on, count(*) OVER () AS groups
FROM recon.break_lives AS life
WHERE {fits}
GROUP BY {by} ORDER BY sgd_minor DESC NULLS LAST, breaks DESC, name LIMIT %(limit)s;

-- name: desk_ageing
-- Open breaks by how many calendar days they are known, and severity. Days are few: only they are put into buckets.
SELECT width_bucket(%(today)s::date - since_on, ARRAY[0, 8, 31, 91]) AS bucket, severity, sum(breaks)::bigint AS breaks
FROM (SELECT since_on, severity, count(*) AS breaks FROM recon.break_lives WHERE is_open GROUP BY 1, 2) AS days
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: last_run_of_life
SELECT last_seen_run AS run_id, runs.as_of, runs.rules_sha256
FROM recon.break_lives JOIN recon.runs ON runs.run_id = last_seen_run WHERE break_id = %(break_id)s;

-- name: stopping_break
-- A break that stops its day is never of a published run, and so has no life: it is what the refused run says.
SELECT break_id, breaks.recon, code, key, currency, amount_minor, severity, owner, action, evidence, run_id, as_of,
    computed_at, proof_through, rules_sha256,
    NOT EXISTS (
        SELECT FROM recon.runs AS newer WHERE newer.as_of = runs.as_of AND newer.computed_at > runs.computed_at
    ) AS newest
FROM recon.breaks JOIN recon.runs USING (run_id)
WHERE break_id = %(break_id)s AND code = ANY (%(codes)s)
    AND run_id IN (SELECT run_id FROM recon.runs WHERE state = 'refused' ORDER BY computed_at DESC LIMIT %(most)s)
ORDER BY computed_at DESC LIMIT 1;

-- name: stopping_breaks
-- Of the run that was refused last.
SELECT break_id, code, key, evidence, count(*) OVER () AS many FROM recon.breaks
WHERE run_id = %(run_id)s AND code = ANY (%(codes)s) ORDER BY code, key LIMIT %(limit)s;

-- name: records_numbered
{numbered} ORDER BY number, native_id;

-- name: candidates_of
-- What a break's item could be matched with, and what else speaks for each: how many others could, or who has it already.
-- A payout holds many payments, so that of those none has it instead; what it states of a payment is what counts there.
WITH candidate AS (
    SELECT run_id, recon, rule, side_a_type, side_a_id, side_b_type, side_b_id, currency, amount_minor, residual_minor,
        residual_reason, side_a_id = %(key)s AND side_a_type = ANY (%(kinds)s) AS of_a,
        count(*) OVER () AS candidates, count(*) OVER (PARTITION BY side_a_type, side_b_type) AS several,
        (sum(amount_minor) OVER ())::bigint AS together_minor,
        min(currency) OVER () = max(currency) OVER () AS one_currency
    FROM recon.matches
    WHERE run_id = %(run_id)s AND recon = %(recon)s AND state = 'suggested'
        AND (side_a_id = %(key)s AND side_a_type = ANY (%(kinds)s) OR side_b_id = %(key)s AND side_b_type = ANY (%(kinds)s))
    ORDER BY side_a_id, side_b_id LIMIT %(limit)s
)
SELECT candidate.*, coalesce(others.rivals, 0) AS rivals, others.taken_by,
    CASE WHEN rule = 'P0' AND side_a_type = 'payment' THEN (
        SELECT sum(gross_minor)::bigint FROM canonical.payout_items AS item
        WHERE item.payout_id = side_b_id AND item.payment_id = side_a_id AND superseded_in IS NULL AND gross_minor > 0
    ) END AS stated_minor
FROM candidate
LEFT JOIN LATERAL (
    SELECT count(*) FILTER (WHERE state = 'suggested') AS rivals, min(side_a_id) FILTER (WHERE state = 'posted') AS taken_by
    FROM recon.matches AS other
    WHERE of_a AND rule <> 'P0' AND other.side_b_id = candidate.side_b_id AND other.run_id = candidate.run_id
        AND other.recon = candidate.recon AND other.side_b_type = candidate.side_b_type
        AND other.side_a_id <> candidate.side_a_id
    UNION ALL
    SELECT count(*) FILTER (WHERE state = 'suggested'), min(side_b_id) FILTER (WHERE state = 'posted')
    FROM recon.matches AS other
    WHERE NOT of_a AND other.side_a_id = candidate.side_a_id AND other.run_id = candidate.run_id
        AND other.recon = candidate.recon AND other.side_b_type = candidate.side_b_type
        AND other.side_b_id <> candidate.side_b_id
) AS others ON others.rivals > 0 OR others.taken_by IS NOT NULL
ORDER BY side_a_id, side_b_id;

-- name: proposals_of
SELECT proposal_no, kind, reason, maker_id AS maker, checkers_needed, proposed_at,
    array_remove(array_agg(checker_id ORDER BY ordinal), NULL) AS checkers
FROM recon.break_proposals AS proposal
LEFT JOIN (SELECT break_id, proposal_no, ordinal, checker_id FROM recon.break_approvals) AS approval
    USING (break_id, proposal_no)
WHERE break_id = %(break_id)s
GROUP BY proposal_no, kind, proposal.reason, maker_id, checkers_needed, proposed_at ORDER BY proposal_no DESC;
