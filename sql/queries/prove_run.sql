-- The proofs of a run, recomputed from its stored results and the rows it sees, not from what computed them.
--
-- An invoice is owed unless its status says otherwise; a credit note settles what its invoice needs and no more.

-- name: forget_proofs
DELETE FROM recon.proofs WHERE run_id = %(run_id)s;

-- name: forget_restatements
DELETE FROM recon.restatements WHERE run_id = %(run_id)s;

-- name: create_proof_invoices
-- Of every invoice: what posted matches settled and what credit notes did, beside what is kept as open.
CREATE TEMP TABLE proof_invoices ON COMMIT DROP AS
WITH cash AS (
    SELECT side_b_id AS invoice_id, currency, count(*) AS lines,
        sum(amount_minor + CASE WHEN residual_reason IN ('credit_note', '') THEN 0 ELSE residual_minor END) AS minor
    FROM recon.matches
    WHERE run_id = %(run_id)s AND recon = 'R3' AND state = 'posted' AND side_b_type = 'invoice'
    GROUP BY side_b_id, currency
), credit AS (
    SELECT invoice_id, currency, sum(abs(gross_minor)) AS minor
    FROM seen.credit_notes WHERE invoice_id IS NOT NULL GROUP BY invoice_id, currency
), stated AS (
    SELECT native_id AS invoice_id, currency, issue_date, gross_minor, gross_minor > 0
        AND coalesce(state, 'OPEN') NOT IN ('DRAFT', 'CREDITED', 'WRITTEN_OFF', 'VOID') AS owed
    FROM seen.invoices
), kept AS (
    SELECT invoice_id, currency, open_minor FROM recon.open_invoices WHERE run_id = %(run_id)s
)
SELECT invoice_id, currency, issue_date, coalesce(owed, false) AS owed, stated.invoice_id IS NOT NULL AS seen,
    coalesce(gross_minor, 0)::numeric AS gross_minor,
    coalesce(cash.minor, 0) AS settled_minor, coalesce(lines, 0) AS lines,
    CASE WHEN owed THEN least(coalesce(credit.minor, 0), greatest(0, gross_minor - coalesce(cash.minor, 0)))
        ELSE 0 END AS credited_minor,
    open_minor IS NOT NULL AS kept_open, coalesce(open_minor, 0)::numeric AS open_minor
FROM stated
FULL JOIN cash USING (invoice_id, currency)
FULL JOIN kept USING (invoice_id, currency)
LEFT JOIN credit USING (invoice_id, currency);

-- name: create_proof_payments
-- Of every payment: whether it is money, what posted matches spent of it, and in how many of them.
CREATE TEMP TABLE proof_payments ON COMMIT DROP AS
WITH spent AS (
    SELECT side_a_id AS payment_id, paid_currency AS currency, sum(paid_minor) AS minor,
        count(DISTINCT match_id) AS groups,
        bool_or(paid_currency = currency AND paid_minor <> amount_minor) AS uneven
    FROM recon.matches
    WHERE run_id = %(run_id)s AND recon = 'R3' AND state = 'posted' AND side_a_type = 'payment'
    GROUP BY side_a_id, paid_currency
)
SELECT payment_id, currency, paid_on, payments.native_id IS NOT NULL AS seen,
    coalesce(amount_minor > 0 AND coalesce(state, 'SUCCEEDED') = 'SUCCEEDED', false) AS received,
    coalesce(amount_minor > 0 AND coalesce(state, 'SUCCEEDED') IN ('SUCCEEDED', 'UNKNOWN'), false) AS counted,
    coalesce(amount_minor, 0)::numeric AS amount_minor, coalesce(spent.minor, 0) AS spent_minor,
    coalesce(groups, 0) AS groups, coalesce(uneven, false) AS uneven
FROM (SELECT native_id, native_id AS payment_id, currency, paid_on, amount_minor, state FROM seen.payments) AS payments
FULL JOIN spent USING (payment_id, currency);

