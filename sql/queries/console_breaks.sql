-- The desk: open breaks, or closed ones, as a person filters, orders and groups them.

-- name: desk_breaks
-- One page from `after` on, in the order of the columns {order}, which ends with break_id and has an index.
SELECT break_id, recon, code, key, currency, amount_minor, amount_sgd_minor, severity, owner, state, assignee, version,
    since_on, opened_at, clock_timestamp() AS now
FROM recon.break_lives AS life
WHERE is_open = %(open)s
    AND (%(state)s::text IS NULL OR state = %(state)s)
    AND (%(severity)s::text IS NULL OR severity = %(severity)s)
    AND (%(owner)s::text IS NULL OR owner = %(owner)s)
    AND (%(assignee)s::text IS NULL OR coalesce(assignee, '') = %(assignee)s)
    AND (%(recon)s::text IS NULL OR recon = %(recon)s)
    AND (%(code)s::text IS NULL OR code = %(code)s)
    AND (%(currency)s::text IS NULL OR currency = %(currency)s)
    AND (%(since)s::date IS NULL OR since_on >= %(since)s)
    AND (%(until)s::date IS NULL OR since_on <= %(until)s)
    AND (%(q)s::text IS NULL OR position(%(q)s IN lower(key)) > 0 OR starts_with(break_id::text, %(q)s))
    AND (%(after)s::uuid IS NULL OR ({order}) > (SELECT {order} FROM recon.break_lives WHERE break_id = %(after)s))
ORDER BY {order} LIMIT %(limit)s;

-- name: desk_groups
-- How many breaks there are of each {by}, and what they are worth where that is known.
SELECT {by}::text AS name, count(*) AS breaks, count(*) FILTER (WHERE severity IN ('S1', 'S2')) AS urgent,
    coalesce(sum(abs(amount_sgd_minor)), 0)::bigint AS sgd_minor, min(since_on) AS oldest_on, count(*) OVER () AS groups
FROM recon.break_lives AS life
WHERE is_open = %(open)s
    AND (%(state)s::text IS NULL OR state = %(state)s)
    AND (%(severity)s::text IS NULL OR severity = %(severity)s)
    AND (%(owner)s::text IS NULL OR owner = %(owner)s)
    AND (%(assignee)s::text IS NULL OR coalesce(assignee, '') = %(assignee)s)
    AND (%(recon)s::text IS NULL OR recon = %(recon)s)
    AND (%(code)s::text IS NULL OR code = %(code)s)
    AND (%(currency)s::text IS NULL OR currency = %(currency)s)
    AND (%(since)s::date IS NULL OR since_on >= %(since)s)
    AND (%(until)s::date IS NULL OR since_on <= %(until)s)
    AND (%(q)s::text IS NULL OR position(%(q)s IN lower(key)) > 0 OR starts_with(break_id::text, %(q)s))
GROUP BY {by} ORDER BY sgd_minor DESC, breaks DESC, name LIMIT %(limit)s;

-- name: desk_ageing
-- Open breaks by how many calendar days they are known, and severity.
SELECT width_bucket(%(today)s::date - since_on, ARRAY[0, 8, 31, 91]) AS bucket, severity, count(*) AS breaks
FROM recon.break_lives WHERE is_open GROUP BY 1, 2 ORDER BY 1, 2;

-- name: last_run_of_life
SELECT last_seen_run AS run_id, runs.as_of, runs.rules_sha256
FROM recon.break_lives JOIN recon.runs ON runs.run_id = last_seen_run WHERE break_id = %(break_id)s;

-- name: candidates_of
-- What a break's item could be matched with, and what else speaks for each: others that could, or who has it already.
SELECT candidate.rule, candidate.side_a_type, candidate.side_a_id, candidate.side_b_type, candidate.side_b_id,
    candidate.currency, candidate.amount_minor, candidate.residual_minor, candidate.residual_reason,
    (
        SELECT count(*) FROM recon.matches AS rival
        WHERE rival.side_b_id = candidate.side_b_id AND rival.run_id = candidate.run_id AND rival.state = 'suggested'
            AND rival.side_a_id <> candidate.side_a_id
    ) AS rivals,
    (
        SELECT min(side_a_id) FROM recon.matches AS taken
        WHERE taken.side_b_id = candidate.side_b_id AND taken.run_id = candidate.run_id
            AND taken.recon = candidate.recon AND taken.state = 'posted'
    ) AS taken_by,
    count(*) OVER () AS candidates
FROM recon.matches AS candidate
WHERE candidate.run_id = %(run_id)s AND candidate.recon = %(recon)s AND candidate.state = 'suggested'
    AND (candidate.side_a_id = %(key)s OR candidate.side_b_id = %(key)s)
ORDER BY candidate.side_a_id, candidate.side_b_id LIMIT %(limit)s;

-- name: proposals_of
SELECT proposal_no, kind, reason, maker_id AS maker, checkers_needed, proposed_at,
    array_remove(array_agg(checker_id ORDER BY ordinal), NULL) AS checkers
FROM recon.break_proposals AS proposal
LEFT JOIN (SELECT break_id, proposal_no, ordinal, checker_id FROM recon.break_approvals) AS approval
    USING (break_id, proposal_no)
WHERE break_id = %(break_id)s
GROUP BY proposal_no, kind, proposal.reason, maker_id, checkers_needed, proposed_at ORDER BY proposal_no DESC;
