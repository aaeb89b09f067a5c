-- Won deals and what must exist for each of them: an order, its reference in the CRM, its invoices.

-- name: deals_to_bill
-- Every won deal for which one of the three is missing, with all that is known of it. `order_id`: an order that stands,
-- whoever placed it, or one we placed that nobody has read yet; `ours`: one we placed, and did not find there. `win`: how often the deal was won, by
-- what landed and what looks saw, in the order of time.
WITH won AS MATERIALIZED (
    SELECT * FROM delivery.won_deals(%(opportunities)s::text[])
), newest AS (
    SELECT run_id FROM recon.runs WHERE state = 'published' ORDER BY as_of DESC, computed_at DESC LIMIT 1
), placed AS (
    -- An order that stands counts, whoever placed it. One that was cancelled does not, nor does one nobody has confirmed:
    -- a quotation of people's, or an order of ours that is still being placed. It names its deal by either form of its id,
    -- or names none where the deal names it. Of several the one that is invoiced stays the deal's, then the one it names.
    SELECT opportunity_id, CASE WHEN min(order_id) = max(order_id) THEN min(order_id) ELSE (
        SELECT one FROM unnest(array_agg(order_id)) AS one
        ORDER BY EXISTS (
            SELECT FROM canonical.invoices AS invoice WHERE invoice.order_id = one AND invoice.superseded_in IS NULL
        ) OR EXISTS (
            SELECT FROM delivery.outbox AS billed WHERE billed.subject = 'orders/' || one AND billed.kind = 'invoice'
        ) DESC, one IS NOT DISTINCT FROM min(erp_order_id) DESC, one COLLATE "C"
        LIMIT 1
    ) END AS order_id
    FROM (
        SELECT won.native_id AS opportunity_id, erp_order_id, orders.native_id AS order_id, status
        FROM won JOIN canonical.orders ON opportunity_id = won.native_id AND superseded_in IS NULL
        UNION ALL
        SELECT won.native_id, erp_order_id, orders.native_id, status
        FROM won JOIN canonical.orders ON opportunity_id = canonical.other_id(won.native_id) AND superseded_in IS NULL
        UNION ALL
        SELECT won.native_id, erp_order_id, orders.native_id, status
        FROM won JOIN canonical.orders ON orders.native_id = won.erp_order_id AND superseded_in IS NULL
        WHERE opportunity_id IS NULL
    ) AS named
    WHERE lower(coalesce(status, '')) <> ALL (%(cancelled)s::text[] || %(drafts)s::text[])
    GROUP BY opportunity_id
), standing AS (
    SELECT won.native_id AS opportunity_id, won.erp_order_id, coalesce(placed.order_id, unread.order_id) AS order_id
    FROM won
    LEFT JOIN placed ON placed.opportunity_id = won.native_id
    LEFT JOIN LATERAL (
        SELECT remote_id AS order_id FROM delivery.outbox AS message
        WHERE message.subject = 'opportunities/' || won.native_id AND message.kind = 'order' AND message.state = 'confirmed'
            AND NOT EXISTS (  -- unread, or read before it was confirmed
                SELECT FROM canonical.orders AS known
                WHERE known.native_id = message.remote_id
                    AND lower(coalesce(known.status, '')) <> ALL (%(drafts)s::text[])
            )
        ORDER BY message_id DESC LIMIT 1
    ) AS unread ON placed.order_id IS NULL
), billed AS (
    SELECT *, EXISTS (
        SELECT FROM canonical.invoices AS invoice
        WHERE invoice.order_id = standing.order_id AND invoice.superseded_in IS NULL
    ) AS is_billed
    FROM standing
), missing AS MATERIALIZED (
    -- All that follows is asked of these few alone.
    SELECT billed.opportunity_id, billed.order_id, is_billed OR scheduled.order_id IS NOT NULL AS invoiced
    FROM billed
    LEFT JOIN delivery.schedule_lines AS scheduled ON scheduled.order_id = billed.order_id AND scheduled.line = 1
    WHERE billed.order_id IS NULL OR billed.erp_order_id IS DISTINCT FROM billed.order_id
        OR NOT (is_billed OR scheduled.order_id IS NOT NULL)
)
SELECT deal.native_id AS opportunity_id, deal.row_hash, deal.is_won, deal.is_closed,
    wins.win, deal.name, deal.owner_id, deal.account_id,
    deal.amount_minor, deal.currency::text, deal.discount_percent, deal.approval_level, deal.approved_at,
    deal.prices_edited_at, deal.term_months, deal.start_date, deal.last_day, deal.billing_interval, deal.contract_signed_on,
    deal.payment_terms_days, deal.payment_terms_approved, deal.po_required, deal.po_number, deal.revenue_flags,
    deal.close_date, deal.product, deal.erp_order_id,
    coalesce(linked.customer_id, account.erp_customer_id, customer.native_id) AS customer_id,
    coalesce(payer.country, customer.country, account.country) AS country,
    book.is_active AS price_book_active, line.*, missing.order_id, coalesce(ours.made, false) AS ours, ours.schedule,
    missing.invoiced, by_hand.customer_id AS order_customer_id, by_hand.amount_minor AS order_minor,
    by_hand.currency::text AS order_currency
