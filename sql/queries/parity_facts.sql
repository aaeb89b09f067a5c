-- What we know about keys that differ, for include/domain/parity_classes.py. Each is asked for a handful of keys.
--
-- All of it is as the run knew it, by the landing batch of its snapshot: what lands later changes no verdict. Where a
-- fact dated after the day counts, the table is read instead of its view, up to that batch.

-- name: parity_proof_through
SELECT proof_through FROM recon.runs WHERE run_id = %(run_id)s;

-- name: parity_proven_through
-- Up to when everything that stands behind a kind is proven complete, as the run knew it; NULL when some is not.
SELECT CASE WHEN bool_and(proven) THEN least(min(complete_until), %(far)s::timestamptz) END AS proven_through
FROM (
    SELECT DISTINCT ON (system, entity) system, entity, proven, complete_until FROM ops.proofs
    WHERE proof_id <= %(proof_through)s AND entity = ANY (%(entities)s::text[])
    ORDER BY system, entity, proof_id DESC
) AS newest;

-- name: parity_known_orders
-- What our sources hold of deals that have no order of ours.
SELECT key, CASE
        WHEN later.order_date IS NOT NULL THEN 'later: order ' || later.number || ' of ' || later.order_date
        WHEN bad.place IS NOT NULL THEN 'quarantined: ' || bad.place
        WHEN deal.native_id IS NOT NULL THEN 'deal in stage ' || deal.stage || ', and no order for sure'
        ELSE ''
    END AS known
FROM unnest(%(keys)s::text[]) AS asked (key)
LEFT JOIN LATERAL (
    SELECT number, order_date FROM canonical.orders
    WHERE opportunity_id = key AND order_date > %(day)s
        AND recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
        AND (superseded_in IS NULL OR superseded_in > (SELECT current_setting('tieout.batch')::bigint))
    ORDER BY order_date, number LIMIT 1
) AS later ON true
LEFT JOIN LATERAL (
    SELECT place FROM seen.quarantine WHERE entity = 'opportunities' AND native_id = key ORDER BY place LIMIT 1
) AS bad ON true
LEFT JOIN seen.opportunities AS deal ON deal.native_id = key;

-- name: parity_known_invoices
SELECT key, CASE
        WHEN invoice.issue_date > %(day)s THEN 'later: issued on ' || invoice.issue_date
        WHEN invoice.native_id IS NOT NULL
            THEN 'invoice ' || invoice.native_id || ' is ' || coalesce(invoice.status, 'without a status')
        ELSE ''
    END AS known
FROM unnest(%(keys)s::text[]) AS asked (key)
LEFT JOIN LATERAL (
    SELECT native_id, issue_date, status FROM canonical.invoices
    WHERE number = key
        AND recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
        AND (superseded_in IS NULL OR superseded_in > (SELECT current_setting('tieout.batch')::bigint))
    ORDER BY issue_date, native_id LIMIT 1
) AS invoice ON true;

-- name: parity_known_matches
SELECT key, CASE
        WHEN payment.paid_on > %(day)s THEN 'later: paid on ' || payment.paid_on
        WHEN held.rule IS NOT NULL THEN 'held: suggested by ' || held.rule
        WHEN payment.native_id IS NOT NULL
            THEN 'payment is ' || coalesce(payment.status, 'without a status') || ' and applied to nothing'
        ELSE ''
    END AS known
FROM unnest(%(keys)s::text[]) AS asked (key)
LEFT JOIN canonical.payments AS payment
    ON payment.native_id = key AND payment.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (
        payment.superseded_in IS NULL OR payment.superseded_in > (SELECT current_setting('tieout.batch')::bigint)
    )
LEFT JOIN LATERAL (
    SELECT rule FROM recon.matches
    WHERE run_id = %(run_id)s AND recon = 'R3' AND side_a_id = key AND state = 'suggested' ORDER BY rule LIMIT 1
) AS held ON true;