-- name: analyse_proof_items
ANALYZE proof_invoices, proof_payments;

-- name: prove_rows_loaded
-- Rows received, of whatever day: each has a version or is in quarantine. Where every page's rows are there, and nothing
-- was lost when they landed, nobody need look at the pages again; nor can they where rows were stated anew.
INSERT INTO recon.proofs (run_id, proof, recon, side, measure, expected, found, wrong_items, example)
WITH stored AS (
    SELECT (SELECT count(*) FROM {table} WHERE recorded_in <= %(batch)s)
        + (SELECT count(*) FROM canonical.quarantine
            WHERE entity = %(entity)s AND quarantined_in <= %(batch)s) AS rows,
        EXISTS (SELECT FROM {table} WHERE recorded_in <= %(batch)s AND superseded_in IS NOT NULL) AS restated,
        (SELECT coalesce(sum(records), 0) FROM ops.pulls
            WHERE entity = %(entity)s AND landed_in <= %(batch)s) AS received,
        (SELECT coalesce(max(lost_count), 0) FROM recon.control_totals
            WHERE run_id = %(run_id)s AND side = %(side)s) AS lost_on_landing
), missing AS (
    SELECT count(*) AS rows, min(records.native_id) AS example
    FROM ops.pulls
    JOIN raw.records USING (pull_id)
    WHERE (SELECT received <> rows AND NOT restated FROM stored)
        AND pulls.entity = %(entity)s AND pulls.landed_in <= %(batch)s
        AND NOT EXISTS (SELECT FROM {table} AS canonical WHERE canonical.native_id = records.native_id)
        AND NOT EXISTS (
            SELECT FROM canonical.quarantine
            WHERE quarantine.system = records.system AND quarantine.entity = records.entity
                AND quarantine.native_id = records.native_id AND quarantine.version = records.version
        )
), lost AS (
    SELECT greatest(lost_on_landing, missing.rows) AS rows, example FROM stored CROSS JOIN missing
)
SELECT %(run_id)s, 'loaded', %(recon)s, %(side)s, 'rows', stored.rows + lost.rows, stored.rows, lost.rows, example
FROM stored CROSS JOIN lost WHERE stored.rows + lost.rows > 0;

-- name: prove_money_loaded
-- The source's own totals against the amounts stored, where every row was stated once: later windows of a live system
-- state changes, which do not add up to what it holds. Amounts in quarantine count as far as they could be read, and
-- a currency in which one could not is left out.
INSERT INTO recon.proofs (run_id, proof, recon, side, currency, measure, expected, found, wrong_items)
WITH windows AS (
    SELECT source_count, source_amounts FROM ops.proofs
    WHERE entity = %(entity)s AND proven AND proof_id <= %(proof_through)s
), stored AS (
    SELECT currency, {amount} AS minor, true AS readable FROM {table} WHERE recorded_in <= %(batch)s
    UNION ALL
    SELECT currency, amount_minor, amount_minor IS NOT NULL FROM canonical.quarantine
    WHERE entity = %(entity)s AND quarantined_in <= %(batch)s
), comparable AS (
    SELECT 1
    WHERE (SELECT sum(source_count) FROM windows) = (SELECT count(*) FROM stored)
        AND NOT EXISTS (SELECT FROM {table} WHERE recorded_in <= %(batch)s AND superseded_in <= %(batch)s)
), said AS (
    SELECT key AS currency, sum(value::numeric * minor_per_major) AS minor
    FROM windows CROSS JOIN LATERAL jsonb_each_text(source_amounts) JOIN canonical.currencies ON currency = key
    GROUP BY key
), held AS (
    SELECT currency, coalesce(sum(minor), 0) AS minor, bool_and(readable) AS readable FROM stored
    WHERE currency IS NOT NULL GROUP BY currency
)
SELECT %(run_id)s, 'loaded', %(recon)s, %(side)s, currency, 'minor', coalesce(said.minor, 0), coalesce(held.minor, 0),
    (coalesce(said.minor, 0) <> coalesce(held.minor, 0))::int
