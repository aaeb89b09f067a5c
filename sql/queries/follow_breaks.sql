-- Lives of breaks following a published run: what it found, found again, found otherwise, or finds no longer.

-- name: claim_lives
-- Runs follow each other one at a time; people go on working meanwhile, on breaks that are not locked yet.
LOCK TABLE recon.life_updates IN SHARE ROW EXCLUSIVE MODE;

-- name: last_followed
SELECT run_id, as_of FROM recon.life_updates ORDER BY seq DESC LIMIT 1;

-- name: create_found_breaks
CREATE TEMP TABLE found_breaks (
    break_id uuid PRIMARY KEY, recon text, family text, code text, key text COLLATE "C", currency char(3),
    amount_minor bigint, amount_sgd_minor bigint, severity text, owner text, since_on date
) ON COMMIT DROP;

-- name: fill_found_breaks
-- What only needs time is of its own severity, until it took too long. A break whose fact has no date counts from when
-- it was first found.
INSERT INTO found_breaks
SELECT break_id, breaks.recon, coalesce(policy.family, lower(breaks.code)), breaks.code, breaks.key, breaks.currency,
    breaks.amount_minor, breaks.amount_sgd_minor,
    CASE
        WHEN breaks.code <> ALL (%(timing_codes)s::text[]) THEN breaks.severity
        WHEN dated.since_on < %(overdue_since)s::date THEN %(timing_then)s
        ELSE %(timing_severity)s
    END,
    breaks.owner, dated.since_on
FROM recon.breaks
JOIN recon.runs USING (run_id)
LEFT JOIN unnest(%(codes)s::text[], %(families)s::text[]) AS policy (code, family) ON policy.code = breaks.code
LEFT JOIN recon.break_lives AS life USING (break_id)
CROSS JOIN LATERAL (SELECT least(life.since_on, runs.as_of - breaks.age_days)) AS dated (since_on)
WHERE run_id = %(run_id)s;

-- name: lock_lives
-- In one order, so that nobody waits for somebody who waits for them. Who acts meanwhile waits, and sees the new version.
SELECT count(*) AS lives FROM (
    SELECT FROM recon.break_lives
    WHERE state <> 'RESOLVED' OR break_id IN (SELECT break_id FROM found_breaks)
    ORDER BY break_id FOR UPDATE
) AS locked;

-- name: analyse_found_breaks
ANALYZE found_breaks;

-- name: create_life_changes
CREATE TEMP TABLE life_changes (
    break_id uuid PRIMARY KEY, version integer, action text, from_state text, to_state text, assignee text,
    severity text, owner text, code text, currency char(3), amount_minor bigint, amount_sgd_minor bigint,
    proposal_before integer, proposal_after integer, reason text
) ON COMMIT DROP;

-- name: find_life_changes
-- Rates move every day and change nothing: a break is worth what it was worth when its code or amount last changed.
INSERT INTO life_changes
SELECT break_id, coalesce(life.version, 0) + 1, action, coalesce(life.state, 'NEW'),
    CASE action WHEN 'changed' THEN life.state WHEN 'lapsed' THEN 'ASSIGNED' ELSE 'OPEN' END,
    CASE WHEN action IN ('changed', 'lapsed') THEN life.assignee END,
    found.severity, found.owner, found.code, found.currency, found.amount_minor,
    CASE WHEN same THEN life.amount_sgd_minor ELSE found.amount_sgd_minor END,
    coalesce(life.proposal_no, 0), CASE WHEN action = 'changed' THEN life.proposal_no ELSE 0 END,
    CASE action
        WHEN 'opened' THEN 'found by the run of '
        WHEN 'reopened' THEN CASE
            WHEN same THEN 'found again by the run of '
            ELSE was || ' before, now ' || is_now || ' in the run of '
        END
        ELSE CASE
            WHEN same THEN life.severity || ' before, now ' || found.severity || ' in the run of '
            ELSE was || ' before, now ' || is_now || ' in the run of '
        END
    END || %(as_of)s