-- name: parity_known_arr
SELECT key, CASE
        WHEN held.rule IS NOT NULL THEN 'held: suggested by ' || held.rule
        WHEN sold.native_id IS NOT NULL
            THEN 'subscription is ' || coalesce(sold.status, 'without a status') || ', and of no deal for sure'
        ELSE ''
    END AS known
FROM unnest(%(keys)s::text[]) AS asked (key)
LEFT JOIN seen.subscriptions AS sold ON sold.native_id = key
LEFT JOIN LATERAL (
    SELECT rule FROM recon.matches
    WHERE run_id = %(run_id)s AND recon = 'R5' AND side_a_id = key AND state = 'suggested' ORDER BY rule LIMIT 1
) AS held ON true;

-- name: parity_invoice_terms
-- Of invoices by number: their amounts, whose country, and the seats of the subscription they bill on their day.
SELECT DISTINCT ON (invoice.number) invoice.number AS key, invoice.net_minor, invoice.tax_minor, customer.country,
    coalesce(amended.quantity, sold.quantity) AS quantity
FROM seen.invoices AS invoice
LEFT JOIN seen.customers AS customer ON customer.native_id = invoice.customer_id
LEFT JOIN recon.matches AS ordered ON ordered.run_id = %(run_id)s AND ordered.recon = 'R2'
    AND ordered.side_a_type = 'opportunity' AND ordered.side_b_id = invoice.order_id AND ordered.state = 'posted'
LEFT JOIN recon.matches AS deal ON deal.run_id = %(run_id)s AND deal.recon = 'R5'
    AND deal.side_b_id = ordered.side_a_id AND deal.state = 'posted'
LEFT JOIN seen.subscriptions AS sold ON sold.native_id = deal.side_a_id
LEFT JOIN LATERAL (
    SELECT quantity FROM seen.amendments
    WHERE subscription_id = sold.native_id AND effective_date <= invoice.issue_date AND quantity IS NOT NULL
    ORDER BY effective_date DESC, sequence DESC LIMIT 1
) AS amended ON true
WHERE invoice.number = ANY (%(keys)s::text[])
ORDER BY invoice.number, invoice.native_id;

-- name: parity_payers
-- Whose books a status or a match is in: the customer and currency of an invoice, or of a payment's.
SELECT kind, key, customer_id, currency FROM (
    SELECT 'statuses' AS kind, number AS key, customer_id, currency FROM seen.invoices
    WHERE number = ANY (%(numbers)s::text[])
    UNION ALL
    SELECT 'matches', native_id, customer_id, currency FROM seen.payments
    WHERE native_id = ANY (%(payments)s::text[]) AND customer_id IS NOT NULL
) AS payers ORDER BY kind, key, customer_id;

-- name: parity_owed
-- Also what is closed for good, with the local day on which that was learnt of an invoice that had been open, if a day is
-- to be learnt on soon: of one that landed long after the day, nothing says when it was closed.
SELECT customer_id, currency, number, issue_date, gross_minor, closed_as,
    CASE WHEN changed_on <= %(day)s::date + 1 THEN least(changed_on, %(day)s::date) END AS closed_on
FROM (
    SELECT customer_id, currency, number, issue_date, gross_minor,
        CASE WHEN state IN ('VOID', 'CREDITED', 'WRITTEN_OFF') THEN state END AS closed_as,
        CASE WHEN state IN ('VOID', 'CREDITED', 'WRITTEN_OFF') THEN (
            SELECT (batches.recorded_at AT TIME ZONE %(zone)s)::date
            FROM canonical.invoices AS before JOIN ops.batches ON batches.batch = before.superseded_in
            WHERE before.native_id = invoice.native_id AND before.status IS DISTINCT FROM invoice.status
                AND before.superseded_in <= (SELECT current_setting('tieout.batch')::bigint)
            ORDER BY before.superseded_in DESC LIMIT 1
        ) END AS changed_on
    FROM seen.invoices AS invoice
    WHERE (customer_id, currency) IN (SELECT * FROM unnest(%(customers)s::text[], %(currencies)s::text[]))
        AND coalesce(state, '') <> 'DRAFT'
) AS owed
ORDER BY customer_id, currency, number;