FROM said FULL JOIN held USING (currency) CROSS JOIN comparable
WHERE coalesce(readable, true);

-- name: prove_decided
INSERT INTO recon.proofs (run_id, proof, recon, side, currency, measure, expected, found, wrong_items)
SELECT run_id, 'decided', recon, side, currency, 'minor', loaded_minor, matched_minor + open_minor + excluded_minor,
    (loaded_minor <> matched_minor + open_minor + excluded_minor)::int
FROM recon.control_totals WHERE run_id = %(run_id)s AND currency IS NOT NULL;

-- name: prove_settled
-- Invoices: what is no longer open of those matched is cash, a residual with its reason, or credit. Payments: what was
-- received is spent or left, in its own currency; overspending shows as more than was received.
INSERT INTO recon.proofs (run_id, proof, recon, side, currency, measure, expected, found, wrong_items, example)
SELECT %(run_id)s, 'settled', 'R3', 'invoice', currency, 'minor', sum(gross_minor - open_minor),
    sum(settled_minor + credited_minor),
    count(*) FILTER (WHERE NOT owed OR gross_minor - open_minor <> settled_minor + credited_minor),
    min(invoice_id) FILTER (WHERE NOT owed OR gross_minor - open_minor <> settled_minor + credited_minor)
FROM proof_invoices WHERE lines > 0 GROUP BY currency
UNION ALL
SELECT %(run_id)s, 'settled', 'R3', 'payment', currency, 'minor', sum(amount_minor),
    sum(greatest(amount_minor, spent_minor)),
    count(*) FILTER (WHERE spent_minor > amount_minor OR NOT received OR uneven),
    min(payment_id) FILTER (WHERE spent_minor > amount_minor OR NOT received OR uneven)
FROM proof_payments WHERE groups > 0 GROUP BY currency;

-- name: prove_sub_ledger
-- The open items are the receivables: invoice by invoice, and what customers are said to owe.
INSERT INTO recon.proofs (run_id, proof, recon, side, currency, measure, expected, found, wrong_items, example)
SELECT %(run_id)s, 'sub_ledger', 'R3', 'invoice', currency, 'minor', sum(due), sum(open_minor),
    count(*) FILTER (WHERE due <> open_minor), min(invoice_id) FILTER (WHERE due <> open_minor)
FROM (
    SELECT *, CASE WHEN owed THEN gross_minor - settled_minor - credited_minor ELSE 0 END AS due FROM proof_invoices
) AS recomputed
WHERE owed OR kept_open GROUP BY currency
UNION ALL
SELECT %(run_id)s, 'sub_ledger', 'R3', 'customer', currency, 'minor', sum(coalesce(owed.minor, 0)),
    sum(coalesce(balance.owed_minor, 0)),
    count(*) FILTER (WHERE coalesce(owed.minor, 0) <> coalesce(balance.owed_minor, 0)),
    min(customer_id) FILTER (WHERE coalesce(owed.minor, 0) <> coalesce(balance.owed_minor, 0))
FROM (
    SELECT customer_id, currency, sum(open_minor) AS minor FROM recon.open_invoices
    WHERE run_id = %(run_id)s GROUP BY customer_id, currency
) AS owed
FULL JOIN (
    SELECT customer_id, currency, owed_minor FROM recon.customer_balances WHERE run_id = %(run_id)s
) AS balance USING (customer_id, currency)
GROUP BY currency;

