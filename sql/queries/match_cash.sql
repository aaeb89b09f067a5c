-- R3, cash application: the passes of policy/matching.yaml, each taking what it settles out of the pools.
--
-- All tables here are temporary and belong to one run. `run_invoices` is every invoice the run sees; the pools are what
-- is open of invoices and the received payments no pass has posted yet; `namings` is who names what, whether open or
-- not; `cash_lines` is what was posted. None has an index: they are joined whole, and a million entries cost seconds.
-- `customer_groups` is R1's: customers below one topmost parent.

-- name: create_run_invoices
CREATE TEMP TABLE run_invoices (
    invoice_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    group_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    number text NOT NULL,
    number_key text NOT NULL,
    number_digits text[] NOT NULL,
    issue_date date NOT NULL,
    due_date date NOT NULL,
    net_minor bigint,
    gross_minor bigint NOT NULL,
    credited_minor bigint NOT NULL,  -- by credit notes that name it, at most its gross
    status text NOT NULL,
    postable boolean NOT NULL        -- false: owed, but its status is unknown or another statement of it is in quarantine
) ON COMMIT DROP;

-- name: create_pool_invoices
CREATE TEMP TABLE pool_invoices (
    invoice_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    issue_date date NOT NULL,
    due_date date NOT NULL,
    gross_minor bigint NOT NULL,
    open_minor bigint NOT NULL,
    postable boolean NOT NULL
) ON COMMIT DROP;

-- name: create_pool_payments
CREATE TEMP TABLE pool_payments (
    payment_id text COLLATE "C" NOT NULL,
    customer_id text COLLATE "C",
    group_id text COLLATE "C",
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL,
    paid_on date NOT NULL,
    applied_to text COLLATE "C",  -- the invoice somebody applied it to already
    payer_text text,
    payer_head text COLLATE "C",      -- of names that are sealed: what compares them
    payer_likeness text COLLATE "C",
    reference text,
    reference_tokens text[] NOT NULL,
    reference_keys text[] NOT NULL,
    names_a_document boolean NOT NULL,
    postable boolean NOT NULL     -- false: its status is unknown or another statement of it is in quarantine
) ON COMMIT DROP;

-- name: create_cash_lines
CREATE TEMP TABLE cash_lines (
    rule text NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    invoice_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL,    -- cash, in the invoice's currency
    paid_currency char(3) NOT NULL,
    paid_minor bigint NOT NULL,      -- the same cash, in the payment's currency
    residual_minor bigint NOT NULL,  -- settled without cash, by the reason
    residual_reason text NOT NULL
) ON COMMIT DROP;

-- name: create_new_lines
-- Lines decided in memory, on their way into cash_lines.
CREATE TEMP TABLE new_lines (LIKE cash_lines) ON COMMIT DROP;

-- name: create_held_payments
-- Unposted payments whose break is written already.
CREATE TEMP TABLE held_payments (payment_id text COLLATE "C" PRIMARY KEY) ON COMMIT DROP;

-- name: create_on_account
-- What posted payments paid beyond what they settled.
CREATE TEMP TABLE on_account (
    payment_id text COLLATE "C" PRIMARY KEY,
    customer_id text COLLATE "C",
    currency char(3) NOT NULL,
    left_minor bigint NOT NULL,
    paid_on date NOT NULL
) ON COMMIT DROP;

-- name: create_namings
CREATE TEMP TABLE namings (
    payment_id text COLLATE "C" NOT NULL,
    invoice_id text COLLATE "C" NOT NULL,
    how text NOT NULL CHECK (how IN (
        'application',  -- the payments platform, or whoever applied the payment, says so
        'number',       -- a token of the reference is the invoice's number, whoever's invoice it is
        'key',          -- the reference contains the number key of an invoice of the payer's group
        'digits'        -- or only its digits
    )),
    word text NOT NULL
) ON COMMIT DROP;

-- name: create_named_invoices
-- What each payment names as a whole, plainly: the set of invoices, how it names them, and whose they are.
CREATE TEMP TABLE named_invoices (
    payment_id text COLLATE "C" NOT NULL,
    invoice_id text COLLATE "C" NOT NULL,
    how text NOT NULL,
    payer text NOT NULL CHECK (payer IN (
        'own',       -- the payer's invoices
        'affiliate', -- some are of another customer of the payer's group
        'unknown',   -- nobody knows who paid
        'stranger'   -- nobody knows, and the bank names another than the customer invoiced
    ))
) ON COMMIT DROP;

-- name: fill_run_invoices
INSERT INTO run_invoices
SELECT invoices.native_id, invoices.customer_id, coalesce(group_id, invoices.customer_id), invoices.currency, number, number_key, number_digits,
    issue_date, due_date, net_minor, gross_minor, least(coalesce(credited.minor, 0), gross_minor), coalesce(state, 'OPEN'),
    state IS DISTINCT FROM 'UNKNOWN'
    AND coalesce(last_in < invoices.recorded_in, true)
FROM seen.invoices
LEFT JOIN unread_rows AS unread ON unread.entity = 'invoices' AND unread.native_id = invoices.native_id
LEFT JOIN customer_groups ON customer_groups.customer_id = invoices.customer_id
LEFT JOIN (
    SELECT invoice_id AS native_id, customer_id, currency, sum(abs(gross_minor))::bigint AS minor
    FROM seen.credit_notes WHERE invoice_id IS NOT NULL GROUP BY invoice_id, customer_id, currency
) AS credited ON credited.native_id = invoices.native_id AND credited.customer_id = invoices.customer_id
    AND credited.currency = invoices.currency;

-- name: fill_pool_invoices
-- An invoice of unknown status is owed until someone says otherwise, though nothing is posted against it.
INSERT INTO pool_invoices
SELECT invoice_id, customer_id, currency, issue_date, due_date, gross_minor, gross_minor - credited_minor, postable
FROM run_invoices
WHERE gross_minor > 0 AND status IN ('OPEN', 'PAYMENT_PENDING', 'PARTIALLY_PAID', 'PAID', 'UNKNOWN')
    AND (%(only)s::text[] IS NULL OR invoice_id = ANY(%(only)s));

-- name: fill_pool_payments
-- A payment of unknown status may be money or not: it is open, lays its claims, and is not posted.
INSERT INTO pool_payments
SELECT payments.native_id, customer_id, coalesce(group_id, customer_id), currency, amount_minor, paid_on, invoice_id,
    payer_text, payer_head, payer_likeness, reference, reference_tokens, reference_keys, names_a_document,
    state IS DISTINCT FROM 'UNKNOWN'
    AND coalesce(last_in < payments.recorded_in, true)
FROM seen.payments
LEFT JOIN unread_rows AS unread ON unread.entity = 'payments' AND unread.native_id = payments.native_id
LEFT JOIN customer_groups USING (customer_id)
WHERE amount_minor > 0 AND coalesce(state, 'SUCCEEDED') IN ('SUCCEEDED', 'UNKNOWN')
    AND (%(only)s::text[] IS NULL OR payments.native_id = ANY(%(only)s));

