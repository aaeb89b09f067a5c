-- The day's report: what a published run says to finance, and whether it has said it.

-- name: report_run
-- A day reconciled anew has several published runs; the last one computed is what holds.
SELECT run_id, as_of, batch_through, rulings_through, rules_sha256, opening_run_id, published_at,
    certificate ->> 'certificate_sha256' AS certificate_sha256,
    encode(sha256(convert_to(coalesce(certificate -> 'outputs', to_jsonb(run_id))::text, 'UTF8')), 'hex') AS figures
FROM recon.runs WHERE as_of = %(as_of)s AND state = 'published'
ORDER BY computed_at DESC LIMIT 1;

-- name: create_day_breaks
-- The breaks of the run and of the one it opens with, as they stood when the run was published: people may have gone on.
-- A past day is published long after: there, as they stood when something came that its run does not see.
CREATE TEMP TABLE day_breaks ON COMMIT DROP AS
SELECT found.*, known.state, known.assignee, false AS holds, 0::bigint AS held_minor
FROM recon.breaks AS found
LEFT JOIN LATERAL (
    SELECT to_state AS state, event.assignee FROM recon.break_events AS event
    WHERE event.break_id = found.break_id
        AND (event.run_id = %(run_id)s OR event.happened_at <= least(%(published_at)s::timestamptz, (
            SELECT recorded_at FROM ops.batches
            WHERE batch > (SELECT batch_through FROM recon.runs WHERE run_id = %(run_id)s) ORDER BY batch LIMIT 1
        )))
    ORDER BY version DESC LIMIT 1
) AS known ON found.run_id = %(run_id)s
WHERE found.run_id IN (%(run_id)s, %(opening)s::uuid);

-- name: hold_day_breaks
-- Which of them hold a payment: nothing of it is applied, whatever the break says of it; and how much of a payment each leaves
-- to a person, which is what its run found left and not by how much it differs. A break of another thing may have a payment's
-- id for its key.
UPDATE day_breaks SET holds = NOT in_part, held_minor = left_minor
FROM recon.unapplied_payments AS unapplied
WHERE unapplied.run_id = day_breaks.run_id AND unapplied.payment_id = day_breaks.key
    AND day_breaks.recon = 'R3' AND NOT day_breaks.code = ANY (%(of_others)s);

-- name: create_break_places
-- In which countries the customers are whose breaks they are; one may be several customers'.
CREATE TEMP TABLE break_places (run_id uuid NOT NULL, break_id uuid NOT NULL, country text NOT NULL) ON COMMIT DROP;

-- name: snapshot_seen
SELECT current_setting('tieout.as_of')::date AS as_of, current_setting('tieout.batch')::bigint AS batch_through,
    current_setting('tieout.rulings')::bigint AS rulings_through, current_setting('tieout.rules') AS rules_sha256;

-- name: runs_laid_out
-- The runs whose breaks lie in day_breaks, and what each of them saw.
SELECT run_id, as_of, batch_through, rulings_through, rules_sha256 FROM recon.runs
WHERE run_id IN (SELECT run_id FROM day_breaks) ORDER BY as_of, run_id;