-- name: prove_one_state
-- An item in no state, in two, or that nobody stated is wrong.
INSERT INTO recon.proofs (run_id, proof, recon, side, currency, measure, expected, found, wrong_items, example)
WITH invoices AS (
    SELECT invoice_id, currency, seen AND CASE
        WHEN NOT owed THEN lines = 0 AND NOT kept_open
        ELSE open_minor BETWEEN 0 AND gross_minor AND (kept_open OR settled_minor + credited_minor > 0)
    END AS right
    FROM proof_invoices
), held AS (
    SELECT DISTINCT side_a_id AS payment_id FROM recon.matches
    WHERE run_id = %(run_id)s AND recon = 'R3' AND state = 'suggested' AND side_a_type = 'payment'
), payments AS (
    SELECT payment_id, currency,
        seen AND CASE WHEN groups = 0 THEN true ELSE received AND groups = 1 AND held.payment_id IS NULL END AS right
    FROM proof_payments LEFT JOIN held USING (payment_id)
)
SELECT %(run_id)s, 'one_state', 'R3', 'invoice', currency, 'rows', count(*), count(*) FILTER (WHERE "right"),
    count(*) FILTER (WHERE NOT "right"), min(invoice_id) FILTER (WHERE NOT "right")
FROM invoices GROUP BY currency
UNION ALL
SELECT %(run_id)s, 'one_state', 'R3', 'payment', currency, 'rows', count(*), count(*) FILTER (WHERE "right"),
    count(*) FILTER (WHERE NOT "right"), min(payment_id) FILTER (WHERE NOT "right")
FROM payments GROUP BY currency;

-- name: create_earlier_invoices
-- As the previous run saw them: to be run while its snapshot is seen.
CREATE TEMP TABLE earlier_invoices ON COMMIT DROP AS
SELECT native_id AS invoice_id, currency, gross_minor, gross_minor > 0
    AND coalesce(state, 'OPEN') NOT IN ('DRAFT', 'CREDITED', 'WRITTEN_OFF', 'VOID') AS owed
FROM seen.invoices;

-- name: create_earlier_payments
CREATE TEMP TABLE earlier_payments ON COMMIT DROP AS
SELECT native_id AS payment_id, currency, amount_minor,
    amount_minor > 0 AND coalesce(state, 'SUCCEEDED') IN ('SUCCEEDED', 'UNKNOWN') AS counted
FROM seen.payments;

-- name: create_earlier_credits
CREATE TEMP TABLE earlier_credits ON COMMIT DROP AS
SELECT native_id AS credit_note_id, invoice_id, currency, abs(gross_minor) AS minor FROM seen.credit_notes;

-- name: create_changed_pairs
-- Applications of payments to invoices that are not what they were. `late`: the payment is older than the previous day
-- and came after it.
CREATE TEMP TABLE changed_pairs ON COMMIT DROP AS
WITH lines AS (
    SELECT run_id, side_a_id AS payment_id, side_b_id AS invoice_id, currency AS settled_currency, paid_currency,
        paid_minor, amount_minor + CASE WHEN residual_reason IN ('credit_note', '') THEN 0 ELSE residual_minor END AS settled_minor
    FROM recon.matches
    WHERE run_id IN (%(run_id)s, %(previous)s) AND recon = 'R3' AND state = 'posted'
)
SELECT payment_id, invoice_id, settled_currency AS currency, paid_currency,
    now.settled_minor AS now_settled, was.settled_minor AS was_settled, now.paid_minor AS now_paid,
    was.paid_minor AS was_paid,
    was.payment_id IS NULL AND before.payment_id IS NULL AND payments.paid_on <= %(previous_as_of)s AS late
FROM (SELECT * FROM lines WHERE run_id = %(run_id)s) AS now
FULL JOIN (SELECT * FROM lines WHERE run_id = %(previous)s) AS was
    USING (payment_id, invoice_id, settled_currency, paid_currency)
LEFT JOIN (SELECT payment_id, currency AS paid_currency FROM earlier_payments) AS before
    USING (payment_id, paid_currency)