FROM found_breaks AS found
LEFT JOIN recon.break_lives AS life USING (break_id)
LEFT JOIN canonical.currencies ON currencies.currency = found.currency
LEFT JOIN canonical.currencies AS was_in ON was_in.currency = life.currency
CROSS JOIN LATERAL (
    SELECT (life.code, life.currency, life.amount_minor, life.amount_sgd_minor IS NULL)
        IS NOT DISTINCT FROM (found.code, found.currency, found.amount_minor, found.amount_sgd_minor IS NULL) AS same,
        concat_ws(' ', life.code, round(life.amount_minor / was_in.minor_per_major, was_in.exponent), life.currency) AS was,
        concat_ws(
            ' ', found.code, round(found.amount_minor / currencies.minor_per_major, currencies.exponent), found.currency
        ) AS is_now
) AS compared
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN life.state IS NULL THEN 'opened'
        WHEN life.state = 'RESOLVED' THEN 'reopened'
        WHEN life.state = 'ACCEPTED' THEN CASE WHEN NOT same THEN 'reopened' END
        WHEN NOT same AND life.state IN ('PROPOSED', 'APPROVED') THEN 'lapsed'
        WHEN NOT same OR life.severity <> found.severity THEN 'changed'
    END AS action
) AS decided
WHERE action IS NOT NULL;

-- name: find_vanished
-- No run finds a questioned match: people do, and it is over when a run no longer has it.
INSERT INTO life_changes
SELECT break_id, version + 1, 'vanished', state, 'RESOLVED', assignee, severity, owner, code, currency, amount_minor,
    amount_sgd_minor, proposal_no, 0, 'no longer found by the run of ' || %(as_of)s
FROM recon.break_lives AS life
WHERE state <> 'RESOLVED' AND break_id NOT IN (SELECT break_id FROM found_breaks) AND NOT EXISTS (
    SELECT FROM recon.pairings AS pairing
    WHERE life.code = 'CA21' AND pairing.break_id = life.break_id AND (
        EXISTS (
            SELECT FROM recon.matches AS match
            WHERE match.run_id = %(run_id)s AND match.recon = life.recon AND match.state = 'posted' AND (
                side_a_type = item_type AND side_a_id = item_id AND side_b_id = ANY (invoice_ids)
                OR side_b_type = item_type AND side_b_id = item_id AND side_a_id = ANY (invoice_ids)
            )
        )
        OR item_type = 'credit_note' AND EXISTS (
            SELECT FROM recon.rulings AS ruling
            WHERE ruling.item_id = pairing.item_id AND ruling.item_type = 'credit_note' AND ruling.kind = 'manual_match'
                AND ruling_no <= %(rulings)s AND (ended_no IS NULL OR ended_no > %(rulings)s)
        )
    )
);

-- name: analyse_life_changes
ANALYZE life_changes;

-- name: record_life_changes
INSERT INTO recon.break_events (
    break_id, version, action, actor, reason, from_state, to_state, assignee, severity, code, currency, amount_minor,
    amount_sgd_minor, proposal_before, proposal_after, kind, checkers_needed, run_id
)
SELECT change.break_id, version, action, 'run', change.reason, from_state, to_state, assignee, severity, change.code,
    change.currency, change.amount_minor, change.amount_sgd_minor, proposal_before, proposal_after, kind,
    checkers_needed, %(run_id)s
FROM life_changes AS change
LEFT JOIN recon.break_proposals AS proposal
    ON proposal.break_id = change.break_id AND proposal.proposal_no = change.proposal_before;

-- name: open_lives
INSERT INTO recon.break_lives (
    break_id, recon, family, code, key, currency, amount_minor, amount_sgd_minor, severity, owner, since_on,
    first_seen_run, first_seen_on, last_seen_run, last_seen_on, state, version
)
SELECT break_id, recon, family, code, key, currency, amount_minor, amount_sgd_minor, severity, owner, since_on,
    %(run_id)s, %(as_of)s, %(run_id)s, %(as_of)s, 'OPEN', 1
FROM found_breaks
WHERE break_id IN (SELECT break_id FROM life_changes WHERE action = 'opened');

