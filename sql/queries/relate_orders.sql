-- R2, what belongs together: deals (opportunities), orders, invoices, and what an order sold.
--
-- All tables here are temporary and belong to one run. Only references make pairs, never likeness: `order_claims` has
-- every pair that either side names, with what the other references make of it.

-- name: create_run_deals
CREATE TEMP TABLE run_deals (
    opportunity_id text COLLATE "C" PRIMARY KEY,
    account_id text COLLATE "C",
    currency char(3),
    amount_minor bigint,
    close_date date,
    outcome text NOT NULL CHECK (outcome IN (
        'won',
        'ahead',    -- won by now, but after the day asked for
        'open',
        'lost',
        'unknown'   -- the source does not say whether it is won; the stage's label is nobody's evidence
    )),
    order_ref text COLLATE "C",
    postable boolean NOT NULL  -- false: a newer version of it is in quarantine
) ON COMMIT DROP;

-- name: create_run_orders
CREATE TEMP TABLE run_orders (
    order_id text COLLATE "C" PRIMARY KEY,
    number text NOT NULL,
    customer_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL,
    order_date date NOT NULL,
    state text NOT NULL,
    opportunity_ref text COLLATE "C",
    postable boolean NOT NULL, -- false: its status is unknown or a newer version of it is in quarantine
    live boolean NOT NULL GENERATED ALWAYS AS (postable AND state NOT IN ('DRAFT', 'CANCELLED')) STORED
) ON COMMIT DROP;

-- name: create_order_claims
CREATE TEMP TABLE order_claims (
    opportunity_id text COLLATE "C" NOT NULL,
    order_id text COLLATE "C" NOT NULL,
    by_order boolean NOT NULL,
    by_deal boolean NOT NULL,
    verdict text NOT NULL CHECK (verdict IN (
        'linked',
        'twin',          -- one of several like orders of a deal that names none of them
        'duplicate',     -- like the order that the deal names, and not that one
        'contradicted'   -- a reference says otherwise
    )),
    rule text NOT NULL,
    like_order text COLLATE "C",  -- the order a twin or duplicate repeats
    bill_to text COLLATE "C",     -- the customer the deal's account is, where that is another than the order's
    posted boolean NOT NULL,
    PRIMARY KEY (opportunity_id, order_id)
) ON COMMIT DROP;

-- name: create_billing
CREATE TEMP TABLE billing (
    invoice_id text COLLATE "C" PRIMARY KEY,
    number text NOT NULL,
    order_id text COLLATE "C",
    customer_id text COLLATE "C" NOT NULL,
    currency char(3) NOT NULL,
    issue_date date NOT NULL,
    net_minor bigint,
    tax_minor bigint,
    gross_minor bigint NOT NULL,
    state text NOT NULL,
    postable boolean NOT NULL,
    live boolean NOT NULL GENERATED ALWAYS AS (postable AND state NOT IN ('DRAFT', 'VOID')) STORED
) ON COMMIT DROP;

-- name: create_schedules
-- What a subscription bills per period, from which day to which.
CREATE TEMP TABLE schedules (
    subscription_id text COLLATE "C" NOT NULL,
    from_date date NOT NULL,
    until_date date,
    period_minor numeric NOT NULL,
    plain boolean NOT NULL  -- false: an amendment does more than change seats or price
) ON COMMIT DROP;

-- name: create_sold
-- The subscription an order sold, where only one can be: an order has no lines, so this is what shows its price and term.
CREATE TEMP TABLE sold (
    order_id text COLLATE "C" PRIMARY KEY,
    subscription_id text COLLATE "C" NOT NULL UNIQUE,
    start_date date NOT NULL,
    end_date date,
    months integer NOT NULL,  -- of one period
    periods integer NOT NULL, -- that make up the order's amount
    unit_minor numeric NOT NULL
) ON COMMIT DROP;

-- name: fill_run_deals
INSERT INTO run_deals
SELECT opportunities.native_id, account_id, currency, amount_minor, close_date,
    CASE
        WHEN is_won AND close_date > (SELECT current_setting('tieout.as_of')::date) THEN 'ahead'
        WHEN is_won THEN 'won'
        WHEN is_won IS NULL THEN 'unknown'
        WHEN is_closed THEN 'lost'
        ELSE 'open'
    END,
    erp_order_id,
    coalesce(last_in <= opportunities.recorded_in, true)