FROM missing
CROSS JOIN LATERAL delivery.deals(ARRAY[missing.opportunity_id]) AS deal
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE is_won AND NOT was_won)::int AS win
    FROM (
        SELECT is_won, coalesce(lag(is_won) OVER (ORDER BY seen_at, is_won), false) AS was_won
        FROM (
            -- Landed as of when it was asked for, so that a look in between falls between.
            SELECT stated_at AS seen_at, coalesce(is_won, false) AS is_won
            FROM canonical.opportunities AS landed WHERE landed.native_id = missing.opportunity_id
            UNION ALL
            SELECT looked_at, is_won FROM delivery.deal_states AS seen
            WHERE seen.opportunity_id = missing.opportunity_id
        ) AS seen
    ) AS history
) AS wins
LEFT JOIN canonical.accounts AS account ON account.native_id = deal.account_id AND account.superseded_in IS NULL
LEFT JOIN LATERAL (
    SELECT min(side_b_id) AS customer_id FROM recon.matches JOIN newest USING (run_id)
    WHERE recon = 'R1' AND matches.state = 'posted' AND side_a_id = deal.account_id HAVING count(DISTINCT side_b_id) = 1
) AS linked ON true
LEFT JOIN LATERAL (
    -- Of several that name the account nobody knows which one buys.
    SELECT min(native_id) AS native_id, min(country) AS country FROM canonical.customers
    WHERE crm_account_id IN (deal.account_id, canonical.other_id(deal.account_id)) AND superseded_in IS NULL
    HAVING count(*) = 1
) AS customer ON true
LEFT JOIN canonical.customers AS payer
    ON payer.native_id = coalesce(linked.customer_id, account.erp_customer_id) AND payer.superseded_in IS NULL
LEFT JOIN canonical.price_books AS book ON book.native_id = deal.price_book_id AND book.superseded_in IS NULL
LEFT JOIN LATERAL (
    SELECT count(*)::int AS line_count,
        CASE WHEN bool_and(amount_minor IS NOT NULL) THEN sum(amount_minor)::bigint END AS lines_minor,
        CASE WHEN bool_and(quantity IS NOT NULL) THEN min(quantity) END AS quantity,
        coalesce(array_agg(DISTINCT lines.currency::text) FILTER (WHERE lines.currency IS NOT NULL), '{}') AS line_currencies,
        (count(*) FILTER (WHERE lines.list_price IS NULL))::int AS lines_without_list_price,
        -- Of the lines with a list price: what they cost by it, in whole units of the currency, and what they were sold for.
        sum(lines.list_price * quantity) FILTER (WHERE is_listed) AS listed_price,
        sum(amount_minor) FILTER (WHERE is_listed)::bigint AS listed_minor,
        max(edited_at) AS lines_edited_at,
        coalesce(array_agg(concat_ws(' ', lines.native_id, lines.row_hash)), '{}') AS line_versions
    FROM delivery.deal_lines(deal.native_id) AS lines
    CROSS JOIN LATERAL (
        SELECT lines.list_price > 0 AND quantity > 0 AND amount_minor > 0 AND lines.currency = deal.currency AS is_listed
    ) AS listed
) AS line ON true
LEFT JOIN LATERAL (
    -- What was confirmed without a call that made it was found there: somebody else's, with lines of its own. What a look
    -- found by its key is ours; so is what another order of the same words made, before the deal was won again.
    SELECT made, CASE WHEN made THEN body -> 'schedule' END AS schedule
    FROM delivery.outbox AS message CROSS JOIN LATERAL (SELECT EXISTS (
        SELECT FROM delivery.outbox AS same JOIN delivery.attempts ON attempts.message_id = same.message_id
        WHERE same.subject = message.subject AND same.kind = 'order' AND same.state = 'confirmed'
            AND same.remote_id = message.remote_id AND same.body_sha256 = message.body_sha256
            AND (outcome = 'confirmed' OR (outcome = 'found' AND attempts.detail = 'found by its key'))
    ) AS made) AS call
    WHERE message.subject = 'opportunities/' || deal.native_id AND message.kind = 'order' AND message.state = 'confirmed'
        AND message.remote_id = missing.order_id
    ORDER BY message_id DESC LIMIT 1
) AS ours ON true
LEFT JOIN canonical.orders AS by_hand
    ON by_hand.native_id = missing.order_id AND by_hand.superseded_in IS NULL AND NOT coalesce(ours.made, false)
