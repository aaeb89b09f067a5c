-- R3, cash application: the passes of policy/matching.yaml, each taking what it matches out of the pools.
--
-- All tables here are temporary and belong to one run. `run_invoices` is every invoice the run sees; the pools are the
-- open invoices and received payments no pass has claimed yet; `namings` is who names what, whether open or not.

-- name: create_run_invoices
CREATE TEMP TABLE run_invoices (
    invoice_id text COLLATE "C" PRIMARY KEY,
    customer_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    number text NOT NULL,
    number_key text NOT NULL,
    issue_date date NOT NULL,
    due_date date NOT NULL,
    open_minor bigint NOT NULL,
    status text NOT NULL,
    postable boolean NOT NULL  -- false: owed, but its status is unknown or a newer version of it is in quarantine
) ON COMMIT DROP;

-- name: create_invoice_pool
CREATE TEMP TABLE pool_invoices (LIKE run_invoices INCLUDING INDEXES) ON COMMIT DROP;

-- name: create_payment_pool
CREATE TEMP TABLE pool_payments (
    payment_id text COLLATE "C" PRIMARY KEY,
    customer_id text COLLATE "C",
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL,
    paid_on date NOT NULL,
    applied_to text COLLATE "C",  -- the invoice somebody applied it to already
    reference text,
    reference_tokens text[] NOT NULL,
    reference_keys text[] NOT NULL,
    names_a_document boolean NOT NULL,
    postable boolean NOT NULL     -- false: its status is unknown or a newer version of it is in quarantine
) ON COMMIT DROP;

-- name: create_cash_matches
CREATE TEMP TABLE cash_matches (
    rule text NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    invoice_id text COLLATE "C" NOT NULL UNIQUE,
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL
) ON COMMIT DROP;

-- name: create_namings
CREATE TEMP TABLE namings (
    payment_id text COLLATE "C" NOT NULL,
    invoice_id text COLLATE "C" NOT NULL,
    how text NOT NULL CHECK (how IN (
        'application',  -- the payments platform, or whoever applied the payment, says so
        'number',       -- a token of the reference is the invoice's number, whoever's invoice it is
        'key'           -- the reference contains the number key of an invoice of the payer
    )),
    word text NOT NULL
) ON COMMIT DROP;

-- name: create_named_invoices
CREATE TEMP TABLE named_invoices (
    payment_id text COLLATE "C" NOT NULL,
    invoice_id text COLLATE "C" NOT NULL
) ON COMMIT DROP;

-- name: fill_run_invoices
INSERT INTO run_invoices
SELECT native_id, customer_id, currency, number, number_key, issue_date, due_date, gross_minor,
    coalesce(state, 'OPEN'),
    state IS DISTINCT FROM 'UNKNOWN' AND NOT EXISTS (
        SELECT FROM seen.quarantine
        WHERE quarantine.entity = 'invoices' AND quarantine.native_id = invoices.native_id
            AND quarantine.quarantined_in > invoices.recorded_in
    )
FROM seen.invoices;

-- name: fill_invoice_pool
-- An invoice of unknown status is owed until someone says otherwise, though nothing is posted against it.
INSERT INTO pool_invoices
SELECT * FROM run_invoices
WHERE open_minor > 0 AND status IN ('OPEN', 'PAYMENT_PENDING', 'PARTIALLY_PAID', 'PAID', 'UNKNOWN');

-- name: fill_payment_pool
-- A payment of unknown status may be money or not: it is open, lays its claims, and is not posted.
INSERT INTO pool_payments
SELECT native_id, customer_id, currency, amount_minor, paid_on, invoice_id, reference, reference_tokens,
    reference_keys, names_a_document,
    state IS DISTINCT FROM 'UNKNOWN' AND NOT EXISTS (
        SELECT FROM seen.quarantine
        WHERE quarantine.entity = 'payments' AND quarantine.native_id = payments.native_id
            AND quarantine.quarantined_in > payments.recorded_in
    )
FROM seen.payments
WHERE amount_minor > 0 AND coalesce(state, 'SUCCEEDED') IN ('SUCCEEDED', 'UNKNOWN');

-- name: analyse_pools
-- Nobody else does it for temporary tables, and without it the joins below are planned for empty ones.
ANALYZE run_invoices, pool_invoices, pool_payments;

-- name: fill_namings
INSERT INTO namings
SELECT payment_id, invoice_id, 'application', ''
FROM pool_payments JOIN run_invoices ON invoice_id = applied_to
UNION ALL
SELECT payment_id, invoice_id, 'number', token
FROM pool_payments
CROSS JOIN LATERAL unnest(reference_tokens) AS token
JOIN run_invoices ON number = token
UNION ALL
SELECT payment_id, invoice_id, 'key', key
FROM pool_payments
CROSS JOIN LATERAL unnest(reference_keys) AS key
JOIN run_invoices USING (customer_id)
WHERE number_key = key;