-- name: place_day_breaks
-- Whose they are, where that can be told: money that went back is whose payment it was, and a payment that names nobody is
-- of everybody whose invoices it settled. Ids are looked up among what a code's breaks are about alone: an invoice and an
-- order may have one number. What has a word that nobody maps is named by its kind and id. To be run while what the run
-- saw is seen: what it was about may be gone from later snapshots, or be another country's.
WITH said AS (
    SELECT run_id, break_id, kind, rank() OVER (PARTITION BY run_id, break_id ORDER BY length(opening) DESC) AS place
    FROM day_breaks
    JOIN unnest(%(codes)s::text[], %(openings)s::text[], %(kinds)s::text[]) AS subject (code, opening, kind)
        ON subject.code = day_breaks.code AND starts_with(evidence, opening)
    WHERE run_id = %(run_id)s
), named AS (
    SELECT run_id, break_id, key, recon, kind, key AS id FROM day_breaks JOIN said USING (run_id, break_id) WHERE place = 1
    UNION ALL
    SELECT run_id, break_id, key, recon, CASE WHEN code IN ('DQ01', 'DQ05') THEN split_part(key, ' ', 1) ELSE '' END,
        CASE WHEN code IN ('DQ01', 'DQ05') THEN substr(key, strpos(key, ' ') + 1) ELSE key END COLLATE "C"
    FROM day_breaks WHERE recon = 'all' AND run_id = %(run_id)s
), moved AS (
    SELECT 'refund' AS kind, native_id, payment_id FROM seen.refunds
    UNION ALL SELECT 'dispute', native_id, payment_id FROM seen.disputes
    UNION ALL SELECT 'payment', native_id, native_id FROM seen.payments
), unread AS (  -- a row's break is named by its entity and id, or by its version too
    SELECT key, min(customer_id) AS customer_id FROM (
        SELECT entity || ' ' || native_id AS key, customer_id FROM seen.quarantine
        UNION ALL SELECT entity || ' ' || native_id || ' (' || version || ')', customer_id FROM seen.quarantine
    ) AS stated
    GROUP BY key HAVING min(customer_id) = max(customer_id)
), placed AS (
    SELECT one.run_id, one.break_id, coalesce(
        payment.customer_id, settled.customer_id, invoice.customer_id, note.customer_id, placed_order.customer_id,
        subscription.customer_id, customer.native_id, linked.customer_id, account.erp_customer_id, buyer.erp_customer_id,
        unread.customer_id
    ) AS customer_id
    FROM named AS one
    LEFT JOIN moved ON moved.kind = one.kind AND moved.native_id = one.id
    LEFT JOIN seen.payments AS payment ON payment.native_id = moved.payment_id
    LEFT JOIN LATERAL (
        SELECT bought.customer_id
        FROM recon.matches AS match JOIN seen.invoices AS bought ON bought.native_id = match.side_b_id
        WHERE match.run_id = one.run_id AND match.side_a_id = moved.payment_id AND match.recon = 'R3'
            AND match.state = 'posted' AND match.side_a_type = 'payment' AND payment.customer_id IS NULL
    ) AS settled ON true
    LEFT JOIN unread ON one.recon = 'all' AND unread.key = one.key
    LEFT JOIN seen.invoices AS invoice ON one.kind = 'invoice' AND invoice.native_id = one.id
    LEFT JOIN seen.credit_notes AS note ON one.kind = 'credit_note' AND note.native_id = one.id
    LEFT JOIN seen.orders AS placed_order ON one.kind = 'order' AND placed_order.native_id = one.id
    LEFT JOIN seen.amendments AS step ON one.kind = 'amendment' AND step.native_id = one.id
    LEFT JOIN seen.subscriptions AS subscription
        ON one.kind IN ('subscription', 'amendment') AND subscription.native_id = coalesce(step.subscription_id, one.id)
    LEFT JOIN seen.customers AS customer ON one.kind = 'customer' AND customer.native_id = one.id
    LEFT JOIN seen.accounts AS account ON one.kind = 'account' AND account.native_id = one.id
    LEFT JOIN seen.opportunities AS deal ON one.kind = 'opportunity' AND deal.native_id = one.id
    LEFT JOIN seen.accounts AS buyer ON buyer.native_id = deal.account_id
    LEFT JOIN LATERAL (
        SELECT min(side_b_id) AS customer_id FROM recon.matches AS link
        WHERE link.run_id = one.run_id AND recon = 'R1' AND state = 'posted'
            AND side_a_id = coalesce(account.native_id, deal.account_id)
        HAVING count(*) = 1
    ) AS linked ON true
)
INSERT INTO break_places
SELECT DISTINCT placed.run_id, placed.break_id, whose.country
FROM placed JOIN seen.customers AS whose ON whose.native_id = placed.customer_id
WHERE whose.country IS NOT NULL;

-- name: create_scope_customers
-- The customers of the countries somebody answers for; asked only where countries are named.
CREATE TEMP TABLE scope_customers ON COMMIT DROP AS
SELECT native_id AS customer_id FROM seen.customers WHERE country = ANY (%(countries)s::text[]);

-- name: create_scope_breaks
-- What cannot be told to be somebody's is in nobody's part of the books, only in the whole.
CREATE TEMP TABLE scope_breaks ON COMMIT DROP AS
SELECT * FROM day_breaks
WHERE (%(currencies)s::text[] IS NULL OR currency = ANY (%(currencies)s))
    AND (%(countries)s::text[] IS NULL OR (run_id, break_id) IN (
        SELECT run_id, break_id FROM break_places WHERE country = ANY (%(countries)s)
    ));

-- name: drop_scope
DROP TABLE IF EXISTS pg_temp.scope_customers, pg_temp.scope_breaks;

-- name: report_applied
-- What each rule applied. A payment may settle several invoices, by several rules: it is counted once, where most of it was
-- applied, and its money where it was.
SELECT rule, currency, count(*) FILTER (WHERE place = 1) AS payments, sum(minor) AS amount_minor
FROM (
    SELECT rule, coalesce(paid_currency, currency) AS currency, sum(coalesce(paid_minor, amount_minor)) AS minor,
        row_number() OVER (
            PARTITION BY side_a_id ORDER BY sum(coalesce(paid_minor, amount_minor)) DESC, rule COLLATE "C"
        ) AS place
    FROM recon.matches
    WHERE run_id = %(run_id)s AND recon = 'R3' AND state = 'posted'
        AND (%(currencies)s::text[] IS NULL OR coalesce(paid_currency, currency) = ANY (%(currencies)s))
        AND (%(countries)s::text[] IS NULL OR side_b_id IN (
            SELECT native_id FROM seen.invoices JOIN scope_customers USING (customer_id)
        ))
    GROUP BY side_a_id, rule, coalesce(paid_currency, currency)
) AS applied
GROUP BY rule, currency ORDER BY rule, currency;