-- name: analyse_pools
-- Nobody else does it for temporary tables, and without it the joins below are planned for empty ones.
ANALYZE run_invoices (invoice_id, customer_id, group_id, number, number_key),
    pool_invoices (invoice_id, customer_id), pool_payments (payment_id, customer_id, group_id, applied_to);

-- name: carry_matches
-- What the opening run posted stays posted while its facts stand: a payment still as large, of the same customer, day and
-- reference, and still money (not given back), for invoices it settled whole and without a difference, each still called
-- so, for that amount, of that customer and owed. What arrived since cannot take it back. Everything else is decided
-- anew: what is named gives what it gave, what people ruled what they ruled, and what they parted is not carried.
WITH lines AS (
    SELECT rule, side_a_id AS payment_id, side_b_id AS invoice_id, currency, amount_minor, paid_currency, paid_minor,
        residual_minor, residual_reason
    FROM recon.matches
    WHERE run_id = %(opening)s AND recon = 'R3' AND state = 'posted' AND rule <> 'manual'
        AND side_a_id NOT IN (SELECT payment_id FROM parted)
), standing AS (
    SELECT lines.payment_id
    FROM lines
    LEFT JOIN pool_payments AS payment ON payment.payment_id = lines.payment_id AND payment.postable
        AND payment.currency = paid_currency
        AND NOT EXISTS (SELECT FROM refunded_whole WHERE refunded_whole.payment_id = payment.payment_id)
    LEFT JOIN pool_invoices AS invoice ON invoice.invoice_id = lines.invoice_id AND invoice.postable
        AND invoice.currency = lines.currency AND invoice.gross_minor = lines.amount_minor
    LEFT JOIN run_invoices AS named ON named.invoice_id = lines.invoice_id
    LEFT JOIN canonical.payments AS paid ON paid.native_id = lines.payment_id
        AND paid.recorded_in <= %(opening_batch)s AND (paid.superseded_in IS NULL OR paid.superseded_in > %(opening_batch)s)
    LEFT JOIN canonical.invoices AS owed ON owed.native_id = lines.invoice_id
        AND owed.recorded_in <= %(opening_batch)s AND (owed.superseded_in IS NULL OR owed.superseded_in > %(opening_batch)s)
    GROUP BY lines.payment_id
    HAVING bool_and(
        residual_minor = 0 AND residual_reason = '' AND invoice.invoice_id IS NOT NULL AND payment.payment_id IS NOT NULL
        AND (owed.customer_id, owed.number) = (invoice.customer_id, named.number)
        AND (paid.customer_id, paid.paid_on, paid.reference, paid.invoice_id)
            IS NOT DISTINCT FROM (payment.customer_id, payment.paid_on, payment.reference, payment.applied_to)
    ) AND sum(paid_minor) = max(payment.amount_minor)
)
INSERT INTO cash_lines
SELECT rule, payment_id, invoice_id, currency, amount_minor, paid_currency, paid_minor, residual_minor, residual_reason
FROM lines JOIN standing USING (payment_id);

-- name: carried_rules
SELECT DISTINCT rule FROM cash_lines ORDER BY rule;

-- name: find_applications
INSERT INTO namings
SELECT payment_id, invoice_id, 'application', ''
FROM pool_payments JOIN run_invoices ON invoice_id = applied_to;

-- name: find_numbers
INSERT INTO namings
SELECT payment_id, invoice_id, 'number', token
FROM pool_payments
CROSS JOIN LATERAL unnest(reference_tokens) AS token
JOIN run_invoices ON number = token;

-- name: forget_strangers_numbers
-- A number that invoices of several customers have means the payer's own, where the payer has one.
WITH shared AS (
    SELECT number FROM run_invoices GROUP BY number HAVING min(group_id) <> max(group_id)
), said AS (
    SELECT namings.ctid AS place, payment_id, word, coalesce(invoice.group_id = payment.group_id, false) AS own
    FROM namings
    JOIN shared ON shared.number = word
    JOIN pool_payments AS payment USING (payment_id)
    JOIN run_invoices AS invoice USING (invoice_id)
    WHERE how = 'number'
), answered AS (
    SELECT DISTINCT payment_id, word FROM said WHERE own
)
DELETE FROM namings
USING said JOIN answered USING (payment_id, word)
WHERE namings.ctid = said.place AND NOT said.own;

-- name: find_keys
-- Of what is still unposted: a plain number needs no other reading.
INSERT INTO namings
SELECT payment_id, invoice_id, 'key', key
FROM pool_payments
CROSS JOIN LATERAL unnest(reference_keys) AS key
JOIN run_invoices ON number_key = key AND run_invoices.group_id = pool_payments.group_id;

-- name: find_digits
INSERT INTO namings
SELECT payment_id, invoice_id, 'digits', key
FROM pool_payments
CROSS JOIN LATERAL unnest(reference_keys) AS key
JOIN (
    SELECT group_id, invoice_id, unnest(number_digits) AS digits FROM run_invoices
) AS numbered ON digits = key AND numbered.group_id = pool_payments.group_id
WHERE NOT EXISTS (SELECT FROM named_invoices WHERE named_invoices.payment_id = pool_payments.payment_id);

-- name: analyse_namings
ANALYZE namings;

-- name: analyse_contradicted
ANALYZE contradicted, refunded_whole;

-- name: create_contradicted
-- Payments applied to one invoice whose reference is the number of another.
CREATE TEMP TABLE contradicted ON COMMIT DROP AS
SELECT DISTINCT applied.payment_id
FROM namings AS applied JOIN namings AS numbered USING (payment_id)
WHERE applied.how = 'application' AND numbered.how = 'number' AND numbered.invoice_id <> applied.invoice_id;

-- name: name_by_application
INSERT INTO named_invoices
SELECT payment_id, invoice_id, how, CASE WHEN payment.customer_id IS NULL THEN 'unknown' ELSE 'own' END
FROM namings
JOIN pool_payments AS payment USING (payment_id)
JOIN run_invoices AS invoice USING (invoice_id)
WHERE how = 'application' AND invoice.customer_id = coalesce(payment.customer_id, invoice.customer_id);

-- name: name_by_number
-- Every token of the reference is, verbatim, the number of exactly one invoice of the payer's group, where known.
INSERT INTO named_invoices
SELECT payment_id, unnest(invoices), 'number', payer FROM (
    SELECT payment.payment_id, array_agg(invoice_id) AS invoices,
        CASE WHEN bool_or(payment.customer_id IS NULL AND CASE
                WHEN payer_head IS NULL THEN upper(left(payer_text, 30)) <> upper(left(customers.name, 30))
                ELSE customers.native_id IS NOT NULL AND payer_head IS DISTINCT FROM name_head END) THEN 'stranger'
            WHEN payment.customer_id IS NULL THEN 'unknown'
            WHEN bool_and(invoice.customer_id = payment.customer_id) THEN 'own' ELSE 'affiliate' END AS payer
    FROM namings
    JOIN pool_payments AS payment USING (payment_id)
    JOIN run_invoices AS invoice USING (invoice_id)
    LEFT JOIN seen.customers ON customers.native_id = invoice.customer_id AND payment.customer_id IS NULL
    WHERE how = 'number' AND invoice.group_id = coalesce(payment.group_id, invoice.group_id)
        AND NOT EXISTS (SELECT FROM named_invoices AS known WHERE known.payment_id = payment.payment_id)
    GROUP BY payment.payment_id, payment.customer_id, payment.reference_tokens
    HAVING count(*) = cardinality(payment.reference_tokens)
        AND count(DISTINCT word) = cardinality(payment.reference_tokens)
        AND count(DISTINCT invoice.currency) = 1
) AS complete;