-- name: analyse_namings
ANALYZE namings;

-- name: name_by_application
INSERT INTO named_invoices
SELECT payment_id, invoice_id
FROM namings
JOIN pool_payments AS payment USING (payment_id)
JOIN run_invoices AS invoice USING (invoice_id)
WHERE how = 'application' AND invoice.currency = payment.currency
    AND invoice.customer_id = coalesce(payment.customer_id, invoice.customer_id);

-- name: name_by_number
-- Every token of the reference is, verbatim, the number of exactly one invoice (of the payer, where known).
INSERT INTO named_invoices
SELECT payment_id, unnest(invoices) FROM (
    SELECT payment.payment_id, array_agg(invoice_id) AS invoices
    FROM namings
    JOIN pool_payments AS payment USING (payment_id)
    JOIN run_invoices AS invoice USING (invoice_id)
    WHERE how = 'number' AND invoice.currency = payment.currency
        AND invoice.customer_id = coalesce(payment.customer_id, invoice.customer_id)
    GROUP BY payment.payment_id
    HAVING count(*) = cardinality(payment.reference_tokens)
        AND count(DISTINCT word) = cardinality(payment.reference_tokens)
) AS complete;

-- name: name_by_key
-- The reference contains the number keys of the payer's own invoices. A key inside a longer one it contains says
-- nothing; a key that two invoices share, settled ones too, names neither for sure.
INSERT INTO named_invoices
SELECT payment_id, unnest(invoices) FROM (
    SELECT payment_id, array_agg(invoice_id) AS invoices
    FROM namings
    JOIN pool_payments AS payment USING (payment_id)
    JOIN run_invoices AS invoice USING (invoice_id)
    WHERE how = 'key' AND invoice.currency = payment.currency
        AND NOT EXISTS (
            SELECT FROM namings AS longer
            WHERE longer.payment_id = namings.payment_id AND longer.how = 'key'
                AND longer.word <> namings.word
                AND strpos('|' || longer.word || '|', '|' || namings.word || '|') > 0
        )
    GROUP BY payment_id
    HAVING count(*) = count(DISTINCT word)
) AS clear;

-- name: analyse_named
ANALYZE named_invoices;

-- name: post_named
-- Of the payments whose named invoices are all open and add up to their amount, the first one for all its invoices
-- claims them; what another paid for the same invoice is left for a person.
WITH explained AS (
    SELECT payment.payment_id, payment.paid_on, payment.amount_minor
    FROM named_invoices
    JOIN pool_payments AS payment USING (payment_id)
    LEFT JOIN pool_invoices AS invoice ON invoice.invoice_id = named_invoices.invoice_id AND invoice.postable
    GROUP BY payment.payment_id
    HAVING count(invoice.invoice_id) = count(*) AND sum(invoice.open_minor) = payment.amount_minor
), ranked AS (
    SELECT payment_id, invoice_id,
        row_number() OVER (PARTITION BY invoice_id ORDER BY paid_on, amount_minor, payment_id) AS rank
    FROM named_invoices JOIN explained USING (payment_id)
), first AS (
    SELECT payment_id FROM ranked JOIN pool_payments USING (payment_id)
    GROUP BY payment_id HAVING max(rank) = 1 AND bool_and(postable)
)
INSERT INTO cash_matches
SELECT %(rule)s, payment_id, invoice_id, invoice.currency, invoice.open_minor
FROM ranked JOIN first USING (payment_id) JOIN pool_invoices AS invoice USING (invoice_id);

-- name: forget_named
TRUNCATE named_invoices;

-- name: open_payments
-- Unposted payments of customers who paid something without naming anything. One that names a document, or that must
-- not be posted, is there as a rival. `unread_rows` are the customer's invoices and payments in quarantine.
WITH unread AS (
    SELECT customer_id, count(*) AS unread_rows
    FROM seen.quarantine
    WHERE entity IN ('invoices', 'payments', 'credit_notes') AND customer_id IS NOT NULL
    GROUP BY customer_id
), open AS (
    SELECT payment_id, customer_id, currency, amount_minor, paid_on,
        names_a_document OR NOT postable OR payment_id IN (SELECT payment_id FROM namings) AS names_another,
        coalesce(unread_rows, 0) AS unread_rows
    FROM pool_payments LEFT JOIN unread USING (customer_id)
    WHERE customer_id IS NOT NULL
)
SELECT * FROM open
WHERE customer_id IN (SELECT customer_id FROM open WHERE NOT names_another)
ORDER BY payment_id;