-- name: parity_credited
SELECT invoice.number, note.issue_date, abs(note.gross_minor) AS minor
FROM seen.credit_notes AS note
JOIN seen.invoices AS invoice ON invoice.native_id = note.invoice_id AND invoice.customer_id = note.customer_id
    AND invoice.currency = note.currency
WHERE (note.customer_id, note.currency) IN (
        SELECT * FROM unnest(%(customers)s::text[], %(currencies)s::text[])
    )
ORDER BY invoice.number, note.issue_date, note.native_id;

-- name: parity_received
-- Payments that are money, with what we apply of each; by then.
SELECT payment.customer_id, payment.currency, payment.native_id AS payment_id, paid_on, payment.amount_minor,
    array_agg(invoice.number ORDER BY invoice.number) FILTER (WHERE invoice.number IS NOT NULL) AS numbers,
    array_agg(match.amount_minor + match.residual_minor ORDER BY invoice.number)
        FILTER (WHERE invoice.number IS NOT NULL) AS amounts
FROM seen.payments AS payment
LEFT JOIN recon.matches AS match ON match.run_id = %(run_id)s AND match.recon = 'R3' AND match.state = 'posted'
    AND match.side_a_type = 'payment' AND match.side_a_id = payment.native_id
LEFT JOIN seen.invoices AS invoice ON invoice.native_id = match.side_b_id
WHERE (payment.customer_id, payment.currency) IN (
        SELECT * FROM unnest(%(customers)s::text[], %(currencies)s::text[])
    )
    AND payment.amount_minor > 0 AND coalesce(payment.state, 'SUCCEEDED') = 'SUCCEEDED'
GROUP BY payment.customer_id, payment.currency, payment.native_id, paid_on, payment.amount_minor
ORDER BY payment.customer_id, payment.currency, paid_on, payment.native_id;

-- name: parity_sold
SELECT native_id AS subscription_id, start_date, end_date, currency, quantity, unit_price, interval, state
FROM seen.subscriptions WHERE native_id = ANY (%(keys)s::text[]) ORDER BY native_id;

-- name: parity_amended
SELECT native_id AS amendment_id, subscription_id, sequence, type, effective_date, quantity, unit_price
FROM seen.amendments WHERE subscription_id = ANY (%(keys)s::text[]) ORDER BY subscription_id, native_id;

-- name: first_told
-- Their first row of a key of which they have more.
SELECT kind, key, amount_minor, tax_minor, currency, on_date, due_date, status, text, at FROM parity.answers_theirs
WHERE day = %(day)s AND edition = %(edition)s AND seq = 1
    AND (kind, key) IN (SELECT * FROM unnest(%(kinds)s::text[], %(keys)s::text[]));

-- name: unread_keys
SELECT kind, key, count(*) AS rows, min(place || ': ' || reason) AS told FROM bad_rows GROUP BY kind, key;

-- name: parity_named_payments
-- Whether a payment itself names all that we apply it to: by the platform's application or in its reference.
SELECT match.side_a_id AS key, bool_and(
    invoice.native_id = payment.invoice_id OR invoice.number_key = ANY (payment.reference_keys)
    OR lower(invoice.number) = ANY (payment.reference_tokens) OR invoice.number = ANY (payment.reference_tokens)
) AS named
FROM recon.matches AS match
JOIN seen.payments AS payment ON payment.native_id = match.side_a_id
JOIN seen.invoices AS invoice ON invoice.native_id = match.side_b_id
WHERE match.run_id = %(run_id)s AND match.recon = 'R3' AND match.state = 'posted'
    AND match.side_a_id = ANY (%(keys)s::text[])
GROUP BY match.side_a_id;