LEFT JOIN (SELECT payment_id, currency AS paid_currency, paid_on FROM proof_payments) AS payments
    USING (payment_id, paid_currency)
WHERE now.settled_minor IS DISTINCT FROM was.settled_minor OR now.paid_minor IS DISTINCT FROM was.paid_minor;

-- name: create_changed_credits
-- Per invoice, what its credit notes did since: those of a later day clear it, any other change restates it.
CREATE TEMP TABLE changed_credits ON COMMIT DROP AS
SELECT coalesce(now.invoice_id, was.invoice_id) AS invoice_id, coalesce(now.currency, was.currency) AS currency,
    coalesce(sum(now.minor) FILTER (WHERE was.credit_note_id IS NULL AND now.issue_date > %(previous_as_of)s), 0)
        AS fresh_minor,
    coalesce(bool_or(was.credit_note_id IS NULL AND now.issue_date <= %(previous_as_of)s), false) AS late,
    coalesce(bool_or(was.credit_note_id IS NOT NULL), false) AS corrected
FROM (
    SELECT native_id AS credit_note_id, invoice_id, currency, abs(gross_minor) AS minor, issue_date
    FROM seen.credit_notes
) AS now
FULL JOIN earlier_credits AS was
    ON was.credit_note_id = now.credit_note_id AND was.invoice_id IS NOT DISTINCT FROM now.invoice_id
    AND was.currency = now.currency
WHERE now.minor IS DISTINCT FROM was.minor
GROUP BY 1, 2;

-- name: analyse_changes
ANALYZE earlier_invoices, earlier_payments, changed_pairs, changed_credits;