-- name: report_breaks_by_code
SELECT code, currency, count(*) AS breaks, sum(amount_minor) AS amount_minor,
    count(*) FILTER (WHERE state IN ('ACCEPTED', 'RESOLVED')) AS settled,
    count(*) FILTER (WHERE holds) AS held, sum(held_minor) AS held_minor
FROM scope_breaks WHERE run_id = %(run_id)s
GROUP BY code, currency ORDER BY code, currency NULLS LAST;

-- name: report_changes
-- Against the day the run opens with: what is new, what is gone, and what is of another kind or amount.
SELECT change, currency, count(*) AS breaks, sum(moved_minor) AS amount_minor
FROM (
    SELECT coalesce(now.currency, was.currency) AS currency,
        CASE WHEN was.break_id IS NULL THEN 'opened' WHEN now.break_id IS NULL THEN 'closed' ELSE 'moved' END AS change,
        CASE
            WHEN was.break_id IS NULL THEN now.amount_minor
            WHEN now.break_id IS NULL THEN was.amount_minor
            WHEN now.currency = was.currency THEN now.amount_minor - was.amount_minor
        END AS moved_minor
    FROM (SELECT * FROM scope_breaks WHERE run_id = %(run_id)s) AS now
    FULL JOIN (SELECT * FROM scope_breaks WHERE run_id = %(opening)s::uuid) AS was USING (break_id)
    WHERE (now.code, now.currency, now.amount_minor) IS DISTINCT FROM (was.code, was.currency, was.amount_minor)
) AS changed
GROUP BY change, currency ORDER BY change, currency NULLS LAST;

-- name: report_restated
-- Items that the day the run opens with had closed otherwise, as far as their customer can be told where countries are asked.
SELECT side, currency, why, count(*) AS items, sum(was_minor) AS was_minor, sum(now_minor) AS now_minor
FROM recon.restatements
WHERE run_id = %(run_id)s AND (%(currencies)s::text[] IS NULL OR currency = ANY (%(currencies)s))
    AND (%(countries)s::text[] IS NULL OR CASE side
        WHEN 'invoice' THEN item_id IN (SELECT native_id FROM seen.invoices JOIN scope_customers USING (customer_id))
        WHEN 'payment' THEN item_id IN (SELECT native_id FROM seen.payments JOIN scope_customers USING (customer_id))
    END)
GROUP BY side, currency, why ORDER BY side, currency, why;

-- name: report_top_breaks
-- Worst first; amounts of several currencies are compared by their value in one, and as they are where no rate is
-- known. DQ01 has a section of its own; what was accepted or settled needs nobody.
SELECT break_id, code, key, currency, amount_minor, severity, age_days, owner, assignee, action, evidence,
    EXISTS (SELECT FROM recon.break_lives AS life WHERE life.break_id = scope_breaks.break_id) AS lives
FROM scope_breaks
LEFT JOIN unnest(%(rated)s::text[], %(worths)s::numeric[]) AS rate (currency, worth) USING (currency)
WHERE run_id = %(run_id)s AND code <> 'DQ01' AND coalesce(state, 'OPEN') NOT IN ('ACCEPTED', 'RESOLVED')
ORDER BY severity, abs(amount_minor) * worth DESC NULLS LAST, abs(amount_minor) DESC NULLS LAST, code, key, break_id
LIMIT %(limit)s;