-- name: name_by_key
-- The reference contains the number keys of the group's own invoices. A key inside a longer one it contains says
-- nothing; a key that two invoices share, settled ones too, names neither for sure. What is left of a name after people
-- parted some of what it named is not the name.
INSERT INTO named_invoices
SELECT payment_id, unnest(invoices), %(how)s, payer FROM (
    SELECT payment_id, array_agg(invoice_id) AS invoices,
        CASE WHEN bool_and(invoice.customer_id = payment.customer_id) THEN 'own' ELSE 'affiliate' END AS payer
    FROM namings
    JOIN pool_payments AS payment USING (payment_id)
    JOIN run_invoices AS invoice USING (invoice_id)
    WHERE how = %(how)s AND payment.payment_id NOT IN (SELECT payment_id FROM parted)
        AND NOT EXISTS (SELECT FROM named_invoices AS known WHERE known.payment_id = payment.payment_id)
        AND NOT EXISTS (
            SELECT FROM namings AS longer
            WHERE longer.payment_id = namings.payment_id AND longer.how = namings.how
                AND longer.word <> namings.word
                AND strpos('|' || longer.word || '|', '|' || namings.word || '|') > 0
        )
    GROUP BY payment_id
    HAVING count(*) = count(DISTINCT word) AND count(DISTINCT invoice.currency) = 1
) AS clear;

-- name: analyse_named
ANALYZE named_invoices;

-- name: create_explained_payments
CREATE TEMP TABLE explained_payments (
    payment_id text COLLATE "C" NOT NULL,
    paid_on date NOT NULL,
    amount_minor bigint NOT NULL,
    postable boolean NOT NULL,
    as_credited boolean NOT NULL  -- it is the sum less what was credited, not the sum as invoiced
) ON COMMIT DROP;

-- name: find_explained
-- Payments whose named invoices are all untouched and add up to their amount, as invoiced or less what was credited.
INSERT INTO explained_payments
SELECT payment.payment_id, payment.paid_on, payment.amount_minor, payment.postable,
    sum(invoice.open_minor) = payment.amount_minor
FROM named_invoices AS named
JOIN pool_payments AS payment USING (payment_id)
LEFT JOIN pool_invoices AS invoice
    ON invoice.invoice_id = named.invoice_id AND invoice.postable AND invoice.currency = payment.currency
    AND invoice.invoice_id NOT IN (SELECT invoice_id FROM settled_by_hand)
WHERE named.how = ANY(%(hows)s) AND named.payer = ANY(%(payers)s)
    AND NOT EXISTS (SELECT FROM contradicted WHERE contradicted.payment_id = payment.payment_id)
GROUP BY payment.payment_id, payment.paid_on, payment.amount_minor, payment.postable
HAVING count(invoice.invoice_id) = count(*)
    AND payment.amount_minor IN (sum(invoice.open_minor), sum(invoice.gross_minor));

-- name: analyse_explained
ANALYZE explained_payments;

-- name: post_explained
-- The first payment for all its invoices claims them, also one that may not be posted; what another paid for the same
-- invoice is left for a person. One that was given back whole comes last: then the other is what was kept.
WITH ranked AS (
    SELECT payment_id, invoice_id, postable, as_credited,
        row_number() OVER (
            PARTITION BY invoice_id
            ORDER BY refunded_whole.payment_id IS NOT NULL, paid_on, amount_minor, payment_id
        ) AS rank
    FROM named_invoices
    JOIN explained_payments USING (payment_id)
    LEFT JOIN refunded_whole USING (payment_id)
), outranked AS (
    SELECT DISTINCT payment_id FROM ranked WHERE rank > 1
)
INSERT INTO cash_lines (
    rule, payment_id, invoice_id, currency, amount_minor, paid_currency, paid_minor, residual_minor, residual_reason
)
SELECT CASE WHEN as_credited AND invoice.open_minor < invoice.gross_minor THEN 'P6' ELSE %(rule)s END,
    payment_id, invoice_id, invoice.currency, paid.minor, invoice.currency, paid.minor,
    invoice.gross_minor - paid.minor, CASE WHEN paid.minor < invoice.gross_minor THEN 'credit_note' ELSE '' END
FROM ranked
JOIN pool_invoices AS invoice USING (invoice_id)
LEFT JOIN outranked USING (payment_id)
CROSS JOIN LATERAL (
    SELECT CASE WHEN as_credited THEN invoice.open_minor ELSE invoice.gross_minor END AS minor
) AS paid
WHERE outranked.payment_id IS NULL AND ranked.postable;

-- name: forget_explained
TRUNCATE explained_payments;

-- name: remove_posted_payments
DELETE FROM pool_payments USING cash_lines
WHERE cash_lines.payment_id = pool_payments.payment_id AND rule = ANY(%(rules)s);

-- name: remove_settled_invoices
-- Those of passes that settle an invoice whole.
DELETE FROM pool_invoices USING cash_lines
WHERE cash_lines.invoice_id = pool_invoices.invoice_id AND rule = ANY(%(rules)s);

-- name: create_foreign_payers
-- Unposted payments that came in somebody else's name than their customer's.
CREATE TEMP TABLE foreign_payers (payment_id text COLLATE "C" PRIMARY KEY) ON COMMIT DROP;

-- name: unlike_payers
-- Names that differ beyond capitals and where a bank cuts them off; whether they still mean one company is read elsewhere,
-- but for those that are sealed: of these what compares them says it.
SELECT payment_id, payer_text, customers.name, payer_head IS NOT NULL AS sealed
FROM pool_payments
JOIN seen.customers ON customers.native_id = pool_payments.customer_id
WHERE CASE
    WHEN payer_head IS NULL THEN upper(left(payer_text, 30)) <> upper(left(customers.name, 30))
    ELSE payer_head IS DISTINCT FROM name_head AND NOT coalesce(
        starts_with(payer_likeness, name_likeness) OR starts_with(name_likeness, payer_likeness), false
    ) END;

-- name: analyse_foreign_payers
ANALYZE foreign_payers;