-- name: move_lives
-- Deadlines of what is open again count from when it was opened first, if every run found it: saying that it is done moves
-- none. They begin anew for what was gone meanwhile, and for what was let stand and is otherwise now.
UPDATE recon.break_lives AS life
SET code = change.code, currency = change.currency, amount_minor = change.amount_minor,
    amount_sgd_minor = change.amount_sgd_minor, severity = change.severity, owner = change.owner,
    state = to_state, assignee = change.assignee, proposal_no = proposal_after, version = change.version,
    accepted_in = NULL, opened_at = CASE
        WHEN action = 'reopened' AND (
            from_state = 'ACCEPTED'
            OR last_seen_run <> (SELECT run_id FROM recon.life_updates ORDER BY seq DESC LIMIT 1)
        ) THEN now()
        ELSE opened_at
    END
FROM life_changes AS change
WHERE change.break_id = life.break_id AND action <> 'opened';

-- name: mark_seen
-- What this run opened says so already.
UPDATE recon.break_lives AS life
SET last_seen_run = %(run_id)s, last_seen_on = %(as_of)s, since_on = found.since_on
FROM found_breaks AS found
WHERE found.break_id = life.break_id AND first_seen_run <> %(run_id)s;

-- name: count_life_changes
SELECT action, count(*) AS breaks FROM life_changes GROUP BY action ORDER BY action;

-- name: analyse_results
-- The run's results are new, and nobody has counted them yet: planned without, the join below runs over and over.
ANALYZE recon.matches, recon.break_lives;

-- name: residuals_left
-- Open residuals of posted payments, by the customer whose invoices they leave short, in the order of payment.
SELECT life.break_id, life.version, life.code, life.key AS payment_id, min(invoice.customer_id) AS customer_id,
    payment.paid_on, life.currency, life.amount_minor, life.amount_sgd_minor,
    sum(invoice.gross_minor)::bigint AS gross_minor, payment.amount_minor AS paid_minor, count(*) AS lines
FROM recon.break_lives AS life
JOIN recon.matches AS match
    ON match.run_id = life.last_seen_run AND match.recon = 'R3' AND match.state = 'posted'
    AND match.side_a_type = 'payment' AND match.side_a_id = life.key
JOIN seen.payments AS payment ON payment.native_id = life.key
JOIN seen.invoices AS invoice ON invoice.native_id = match.side_b_id
WHERE life.recon = 'R3' AND life.state = 'OPEN' AND life.last_seen_run = %(run_id)s AND life.code = ANY (%(codes)s)
GROUP BY life.break_id, payment.paid_on, payment.amount_minor
HAVING bool_or(match.residual_reason = life.code)
ORDER BY payment.paid_on, life.key, life.code;

-- name: written_off_before
SELECT customer_id, month, sum(abs(write_offs.amount_sgd_minor))::bigint AS amount_minor
FROM recon.write_offs
JOIN recon.break_lives AS life ON life.break_id = write_offs.break_id AND life.accepted_in = write_offs.version
WHERE counts
GROUP BY customer_id, month;

-- name: record_write_offs
INSERT INTO recon.break_events (
    break_id, version, action, actor, reason, from_state, to_state, severity, code, currency, amount_minor,
    amount_sgd_minor, run_id, rules_sha256
)
SELECT break_id, version + 1, 'written_off', 'policy', reason, state, 'ACCEPTED', severity, code, currency,
    amount_minor, amount_sgd_minor, %(run_id)s, %(rules_sha256)s
FROM recon.break_lives
JOIN unnest(%(breaks)s::uuid[], %(reasons)s::text[]) AS judged (break_id, reason) USING (break_id);

-- name: accept_write_offs
UPDATE recon.break_lives
SET state = 'ACCEPTED', version = version + 1, accepted_in = version + 1
WHERE break_id = ANY (%(breaks)s);

-- name: keep_write_offs
INSERT INTO recon.write_offs (
    break_id, version, customer_id, month, amount_sgd_minor, counts, before_sgd_minor, cap_sgd_minor
)
SELECT break_id, accepted_in, customer_id, month, amount_sgd_minor, counts, before_minor, %(cap)s
FROM recon.break_lives
JOIN unnest(
    %(breaks)s::uuid[], %(customers)s::text[], %(months)s::date[], %(counts)s::boolean[], %(before)s::bigint[]
) AS judged (break_id, customer_id, month, counts, before_minor) USING (break_id);

-- name: mark_followed
INSERT INTO recon.life_updates (run_id, as_of, counts) VALUES (%(run_id)s, %(as_of)s, %(counts)s);
