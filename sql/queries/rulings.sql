-- What people ruled about matches: seen by a run, and carried out by it. See sql/schema/330_rulings.sql.

-- name: rulings_seen
-- In the order of decision, without what depends on when and where it was decided.
SELECT kind, item_type, item_id, currency, invoice_ids, amounts_minor, match_id, maker, checkers, reason
FROM seen.rulings ORDER BY ruling_no;

-- name: create_parted
-- Payments and the invoices they must not be paired with again.
CREATE TEMP TABLE parted ON COMMIT DROP AS SELECT payment_id, invoice_id FROM seen.parted;

-- name: create_settled_by_hand
-- Invoices of which people settled something by hand: what is open of them is less than they were for.
CREATE TEMP TABLE settled_by_hand (invoice_id text COLLATE "C" PRIMARY KEY) ON COMMIT DROP;

-- name: create_ruled_words
-- What people decided about unposted payments, in words.
CREATE TEMP TABLE ruled_words (payment_id text COLLATE "C" PRIMARY KEY, words text NOT NULL) ON COMMIT DROP;

-- name: analyse_parted
ANALYZE parted;

-- name: forget_parted
DELETE FROM namings USING parted
WHERE parted.payment_id = namings.payment_id AND parted.invoice_id = namings.invoice_id;

-- name: matches_by_hand
SELECT ruling_no, item_id, currency, invoice_ids, amounts_minor, maker, checkers FROM seen.rulings
WHERE kind = 'manual_match' AND item_type = 'payment' ORDER BY ruling_no;

-- name: partings_of_unposted
-- With the numbers their invoices have now.
SELECT item_id AS payment_id, maker, checkers,
    (
        SELECT array_agg(coalesce(number, invoice_id) ORDER BY invoice_id) FROM unnest(invoice_ids) AS invoice_id
        LEFT JOIN run_invoices USING (invoice_id)
    ) AS numbers
FROM seen.rulings
WHERE kind = 'unmatch' AND item_type = 'payment'
    AND EXISTS (SELECT FROM pool_payments WHERE payment_id = item_id)
ORDER BY ruling_no;

-- name: money_by_hand
-- The payments that people matched by hand, as this run has them.
SELECT wanted.payment_id AS item_id, 'payment' AS item_type, customer_id, group_id, coalesce(payment.currency, posted.currency) AS currency,
    coalesce(amount_minor, 0) AS amount_minor,
    coalesce(postable AND NOT EXISTS (
        SELECT FROM refunded_whole WHERE refunded_whole.payment_id = payment.payment_id
    ), false) AS usable,
    coalesce(invoice_ids, '{}') AS used_for
FROM unnest(%(payments)s::text[]) AS wanted (payment_id)
LEFT JOIN pool_payments AS payment USING (payment_id)
LEFT JOIN (
    SELECT payment_id, min(paid_currency) AS currency, array_agg(invoice_id ORDER BY invoice_id) AS invoice_ids
    FROM cash_lines GROUP BY payment_id
) AS posted USING (payment_id)
WHERE payment.payment_id IS NOT NULL OR posted.payment_id IS NOT NULL;

-- name: debts_by_hand
-- The invoices that people matched by hand, as this run has them.
SELECT invoice.invoice_id, number, invoice.customer_id, group_id, invoice.currency, coalesce(open_minor, 0) AS open_minor,
    settled_by, invoice.postable AND status NOT IN ('DRAFT', 'CREDITED', 'WRITTEN_OFF', 'VOID') AS owed
FROM run_invoices AS invoice
JOIN unnest(%(invoices)s::text[]) AS wanted (invoice_id) USING (invoice_id)
LEFT JOIN pool_invoices USING (invoice_id)
LEFT JOIN (SELECT invoice_id, min(payment_id) AS settled_by FROM cash_lines GROUP BY invoice_id) AS posted USING (invoice_id);

-- name: left_on_account
-- Of payments matched by hand, what they did not settle and what did not go back to the payer.
SELECT payment_id, currency, left_minor, paid_on
FROM on_account
WHERE payment_id IN (SELECT payment_id FROM cash_lines WHERE rule = 'manual')
    AND left_minor > (
        SELECT coalesce(sum(amount_minor), 0) FROM seen.refunds
        WHERE refunds.payment_id = on_account.payment_id AND coalesce(state, 'SUCCEEDED') IN ('SUCCEEDED', 'PENDING')
    )
ORDER BY payment_id;

