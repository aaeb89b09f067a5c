-- People at work on breaks: what there is to do, what is known of one, and each act with its row of history.

-- name: list_lives
-- Worst first, then by value (what nobody can value before all others), then the longest known.
SELECT break_id, recon, code, key, currency, amount_minor, amount_sgd_minor, severity, owner, state, assignee, version,
    since_on, opened_at, first_seen_on, last_seen_on, clock_timestamp() AS now
FROM recon.break_lives
WHERE state = ANY (%(states)s) AND owner = coalesce(%(owner)s::text, owner)
    AND (%(assignee)s::text IS NULL OR assignee = %(assignee)s) AND recon = coalesce(%(recon)s::text, recon)
ORDER BY severity, value_rank, opened_at, break_id
LIMIT %(limit)s;

-- name: lives_beginning
SELECT break_id FROM recon.break_lives WHERE starts_with(break_id::text, %(beginning)s) ORDER BY break_id LIMIT 2;

-- name: life_of
-- With what the last run that found it says about it.
SELECT life.break_id, life.recon, life.code, life.key, life.currency, life.amount_minor, life.amount_sgd_minor,
    life.severity, life.owner, state, assignee, version, since_on, opened_at, first_seen_on, last_seen_on, action,
    evidence, clock_timestamp() AS now
FROM recon.break_lives AS life
LEFT JOIN recon.breaks ON breaks.run_id = life.last_seen_run AND breaks.break_id = life.break_id
WHERE life.break_id = %(break_id)s;

-- name: history_of
SELECT version, happened_at, actor_id AS actor, action, from_state, to_state, assignee, severity, code, currency,
    amount_minor, proposal_no, kind, approval, checkers_needed, reason
FROM recon.break_events WHERE break_id = %(break_id)s ORDER BY version;

-- name: claim_lives_of
-- In one order, so that nobody waits for somebody who waits for them. Whoever else wants to act waits here, and then sees
-- another version.
SELECT break_id, state, version, assignee, recon, code, key, currency, amount_minor, amount_sgd_minor, proposal_no
FROM recon.break_lives WHERE break_id = ANY (%(break_ids)s) ORDER BY break_id FOR UPDATE;

-- name: life_state
SELECT break_id, state, version, assignee, recon, code, key, currency, amount_minor, amount_sgd_minor, proposal_no
FROM recon.break_lives WHERE break_id = %(break_id)s;

-- name: last_act_on
SELECT actor_id, action, happened_at FROM recon.break_events
WHERE break_id = %(break_id)s ORDER BY version DESC LIMIT 1;

-- name: proposal_of
SELECT proposal_no AS number, kind, maker, proposal.checkers_needed,
    array_remove(array_agg(checker ORDER BY ordinal), NULL) AS checkers
FROM recon.break_proposals AS proposal
LEFT JOIN recon.break_approvals AS approval USING (break_id, proposal_no)
WHERE break_id = %(break_id)s AND proposal_no = %(number)s
GROUP BY proposal_no, kind, maker, proposal.checkers_needed;

-- name: limits_in_force
SELECT rules_sha256 FROM recon.limits_in_force WHERE rules_sha256 = %(rules_sha256)s;

-- name: keep_limits
INSERT INTO recon.control_limits (rules_sha256, manual_match_sgd_minor, two_checkers_sgd_minor)
VALUES (%(rules_sha256)s, %(manual_match)s, %(two_checkers)s)
ON CONFLICT (rules_sha256) DO NOTHING;

-- name: name_limits
-- Nothing while the same were named last.
INSERT INTO recon.limits_named (rules_sha256)
SELECT %(rules_sha256)s::text
WHERE %(rules_sha256)s::text IS DISTINCT FROM (
    SELECT rules_sha256 FROM recon.limits_named ORDER BY naming_no DESC LIMIT 1
);

-- name: keep_proposal
INSERT INTO recon.break_proposals (
    break_id, proposal_no, based_on, kind, reason, maker, code, currency, amount_minor, amount_sgd_minor, rules_sha256,
    manual_match_sgd_minor, two_checkers_sgd_minor, checkers_needed
)
SELECT break_id,
    1 + (SELECT count(*) FROM recon.break_proposals AS earlier WHERE earlier.break_id = life.break_id),
    version, %(kind)s, %(reason)s, %(maker)s, code, currency, amount_minor, amount_sgd_minor, rules_sha256,
    manual_match_sgd_minor, two_checkers_sgd_minor, %(checkers_needed)s
FROM recon.break_lives AS life
JOIN recon.control_limits ON rules_sha256 = %(rules_sha256)s
WHERE break_id = %(break_id)s;

-- name: keep_approval
INSERT INTO recon.break_approvals (break_id, proposal_no, ordinal, checker, maker_id, checkers_needed, reason)
SELECT break_id, proposal_no, %(ordinal)s, %(checker)s, maker_id, checkers_needed, %(reason)s
FROM recon.break_proposals WHERE break_id = %(break_id)s AND proposal_no = %(number)s;

-- name: record_acts
INSERT INTO recon.break_events (
    break_id, version, action, actor, reason, from_state, to_state, assignee, severity, code, currency, amount_minor,
    amount_sgd_minor, proposal_before, proposal_after, kind, checkers_needed, approval
)
SELECT life.break_id, version + 1, act.action, act.actor, act.reason, state, act.to_state, act.assignee, severity, life.code,
    life.currency, life.amount_minor, life.amount_sgd_minor, life.proposal_no, act.proposal_after, proposal.kind,
    proposal.checkers_needed, act.approval
FROM unnest(
    %(break_ids)s::uuid[], %(actions)s::text[], %(actors)s::text[], %(reasons)s::text[], %(to_states)s::text[],
    %(assignees)s::text[], %(proposals_after)s::integer[], %(approvals)s::integer[]
) AS act (break_id, action, actor, reason, to_state, assignee, proposal_after, approval)
JOIN recon.break_lives AS life ON life.break_id = act.break_id
LEFT JOIN recon.break_proposals AS proposal
    ON proposal.break_id = life.break_id AND proposal.proposal_no = greatest(life.proposal_no, act.proposal_after);

-- name: move_acted
UPDATE recon.break_lives AS life
SET state = act.to_state, assignee = act.assignee, proposal_no = act.proposal_after, version = life.version + 1,
    accepted_in = CASE
        WHEN act.to_state <> 'ACCEPTED' THEN NULL
        WHEN life.state = 'ACCEPTED' THEN accepted_in
        ELSE life.version + 1
    END
FROM unnest(
    %(break_ids)s::uuid[], %(to_states)s::text[], %(assignees)s::text[], %(proposals_after)s::integer[],
    %(versions)s::integer[]
) AS act (break_id, to_state, assignee, proposal_after, version)
WHERE life.break_id = act.break_id AND life.version = act.version;

-- name: newest_proposal_of
SELECT max(proposal_no) AS number FROM recon.break_proposals WHERE break_id = %(break_id)s;

-- name: person_known
-- What the console last let somebody do, NULL where it never saw them; and whether they ever did something about a break.
SELECT (SELECT may FROM ops.console_people WHERE person = %(person)s) AS may,
    EXISTS (SELECT FROM recon.break_events WHERE actor_id = %(person)s AND actor_kind <> 'run') AS acted;

-- name: people_who_work
-- Whom a break can be given to, as far as the console knows them.
SELECT person FROM ops.console_people WHERE 'can_work' = ANY (may) ORDER BY person LIMIT %(limit)s;