-- name: overtaken_payments
-- Payments posted whole to an invoice that an earlier one names too, and pays otherwise: the earlier one was applied on
-- its day, before anybody could know of the later. What an earlier day posted is not asked (it names nothing here).
-- Of what is named and posted the planner expects one row, where there are all: so that comes last, and not once a row.
WITH earlier AS (
    SELECT payment_id, min(invoice_id) AS invoice_id, paid_on, payment.currency
    FROM named_invoices
    JOIN pool_payments AS payment USING (payment_id)
    WHERE payment.postable
        AND NOT EXISTS (SELECT FROM contradicted WHERE contradicted.payment_id = payment.payment_id)
        AND NOT EXISTS (SELECT FROM foreign_payers WHERE foreign_payers.payment_id = payment.payment_id)
    GROUP BY payment_id, paid_on, payment.currency
    HAVING count(*) = 1 AND bool_and(payer = 'own' AND how <> 'digits')
), posted AS MATERIALIZED (
    SELECT line.payment_id, line.invoice_id, earlier.paid_on AS earlier_on
    FROM earlier JOIN cash_lines AS line ON line.invoice_id = earlier.invoice_id AND line.paid_currency = earlier.currency
)
SELECT array_agg(DISTINCT posted.payment_id) AS payments, array_agg(DISTINCT line.invoice_id) AS invoices
FROM posted
JOIN named_invoices AS named ON named.payment_id = posted.payment_id AND named.invoice_id = posted.invoice_id
JOIN run_invoices AS invoice ON invoice.invoice_id = posted.invoice_id AND credited_minor < gross_minor
JOIN seen.payments AS paid ON paid.native_id = posted.payment_id
JOIN cash_lines AS line ON line.payment_id = posted.payment_id
WHERE payer = 'own' AND how <> 'digits' AND earlier_on < paid.paid_on;

-- name: take_back_payments
DELETE FROM cash_lines WHERE payment_id = ANY(%(payments)s);

-- name: create_named_credits
CREATE TEMP TABLE credit_keys (credit_note_id text COLLATE "C" NOT NULL, number_key text NOT NULL) ON COMMIT DROP;
CREATE TEMP TABLE named_credits (
    payment_id text COLLATE "C" NOT NULL,
    credit_note_id text COLLATE "C" NOT NULL,
    number text NOT NULL,
    left_minor bigint NOT NULL
) ON COMMIT DROP;

-- name: unlinked_credits
-- Credit notes that name no invoice we know, nor have another statement of them in quarantine.
SELECT native_id AS credit_note_id, number FROM seen.credit_notes
WHERE gross_minor <> 0
    AND NOT EXISTS (SELECT FROM run_invoices WHERE run_invoices.invoice_id = credit_notes.invoice_id)
    AND NOT EXISTS (
        SELECT FROM unread_rows AS unread
        WHERE unread.entity = 'credit_notes' AND unread.native_id = credit_notes.native_id
            AND last_in >= credit_notes.recorded_in
    );

-- name: analyse_credit_keys
ANALYZE credit_keys;

-- name: name_credits
-- Unposted payments that name such a credit note of their own customer, issued before they were made. A key that an
-- invoice of the group has too, or that two credit notes share, or inside a longer one, names none.
INSERT INTO named_credits
WITH named AS (
    SELECT payment.payment_id, credit_note_id, credit_keys.number_key, credit.number, abs(gross_minor) AS left_minor,
        count(*) OVER (PARTITION BY payment.payment_id, credit_keys.number_key) AS alike
    FROM credit_keys
    JOIN seen.credit_notes AS credit ON credit.native_id = credit_note_id
    JOIN pool_payments AS payment ON payment.customer_id = credit.customer_id AND payment.currency = credit.currency
        AND credit_keys.number_key = ANY(payment.reference_keys) AND payment.paid_on >= credit.issue_date
    WHERE NOT EXISTS (
        SELECT FROM run_invoices AS invoice
        WHERE invoice.number_key = credit_keys.number_key AND invoice.group_id = payment.group_id
    )
)
SELECT payment_id, credit_note_id, number, left_minor FROM named
WHERE alike = 1 AND NOT EXISTS (
    SELECT FROM named AS longer
    WHERE longer.payment_id = named.payment_id AND longer.number_key <> named.number_key
        AND strpos('|' || longer.number_key || '|', '|' || named.number_key || '|') > 0
);

-- name: create_remittances
-- Unposted payments with the set of invoices they name; `doubt` says why an amount that differs is not applied. Payments
-- of one group are in one bucket, those of nobody in bucket -1.
CREATE TEMP TABLE remittances ON COMMIT DROP AS
WITH untouchable AS (
    SELECT DISTINCT invoice_id FROM namings JOIN pool_payments USING (payment_id) WHERE NOT postable
)
SELECT coalesce(mod(abs(hashtext(payment.group_id)::bigint), %(buckets)s), -1) AS bucket,
    payment.payment_id, payment.currency, payment.amount_minor, paid_on,
    array_agg(invoice_id ORDER BY invoice_id) AS invoice_ids,
    CASE
        WHEN bool_or(payer <> 'own') THEN 'its payer is not known to be the customer invoiced'
        WHEN bool_or(foreign_payers.payment_id IS NOT NULL) THEN 'it came in another name than its customer''s'
        WHEN bool_or(how = 'digits') THEN 'it names them by digits alone'
        WHEN bool_or(contradicted.payment_id IS NOT NULL) THEN 'it is applied to one invoice and names another'
        WHEN bool_or(untouchable.invoice_id IS NOT NULL) THEN 'another payment, whose status is unknown, names it too'
        WHEN bool_or(pool_invoices.invoice_id IS NULL) AND bool_or(pool_invoices.invoice_id IS NOT NULL)
            THEN 'one of them is settled already'
        ELSE ''
    END AS doubt
FROM named_invoices AS named
JOIN pool_payments AS payment USING (payment_id)
LEFT JOIN contradicted USING (payment_id)
LEFT JOIN foreign_payers USING (payment_id)
LEFT JOIN untouchable USING (invoice_id)
LEFT JOIN pool_invoices USING (invoice_id)
WHERE payment.postable
GROUP BY payment.payment_id, payment.group_id, payment.currency, payment.amount_minor, payment.paid_on;

-- name: remittances_of
SELECT payment_id, currency, amount_minor, paid_on, invoice_ids, doubt, coalesce(credits, '[]') AS credits
FROM remittances
LEFT JOIN (
    SELECT payment_id, jsonb_agg(jsonb_build_object(
        'credit_note_id', credit_note_id, 'number', number, 'left_minor', left_minor
    ) ORDER BY credit_note_id) AS credits
    FROM named_credits GROUP BY payment_id
) AS deducted USING (payment_id)
WHERE bucket = %(bucket)s ORDER BY payment_id;

-- name: remittance_span
SELECT min(paid_on) AS first_on, max(paid_on) AS last_on FROM remittances;

-- name: remove_credited_invoices
-- Wholly credited, they are open to nobody who did not pay them as invoiced.
DELETE FROM pool_invoices WHERE open_minor = 0;

-- name: create_refunded_whole
-- Payments that were given back whole.
CREATE TEMP TABLE refunded_whole ON COMMIT DROP AS
SELECT payment.native_id AS payment_id
FROM seen.payments AS payment
JOIN seen.refunds ON refunds.payment_id = payment.native_id AND refunds.currency = payment.currency
WHERE coalesce(refunds.state, 'SUCCEEDED') IN ('SUCCEEDED', 'PENDING')
GROUP BY payment.native_id, payment.amount_minor
HAVING sum(refunds.amount_minor) >= payment.amount_minor;