-- What a person may match or part by now: as the newest published day has it, and as rulings since have changed it. The
-- views of schema `seen` show that day's snapshot, with every ruling that stands.

-- name: newest_published
SELECT run_id, as_of, batch_through, rulings_through, rules_sha256
FROM recon.runs WHERE state = 'published' ORDER BY as_of DESC, computed_at DESC LIMIT 1;

-- name: payment_to_pair
SELECT payment.native_id AS item_id, 'payment' AS item_type, customer_id, currency, amount_minor,
    amount_minor > 0 AND coalesce(state, 'SUCCEEDED') = 'SUCCEEDED' AND amount_minor > coalesce((
        SELECT sum(refunds.amount_minor) FROM seen.refunds
        WHERE refunds.payment_id = payment.native_id AND coalesce(refunds.state, 'SUCCEEDED') IN ('SUCCEEDED', 'PENDING')
    ), 0) AS usable,
    (
        SELECT coalesce(array_agg(side_b_id ORDER BY side_b_id), '{}') FROM recon.matches
        WHERE run_id = %(run_id)s AND recon = 'R3' AND state = 'posted' AND side_a_id = payment.native_id
            AND side_a_type = 'payment'
            AND NOT EXISTS (SELECT FROM seen.parted WHERE payment_id = side_a_id AND invoice_id = side_b_id)
    ) AS used_for,
    (
        SELECT maker FROM seen.rulings
        WHERE kind = 'manual_match' AND item_type = 'payment' AND item_id = payment.native_id
    ) AS ruled_by
FROM seen.payments AS payment WHERE payment.native_id = %(payment)s;

-- name: credit_note_to_pair
-- One that names an invoice is that one's; one of which a payment deducted something is used.
SELECT note.native_id AS item_id, 'credit_note' AS item_type, customer_id, currency, abs(gross_minor) AS amount_minor,
    abs(gross_minor) = %(left_minor)s AS usable,
    CASE WHEN stated.invoice_id IS NULL THEN '{}' ELSE ARRAY[stated.invoice_id] END AS used_for,
    (
        SELECT maker FROM seen.rulings
        WHERE kind = 'manual_match' AND item_type = 'credit_note' AND item_id = note.native_id
    ) AS ruled_by
FROM seen.credit_notes AS note
JOIN (SELECT native_id, recorded_in, invoice_id FROM canonical.credit_notes) AS stated USING (native_id, recorded_in)
WHERE note.native_id = %(credit_note)s;

-- name: heads_of
WITH RECURSIVE above AS (
    SELECT native_id AS customer_id, native_id AS head, 0 AS generation
    FROM seen.customers WHERE native_id = ANY (%(customers)s)
    UNION ALL
    SELECT above.customer_id, parent.native_id, generation + 1
    FROM above
    JOIN seen.customers AS child ON child.native_id = head
    JOIN seen.customers AS parent ON parent.native_id = child.parent_id AND parent.native_id <> child.native_id
    WHERE generation < 20
)
SELECT DISTINCT ON (customer_id) customer_id, head FROM above ORDER BY customer_id, generation DESC;

