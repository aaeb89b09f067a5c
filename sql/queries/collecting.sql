-- Money that does not come: what was tried, and what is overdue.

-- name: failing_invoices
-- Open invoices somebody tried to collect and whose last attempt failed, of all or of some, with all their attempts. `scheme` and
-- `card`: of the last one; `of_card`: what that card was tried for within %(card_days)s days of it, and since it last paid.
-- What is under way (a debit that the bank has not answered) is told once more when it is decided: it is no attempt of its own.
WITH attempt AS NOT MATERIALIZED (  -- a card's, and an invoice's, are found by their index
    SELECT *, lower(outcome) = ANY (%(succeeded)s::text[]) AS succeeded, jsonb_build_object(
        'event_id', native_id, 'occurred_at', occurred_at, 'succeeded', lower(outcome) = ANY (%(succeeded)s::text[]),
        'codes', jsonb_build_array(decline_code, network_code, advice_code), 'payment_id', payment_id, 'card', card
    ) AS told
    FROM canonical.attempts
    WHERE superseded_in IS NULL AND lower(outcome) <> ALL (%(undecided)s::text[])
), last AS (
    SELECT DISTINCT ON (invoice_id) invoice_id, number, currency, customer_id, scheme, card, occurred_at, succeeded
    FROM attempt JOIN canonical.invoices AS invoice ON invoice.native_id = invoice_id AND invoice.superseded_in IS NULL
    WHERE lower(coalesce(invoice.status, 'open')) = ANY (%(open)s::text[])
        AND (%(invoices)s::text[] IS NULL OR invoice_id = ANY (%(invoices)s))
    ORDER BY invoice_id, occurred_at DESC, attempt.native_id DESC
)
SELECT last.invoice_id, last.number, last.currency::text, account.owner_id, customer.crm_account_id, last.scheme,
    last.card, (
        SELECT jsonb_agg(told ORDER BY occurred_at, native_id) FROM attempt WHERE attempt.invoice_id = last.invoice_id
    ) AS attempts, coalesce((
        SELECT jsonb_agg(told) FROM attempt
        WHERE attempt.card = last.card AND attempt.occurred_at > least(
            last.occurred_at - make_interval(days => %(card_days)s),
            coalesce((SELECT max(occurred_at) FROM attempt WHERE attempt.card = last.card AND succeeded), '-infinity')
        )
    ), '[]') AS of_card
FROM last
LEFT JOIN canonical.customers AS customer
    ON customer.native_id = last.customer_id AND customer.superseded_in IS NULL
LEFT JOIN canonical.accounts AS account
    ON account.native_id = customer.crm_account_id AND account.superseded_in IS NULL
WHERE NOT last.succeeded
ORDER BY last.invoice_id;

-- name: invoices_of_card
-- An invoice, and the others that were tried with a card of its.
SELECT %(invoice_id)s AS invoice_id
UNION
SELECT other.invoice_id FROM canonical.attempts AS own JOIN canonical.attempts AS other USING (card)
WHERE own.invoice_id = %(invoice_id)s AND own.superseded_in IS NULL AND other.superseded_in IS NULL
    AND other.invoice_id IS NOT NULL;

-- name: tries_that_left
-- Of these retries those that were sent, or may have been, or are being sent.
SELECT key, message_id, state, first_called_at FROM delivery.outbox
WHERE key = ANY (%(keys)s) AND stands AND state <> 'queued';

-- name: task_of_failures
-- The task about an invoice that was decided for failures since a moment.
SELECT key FROM delivery.outbox
WHERE subject = %(subject)s AND kind = 'task' AND (body ->> 'failed_at')::timestamptz >= %(since)s
ORDER BY message_id DESC LIMIT 1;