-- name: set_aside_refunded
-- Payments that settled nothing so far and were given back whole are no money any more.
INSERT INTO cash_returned
SELECT payment_id, currency, amount_minor FROM pool_payments JOIN refunded_whole USING (payment_id);

-- name: set_aside_charged_back
-- Payments lost whole to a dispute are no money any more: what they paid is owed again.
INSERT INTO cash_returned
SELECT payment_id, pool_payments.currency, pool_payments.amount_minor
FROM pool_payments
JOIN seen.disputes USING (payment_id)
WHERE state = 'LOST' AND disputes.currency = pool_payments.currency
GROUP BY payment_id, pool_payments.currency, pool_payments.amount_minor
HAVING sum(disputes.amount_minor) >= pool_payments.amount_minor;

-- name: create_reversals
-- Payments below zero that take back one payment surely: they name it, or are its amount with its customer and reference
-- (or the invoice it is applied to), and no other fits either of the two.
CREATE TEMP TABLE reversals (
    reversal_id text COLLATE "C" PRIMARY KEY,
    payment_id text COLLATE "C" NOT NULL UNIQUE,
    taken_on date NOT NULL
) ON COMMIT DROP;

-- name: find_reversals
INSERT INTO reversals
WITH fitting AS (
    SELECT back.native_id AS reversal_id, payment.payment_id, back.paid_on AS taken_on,
        payment.payment_id = ANY(back.reference_tokens) AS by_name
    FROM seen.payments AS back
    LEFT JOIN unread_rows AS unread ON unread.entity = 'payments' AND unread.native_id = back.native_id
    JOIN pool_payments AS payment ON payment.currency = back.currency AND payment.amount_minor = -back.amount_minor
        AND payment.paid_on <= back.paid_on AND payment.postable
        AND (
            payment.payment_id = ANY(back.reference_tokens)
            OR payment.customer_id = back.customer_id
                AND (payment.reference = back.reference OR payment.applied_to = back.invoice_id)
        )
    WHERE back.amount_minor < 0 AND coalesce(back.state, 'SUCCEEDED') = 'SUCCEEDED'
        AND coalesce(last_in < back.recorded_in, true)
), plainest AS (
    SELECT *, bool_or(by_name) OVER (PARTITION BY reversal_id) AS named FROM fitting
), counted AS (
    SELECT *, count(*) OVER (PARTITION BY reversal_id) AS payments, count(*) OVER (PARTITION BY payment_id) AS takers
    FROM plainest WHERE by_name OR NOT named
)
SELECT reversal_id, payment_id, taken_on FROM counted WHERE payments = 1 AND takers = 1;

-- name: set_aside_reversed
INSERT INTO cash_returned
SELECT payment_id, currency, amount_minor FROM pool_payments JOIN reversals USING (payment_id)
ON CONFLICT (payment_id) DO NOTHING;

-- name: reversed_payments
SELECT payment_id, currency, amount_minor, paid_on, reversal_id, taken_on
FROM reversals JOIN seen.payments ON payments.native_id = payment_id
ORDER BY payment_id;

-- name: takings_of_nothing
-- Payments below zero of which nobody knows what they take back.
SELECT native_id AS payment_id, currency, amount_minor, paid_on
FROM seen.payments
WHERE amount_minor < 0 AND coalesce(state, 'SUCCEEDED') IN ('SUCCEEDED', 'UNKNOWN')
    AND NOT EXISTS (SELECT FROM reversals WHERE reversal_id = native_id)
ORDER BY native_id;

-- name: remove_returned
DELETE FROM pool_payments USING cash_returned WHERE cash_returned.payment_id = pool_payments.payment_id;

-- name: count_pool_payments
SELECT count(*) AS payments FROM pool_payments;

-- name: analyse_new_lines
ANALYZE new_lines;

-- name: keep_new_lines
INSERT INTO cash_lines SELECT * FROM new_lines;

-- name: add_on_account
INSERT INTO on_account
SELECT pool_payments.payment_id, customer_id, pool_payments.currency,
    pool_payments.amount_minor - sum(paid_minor), paid_on
FROM new_lines JOIN pool_payments USING (payment_id)
GROUP BY pool_payments.payment_id, customer_id, pool_payments.currency, pool_payments.amount_minor, paid_on
HAVING pool_payments.amount_minor <> sum(paid_minor);

-- name: spend_payments
DELETE FROM pool_payments USING new_lines WHERE new_lines.payment_id = pool_payments.payment_id;

-- name: forget_new_lines
TRUNCATE new_lines;

-- name: create_last_parts
-- Of invoices paid in part by reference: the last part.
CREATE TEMP TABLE last_parts (
    invoice_id text COLLATE "C" NOT NULL,
    payment_id text COLLATE "C" NOT NULL,
    paid_on date NOT NULL
) ON COMMIT DROP;

-- name: parts_left_open
SELECT payment_id, paid_on, number, run_invoices.currency, run_invoices.gross_minor, open_minor
FROM last_parts
JOIN run_invoices USING (invoice_id)
JOIN pool_invoices USING (invoice_id)
ORDER BY payment_id, invoice_id;

-- name: hold_payments
INSERT INTO held_payments SELECT unnest(%(payments)s::text[]);

-- name: refunded_of
SELECT payment_id, sum(amount_minor)::bigint AS amount_minor
FROM seen.refunds
JOIN unnest(%(payments)s::text[]) AS wanted (payment_id) USING (payment_id)
WHERE coalesce(state, 'SUCCEEDED') IN ('SUCCEEDED', 'PENDING')
GROUP BY payment_id;

-- name: remitted_invoices
SELECT invoice.invoice_id, number, invoice.customer_id, country, invoice.currency, net_minor, invoice.gross_minor,
    coalesce(open_minor, 0) AS open_minor, invoice.issue_date, invoice.due_date, invoice.postable
FROM run_invoices AS invoice
JOIN unnest(%(invoices)s::text[]) AS remitted (invoice_id) USING (invoice_id)
LEFT JOIN pool_invoices USING (invoice_id)
LEFT JOIN seen.customers ON customers.native_id = invoice.customer_id;

-- name: rates_near
SELECT rate_date, from_currency, to_currency, rate FROM seen.fx_rates
WHERE rate_date BETWEEN %(from_date)s::date AND %(to_date)s
ORDER BY rate_date, from_currency, to_currency, source;

-- name: reduce_open
-- An invoice of which nothing is left leaves the pool.
MERGE INTO pool_invoices USING (
    SELECT invoice_id, sum(amount_minor + residual_minor) AS minor FROM new_lines GROUP BY invoice_id
) AS taken ON taken.invoice_id = pool_invoices.invoice_id
WHEN MATCHED AND open_minor = taken.minor THEN DELETE
WHEN MATCHED THEN UPDATE SET open_minor = open_minor - taken.minor;