-- name: debts_to_pair
-- Invoices by id, or by number, of which there is no index. What was parted since is open again; what was matched by hand since is promised.
WITH wanted AS (
    SELECT invoices.native_id AS invoice_id, number, customer_id, currency, state
    FROM seen.invoices WHERE native_id = ANY (%(wanted)s)
    UNION
    SELECT invoices.native_id, number, customer_id, currency, state
    FROM seen.invoices WHERE cardinality(%(numbers)s::text[]) > 0 AND number = ANY (%(numbers)s)
), posted AS (
    SELECT side_b_id AS invoice_id, side_a_id AS payment_id, rule, amount_minor + CASE
            WHEN residual_reason = 'credit_note' THEN 0 ELSE residual_minor END AS minor,
        EXISTS (
            SELECT FROM seen.parted WHERE parted.payment_id = side_a_id AND parted.invoice_id = side_b_id
        ) AS parted
    FROM recon.matches
    JOIN wanted ON wanted.invoice_id = side_b_id
    WHERE run_id = %(run_id)s AND recon = 'R3' AND matches.state = 'posted' AND side_a_type = 'payment'
), settled AS (
    SELECT invoice_id, min(payment_id) FILTER (WHERE NOT parted) AS settled_by,
        coalesce(sum(minor) FILTER (WHERE parted), 0) AS freed_minor
    FROM posted GROUP BY invoice_id
), promised AS (
    -- Whoever is at the desk sees every ruling that stands, so that those of these invoices are looked up.
    SELECT pair.invoice_id, sum(minor) AS minor
    FROM recon.standing_pairings CROSS JOIN LATERAL unnest(invoice_ids, amounts_minor) AS pair (invoice_id, minor)
    WHERE kind = 'manual_match' AND item_type = 'payment' AND pair.invoice_id IN (SELECT invoice_id FROM wanted)
    AND invoice_ids && ARRAY(SELECT (invoice_id COLLATE "default")::text FROM wanted)
    AND NOT EXISTS (
        SELECT FROM posted WHERE rule = 'manual' AND NOT parted
            AND posted.payment_id = item_id AND posted.invoice_id = pair.invoice_id
    )
    GROUP BY pair.invoice_id
)
SELECT wanted.invoice_id, number, wanted.customer_id, wanted.currency,
    (coalesce(open.open_minor, 0) + coalesce(freed_minor, 0))::bigint AS open_minor,
    coalesce(promised.minor, 0)::bigint AS promised_minor, settled_by,
    coalesce(wanted.state, 'OPEN') NOT IN ('DRAFT', 'CREDITED', 'WRITTEN_OFF', 'VOID', 'UNKNOWN') AS owed,
    EXISTS (
        SELECT FROM recon.matches AS suggested
        WHERE suggested.run_id = %(run_id)s AND suggested.state = 'suggested' AND suggested.recon = 'R3'
            AND suggested.side_a_id = %(item)s AND suggested.side_b_id = wanted.invoice_id
    ) AS suggested
FROM wanted
LEFT JOIN recon.open_invoices AS open ON open.run_id = %(run_id)s AND open.invoice_id = wanted.invoice_id
LEFT JOIN settled ON settled.invoice_id = wanted.invoice_id
LEFT JOIN promised ON promised.invoice_id = wanted.invoice_id
ORDER BY wanted.invoice_id;

-- name: legs_to_part
-- Of a posted match, or of a credit note matched by hand: what it joins, in the currency of the money.
SELECT 'payment' AS item_type, side_a_id AS item_id, side_b_id AS invoice_id, paid_currency AS currency,
    paid_minor AS amount_minor, match_id
FROM recon.matches
WHERE run_id = %(run_id)s AND match_id = %(subject)s AND recon = 'R3' AND state = 'posted' AND side_a_type = 'payment'
    AND paid_minor > 0
UNION ALL
SELECT item_type, item_id, invoice_ids[1], currency, amounts_minor[1], match_id
FROM seen.rulings WHERE kind = 'manual_match' AND item_type = 'credit_note' AND item_id = %(subject)s
ORDER BY invoice_id;

-- name: paired_now
SELECT side_b_id AS invoice_id, paid_minor AS amount_minor
FROM recon.matches
WHERE run_id = %(run_id)s AND recon = 'R3' AND state = 'posted' AND side_a_type = %(item_type)s AND side_a_id = %(item)s
    AND paid_minor > 0
    AND NOT EXISTS (SELECT FROM seen.parted WHERE payment_id = side_a_id AND invoice_id = side_b_id)
UNION ALL
SELECT invoice_ids[1], amounts_minor[1] FROM seen.rulings
WHERE %(item_type)s = 'credit_note' AND kind = 'manual_match' AND item_type = 'credit_note' AND item_id = %(item)s
ORDER BY invoice_id;

-- name: partings_of
SELECT item_type, currency, invoice_ids, amounts_minor, match_id
FROM seen.rulings WHERE kind = 'unmatch' AND item_id = %(item)s ORDER BY ruling_no;

-- name: keep_pairing
-- Of the proposal just kept.
INSERT INTO recon.pairings (
    break_id, proposal_no, kind, item_type, item_id, currency, break_minor, invoice_ids, amounts_minor, match_id
)
SELECT break_id, max(proposal_no), %(kind)s, %(item_type)s, %(item_id)s, %(currency)s, %(break_minor)s,
    %(invoices)s::text[], %(amounts)s::bigint[], %(match_id)s
FROM recon.break_proposals WHERE break_id = %(break_id)s GROUP BY break_id;

-- name: pairing_of
SELECT kind, item_type, item_id, currency, break_minor, invoice_ids, amounts_minor, match_id
FROM recon.pairings WHERE break_id = %(break_id)s AND proposal_no = %(proposal_no)s;

-- name: claim_rulings
-- One at a time, so that numbers are given in the order in which they are seen.
LOCK TABLE recon.rulings IN SHARE ROW EXCLUSIVE MODE;