-- name: invoice_to_collect
-- An invoice; whether nobody is to pay it now, as it is contested as a whole, promised, or held by legal; and its customer's
-- money on no invoice, or on a void one: what the newest published run left, and what came since. Any of that may be for this
-- invoice.
WITH newest AS (
    SELECT run_id, batch_through FROM recon.runs WHERE state = 'published' ORDER BY as_of DESC, computed_at DESC LIMIT 1
)
SELECT known.*, coalesce(invoice.disputed OR customer.legal_hold OR invoice.promised_until >= %(today)s, false) AS held,
    (coalesce((
    SELECT unapplied_minor FROM recon.customer_balances AS balance JOIN newest USING (run_id)
    WHERE balance.customer_id = known.customer_id AND balance.currency = known.currency
), 0) + coalesce((
    SELECT sum(paid.amount_minor) FROM canonical.payments AS paid
    WHERE paid.superseded_in IS NULL AND paid.customer_id = known.customer_id AND paid.invoice_id IS NULL
        AND paid.currency = known.currency AND paid.amount_minor > 0
        AND coalesce(lower(paid.status), 'succeeded') = ANY (%(succeeded)s::text[])
        AND paid.recorded_in > coalesce((SELECT batch_through FROM newest), -1)
        AND NOT EXISTS (
            SELECT FROM recon.matches JOIN newest USING (run_id)
            WHERE recon = 'R3' AND side_a_id = paid.native_id AND matches.state = 'posted'
        )
), 0) + coalesce((  -- for a void invoice, which no run knew as money
    SELECT sum(paid.amount_minor)
    FROM canonical.invoices AS void JOIN delivery.payments AS paid ON paid.invoice_id = void.native_id
    WHERE void.customer_id = known.customer_id AND void.superseded_in IS NULL AND lower(void.status) = ANY (%(void)s::text[])
        AND paid.currency = known.currency AND paid.amount_minor > 0
        AND coalesce(lower(paid.status), 'succeeded') = ANY (%(succeeded)s::text[])
        AND NOT EXISTS (
            SELECT FROM canonical.payments AS landed JOIN newest ON landed.recorded_in <= batch_through
            WHERE landed.native_id = paid.native_id
                AND (landed.superseded_in IS NULL OR landed.superseded_in > batch_through)
                AND coalesce(lower(landed.status), 'succeeded') = ANY (%(succeeded)s::text[])
        )
), 0))::bigint AS unapplied_minor
FROM delivery.invoices AS known
JOIN canonical.invoices AS invoice ON invoice.native_id = known.invoice_id AND invoice.superseded_in IS NULL
LEFT JOIN canonical.customers AS customer
    ON customer.native_id = known.customer_id AND customer.superseded_in IS NULL
WHERE known.invoice_id = %(invoice_id)s;