-- name: report_taken_back
-- Of the payments of the last days that are or were applied by rule, those whose application was taken back: what had
-- settled an invoice no longer does, or somebody proposed to part it and was approved. What people matched by hand, and
-- parted again, is not the rules'. It is told as far as the run knew: by the facts and the rulings it saw, and of what has no
-- number by when something came that it does not see. Each currency, and its worth; of each payment, what was applied of it.
WITH told AS (
    SELECT batch_through, rulings_through, least(computed_at, (
        SELECT recorded_at FROM ops.batches WHERE batch > batch_through ORDER BY batch LIMIT 1
    )) AS known_at
    FROM recon.runs WHERE run_id = %(run_id)s
), posted AS (
    SELECT side_a_id AS payment_id, sum(coalesce(paid_minor, amount_minor)) AS minor FROM recon.matches
    WHERE run_id = %(run_id)s AND recon = 'R3' AND state = 'posted' AND side_a_type = 'payment' AND rule <> 'manual'
    GROUP BY side_a_id
), back AS (
    SELECT item_id AS payment_id, now_minor - was_minor AS minor
    FROM recon.restatements
    JOIN recon.runs USING (run_id)
    JOIN told ON runs.batch_through <= told.batch_through AND runs.rulings_through <= told.rulings_through
    WHERE side = 'payment' AND why = 'unmatched' AND runs.state = 'published'
        AND as_of > %(as_of)s::date - %(days)s::int AND as_of <= %(as_of)s
        AND NOT EXISTS (
            SELECT FROM recon.matches AS before
            WHERE before.run_id = previous_run_id AND before.recon = 'R3' AND before.state = 'posted'
                AND before.side_a_type = 'payment' AND before.side_a_id = item_id AND before.rule = 'manual'
        )
    UNION ALL
    SELECT parted.item_id, recon.sum_of(amounts_minor)
    FROM recon.rulings AS parted
    JOIN recon.pairings USING (break_id, proposal_no)
    JOIN told ON parted.ruling_no <= told.rulings_through
    WHERE parted.kind = 'unmatch' AND parted.item_type = 'payment'
        AND NOT (coalesce(ended_why, '') IN ('sent back', 'lapsed') AND ended_no <= told.rulings_through)
        AND NOT EXISTS (
            SELECT FROM recon.rulings AS by_hand
            WHERE by_hand.kind = 'manual_match' AND by_hand.item_type = 'payment' AND by_hand.item_id = parted.item_id
                AND by_hand.ruling_no < parted.ruling_no
                AND (by_hand.ended_no IS NULL OR by_hand.ended_no > parted.ruling_no)
        )
    UNION ALL  -- of the time before partings were rulings
    SELECT life.key, abs(proposal.amount_minor)
    FROM recon.break_proposals AS proposal
    JOIN recon.break_lives AS life USING (break_id)
    JOIN told ON proposed_at <= known_at
    WHERE proposal.kind = 'unmatch' AND life.recon = 'R3'
        AND NOT EXISTS (
            SELECT FROM recon.pairings AS pairing
            WHERE pairing.break_id = proposal.break_id AND pairing.proposal_no = proposal.proposal_no
        )
        AND proposal.checkers_needed <= (
            SELECT count(*) FROM recon.break_approvals AS approval
            WHERE approval.break_id = proposal.break_id AND approval.proposal_no = proposal.proposal_no
                AND approved_at <= known_at
        )
), undone AS (
    SELECT payment_id, max(minor) AS minor FROM back GROUP BY payment_id
), bought AS (  -- what payments that name nobody settle, or had settled
    SELECT side_a_id AS payment_id, side_b_id AS invoice_id FROM recon.matches
    WHERE run_id = %(run_id)s AND recon = 'R3' AND state = 'posted' AND side_a_type = 'payment'
    UNION ALL
    SELECT item_id, side_b_id
    FROM recon.restatements AS restated
    JOIN recon.matches AS before ON before.run_id = previous_run_id AND before.recon = 'R3' AND before.state = 'posted'
        AND before.side_a_type = 'payment' AND before.side_a_id = item_id
    WHERE restated.side = 'payment' AND restated.why = 'unmatched' AND item_id IN (SELECT payment_id FROM undone)
    UNION ALL
    SELECT item_id, unnest(invoice_ids) FROM recon.pairings
    WHERE kind = 'unmatch' AND item_type = 'payment' AND item_id IN (SELECT payment_id FROM undone)
), told_of AS (
    SELECT payment.currency, undone.payment_id IS NOT NULL AS undone,
        least(abs(payment.amount_minor), coalesce(undone.minor, 0)) AS undone_minor,
        least(abs(payment.amount_minor), coalesce(posted.minor, 0) + coalesce(undone.minor, 0)) AS minor
    FROM seen.payments AS payment
    LEFT JOIN posted ON posted.payment_id = payment.native_id
    LEFT JOIN undone ON undone.payment_id = payment.native_id
    WHERE payment.paid_on > %(as_of)s::date - %(days)s::int
        AND (posted.payment_id IS NOT NULL OR undone.payment_id IS NOT NULL)
        AND (%(currencies)s::text[] IS NULL OR payment.currency = ANY (%(currencies)s))
        AND (%(countries)s::text[] IS NULL OR CASE
            WHEN payment.customer_id IS NOT NULL THEN payment.customer_id IN (SELECT customer_id FROM scope_customers)
            ELSE payment.native_id IN (
                SELECT payment_id FROM bought JOIN seen.invoices AS invoice ON invoice.native_id = bought.invoice_id
                JOIN scope_customers ON scope_customers.customer_id = invoice.customer_id
            ) END)
)
SELECT told_of.currency::text, count(*) AS payments, sum(minor) AS amount_minor,
    count(*) FILTER (WHERE undone) AS taken_back, sum(undone_minor) AS taken_back_minor,
    sum(round(minor * worth)) AS worth_minor, sum(round(undone_minor * worth)) AS taken_back_worth_minor