-- name: grant_ruling
INSERT INTO recon.rulings (ruling_no, break_id, proposal_no, kind, item_type, item_id, approved_in)
SELECT nextval('recon.ruling_numbers'), break_id, proposal_no, kind, item_type, item_id, %(approved_in)s
FROM recon.pairings WHERE break_id = %(break_id)s AND proposal_no = %(proposal_no)s;

-- name: end_ruling
UPDATE recon.rulings
SET ended_no = nextval('recon.ruling_numbers'), ended_why = %(why)s, ended_at = clock_timestamp()
WHERE break_id = %(break_id)s AND proposal_no = %(proposal_no)s AND ended_no IS NULL;

-- name: end_standing
-- With the number of what ends it, so that no run sees the one without the other.
UPDATE recon.rulings
SET ended_no = (SELECT max(ruling_no) FROM recon.rulings), ended_why = %(why)s, ended_at = clock_timestamp()
WHERE kind = %(kind)s AND item_type = %(item_type)s AND item_id = %(item_id)s AND ended_no IS NULL;

-- name: end_parting
-- The parting that was withdrawn, and no other of the same item; numbered as above.
UPDATE recon.rulings AS ruling
SET ended_no = (SELECT max(ruling_no) FROM recon.rulings), ended_why = 'withdrawn', ended_at = clock_timestamp()
FROM recon.pairings AS parted, recon.pairings AS withdrawal
WHERE withdrawal.break_id = %(break_id)s AND withdrawal.proposal_no = %(proposal_no)s
    AND ruling.kind = 'unmatch' AND ruling.item_type = withdrawal.item_type AND ruling.item_id = withdrawal.item_id
    AND ended_no IS NULL
    AND parted.break_id = ruling.break_id AND parted.proposal_no = ruling.proposal_no
    AND parted.match_id IS NOT DISTINCT FROM withdrawal.match_id AND parted.invoice_ids = withdrawal.invoice_ids;

-- name: end_lapsed
-- Approvals of amounts that are not the break's any more; unless that is because the run carried them out.
UPDATE recon.rulings AS ruling
SET ended_no = nextval('recon.ruling_numbers'), ended_why = 'lapsed', ended_at = clock_timestamp()
FROM life_changes AS change
WHERE change.break_id = ruling.break_id AND change.proposal_before = ruling.proposal_no AND action = 'lapsed'
    AND ended_no IS NULL AND NOT (
        ruling_no <= %(rulings)s
        AND (item_type = 'credit_note' OR recon.posted_by_hand(%(run_id)s, item_type, item_id))
    );

-- name: end_unposted
-- What the run could not post, where nobody waits for it any more: its break was over, and is open again or gone. An
-- approval that no run carried out yet is tried again, and can be sent back.
UPDATE recon.rulings AS ruling
SET ended_no = nextval('recon.ruling_numbers'), ended_why = 'no longer possible', ended_at = clock_timestamp()
WHERE ruling_no <= %(rulings)s AND ended_no IS NULL AND kind = 'manual_match' AND item_type <> 'credit_note'
    AND NOT recon.posted_by_hand(%(run_id)s, item_type, item_id)
    AND NOT EXISTS (
        SELECT FROM recon.break_lives AS life
        WHERE life.break_id = ruling.break_id AND state = 'APPROVED' AND life.proposal_no = ruling.proposal_no
    );

-- name: claim_question
-- Two people who question a match at once: the second one waits, and finds it questioned.
SELECT pg_advisory_xact_lock(hashtextextended(%(break_id)s::text, 0));

-- name: record_question
INSERT INTO recon.break_events (
    break_id, version, action, actor, reason, from_state, to_state, severity, code, currency, amount_minor,
    amount_sgd_minor
) VALUES (
    %(break_id)s, %(version)s, 'questioned', %(actor)s, %(reason)s, %(from_state)s, 'OPEN', %(severity)s, %(code)s,
    %(currency)s, %(amount_minor)s, %(amount_sgd_minor)s
);