-- name: create_open_cash
-- Unposted payments of customers who paid something without naming anything. One that names a document, or that must
-- not be posted, or that people parted from an invoice, is there as a rival; so is what an overpayment left on account. `unread_count` counts the customer's invoices, payments and credit notes in quarantine.
CREATE TEMP TABLE open_cash ON COMMIT DROP AS
WITH unread AS (
    SELECT customer_id, count(*) AS unread_count
    FROM seen.quarantine
    WHERE entity IN ('invoices', 'payments', 'credit_notes') AND customer_id IS NOT NULL
    GROUP BY customer_id
), open AS (
    SELECT payment_id, customer_id, currency, amount_minor, paid_on,
        names_a_document OR NOT postable OR EXISTS (
            SELECT FROM namings WHERE namings.payment_id = pool_payments.payment_id
        ) OR payment_id IN (SELECT payment_id FROM parted) AS names_another
    FROM pool_payments
    WHERE customer_id IS NOT NULL
    UNION ALL
    SELECT payment_id, customer_id, currency, left_minor, paid_on, true FROM on_account
    WHERE customer_id IS NOT NULL
)
SELECT open.*, coalesce(unread_count, 0) AS unread_count, foreign_payers.payment_id IS NOT NULL AS foreign_payer,
    mod(abs(hashtext(customer_id)::bigint), %(buckets)s) AS bucket
FROM open
LEFT JOIN unread USING (customer_id)
LEFT JOIN foreign_payers USING (payment_id)
WHERE EXISTS (SELECT FROM open AS blind WHERE blind.customer_id = open.customer_id AND NOT blind.names_another);

-- name: open_cash_span
SELECT min(paid_on) AS first_on, max(paid_on) AS last_on FROM open_cash;

-- name: open_cash_of
SELECT payment_id, customer_id, currency, amount_minor, paid_on, names_another, unread_count, foreign_payer,
    coalesce(not_for, '{}') AS not_for
FROM open_cash
LEFT JOIN (SELECT payment_id, array_agg(invoice_id) AS not_for FROM parted GROUP BY payment_id) AS parted USING (payment_id)
WHERE bucket = %(bucket)s ORDER BY payment_id;

-- name: create_open_debts
-- Their open invoices, with the days on which a payment could settle each, and the first unposted payment that names it.
CREATE TEMP TABLE open_debts ON COMMIT DROP AS
SELECT invoice_id, pool_invoices.customer_id, pool_invoices.currency, open_minor, pool_invoices.due_date,
    pool_invoices.postable, pool_invoices.issue_date - %(days_before_issue)s::int AS from_date,
    pool_invoices.due_date + %(days_after_due)s::int AS to_date, named_by, bucket, net_minor, country
FROM pool_invoices
JOIN (SELECT invoice_id, net_minor FROM run_invoices) AS invoice USING (invoice_id)
LEFT JOIN seen.customers ON customers.native_id = pool_invoices.customer_id
JOIN (SELECT DISTINCT customer_id, bucket FROM open_cash) AS payers ON payers.customer_id = pool_invoices.customer_id
LEFT JOIN (
    SELECT invoice_id, min(payment_id) AS named_by FROM namings JOIN pool_payments USING (payment_id) GROUP BY invoice_id
) AS named USING (invoice_id);

-- name: analyse_open
ANALYZE open_cash, open_debts;

-- name: open_debts_of
SELECT invoice_id, customer_id, currency, open_minor, due_date, postable, from_date, to_date, named_by, net_minor, country
FROM open_debts WHERE bucket = %(bucket)s ORDER BY invoice_id;

-- name: create_used_credits
-- Credit notes that name no invoice and were deducted from a payment all the same.
CREATE TEMP TABLE used_credits (credit_note_id text COLLATE "C" PRIMARY KEY) ON COMMIT DROP;

-- name: use_credit_notes
INSERT INTO used_credits SELECT unnest(%(credits)s::text[]);

-- name: open_credits_of
SELECT native_id AS credit_note_id, credit_notes.customer_id, credit_notes.currency, abs(gross_minor) AS left_minor,
    issue_date
FROM seen.credit_notes
JOIN (SELECT DISTINCT customer_id FROM open_cash WHERE bucket = %(bucket)s) AS payers USING (customer_id)
WHERE gross_minor <> 0 AND NOT EXISTS (SELECT FROM run_invoices WHERE run_invoices.invoice_id = credit_notes.invoice_id)
    AND NOT EXISTS (SELECT FROM used_credits WHERE used_credits.credit_note_id = credit_notes.native_id)
ORDER BY native_id;

-- name: unmatched_payments
-- What no pass could post or explain, with every invoice it names and what became of that invoice.
WITH named AS (
    SELECT DISTINCT ON (namings.payment_id, invoice_id)
        namings.payment_id, invoice.*, settled.payment_id AS settled_by
    FROM namings
    JOIN pool_payments USING (payment_id)
    JOIN run_invoices AS invoice USING (invoice_id)
    LEFT JOIN cash_lines AS settled USING (invoice_id)
    ORDER BY namings.payment_id, invoice_id, settled.payment_id
)
SELECT payment.payment_id, payment.customer_id, payment.currency, payment.amount_minor, payment.paid_on,
    payment.names_a_document, payment.postable, payment.reference, payment.applied_to, ruled_words.words AS ruled,
    coalesce(
        jsonb_agg(
            jsonb_build_object(
                'invoice_id', named.invoice_id, 'number', named.number, 'key', named.number_key,
                'customer_id', named.customer_id, 'currency', named.currency, 'gross_minor', named.gross_minor,
                'status', named.status, 'settled_by', named.settled_by
            ) ORDER BY named.invoice_id
        ) FILTER (WHERE named.invoice_id IS NOT NULL), '[]'
    ) AS named
FROM pool_payments AS payment
LEFT JOIN named USING (payment_id)
LEFT JOIN ruled_words USING (payment_id)
WHERE NOT EXISTS (SELECT FROM held_payments WHERE held_payments.payment_id = payment.payment_id)
GROUP BY payment.payment_id, payment.customer_id, payment.currency, payment.amount_minor, payment.paid_on,
    payment.names_a_document, payment.postable, payment.reference, payment.applied_to, ruled_words.words
ORDER BY payment.payment_id;

-- name: create_run_credits
-- What each credit note has left once the invoice it names needs no more of it, oldest first. One that names no invoice
-- we know is left whole.
CREATE TEMP TABLE run_credits ON COMMIT DROP AS
SELECT *, credit_minor - left_minor AS invoiced_minor FROM (
WITH needed AS (
    SELECT invoice_id, customer_id, currency, gross_minor - coalesce(sum(cash.amount_minor + CASE
        WHEN residual_reason = 'credit_note' THEN 0 ELSE residual_minor END), 0) AS minor
    FROM run_invoices
    LEFT JOIN (SELECT invoice_id, amount_minor, residual_minor, residual_reason FROM cash_lines) AS cash USING (invoice_id)
    WHERE credited_minor > 0
    GROUP BY invoice_id, customer_id, currency, gross_minor
)
SELECT native_id AS credit_note_id, number, customer_id, invoice_id, currency, issue_date,
    gross_minor AS signed_minor, abs(gross_minor) AS credit_minor,
    CASE WHEN used_credits.credit_note_id IS NOT NULL THEN 0 ELSE least(abs(gross_minor), greatest(0, sum(abs(gross_minor)) OVER (
        PARTITION BY invoice_id, currency ORDER BY issue_date, native_id
    ) - coalesce(needed.minor, 0)))::bigint END AS left_minor
FROM seen.credit_notes
LEFT JOIN needed USING (invoice_id, customer_id, currency)
LEFT JOIN used_credits ON used_credits.credit_note_id = native_id
) AS spread;