-- name: open_invoices_of
-- Their open invoices, with the days on which a payment could settle each, and the first unposted payment that names it.
SELECT invoice_id, customer_id, currency, open_minor, due_date, postable,
    issue_date - %(days_before_issue)s::int AS from_date, due_date + %(days_after_due)s::int AS to_date, named_by
FROM pool_invoices
JOIN unnest(%(customers)s::text[]) AS payer (customer_id) USING (customer_id)
LEFT JOIN (
    SELECT invoice_id, min(payment_id) AS named_by FROM namings JOIN pool_payments USING (payment_id) GROUP BY invoice_id
) AS named USING (invoice_id)
ORDER BY invoice_id;

-- name: post_settlements
INSERT INTO cash_matches
SELECT %(rule)s, payment_id, invoice_id, invoice.currency, invoice.open_minor
FROM unnest(%(payments)s::text[], %(invoices)s::text[]) AS pair (payment_id, invoice_id)
JOIN pool_invoices AS invoice USING (invoice_id);

-- name: remove_matched_payments
DELETE FROM pool_payments USING cash_matches WHERE cash_matches.payment_id = pool_payments.payment_id;

-- name: remove_matched_invoices
DELETE FROM pool_invoices USING cash_matches WHERE cash_matches.invoice_id = pool_invoices.invoice_id;

-- name: unmatched_payments
-- What no pass could post, with every invoice it names and what became of that invoice.
WITH named AS (
    SELECT DISTINCT namings.payment_id, invoice.*, settled.payment_id AS settled_by
    FROM namings
    JOIN run_invoices AS invoice USING (invoice_id)
    LEFT JOIN cash_matches AS settled USING (invoice_id)
)
SELECT payment.payment_id, payment.customer_id, payment.currency, payment.amount_minor, payment.paid_on,
    payment.names_a_document, payment.postable, payment.reference,
    coalesce(
        jsonb_agg(
            jsonb_build_object(
                'invoice_id', named.invoice_id, 'number', named.number, 'key', named.number_key,
                'customer_id', named.customer_id, 'currency', named.currency, 'gross_minor', named.open_minor,
                'status', named.status, 'settled_by', named.settled_by
            ) ORDER BY named.invoice_id
        ) FILTER (WHERE named.invoice_id IS NOT NULL), '[]'
    ) AS named
FROM pool_payments AS payment
LEFT JOIN named USING (payment_id)
GROUP BY payment.payment_id
ORDER BY payment.payment_id;

-- name: keep_cash_matches
-- One match per payment: its id comes from what it joins, so it is the same in every run.
INSERT INTO recon.matches
SELECT %(run_id)s,
    'R3-' || left(encode(sha256((
        payment_id || '|' || string_agg(invoice_id, '|') OVER (
            PARTITION BY payment_id ORDER BY invoice_id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        )
    )::bytea), 'hex'), 16),
    'R3', rule, 'payment', payment_id, 'invoice', invoice_id, currency, amount_minor, 0, '', 'posted'
FROM cash_matches;

-- name: keep_suggestions
-- Held payments, one row per invoice they may be for; what was posted since is no candidate any more.
INSERT INTO recon.matches
SELECT %(run_id)s, 'R3-' || left(encode(sha256((payment_id || '|' || invoice_id)::bytea), 'hex'), 16),
    'R3', %(rule)s, 'payment', payment_id, 'invoice', invoice_id, pool_invoices.currency, open_minor, 0, '', 'suggested'
FROM unnest(%(payments)s::text[], %(invoices)s::text[]) AS pair (payment_id, invoice_id)
JOIN pool_invoices USING (invoice_id);

-- name: decided_invoices
-- The three fates of what was loaded, each from where it is decided, so that a hole between them shows.
SELECT currency, 'matched' AS fate, sum(amount_minor) AS amount_minor FROM cash_matches GROUP BY currency
UNION ALL
SELECT currency, 'open', sum(open_minor) FROM pool_invoices GROUP BY currency
UNION ALL
SELECT currency, 'excluded', sum(open_minor) FROM run_invoices
WHERE status IN ('DRAFT', 'CREDITED', 'WRITTEN_OFF', 'VOID') GROUP BY currency;

-- name: decided_payments
SELECT currency, 'matched' AS fate, sum(amount_minor) AS amount_minor FROM cash_matches GROUP BY currency
UNION ALL
SELECT currency, 'open', sum(amount_minor) FROM pool_payments GROUP BY currency
UNION ALL
SELECT currency, 'excluded', sum(amount_minor)
FROM seen.payments WHERE state NOT IN ('SUCCEEDED', 'UNKNOWN') GROUP BY currency;

-- name: open_invoices
SELECT invoice_id, customer_id, currency, open_minor, due_date FROM pool_invoices ORDER BY invoice_id;