-- name: overdue_invoices
-- What the newest published run left open, with everything that may keep it from being asked for. `settlements`: how
-- often money arrived for it; `level`: the highest rung taken since.
WITH newest AS (
    SELECT run_id, as_of, batch_through FROM recon.runs WHERE state = 'published' ORDER BY as_of DESC, computed_at DESC LIMIT 1
), arrived AS (
    SELECT side_b_id AS invoice_id, count(*) AS settlements
    FROM recon.matches JOIN newest USING (run_id)
    WHERE recon = 'R3' AND side_b_type = 'invoice' AND matches.state = 'posted' GROUP BY side_b_id
), suggested AS (
    SELECT side_b_id AS invoice_id, sum(amount_minor)::bigint AS minor
    FROM recon.matches JOIN newest USING (run_id)
    WHERE recon = 'R3' AND side_b_type = 'invoice' AND matches.state = 'suggested' GROUP BY side_b_id
), pending AS (
    SELECT invoice_id, sum(amount_minor)::bigint AS minor FROM delivery.payments
    WHERE invoice_id IS NOT NULL AND lower(status) = ANY (%(pending)s::text[]) GROUP BY invoice_id
), fresh AS (  -- arrived since: no run knew it as money. What is for a void invoice may be for any
    SELECT paid.native_id, CASE WHEN void.native_id IS NULL THEN paid.invoice_id END AS invoice_id, paid.customer_id,
        paid.currency, amount_minor
    FROM delivery.payments AS paid
    LEFT JOIN canonical.invoices AS void
        ON void.native_id = paid.invoice_id AND void.superseded_in IS NULL AND lower(void.status) = ANY (%(void)s::text[])
    WHERE coalesce(lower(paid.status), 'succeeded') = ANY (%(succeeded)s::text[]) AND amount_minor > 0
        AND NOT EXISTS (
            SELECT FROM canonical.payments AS known
            WHERE known.native_id = paid.native_id
                AND known.recorded_in <= (SELECT batch_through FROM newest)
                AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT batch_through FROM newest))
                AND coalesce(lower(known.status), 'succeeded') = ANY (%(succeeded)s::text[])
        )
), paid AS (
    SELECT invoice_id, sum(amount_minor)::bigint AS minor FROM fresh WHERE invoice_id IS NOT NULL GROUP BY invoice_id
), received AS (
    SELECT customer_id, currency, sum(amount_minor)::bigint AS minor
    FROM fresh WHERE invoice_id IS NULL GROUP BY customer_id, currency
)
SELECT debt.invoice_id, invoice.number, debt.customer_id, debt.currency::text, debt.open_minor, debt.due_date,
    newest.as_of, account.owner_id, customer.crm_account_id, customer.country, coalesce(arrived.settlements, 0) AS cycle,
    coalesce(said.level, 0) AS level,
    coalesce(suggested.minor, 0) + coalesce(pending.minor, 0) + coalesce(paid.minor, 0) AS in_flight_minor,
    (coalesce(balance.unapplied_minor, 0) + coalesce(received.minor, 0))::bigint AS unapplied_minor,
    invoice.promised_until, coalesce(customer.legal_hold, false) AS legal_hold,
    coalesce(invoice.disputed, false) OR EXISTS (
        SELECT FROM delivery.returns JOIN delivery.payments ON payments.native_id = returns.payment_id
        WHERE returns.entity = 'disputes' AND payments.invoice_id = debt.invoice_id
            AND lower(returns.status) = ANY (%(disputed)s::text[])
    ) AS disputed,
    EXISTS (
        SELECT FROM delivery.outbox
        WHERE subject = 'invoices/' || debt.invoice_id AND finished_at IS NULL AND outbox.state IN ('called', 'uncertain')
    ) AS uncertain_write
FROM recon.open_invoices AS debt
JOIN newest USING (run_id)
JOIN canonical.invoices AS invoice ON invoice.native_id = debt.invoice_id AND invoice.superseded_in IS NULL
LEFT JOIN arrived ON arrived.invoice_id = debt.invoice_id
LEFT JOIN suggested ON suggested.invoice_id = debt.invoice_id
LEFT JOIN pending ON pending.invoice_id = debt.invoice_id
LEFT JOIN paid ON paid.invoice_id = debt.invoice_id
LEFT JOIN received ON received.customer_id = debt.customer_id AND received.currency = debt.currency
CROSS JOIN LATERAL (
    SELECT max((body ->> 'level')::int) AS level FROM delivery.outbox
    WHERE subject = 'invoices/' || debt.invoice_id AND kind = 'dunning' AND outbox.state <> 'superseded'
        AND (body ->> 'cycle')::bigint = coalesce(arrived.settlements, 0)
) AS said
LEFT JOIN recon.customer_balances AS balance ON balance.run_id = newest.run_id
    AND balance.customer_id = debt.customer_id AND balance.currency = debt.currency
LEFT JOIN canonical.customers AS customer
    ON customer.native_id = debt.customer_id AND customer.superseded_in IS NULL
LEFT JOIN canonical.accounts AS account
    ON account.native_id = customer.crm_account_id AND account.superseded_in IS NULL
WHERE debt.due_date <= %(today)s + %(days_ahead)s::int
ORDER BY debt.invoice_id;

-- name: rates_of_day
SELECT DISTINCT ON (from_currency, to_currency) from_currency, to_currency, rate
FROM canonical.fx_rates
WHERE superseded_in IS NULL AND rate_date BETWEEN %(day)s::date - 10 AND %(day)s
ORDER BY from_currency, to_currency, rate_date DESC, source;