-- name: create_carried_items
-- Every item open on one of the two days, or new: what it closed with, what came, what was cleared, what it closes
-- with, and the first fact that can explain why it opens with another amount than it closed with.
CREATE TEMP TABLE carried_items ON COMMIT DROP AS
WITH cash AS (
    SELECT invoice_id, currency,
        coalesce(sum(now_settled) FILTER (WHERE was_settled IS NULL AND NOT late), 0) AS fresh_minor,
        bool_or(late) AS late, bool_or(was_settled <> now_settled) AS corrected, bool_or(now_settled IS NULL) AS unmatched
    FROM changed_pairs GROUP BY invoice_id, currency
), closed AS (
    SELECT invoice_id, currency, open_minor FROM recon.open_invoices WHERE run_id = %(previous)s
), invoices AS (
    SELECT invoice_id, currency, coalesce(closed.open_minor, 0)::numeric AS was_minor,
        CASE WHEN now.owed AND before.invoice_id IS NULL AND now.issue_date > %(previous_as_of)s
            THEN now.gross_minor ELSE 0 END AS in_minor,
        CASE WHEN now.owed THEN coalesce(cash.fresh_minor, 0)
            + least(now.credited_minor, coalesce(credit.fresh_minor, 0)) ELSE 0 END AS cleared_minor,
        coalesce(now.open_minor, 0) AS now_minor,
        CASE
            WHEN before.owed AND NOT coalesce(now.owed, false) THEN 'withdrawn'
            WHEN before.invoice_id IS NULL AND now.issue_date <= %(previous_as_of)s THEN 'late'
            WHEN before.gross_minor <> now.gross_minor OR before.owed <> now.owed THEN 'corrected'
            WHEN cash.unmatched THEN 'unmatched'
            WHEN cash.late OR credit.late THEN 'late'
            WHEN cash.corrected OR credit.corrected THEN 'corrected'
            ELSE 'unexplained'
        END AS why
    FROM proof_invoices AS now
    FULL JOIN earlier_invoices AS before USING (invoice_id, currency)
    FULL JOIN closed USING (invoice_id, currency)
    LEFT JOIN cash USING (invoice_id, currency)
    LEFT JOIN changed_credits AS credit USING (invoice_id, currency)
), spent AS (
    SELECT payment_id, paid_currency AS currency,
        coalesce(sum(now_paid) FILTER (WHERE was_paid IS NULL AND NOT late), 0) AS fresh_minor,
        bool_or(late) AS late, bool_or(was_paid <> now_paid) AS corrected, bool_or(now_paid IS NULL) AS unmatched
    FROM changed_pairs GROUP BY payment_id, paid_currency
), spent_before AS (
    SELECT side_a_id AS payment_id, paid_currency AS currency, sum(paid_minor) AS minor FROM recon.matches
    WHERE run_id = %(previous)s AND recon = 'R3' AND state = 'posted' GROUP BY side_a_id, paid_currency
), payments AS (
    SELECT payment_id, currency,
        CASE WHEN before.counted THEN before.amount_minor - coalesce(spent_before.minor, 0) ELSE 0 END AS was_minor,
        CASE WHEN now.counted AND before.payment_id IS NULL AND now.paid_on > %(previous_as_of)s
            THEN now.amount_minor ELSE 0 END AS in_minor,
        CASE WHEN now.counted THEN coalesce(spent.fresh_minor, 0) ELSE 0 END AS cleared_minor,
        CASE WHEN now.counted THEN now.amount_minor - now.spent_minor ELSE 0 END AS now_minor,
        CASE
            WHEN before.counted AND NOT coalesce(now.counted, false) THEN 'withdrawn'
            WHEN before.payment_id IS NULL AND now.paid_on <= %(previous_as_of)s THEN 'late'
            WHEN before.amount_minor <> now.amount_minor OR before.counted <> now.counted THEN 'corrected'
            WHEN spent.unmatched THEN 'unmatched'
            WHEN spent.late THEN 'late'
            WHEN spent.corrected THEN 'corrected'
            ELSE 'unexplained'
        END AS why
    FROM proof_payments AS now
    FULL JOIN earlier_payments AS before USING (payment_id, currency)
    LEFT JOIN spent_before USING (payment_id, currency)
    LEFT JOIN spent USING (payment_id, currency)
)
SELECT *, now_minor - in_minor + cleared_minor AS opening_minor FROM (
    SELECT 'invoice' AS side, invoice_id AS item_id, invoices.* FROM invoices
    UNION ALL
    SELECT 'payment', payment_id, payments.* FROM payments
) AS items
WHERE was_minor <> 0 OR now_minor <> 0 OR in_minor <> 0 OR cleared_minor <> 0;

-- name: keep_restatements
INSERT INTO recon.restatements
SELECT %(run_id)s, %(previous)s, side, item_id, currency, was_minor, opening_minor, why
FROM carried_items WHERE was_minor <> opening_minor;

-- name: prove_carried
-- What no fact explains is left out of the sum, so that its amount shows.
INSERT INTO recon.proofs (run_id, proof, recon, side, currency, measure, expected, found, wrong_items, example)
SELECT %(run_id)s, 'carried', 'R3', side, currency, 'minor',
    sum(was_minor + in_minor - cleared_minor + CASE WHEN why <> 'unexplained' THEN opening_minor - was_minor ELSE 0 END),
    sum(now_minor),
    count(*) FILTER (WHERE why = 'unexplained' AND was_minor <> opening_minor),
    min(item_id) FILTER (WHERE why = 'unexplained' AND was_minor <> opening_minor)
FROM carried_items GROUP BY side, currency;

-- name: run_proofs
SELECT proof, recon, side, currency, measure, expected, found, difference, wrong_items, example, holds
FROM recon.proofs WHERE run_id = %(run_id)s
ORDER BY proof COLLATE "C", recon COLLATE "C", side COLLATE "C", currency COLLATE "C" NULLS FIRST, measure COLLATE "C";

-- name: run_restatements
SELECT side, item_id, currency, was_minor, now_minor, why
FROM recon.restatements WHERE run_id = %(run_id)s ORDER BY side COLLATE "C", item_id, currency COLLATE "C";