-- name: credits_left
SELECT credit_note_id, number, customer_id, invoice_id, currency, issue_date, left_minor
FROM run_credits WHERE left_minor > 0 ORDER BY issue_date, credit_note_id;

-- name: use_credits
UPDATE run_credits SET left_minor = used.left_minor
FROM unnest(%(credits)s::text[], %(left)s::bigint[]) AS used (credit_note_id, left_minor)
WHERE used.credit_note_id = run_credits.credit_note_id;

-- name: run_refunds
-- Money on its way back or gone, with what its payment left unapplied and the invoices it settled.
SELECT refunds.native_id AS refund_id, refunds.payment_id, refunds.currency, refunds.amount_minor, created_on,
    coalesce(cash_returned.amount_minor, pool_payments.amount_minor, on_account.left_minor, 0) AS unapplied_minor,
    coalesce(settled.invoice_ids, '{}') AS invoice_ids
FROM seen.refunds
LEFT JOIN (
    SELECT payment_id, array_agg(DISTINCT invoice_id ORDER BY invoice_id) AS invoice_ids
    FROM cash_lines JOIN (SELECT DISTINCT payment_id FROM seen.refunds) AS refunded USING (payment_id)
    GROUP BY payment_id
) AS settled ON settled.payment_id = refunds.payment_id
LEFT JOIN pool_payments ON pool_payments.payment_id = refunds.payment_id
LEFT JOIN cash_returned ON cash_returned.payment_id = refunds.payment_id
LEFT JOIN on_account ON on_account.payment_id = refunds.payment_id
WHERE coalesce(state, 'SUCCEEDED') IN ('SUCCEEDED', 'PENDING');

-- name: create_cash_returned
-- Money that settled nothing and went back to its payer.
CREATE TEMP TABLE cash_returned (
    payment_id text COLLATE "C" PRIMARY KEY, currency char(3) NOT NULL, amount_minor bigint NOT NULL
) ON COMMIT DROP;

-- name: keep_returned
INSERT INTO cash_returned
SELECT * FROM unnest(%(payments)s::text[], %(currencies)s::text[], %(amounts)s::bigint[])
ON CONFLICT (payment_id) DO NOTHING;

-- name: create_unexplained_refunds
CREATE TEMP TABLE unexplained_refunds (
    refund_id text COLLATE "C" PRIMARY KEY, currency char(3) NOT NULL, amount_minor bigint NOT NULL
) ON COMMIT DROP;

-- name: paid_unseen
-- Invoices called paid of which nothing was paid or credited, of customers whose payments we do see, issued since we see
-- any. Silent wherever something we know might be the money, or took it back and has a break of its own.
WITH said AS (
    SELECT invoice_id, run_invoices.customer_id, group_id, number, run_invoices.currency, run_invoices.issue_date, open_minor
    FROM run_invoices JOIN pool_invoices USING (invoice_id)
    WHERE status = 'PAID' AND run_invoices.postable AND open_minor = run_invoices.gross_minor - credited_minor
        AND run_invoices.issue_date >= (SELECT min(paid_on) FROM seen.payments)
), spare AS (
    SELECT group_id, currency, sum(minor) AS minor FROM (
        SELECT coalesce(group_id, '') AS group_id, currency, amount_minor AS minor FROM pool_payments
        UNION ALL
        SELECT coalesce(customer_groups.group_id, customer_id), currency, left_minor
        FROM (
            SELECT customer_id, currency, left_minor FROM on_account
            UNION ALL
            SELECT customer_id, currency, left_minor FROM run_credits
        ) AS left_over LEFT JOIN customer_groups USING (customer_id)
    ) AS parts
    WHERE minor > 0 GROUP BY group_id, currency
), idle AS (
    SELECT payments.invoice_id AS applied_to, reference_tokens
    FROM seen.payments
    WHERE NOT EXISTS (SELECT FROM cash_lines WHERE cash_lines.payment_id = payments.native_id)
), idle_numbers AS (
    SELECT DISTINCT unnest(reference_tokens) AS number FROM idle
)
SELECT invoice_id, number, currency, issue_date, open_minor
FROM said
WHERE EXISTS (
        SELECT FROM cash_lines JOIN run_invoices AS settled USING (invoice_id) WHERE settled.customer_id = said.customer_id
    )
    AND NOT EXISTS (
        SELECT FROM spare
        WHERE spare.group_id = said.group_id
            AND (spare.minor >= said.open_minor OR spare.currency <> said.currency AND spare.group_id <> '')
    )
    AND coalesce(said.open_minor > (SELECT max(minor) FROM spare WHERE group_id = ''), TRUE)
    AND NOT EXISTS (SELECT FROM idle WHERE idle.applied_to = said.invoice_id)
    AND NOT EXISTS (SELECT FROM idle_numbers WHERE idle_numbers.number = said.number)
    AND NOT EXISTS (
        SELECT FROM canonical.payments AS later
        WHERE later.customer_id = said.customer_id AND later.paid_on > (SELECT current_setting('tieout.as_of')::date)
            AND later.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    )
    AND NOT EXISTS (
        SELECT FROM seen.quarantine
        WHERE entity IN ('payments', 'credit_notes') AND quarantine.customer_id = said.customer_id
    )
ORDER BY invoice_id;

-- name: disputes_taken
SELECT native_id AS dispute_id, payment_id, currency, amount_minor, opened_on, state
FROM seen.disputes WHERE coalesce(state, 'OPEN') IN ('INQUIRY', 'OPEN', 'LOST')
ORDER BY native_id;

-- name: failed_after_success
-- Payments that are no longer money though an attempt of theirs had succeeded by the day asked for.
SELECT native_id AS payment_id, payments.currency, payments.amount_minor, paid_on, state
FROM seen.payments
WHERE state IN ('FAILED', 'REVERSED') AND (state = 'REVERSED' OR EXISTS (
    SELECT FROM seen.attempts
    WHERE attempts.payment_id = payments.native_id AND outcome = 'succeeded'
        AND (occurred_at AT TIME ZONE %(zone)s)::date <= (SELECT current_setting('tieout.as_of')::date)
))
ORDER BY native_id;