FROM seen.opportunities
LEFT JOIN unread_rows AS unread ON unread.entity = 'opportunities' AND unread.native_id = opportunities.native_id;

-- name: fill_run_orders
INSERT INTO run_orders
SELECT orders.native_id, number, customer_id, currency, amount_minor, order_date, coalesce(state, 'CONFIRMED'), opportunity_id,
    state IS DISTINCT FROM 'UNKNOWN' AND coalesce(last_in <= orders.recorded_in, true)
FROM seen.orders
LEFT JOIN unread_rows AS unread ON unread.entity = 'orders' AND unread.native_id = orders.native_id;

-- name: fill_billing
-- Where one of net and tax is missing, the other and the gross amount give it.
INSERT INTO billing
SELECT invoices.native_id, number, order_id, customer_id, currency, issue_date,
    coalesce(net_minor, gross_minor - tax_minor), coalesce(tax_minor, gross_minor - net_minor), gross_minor,
    coalesce(state, 'OPEN'),
    state IS DISTINCT FROM 'UNKNOWN' AND coalesce(last_in <= invoices.recorded_in, true)
FROM seen.invoices
LEFT JOIN unread_rows AS unread ON unread.entity = 'invoices' AND unread.native_id = invoices.native_id;

-- name: analyse_documents
ANALYZE run_deals, run_orders, billing, identity_links;

-- name: fill_order_claims
-- A pair is linked when what either side says of the other fits: both name each other; or one names the other and no
-- third document speaks for either; or the orders naming a deal add up to it. A cancelled order claims nothing. It is
-- posted where nothing else speaks against it: no unread version, no unknown status, and not R1 unless both sides agree.
WITH named AS (
    SELECT opportunity_id, order_id, true AS by_order, false AS by_deal
    FROM run_orders JOIN run_deals ON opportunity_id = opportunity_ref WHERE state <> 'CANCELLED'
    UNION ALL
    SELECT opportunity_id, order_id, false, true
    FROM run_deals JOIN run_orders ON order_id = order_ref WHERE state <> 'CANCELLED'
), claims AS (
    SELECT opportunity_id, order_id, bool_or(by_order) AS by_order, bool_or(by_deal) AS by_deal
    FROM named GROUP BY opportunity_id, order_id
), faced AS (
    SELECT claims.*, deal.account_id, deal.order_ref, deal.amount_minor AS deal_minor, deal.currency AS deal_currency,
        deal.postable AND orders.postable AS readable,
        orders.opportunity_ref, orders.amount_minor, orders.currency, orders.customer_id, orders.order_date,
        count(*) FILTER (WHERE by_deal) OVER (PARTITION BY order_id) AS deals_naming_it,
        count(*) FILTER (WHERE by_order) OVER (PARTITION BY opportunity_id) AS orders_naming_it
    FROM claims JOIN run_deals AS deal USING (opportunity_id) JOIN run_orders AS orders USING (order_id)
), weighed AS (
    SELECT *,
        by_order AND (by_deal OR deals_naming_it = 0) OR opportunity_ref IS NULL AND deals_naming_it = 1 AS of_this_deal,
        by_order AND by_deal
        OR by_order AND order_ref IS NULL AND deals_naming_it = 0
        OR by_deal AND opportunity_ref IS NULL AND deals_naming_it = 1 AND orders_naming_it = 0 AS uncontested
    FROM faced
), grouped AS (
    SELECT *,
        bool_and(of_this_deal AND currency = deal_currency) OVER deal
        AND count(*) OVER deal > 1
        AND min(customer_id) OVER deal = max(customer_id) OVER deal
        AND sum(amount_minor) OVER deal = deal_minor AS adds_up,
        count(*) FILTER (WHERE uncontested) OVER alike AS like_orders,
        min(order_id) FILTER (WHERE by_order AND by_deal) OVER alike AS named_like,
        first_value(order_id) OVER (alike ORDER BY order_date, order_id) AS first_like
    FROM weighed
    WINDOW deal AS (PARTITION BY opportunity_id),
        alike AS (PARTITION BY opportunity_id, customer_id, currency, amount_minor)
), judged AS (
    SELECT *,
        CASE
            WHEN adds_up THEN 'linked'
            WHEN uncontested AND like_orders > 1 THEN 'twin'
            WHEN uncontested THEN 'linked'
            WHEN by_order AND named_like IS NOT NULL THEN 'duplicate'
            ELSE 'contradicted'
        END AS verdict
    FROM grouped
)
INSERT INTO order_claims
SELECT opportunity_id, order_id, by_order, by_deal, verdict,
    CASE WHEN by_order AND by_deal THEN 'both_name' WHEN by_order THEN 'order_names' ELSE 'deal_names' END,
    CASE verdict WHEN 'duplicate' THEN named_like WHEN 'twin' THEN nullif(first_like, order_id) END,
    CASE WHEN customer_id <> ALL(known.customers) THEN known.customers[1] END,
    verdict = 'linked' AND readable AND (by_order AND by_deal OR (customer_id <> ALL(known.customers)) IS NOT TRUE)