FROM told_of
LEFT JOIN unnest(%(rated)s::text[], %(worths)s::numeric[]) AS rate (currency, worth) ON rate.currency = told_of.currency
GROUP BY told_of.currency ORDER BY told_of.currency;

-- name: report_ambiguous
-- How many invoices each payment held as ambiguous could be for; none when its candidates were settled by others.
SELECT least(candidates, 2) AS candidates, currency, count(*) AS payments, sum(held_minor) AS amount_minor
FROM (
    SELECT held.key, held.currency, held.held_minor, count(matches.side_b_id) AS candidates
    FROM scope_breaks AS held
    LEFT JOIN recon.matches
        ON matches.run_id = held.run_id AND matches.recon = 'R3' AND matches.state = 'suggested'
        AND matches.side_a_id = held.key
    WHERE held.run_id = %(run_id)s AND held.code = 'CA16'
    GROUP BY held.key, held.currency, held.held_minor
) AS held
GROUP BY 1, 2 ORDER BY 1 DESC, 2;

-- name: report_aging
SELECT currency, bucket, count(*) AS invoices, sum(open_minor) AS open_minor
FROM recon.open_invoices
WHERE run_id = %(run_id)s AND (%(currencies)s::text[] IS NULL OR currency = ANY (%(currencies)s))
    AND (%(countries)s::text[] IS NULL OR customer_id IN (SELECT customer_id FROM scope_customers))
GROUP BY currency, bucket ORDER BY currency, bucket;

-- name: report_quarantined
-- Line 2 of a file stands before its line 10.
SELECT evidence FROM scope_breaks
WHERE run_id = %(run_id)s AND code = 'DQ01'
ORDER BY rtrim(key, '0123456789'), length(key), key, break_id LIMIT %(limit)s;

-- name: report_arr
-- The bridge of every month, all currencies in one.
SELECT month, currency, opening_minor, new_minor, expansion_minor, contraction_minor, churn_minor, reactivation_minor,
    fx_minor, closing_minor, left_out
FROM recon.arr_reported WHERE run_id = %(run_id)s ORDER BY month;

-- name: report_arr_of_scope
-- The same of a part of the books, each currency for itself.
SELECT month, currency, sum(opening_minor) AS opening_minor, sum(new_minor) AS new_minor,
    sum(expansion_minor) AS expansion_minor, sum(contraction_minor) AS contraction_minor,
    sum(churn_minor) AS churn_minor, sum(reactivation_minor) AS reactivation_minor, 0 AS fx_minor,
    sum(closing_minor) AS closing_minor, ARRAY[]::text[] AS left_out
FROM recon.arr_bridge
WHERE run_id = %(run_id)s AND (%(currencies)s::text[] IS NULL OR currency = ANY (%(currencies)s))
    AND (%(countries)s::text[] IS NULL OR customer_id IN (SELECT customer_id FROM scope_customers))
GROUP BY month, currency ORDER BY month, currency;

-- name: facts_learnt_since
-- Facts of the day or before that came, changed or went after the run saw them; `passing` columns are no change. `day` names
-- the column that says of when a fact is; without one all are.
WITH now AS (
    SELECT * FROM {table} AS one
    WHERE recorded_in > %(batch)s AND superseded_in IS NULL
        AND (%(day)s::text IS NULL OR (to_jsonb(one) ->> %(day)s)::date <= %(as_of)s)
), was AS (
    SELECT * FROM {table} AS one
    WHERE recorded_in <= %(batch)s AND superseded_in > %(batch)s
        AND (%(day)s::text IS NULL OR (to_jsonb(one) ->> %(day)s)::date <= %(as_of)s)
)
SELECT (
    SELECT count(*) FROM now LEFT JOIN was USING (native_id)
    WHERE (to_jsonb(now) - ARRAY['version', 'place', 'row_hash', 'recorded_in', 'superseded_in'] - %(passing)s::text[])
        IS DISTINCT FROM
        (to_jsonb(was) - ARRAY['version', 'place', 'row_hash', 'recorded_in', 'superseded_in'] - %(passing)s::text[])
) + (
    SELECT count(*) FROM was
    WHERE NOT EXISTS (
        SELECT FROM {table} AS living
        WHERE living.native_id = was.native_id AND living.superseded_in IS NULL
            AND (%(day)s::text IS NULL OR (to_jsonb(living) ->> %(day)s)::date <= %(as_of)s)
    )
) AS rows;

