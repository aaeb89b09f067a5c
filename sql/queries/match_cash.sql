-- R3, cash application: the passes of policy/matching.yaml, each taking what it matches out of the pools.
--
-- The pools are temporary tables of one run: open invoices and received payments that no earlier pass has claimed.

-- name: create_pools
CREATE TEMP TABLE pool_invoices (
    invoice_id text COLLATE "C" PRIMARY KEY,
    customer_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    number text NOT NULL,
    number_key text NOT NULL,
    issue_date date NOT NULL,
    due_date date NOT NULL,
    open_minor bigint NOT NULL
) ON COMMIT DROP;

-- name: create_payment_pool
CREATE TEMP TABLE pool_payments (
    payment_id text COLLATE "C" PRIMARY KEY,
    customer_id text COLLATE "C",
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL,
    paid_on date NOT NULL,
    invoice_id text COLLATE "C",  -- an application somebody made already
    reference_tokens text[] NOT NULL,
    reference_keys text[] NOT NULL,
    names_a_document boolean NOT NULL
) ON COMMIT DROP;

-- name: create_cash_matches
CREATE TEMP TABLE cash_matches (
    rule text NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    invoice_id text COLLATE "C" NOT NULL UNIQUE,
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL
) ON COMMIT DROP;

-- name: fill_invoice_pool
-- Receivables: an invoice of unknown status is owed until someone says otherwise, but nothing is posted against it.
INSERT INTO pool_invoices
SELECT native_id, customer_id, currency, number, number_key, issue_date, due_date, gross_minor
FROM canonical.invoices
WHERE recorded_in <= %(batch)s AND (superseded_in IS NULL OR superseded_in > %(batch)s)
    AND issue_date <= %(as_of)s AND gross_minor > 0
    AND coalesce(status, 'OPEN') IN ('OPEN', 'PAYMENT_PENDING', 'PARTIALLY_PAID', 'PAID');

-- name: fill_payment_pool
INSERT INTO pool_payments
SELECT
    native_id, customer_id, currency, amount_minor, paid_on, invoice_id, reference_tokens, reference_keys,
    names_a_document
FROM canonical.payments
WHERE recorded_in <= %(batch)s AND (superseded_in IS NULL OR superseded_in > %(batch)s)
    AND paid_on <= %(as_of)s AND amount_minor > 0
    AND coalesce(status, 'SUCCEEDED') = 'SUCCEEDED';

-- name: analyse_pools
-- Nobody else does it for temporary tables, and without it the joins below are planned for empty ones.
ANALYZE pool_invoices, pool_payments;

-- name: analyse_named
ANALYZE named_invoices;

-- name: create_named_invoices
CREATE TEMP TABLE named_invoices (
    payment_id text COLLATE "C" NOT NULL,
    invoice_id text COLLATE "C" NOT NULL
) ON COMMIT DROP;

-- name: name_by_application
-- The payments platform, or whoever applied the payment, already says which invoice it is for.
INSERT INTO named_invoices
SELECT payment.payment_id, invoice.invoice_id
FROM pool_payments AS payment
JOIN pool_invoices AS invoice
    ON invoice.invoice_id = payment.invoice_id AND invoice.currency = payment.currency
    AND invoice.customer_id = coalesce(payment.customer_id, invoice.customer_id);

-- name: name_by_number
-- Every token of the reference is, verbatim, the number of exactly one invoice (of the payer, where known).
INSERT INTO named_invoices
SELECT payment_id, unnest(invoices) FROM (
    SELECT payment.payment_id, array_agg(invoice.invoice_id) AS invoices
    FROM pool_payments AS payment
    CROSS JOIN LATERAL unnest(payment.reference_tokens) AS token
    JOIN pool_invoices AS invoice
        ON invoice.number = token AND invoice.currency = payment.currency
        AND invoice.customer_id = coalesce(payment.customer_id, invoice.customer_id)
    GROUP BY payment.payment_id
    HAVING count(*) = cardinality(payment.reference_tokens)
        AND count(DISTINCT token) = cardinality(payment.reference_tokens)
) AS complete;

-- name: name_by_key
-- The reference contains the number keys of the payer's own invoices: keys forget zeros and punctuation, so no key may
-- stand for two invoices.
INSERT INTO named_invoices
SELECT payment_id, unnest(invoices) FROM (
    SELECT payment.payment_id, array_agg(invoice.invoice_id) AS invoices
    FROM pool_payments AS payment
    CROSS JOIN LATERAL unnest(payment.reference_keys) AS key
    JOIN pool_invoices AS invoice
        ON invoice.number_key = key AND invoice.currency = payment.currency
        AND invoice.customer_id = payment.customer_id
    GROUP BY payment.payment_id
    HAVING count(*) = count(DISTINCT key)
) AS clear;