ORDER BY deal.native_id;

-- name: keep_gate_checks
INSERT INTO delivery.gate_checks (opportunity_id, win, based_on, name, verdict, evidence, rules_sha256)
SELECT %(opportunity_id)s, %(win)s, %(based_on)s, name, verdict, evidence, %(rules)s
FROM unnest(%(names)s::text[], %(verdicts)s::text[], %(evidences)s::text[]) AS checked (name, verdict, evidence)
ON CONFLICT DO NOTHING;

-- name: withdraw_gate_tasks
-- Tasks about a deal that was mended before anybody was told.
UPDATE delivery.outbox SET state = 'superseded', finished_at = ops.clock()
WHERE target = %(target)s AND subject = %(subject)s AND kind = 'task' AND state = 'queued';

-- name: withdraw_orders
-- Orders of a deal that may not be ordered any more, and that surely had no effect yet. One that a person held back stays:
-- decided anew it would leave by itself. So does one whose key names another order at the target: that is looked at.
UPDATE delivery.outbox SET state = 'superseded', reason = NULL, finished_at = ops.clock()
WHERE target = %(target)s AND subject = %(subject)s AND kind = 'order' AND state IN ('queued', 'parked')
    AND coalesce(reason, '') NOT IN ('HELD_BACK', 'KEY_PAYLOAD_MISMATCH');

-- name: keep_schedule
INSERT INTO delivery.schedule_lines (order_id, line, opportunity_id, period_start, period_end, amount)
SELECT %(order_id)s, line, %(opportunity_id)s, period_start, period_end, amount
FROM jsonb_to_recordset(%(schedule)s::jsonb -> 'lines') AS told (line int, period_start date, period_end date, amount numeric)
ON CONFLICT DO NOTHING;

-- name: schedule_lines_due
-- Lines whose day has come and whose invoice is not decided, of orders that stand for deals that are won by now.
SELECT line.order_id, line.line, line.opportunity_id, line.period_start, line.period_end, line.amount, deal.is_won,
    deal.is_closed, deal.account_id, deal.currency
FROM delivery.schedule_lines AS line
JOIN LATERAL (
    SELECT is_won, is_closed, account_id, currency::text FROM delivery.deals(ARRAY[line.opportunity_id])
) AS deal ON true
LEFT JOIN canonical.orders AS placed ON placed.native_id = line.order_id AND placed.superseded_in IS NULL
WHERE line.decided_at IS NULL AND line.period_start <= %(today)s AND deal.is_won AND deal.is_closed
    AND (%(opportunities)s::text[] IS NULL OR line.opportunity_id = ANY (%(opportunities)s))
    AND lower(coalesce(placed.status, '')) <> ALL (%(cancelled)s::text[])
    AND (placed.native_id IS NOT NULL OR NOT EXISTS (
        SELECT FROM canonical.orders AS gone WHERE gone.native_id = line.order_id
    ))
ORDER BY line.order_id, line.line
FOR UPDATE OF line SKIP LOCKED;

-- name: keep_line_decided
UPDATE delivery.schedule_lines SET decided_at = ops.clock()
WHERE order_id = %(order_id)s AND line = %(line)s AND decided_at IS NULL;

-- name: reopen_lines
-- Lines whose invoice was decided and did not leave.
UPDATE delivery.schedule_lines AS line SET decided_at = NULL
FROM unnest(%(orders)s::text[], %(lines)s::int[]) AS stale (order_id, line)
WHERE line.order_id = stale.order_id AND line.line = stale.line;