-- name: items_restated_since
-- What the day that opened with this run found to be otherwise than it had closed.
SELECT side, currency, why, count(*) AS items, sum(was_minor) AS was_minor, sum(now_minor) AS now_minor
FROM recon.restatements
WHERE run_id = (
    SELECT run_id FROM recon.runs WHERE opening_run_id = %(run_id)s AND state = 'published'
    ORDER BY computed_at DESC LIMIT 1
)
GROUP BY side, currency, why ORDER BY side, currency, why;

-- name: workbook_breaks
SELECT severity, code, key, currency, amount_minor, amount_sgd_minor, age_days, owner, assignee, state, action, evidence,
    recon, break_id
FROM scope_breaks WHERE run_id = %(run_id)s
ORDER BY severity COLLATE "C", abs(amount_sgd_minor) DESC NULLS LAST, code COLLATE "C", key, break_id LIMIT %(limit)s;

-- name: workbook_matches
-- Money paid in one currency for an invoice in another is of both.
SELECT match_id, recon, rule, side_a_type, side_a_id, side_b_type, side_b_id, currency, amount_minor, residual_minor,
    residual_reason, state
FROM recon.matches
WHERE run_id = %(run_id)s
    AND (%(currencies)s::text[] IS NULL OR currency = ANY (%(currencies)s) OR paid_currency = ANY (%(currencies)s))
    AND (%(countries)s::text[] IS NULL OR recon = 'R3' AND side_b_id IN (
        SELECT native_id FROM seen.invoices JOIN scope_customers USING (customer_id)
    ))
ORDER BY recon COLLATE "C", match_id, side_a_id, side_b_id LIMIT %(limit)s;

-- name: count_workbook_matches
SELECT count(*) AS matches FROM recon.matches
WHERE run_id = %(run_id)s
    AND (%(currencies)s::text[] IS NULL OR currency = ANY (%(currencies)s) OR paid_currency = ANY (%(currencies)s))
    AND (%(countries)s::text[] IS NULL OR recon = 'R3' AND side_b_id IN (
        SELECT native_id FROM seen.invoices JOIN scope_customers USING (customer_id)
    ));

-- name: workbook_aging
SELECT customer_id, invoice_id, currency, open_minor, due_date, days_past_due, bucket
FROM recon.open_invoices
WHERE run_id = %(run_id)s AND (%(currencies)s::text[] IS NULL OR currency = ANY (%(currencies)s))
    AND (%(countries)s::text[] IS NULL OR customer_id IN (SELECT customer_id FROM scope_customers))
ORDER BY days_past_due DESC, customer_id, invoice_id LIMIT %(limit)s;

-- name: told_before
-- The run of the day that came to something else, and that finance was mailed of before this one was computed.
SELECT mailings.run_id FROM recon.mailings
JOIN recon.runs AS before USING (run_id)
JOIN recon.runs AS now ON now.run_id = %(run_id)s
WHERE told_of = now.as_of AND before.computed_at < now.computed_at AND edition IN ('daily', 'restated')
    AND mailings.state = 'sent' AND before.certificate -> 'outputs' IS DISTINCT FROM now.certificate -> 'outputs'
ORDER BY sent_at DESC LIMIT 1;

-- name: telling_of
-- The last telling of a run's edition, or the one after it where another run was mailed since.
WITH mine AS (
    SELECT telling, max(sent_at) AS sent_at FROM recon.mailings
    WHERE run_id = %(run_id)s AND edition = %(edition)s GROUP BY telling ORDER BY telling DESC LIMIT 1
), others AS (
    SELECT max(sent_at) AS sent_at FROM recon.mailings
    WHERE told_of = %(told_of)s AND edition = ANY (%(editions)s) AND run_id <> %(run_id)s
)
SELECT coalesce((SELECT telling FROM mine), 1)
    + CASE WHEN (SELECT sent_at FROM mine) < (SELECT sent_at FROM others) THEN 1 ELSE 0 END AS telling;

-- name: words_of
-- The mails that each has of a day or a period, the last one first: the part of the books each was of, what names its
-- figures, and what its run came to in all.
SELECT recipient, run_id, telling, scope, figures, sent_at,
    encode(sha256(convert_to(coalesce(certificate -> 'outputs', to_jsonb(run_id))::text, 'UTF8')), 'hex') AS came_to
FROM recon.mailings JOIN recon.runs USING (run_id)
WHERE told_of = %(told_of)s AND edition = ANY (%(editions)s) AND mailings.state = 'sent'
ORDER BY recipient, sent_at DESC, telling DESC;