FROM judged
LEFT JOIN (
    SELECT account_id, array_agg(customer_id ORDER BY customer_id) AS customers FROM identity_links GROUP BY account_id
) AS known USING (account_id);

-- name: fill_schedules
-- Amendments state quantity and price from their day on; what one leaves out stays as it was.
WITH steps AS (
    SELECT native_id AS subscription_id, start_date AS from_date, NULL::integer AS sequence, native_id AS step_id, quantity, unit_price,
        true AS plain
    FROM seen.subscriptions
    UNION ALL
    SELECT subscription_id, greatest(effective_date, start_date), sequence, amendments.native_id, amendments.quantity,
        amendments.unit_price,
        (amendments.quantity IS NOT NULL OR amendments.unit_price IS NOT NULL)
        AND upper(type) IN ('QTY', 'PRICE', 'UPGRADE', 'DOWNGRADE')
    FROM seen.amendments JOIN seen.subscriptions ON subscriptions.native_id = subscription_id
), carried AS (
    SELECT subscription_id, from_date,
        lead(from_date) OVER step AS until_date,
        array_agg(quantity) FILTER (WHERE quantity IS NOT NULL) OVER step AS quantities,
        array_agg(unit_price) FILTER (WHERE unit_price IS NOT NULL) OVER step AS prices,
        bool_and(plain) OVER (PARTITION BY subscription_id) AS plain
    FROM steps
    WINDOW step AS (PARTITION BY subscription_id ORDER BY from_date, sequence NULLS FIRST, step_id)
)
INSERT INTO schedules
SELECT subscription_id, from_date, until_date,
    round(prices[cardinality(prices)] * factor) * quantities[cardinality(quantities)], plain
FROM carried
JOIN seen.subscriptions ON subscriptions.native_id = subscription_id
JOIN unnest(%(currencies)s::text[], %(factors)s::numeric[]) AS scale (code, factor) ON code = subscriptions.currency;