-- name: question_life
INSERT INTO recon.break_lives (
    break_id, recon, family, code, key, currency, amount_minor, amount_sgd_minor, severity, owner, since_on,
    first_seen_run, first_seen_on, last_seen_run, last_seen_on, state, version
) VALUES (
    %(break_id)s, %(recon)s, %(family)s, %(code)s, %(key)s, %(currency)s, %(amount_minor)s, %(amount_sgd_minor)s,
    %(severity)s, %(owner)s, %(as_of)s, %(run_id)s, %(as_of)s, %(run_id)s, %(as_of)s, 'OPEN', %(version)s
)
ON CONFLICT (break_id) DO UPDATE SET currency = EXCLUDED.currency, amount_minor = EXCLUDED.amount_minor,
    amount_sgd_minor = EXCLUDED.amount_sgd_minor, severity = EXCLUDED.severity, owner = EXCLUDED.owner,
    last_seen_run = EXCLUDED.last_seen_run, last_seen_on = EXCLUDED.last_seen_on, state = 'OPEN', assignee = NULL,
    proposal_no = 0, accepted_in = NULL, version = EXCLUDED.version, opened_at = now();

-- What people proposed and decided about matches, to be shown.

-- name: decisions
-- Those about an item; without one, those that wait for a checker, or for a run. Newest first; `seen`: the newest published
-- run began with it; `carried`: and keeps to it.
WITH about AS (
    SELECT break_id, proposal_no FROM recon.pairings WHERE item_id = %(item)s
    UNION
    SELECT break_id, proposal_no FROM recon.pairings
    WHERE invoice_ids @> ARRAY[%(item)s::text] AND item_type IN ('payout', 'bank_line')
), by_hand AS (
    SELECT side_a_id, side_b_id FROM recon.matches
    WHERE run_id = %(run_id)s AND recon IN ('R3', 'R4') AND rule = 'manual' AND state = 'posted'
        AND (%(item)s::text IS NULL OR side_a_id = %(item)s)
    UNION ALL
    SELECT side_a_id, side_b_id FROM recon.matches
    WHERE run_id = %(run_id)s AND recon IN ('R3', 'R4') AND rule = 'manual' AND state = 'posted' AND side_b_id = %(item)s
), posted AS (
    SELECT side_a_id AS item_id FROM by_hand UNION SELECT side_b_id FROM by_hand
), standing AS (
    SELECT break_id, proposal_no, ruling_no <= %(rulings)s AS seen, ruling_no <= %(rulings)s AND (
            kind <> 'manual_match' OR item_type = 'credit_note' OR posted.item_id IS NOT NULL
        ) AS carried
    FROM recon.rulings LEFT JOIN posted USING (item_id)
    WHERE ended_no IS NULL AND (%(item)s::text IS NULL OR (break_id, proposal_no) IN (SELECT break_id, proposal_no FROM about))
), wanted AS (
    SELECT break_id, proposal_no FROM about
    UNION
    SELECT break_id, proposal_no FROM recon.break_lives WHERE state = 'PROPOSED' AND %(item)s::text IS NULL
    UNION
    SELECT break_id, proposal_no FROM standing WHERE NOT carried AND %(item)s::text IS NULL
)
SELECT break_id, proposal_no, kind, item_type, item_id, pairing.currency, maker_id AS maker, proposal.reason, proposed_at,
    proposal.checkers_needed, coalesce(checkers, '{}') AS checkers, ruling_no, granted_at, ended_why, ended_at,
    life.state = 'PROPOSED' AND life.at_work = proposal_no AS waits,
    coalesce(seen, false) AS seen, coalesce(carried, false) AS carried, parts, count(*) OVER () AS decisions
FROM wanted
JOIN recon.pairings AS pairing USING (break_id, proposal_no)
JOIN recon.break_proposals AS proposal USING (break_id, proposal_no, kind)
JOIN (SELECT break_id, state, proposal_no FROM recon.break_lives) AS life (break_id, state, at_work) USING (break_id)
LEFT JOIN recon.rulings USING (break_id, proposal_no, kind, item_type, item_id)
LEFT JOIN standing USING (break_id, proposal_no)
CROSS JOIN LATERAL (
    SELECT array_agg(checker_id ORDER BY ordinal) AS checkers FROM recon.break_approvals AS approval
    WHERE approval.break_id = pairing.break_id AND approval.proposal_no = pairing.proposal_no
) AS checked
CROSS JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object(
        'invoice_id', pair.invoice_id, 'number', coalesce(number, pair.invoice_id), 'minor', minor
    )) AS parts
    FROM unnest(invoice_ids, amounts_minor) AS pair (invoice_id, minor)
    LEFT JOIN canonical.invoices
        ON native_id = pair.invoice_id AND superseded_in IS NULL AND pairing.item_type IN ('payment', 'credit_note')
) AS numbered
ORDER BY proposed_at DESC LIMIT %(limit)s;