-- name: figures_of_part
-- What names all that a part of the books reads of a run: equal where its breaks, matches, open invoices, recurring revenue
-- and totals are, in whatever order. To be asked within the part.
SELECT encode(sha256(convert_to(concat_ws(' ',
    (SELECT concat_ws(' ', count(*), sum(hash_record_extended(ROW(
        break_id, recon, code, key, currency, amount_minor, amount_sgd_minor, severity, age_days, owner, action, evidence
    ), 0)::numeric)) FROM scope_breaks WHERE run_id = %(run_id)s),
    (SELECT concat_ws(' ', count(*), sum(hash_record_extended(ROW(
        match_id, recon, rule, side_a_type, side_a_id, side_b_type, side_b_id, currency, amount_minor, paid_currency,
        paid_minor, residual_minor, residual_reason, state
    ), 0)::numeric)) FROM recon.matches
    WHERE run_id = %(run_id)s
        AND (%(currencies)s::text[] IS NULL OR currency = ANY (%(currencies)s) OR paid_currency = ANY (%(currencies)s))
        AND (%(countries)s::text[] IS NULL OR recon = 'R3' AND side_b_id IN (
            SELECT native_id FROM seen.invoices JOIN scope_customers USING (customer_id)
        ))),
    (SELECT concat_ws(' ', count(*), sum(hash_record_extended(ROW(
        customer_id, invoice_id, currency, open_minor, due_date, days_past_due, bucket
    ), 0)::numeric)) FROM recon.open_invoices
    WHERE run_id = %(run_id)s AND (%(currencies)s::text[] IS NULL OR currency = ANY (%(currencies)s))
        AND (%(countries)s::text[] IS NULL OR customer_id IN (SELECT customer_id FROM scope_customers))),
    (SELECT concat_ws(' ', count(*), sum(hash_record_extended(ROW(
        customer_id, month, currency, opening_minor, new_minor, expansion_minor, contraction_minor, churn_minor,
        reactivation_minor, closing_minor
    ), 0)::numeric)) FROM recon.arr_bridge
    WHERE run_id = %(run_id)s AND (%(currencies)s::text[] IS NULL OR currency = ANY (%(currencies)s))
        AND (%(countries)s::text[] IS NULL OR customer_id IN (SELECT customer_id FROM scope_customers))),
    (SELECT concat_ws(' ', count(*), sum(hash_record_extended(ROW(
        recon, side, currency, lost_count, loaded_count, quarantined_count, loaded_minor, matched_minor, open_minor,
        excluded_minor, proven
    ), 0)::numeric)) FROM recon.control_totals
    WHERE run_id = %(run_id)s AND %(countries)s::text[] IS NULL AND currency = ANY (%(currencies)s)),
    (SELECT bool_and(proven) FROM recon.control_totals WHERE run_id = %(run_id)s)
), 'UTF8')), 'hex') AS figures;

-- name: report_is_kept
SELECT FROM recon.reports WHERE run_id = %(run_id)s;

-- name: keep_report
-- A repeat changes nothing: what finance was told stays as it was told.
INSERT INTO recon.reports (run_id, as_of, subject, html, plain, recipients)
VALUES (%(run_id)s, %(as_of)s, %(subject)s, %(html)s, %(plain)s, '{}')
ON CONFLICT (run_id) DO NOTHING;

-- name: report_is_sent
-- When somebody has the day's report, of this run or (`having`) of one with its figures, and nobody waits who is still to get
-- it and whose address is taken.
UPDATE recon.reports SET sent_at = coalesce(sent_at, clock_timestamp()), recipients = (
    SELECT array_agg(address ORDER BY address) FROM (
        SELECT address FROM recon.mailings
        WHERE run_id = %(run_id)s AND edition = 'daily' AND telling = %(telling)s AND state = 'sent'
        UNION SELECT unnest(%(having)s::text[])
    ) AS told
)
WHERE run_id = %(run_id)s
    AND (cardinality(%(having)s::text[]) > 0 OR EXISTS (
        SELECT FROM recon.mailings
        WHERE run_id = %(run_id)s AND edition = 'daily' AND telling = %(telling)s AND state = 'sent'
    ))
    AND NOT EXISTS (
        SELECT FROM recon.mailings
        WHERE run_id = %(run_id)s AND edition = 'daily' AND telling = %(telling)s AND state NOT IN ('sent', 'refused')
            AND recipient = ANY (%(recipients)s)
    );

-- name: list_reports
-- One line a day: the report of the last run that was published for it.
SELECT DISTINCT ON (reports.as_of)
    reports.as_of, reports.run_id, subject, sent_at, runs.published_at,
    mails, refused, uncertain,
    certificate ->> 'certificate_sha256' AS certificate_sha256
FROM recon.reports
JOIN recon.runs USING (run_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS mails, count(*) FILTER (WHERE mailings.state = 'refused') AS refused,
        count(*) FILTER (WHERE mailings.state IN ('uncertain', 'called')) AS uncertain
    FROM recon.mailings
    WHERE mailings.run_id = reports.run_id AND edition = 'daily'
) AS mailed
WHERE runs.state = 'published'
ORDER BY reports.as_of DESC, computed_at DESC
LIMIT %(limit)s;