-- name: keep_cash_matches
-- One match per payment: its id comes from what it joins, so it is the same in every run.
INSERT INTO recon.matches (
    run_id, match_id, recon, rule, side_a_type, side_a_id, side_b_type, side_b_id, currency, amount_minor,
    residual_minor, residual_reason, state, paid_currency, paid_minor
)
WITH several AS (
    SELECT payment_id, string_agg(invoice_id, '|' ORDER BY invoice_id) AS invoice_ids
    FROM cash_lines
    JOIN (SELECT payment_id FROM cash_lines GROUP BY payment_id HAVING count(*) > 1) AS shared USING (payment_id)
    GROUP BY payment_id
)
SELECT %(run_id)s,
    recon.match_id('R3', payment_id || '|' || coalesce(invoice_ids, invoice_id)),
    'R3', rule, 'payment', payment_id, 'invoice', invoice_id, currency, amount_minor, residual_minor, residual_reason,
    'posted', paid_currency, paid_minor
FROM cash_lines LEFT JOIN several USING (payment_id);

-- name: keep_suggestions
-- Held payments, one row per invoice they may be for; what was posted since is no candidate any more.
INSERT INTO recon.matches (
    run_id, match_id, recon, rule, side_a_type, side_a_id, side_b_type, side_b_id, currency, amount_minor,
    residual_minor, residual_reason, state
)
SELECT %(run_id)s, recon.match_id('R3', payment_id || '|' || invoice_id),
    'R3', rule, 'payment', payment_id, 'invoice', invoice_id, pool_invoices.currency,
    coalesce(pair.amount_minor, open_minor), 0, '', 'suggested'
FROM unnest(%(rules)s::text[], %(payments)s::text[], %(invoices)s::text[], %(amounts)s::bigint[])
    AS pair (rule, payment_id, invoice_id, amount_minor)
JOIN pool_invoices USING (invoice_id);

-- name: keep_customer_balances
INSERT INTO recon.customer_balances
SELECT %(run_id)s, customer_id, currency, sum(owed), sum(unapplied) FROM (
    SELECT customer_id, currency, open_minor AS owed, 0 AS unapplied FROM pool_invoices
    UNION ALL
    SELECT customer_id, pool_payments.currency, 0, pool_payments.amount_minor - coalesce(cash_returned.amount_minor, 0)
    FROM pool_payments LEFT JOIN cash_returned USING (payment_id) WHERE customer_id IS NOT NULL
    UNION ALL
    SELECT customer_id, on_account.currency, 0, left_minor - coalesce(cash_returned.amount_minor, 0)
    FROM on_account LEFT JOIN cash_returned USING (payment_id) WHERE customer_id IS NOT NULL
    UNION ALL
    SELECT customer_id, currency, 0, left_minor FROM run_credits
) AS items
GROUP BY customer_id, currency
HAVING sum(owed) <> 0 OR sum(unapplied) <> 0;

-- name: keep_unapplied_payments
-- What of each payment is left to a person, once what went back is taken off.
INSERT INTO recon.unapplied_payments
SELECT %(run_id)s, unapplied.payment_id, unapplied.currency, unapplied.minor - coalesce(cash_returned.amount_minor, 0), in_part
FROM (
    SELECT payment_id, currency, amount_minor AS minor, false AS in_part FROM pool_payments
    UNION ALL
    SELECT payment_id, currency, left_minor, true FROM on_account
) AS unapplied
LEFT JOIN cash_returned ON cash_returned.payment_id = unapplied.payment_id
WHERE unapplied.minor > coalesce(cash_returned.amount_minor, 0);

-- name: decided_invoices
-- The three fates of what was loaded, each from where it is decided, so that a hole between them shows.
SELECT currency, 'matched' AS fate,
    sum(amount_minor + CASE WHEN residual_reason = 'credit_note' THEN 0 ELSE residual_minor END) AS amount_minor
FROM cash_lines GROUP BY currency
UNION ALL
SELECT run_credits.currency, 'matched', sum(invoiced_minor)
FROM run_credits
JOIN run_invoices USING (invoice_id, currency)
WHERE status NOT IN ('DRAFT', 'CREDITED', 'WRITTEN_OFF', 'VOID')
GROUP BY run_credits.currency
UNION ALL
SELECT currency, 'open', sum(open_minor) FROM pool_invoices GROUP BY currency
UNION ALL
SELECT currency, 'excluded', sum(gross_minor) FROM run_invoices
WHERE status IN ('DRAFT', 'CREDITED', 'WRITTEN_OFF', 'VOID') GROUP BY currency;

-- name: decided_payments
SELECT paid_currency AS currency, 'matched' AS fate, sum(paid_minor) AS amount_minor
FROM cash_lines GROUP BY paid_currency
UNION ALL
SELECT currency, 'open', sum(amount_minor) FROM pool_payments GROUP BY currency
UNION ALL
SELECT currency, 'open', sum(left_minor) FROM on_account GROUP BY currency
UNION ALL
SELECT currency, 'open', -sum(amount_minor) FROM cash_returned
WHERE EXISTS (SELECT FROM pool_payments WHERE pool_payments.payment_id = cash_returned.payment_id)
    OR EXISTS (SELECT FROM on_account WHERE on_account.payment_id = cash_returned.payment_id)
GROUP BY currency
UNION ALL
SELECT currency, 'excluded', sum(amount_minor) FROM cash_returned GROUP BY currency
UNION ALL
SELECT currency, CASE WHEN reversal_id IS NULL THEN 'open' ELSE 'excluded' END, sum(amount_minor)
FROM seen.payments LEFT JOIN reversals ON reversal_id = native_id
WHERE amount_minor < 0 AND coalesce(state, 'SUCCEEDED') IN ('SUCCEEDED', 'UNKNOWN')
GROUP BY 1, 2
UNION ALL
SELECT currency, 'excluded', sum(amount_minor)
FROM seen.payments WHERE state NOT IN ('SUCCEEDED', 'UNKNOWN') GROUP BY currency;

-- name: decided_credit_notes
SELECT currency, 'open' AS fate, sum(sign(signed_minor) * left_minor) AS amount_minor
FROM run_credits GROUP BY currency
UNION ALL
SELECT currency, 'matched', sum(sign(signed_minor) * (credit_minor - left_minor)) FROM run_credits GROUP BY currency;

-- name: decided_refunds
SELECT currency, 'open' AS fate, sum(amount_minor) AS amount_minor FROM unexplained_refunds GROUP BY currency
UNION ALL
SELECT refunds.currency, CASE
    WHEN state = 'UNKNOWN' THEN 'open' WHEN state IN ('FAILED', 'CANCELLED') THEN 'excluded' ELSE 'matched' END,
    sum(refunds.amount_minor - coalesce(unexplained_refunds.amount_minor, 0))
FROM seen.refunds LEFT JOIN unexplained_refunds ON refund_id = native_id
GROUP BY 1, 2;

-- name: decided_disputes
SELECT currency, CASE WHEN state IN ('WON', 'CLOSED_NO_IMPACT') THEN 'excluded' ELSE 'open' END AS fate,
    sum(amount_minor) AS amount_minor
FROM seen.disputes GROUP BY 1, 2;

-- name: open_invoices
SELECT invoice_id, customer_id, currency, open_minor, due_date FROM pool_invoices ORDER BY invoice_id;