-- name: post_named
-- Of the payments whose named invoices add up to their amount, the first one for all its invoices claims them; what
-- another paid for the same invoice is left for a person.
WITH explained AS (
    SELECT payment.payment_id, payment.paid_on, payment.amount_minor
    FROM named_invoices
    JOIN pool_invoices USING (invoice_id)
    JOIN pool_payments AS payment USING (payment_id)
    GROUP BY payment.payment_id
    HAVING sum(pool_invoices.open_minor) = payment.amount_minor
), ranked AS (
    SELECT payment_id, invoice_id,
        row_number() OVER (PARTITION BY invoice_id ORDER BY paid_on, amount_minor, payment_id) AS rank
    FROM named_invoices JOIN explained USING (payment_id)
), first AS (
    SELECT payment_id FROM ranked GROUP BY payment_id HAVING max(rank) = 1
)
INSERT INTO cash_matches
SELECT %(rule)s, payment_id, invoice_id, invoice.currency, invoice.open_minor
FROM ranked JOIN first USING (payment_id) JOIN pool_invoices AS invoice USING (invoice_id);

-- name: forget_named
TRUNCATE named_invoices;

-- name: open_payments
-- Payments of customers who paid something without naming anything we know, with the own invoices each one names.
WITH naming AS (
    SELECT payment.payment_id, array_agg(DISTINCT named.native_id ORDER BY named.native_id) AS names
    FROM pool_payments AS payment
    CROSS JOIN LATERAL unnest(payment.reference_keys) AS key
    JOIN canonical.invoices AS named
        ON named.customer_id = payment.customer_id AND named.number_key = key
        AND named.recorded_in <= %(batch)s AND (named.superseded_in IS NULL OR named.superseded_in > %(batch)s)
        AND named.issue_date <= %(as_of)s
    GROUP BY payment.payment_id
), open AS (
    SELECT payment_id, customer_id, currency, amount_minor, paid_on,
        coalesce(names, '{}') || array_remove(ARRAY[invoice_id], NULL) AS names,
        names_a_document OR names IS NOT NULL OR invoice_id IS NOT NULL AS names_another
    FROM pool_payments LEFT JOIN naming USING (payment_id)
    WHERE customer_id IS NOT NULL
)
SELECT * FROM open
WHERE customer_id IN (SELECT customer_id FROM open WHERE NOT names_another)
ORDER BY payment_id;

-- name: open_invoices_of
-- Their open invoices, with the days on which a payment could settle each.
SELECT invoice_id, customer_id, currency, open_minor, due_date,
    issue_date - %(days_before_issue)s::int AS from_date, due_date + %(days_after_due)s::int AS to_date
FROM pool_invoices JOIN unnest(%(customers)s::text[]) AS payer (customer_id) USING (customer_id)
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
-- What no pass could post, with every invoice its reference or its application names and what became of that invoice.
WITH visible AS (
    SELECT native_id AS invoice_id, customer_id, number, number_key, currency, gross_minor, status
    FROM canonical.invoices
    WHERE recorded_in <= %(batch)s AND (superseded_in IS NULL OR superseded_in > %(batch)s)
        AND issue_date <= %(as_of)s
), named_by AS (
    SELECT payment.payment_id, visible.invoice_id
    FROM pool_payments AS payment
    CROSS JOIN LATERAL unnest(payment.reference_keys) AS key
    JOIN visible ON visible.number_key = key
        AND (visible.customer_id = payment.customer_id OR visible.number = ANY(payment.reference_tokens))
    UNION
    SELECT payment_id, invoice_id FROM pool_payments WHERE invoice_id IS NOT NULL
), named AS (
    SELECT named_by.payment_id, visible.*, settled.payment_id AS settled_by
    FROM named_by
    JOIN visible USING (invoice_id)
    LEFT JOIN cash_matches AS settled USING (invoice_id)
)
SELECT payment.payment_id, payment.customer_id, payment.currency, payment.amount_minor, payment.paid_on,
    payment.names_a_document, canonical.reference,
    coalesce(
        jsonb_agg(
            jsonb_build_object(
                'invoice_id', named.invoice_id, 'number', named.number, 'key', named.number_key,
                'currency', named.currency, 'gross_minor', named.gross_minor, 'status', named.status,
                'settled_by', named.settled_by
            ) ORDER BY named.invoice_id
        ) FILTER (WHERE named.invoice_id IS NOT NULL), '[]'
    ) AS named
FROM pool_payments AS payment
JOIN canonical.payments AS canonical
    ON canonical.native_id = payment.payment_id
    AND canonical.recorded_in <= %(batch)s AND (canonical.superseded_in IS NULL OR canonical.superseded_in > %(batch)s)
LEFT JOIN named USING (payment_id)
GROUP BY payment.payment_id, canonical.reference
ORDER BY payment.payment_id;