-- name: report_of_day
SELECT reports.as_of, reports.run_id, subject, html, sent_at, certificate ->> 'certificate_sha256' AS certificate_sha256
FROM recon.reports
JOIN recon.runs USING (run_id)
WHERE reports.as_of = %(as_of)s AND state = 'published'
ORDER BY computed_at DESC LIMIT 1;

-- name: keep_edition
-- As it is mailed: a restatement goes on with what is known of its day, a week or month when a day of it became another.
INSERT INTO recon.editions (run_id, edition, as_of, subject, html, plain, since, until)
VALUES (%(run_id)s, %(edition)s, %(as_of)s, %(subject)s, %(html)s, %(plain)s, %(since)s, %(until)s)
ON CONFLICT (run_id, edition) DO UPDATE
SET subject = excluded.subject, html = excluded.html, plain = excluded.plain, kept_at = excluded.kept_at
WHERE (editions.subject, editions.html, editions.plain) IS DISTINCT FROM (excluded.subject, excluded.html, excluded.plain);

-- name: forget_restated
-- The day is as it was told, after all. Who was mailed otherwise keeps that mail.
DELETE FROM recon.editions WHERE run_id = %(run_id)s AND edition = 'restated';

-- name: editions_of_day
SELECT edition, subject, html, kept_at FROM recon.editions JOIN recon.runs USING (run_id)
WHERE editions.as_of = %(as_of)s ORDER BY edition, computed_at DESC, kept_at DESC;

-- name: keep_mailing
-- What somebody was told stays as it was told. What waits is told anew only where they answer for another part now.
INSERT INTO recon.mailings AS kept (
    run_id, edition, recipient, telling, address, scope, locale, subject, html, plain, told_of, figures
)
VALUES (
    %(run_id)s, %(edition)s, %(recipient)s, %(telling)s, %(address)s, %(scope)s, %(locale)s, %(subject)s, %(html)s,
    %(plain)s, %(told_of)s, %(figures)s
)
ON CONFLICT (run_id, edition, recipient, telling) DO UPDATE
SET address = excluded.address, scope = excluded.scope, locale = excluded.locale, subject = excluded.subject,
    html = excluded.html, plain = excluded.plain, figures = excluded.figures
WHERE kept.state <> 'sent' AND (kept.scope, kept.locale) <> (excluded.scope, excluded.locale);

-- name: mailings_kept
SELECT recipient, scope, locale, state FROM recon.mailings
WHERE run_id = %(run_id)s AND edition = %(edition)s AND telling = %(telling)s;

-- name: mailings_to_send
-- Those with the fewest tries first: a server that is slow with one keeps nobody else waiting for good. `lost`: how often
-- it was handed over and nobody knows what came of it, or whoever sent it died.
SELECT recipient, attempts, attempts - (
        SELECT count(*) FROM recon.mail_attempts AS tried
        WHERE tried.run_id = mailings.run_id AND tried.edition = mailings.edition
            AND tried.recipient = mailings.recipient AND tried.telling = mailings.telling AND outcome <> 'uncertain'
    ) AS lost
FROM recon.mailings
WHERE run_id = %(run_id)s AND edition = %(edition)s AND telling = %(telling)s AND state <> 'sent'
    AND recipient = ANY (%(recipients)s)
ORDER BY attempts, recipient;

-- name: mailing_to_send
SELECT address, scope, locale, html, subject, plain, kept_at FROM recon.mailings
WHERE run_id = %(run_id)s AND edition = %(edition)s AND telling = %(telling)s AND recipient = %(recipient)s;

-- name: begin_mailing
-- Committed before the server is called: who dies in between leaves a trace. Of two who saw as many tries, one begins.
UPDATE recon.mailings SET state = 'called', attempts = attempts + 1
WHERE run_id = %(run_id)s AND edition = %(edition)s AND telling = %(telling)s AND recipient = %(recipient)s
    AND state <> 'sent' AND attempts = %(seen)s;

-- name: end_mailing
-- Whoever was thought dead, and tried again for, has sent it all the same when it was taken.
UPDATE recon.mailings SET state = %(state)s, detail = %(detail)s,
    sent_at = CASE WHEN %(state)s = 'sent' THEN ops.clock() END
WHERE run_id = %(run_id)s AND edition = %(edition)s AND telling = %(telling)s AND recipient = %(recipient)s
    AND state <> 'sent' AND (attempts = %(attempt)s OR %(state)s = 'sent');

-- name: record_mail_attempt
INSERT INTO recon.mail_attempts (run_id, edition, recipient, telling, attempt, outcome, detail)
VALUES (%(run_id)s, %(edition)s, %(recipient)s, %(telling)s, %(attempt)s, %(outcome)s, %(detail)s);