-- name: fill_sold
-- Service starts on the day of the order's first invoice, and a whole number of periods makes the order's amount; of
-- two that fit, the one whose first period that invoice bills. Two left on either side: neither is known.
WITH offered AS (
    SELECT native_id AS subscription_id, customer_id, currency, start_date, end_date,
        CASE interval WHEN 'month' THEN 1 WHEN 'quarter' THEN 3 WHEN 'half_year' THEN 6 WHEN 'year' THEN 12 END AS months,
        round(unit_price * factor) AS unit_minor, round(unit_price * factor) * quantity AS period_minor
    FROM seen.subscriptions
    JOIN unnest(%(currencies)s::text[], %(factors)s::numeric[]) AS scale (code, factor) ON code = subscriptions.currency
), first AS (
    SELECT order_id, min(issue_date) AS start_date, (array_agg(net_minor ORDER BY issue_date, invoice_id))[1] AS net_minor
    FROM billing WHERE order_id IS NOT NULL GROUP BY order_id
), fitting AS (
    SELECT order_id, subscription_id, start_date, end_date, months, unit_minor, amount_minor / period_minor AS periods,
        first.net_minor = period_minor AS bills_it
    FROM run_orders JOIN first USING (order_id) JOIN offered USING (customer_id, currency, start_date)
    WHERE live AND amount_minor > 0 AND period_minor > 0
        AND amount_minor %% period_minor = 0 AND amount_minor / period_minor * months <= %(most_months)s
), compared AS (
    SELECT *, bool_or(bills_it) OVER (PARTITION BY order_id) IS TRUE
        OR bool_or(bills_it) OVER (PARTITION BY subscription_id) IS TRUE AS one_is_billed
    FROM fitting
), chosen AS (
    SELECT *,
        count(*) OVER (PARTITION BY order_id) AS subscriptions, count(*) OVER (PARTITION BY subscription_id) AS orders
    FROM compared WHERE bills_it IS TRUE OR NOT one_is_billed
)
INSERT INTO sold
SELECT order_id, subscription_id, start_date, end_date, months, periods::integer, unit_minor
FROM chosen WHERE subscriptions = 1 AND orders = 1;

-- name: analyse_relations
ANALYZE order_claims, schedules, sold;

-- name: keep_order_matches
-- The residual is what a deal's orders have more than the deal, on the first of them.
WITH related AS (
    SELECT order_claims.*, orders.currency, orders.amount_minor, deal.currency = orders.currency AS comparable,
        CASE WHEN posted AND deal.currency = orders.currency AND row_number() OVER deal = 1
            THEN sum(orders.amount_minor) OVER (PARTITION BY opportunity_id, posted) - deal.amount_minor END AS residual
    FROM order_claims JOIN run_orders AS orders USING (order_id) JOIN run_deals AS deal USING (opportunity_id)
    WINDOW deal AS (PARTITION BY opportunity_id, posted ORDER BY order_id)
)
INSERT INTO recon.matches
SELECT %(run_id)s, recon.match_id('R2', opportunity_id || '|' || order_id),
    'R2', rule, 'opportunity', opportunity_id, 'order', order_id, currency, amount_minor, coalesce(residual, 0),
    CASE WHEN posted AND NOT comparable THEN 'OR04' WHEN residual <> 0 THEN 'OR03' ELSE '' END,
    CASE WHEN posted THEN 'posted' ELSE 'suggested' END
FROM related;

-- name: keep_billing_matches
-- What an invoice says of its order is believed, unless it bills somebody else or in another currency.
INSERT INTO recon.matches
SELECT %(run_id)s, recon.match_id('R2', order_id || '|' || invoice_id),
    'R2', 'invoice_names', 'order', order_id, 'invoice', invoice_id, billing.currency,
    coalesce(net_minor, gross_minor), 0, '',
    CASE WHEN billing.postable AND orders.postable AND orders.customer_id = billing.customer_id
        AND orders.currency = billing.currency THEN 'posted' ELSE 'suggested' END
FROM billing JOIN run_orders AS orders USING (order_id);

-- name: decided_opportunities
-- What is not won is no claim on anybody yet; where nobody says whether it is won, it stays open.
SELECT currency, fate, coalesce(sum(amount_minor), 0) AS amount_minor FROM (
    SELECT currency, amount_minor, CASE
        WHEN opportunity_id IN (SELECT opportunity_id FROM order_claims WHERE posted) THEN 'matched'
        WHEN outcome IN ('won', 'unknown') THEN 'open'
        WHEN outcome IN ('ahead', 'open', 'lost') THEN 'excluded'
    END AS fate
    FROM run_deals
) AS decided GROUP BY currency, fate;

-- name: decided_orders
SELECT currency, fate, sum(amount_minor) AS amount_minor FROM (
    SELECT currency, amount_minor, CASE
        WHEN order_id IN (SELECT order_id FROM order_claims WHERE posted) THEN 'matched'
        WHEN state IN ('CANCELLED', 'DRAFT') THEN 'excluded'
        ELSE 'open'
    END AS fate
    FROM run_orders
) AS decided GROUP BY currency, fate;
