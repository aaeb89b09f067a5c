-- R5, subscriptions: what the domain functions read, customer by customer, and what they found.
--
-- The rules are in include/domain (subscriptions, arr_bridge, billing_links, subscription_review); here rows are only
-- fetched, joined and kept. All tables here are temporary and belong to one run. Customers are numbered into buckets,
-- so that a run holds one bucket in memory and reads each row once.

-- name: create_arr_customers
CREATE TEMP TABLE arr_customers (
    customer_id text COLLATE "C" PRIMARY KEY,
    bucket integer NOT NULL
) ON COMMIT DROP;

-- name: create_run_subscriptions
CREATE TEMP TABLE run_subscriptions (
    subscription_id text COLLATE "C" PRIMARY KEY,
    customer_id text COLLATE "C" NOT NULL,
    bucket integer NOT NULL,
    start_date date NOT NULL,
    end_date date,
    currency char(3) NOT NULL,
    quantity numeric NOT NULL,
    unit_price numeric NOT NULL,
    interval text NOT NULL,
    state text,
    renewal_date date,
    arr_minor bigint,
    readable boolean NOT NULL  -- false: a newer version of it, or an amendment of it, is in quarantine
) ON COMMIT DROP;

-- name: create_run_amendments
CREATE TEMP TABLE run_amendments (
    bucket integer NOT NULL,
    amendment_id text COLLATE "C" NOT NULL,
    subscription_id text COLLATE "C" NOT NULL,
    sequence integer NOT NULL,
    type text NOT NULL,
    effective_date date NOT NULL,
    quantity numeric,
    unit_price numeric
) ON COMMIT DROP;

-- name: create_billed_orders
CREATE TEMP TABLE billed_orders (
    order_id text COLLATE "C" PRIMARY KEY,
    customer_id text COLLATE "C" NOT NULL,
    bucket integer NOT NULL,
    currency char(3) NOT NULL,
    amount_minor bigint NOT NULL,
    days date[] NOT NULL,
    nets bigint[] NOT NULL
) ON COMMIT DROP;

-- name: create_subscription_orders
CREATE TEMP TABLE subscription_orders (
    rule text NOT NULL,
    subscription_id text COLLATE "C" NOT NULL,
    order_id text COLLATE "C" NOT NULL,
    sure boolean NOT NULL,
    recalculated_minor bigint NOT NULL
) ON COMMIT DROP;

-- name: fill_arr_customers
INSERT INTO arr_customers
SELECT customer_id, (row_number() OVER (ORDER BY customer_id) - 1) / %(customers)s
FROM (SELECT DISTINCT customer_id FROM seen.subscriptions) AS known;

-- name: fill_run_subscriptions
-- An amendment in quarantine that does not even say whose it is may be anybody's.
INSERT INTO run_subscriptions
SELECT subscriptions.native_id, customer_id, bucket, start_date, end_date, subscriptions.currency, quantity, unit_price,
    interval, state, renewal_date, arr_minor,
    coalesce(last_in <= recorded_in, true) AND amended.subscription_id IS NULL
    AND NOT EXISTS (SELECT FROM seen.quarantine WHERE entity = 'amendments' AND quarantine.subscription_id IS NULL)
FROM seen.subscriptions
JOIN arr_customers USING (customer_id)
LEFT JOIN unread_rows AS unread ON unread.entity = 'subscriptions' AND unread.native_id = subscriptions.native_id
LEFT JOIN (
    SELECT DISTINCT subscription_id FROM seen.quarantine WHERE entity = 'amendments'
) AS amended ON amended.subscription_id = subscriptions.native_id;

-- name: fill_run_amendments
INSERT INTO run_amendments
SELECT bucket, native_id, subscription_id, sequence, type, effective_date, amendments.quantity, amendments.unit_price
FROM seen.amendments JOIN run_subscriptions USING (subscription_id);

-- name: fill_billed_orders
-- What an order was billed each day, before tax. An invoice made void counts only where none took its place that day.
INSERT INTO billed_orders
SELECT native_id, customer_id, bucket, currency, amount_minor, array_agg(issue_date ORDER BY issue_date),
    array_agg(net ORDER BY issue_date)
FROM seen.orders
JOIN arr_customers USING (customer_id)
JOIN (
    SELECT order_id, issue_date,
        CASE WHEN bool_or(stands) THEN sum(net) FILTER (WHERE stands) ELSE max(net) END::bigint AS net
    FROM (
        SELECT order_id, issue_date, coalesce(net_minor, gross_minor - tax_minor) AS net,
            coalesce(state, '') NOT IN ('VOID', 'CREDITED') AS stands
        FROM seen.invoices
        WHERE order_id IS NOT NULL AND coalesce(state, '') <> 'DRAFT'
    ) AS issued
    GROUP BY order_id, issue_date
) AS billed ON billed.order_id = orders.native_id
GROUP BY native_id, customer_id, bucket, currency, amount_minor;

-- name: index_arr_tables
CREATE INDEX ON run_subscriptions (bucket);
CREATE INDEX ON run_amendments (bucket);
CREATE INDEX ON billed_orders (bucket);
ANALYZE run_subscriptions, run_amendments, billed_orders;

-- name: last_known_day
-- The last day of anything that has happened, as far as the snapshot knows: statuses, renewal dates and ARR on record
-- have no date and are of a day that is not before this one.
SELECT max(day) AS day FROM (
    SELECT max(paid_on) AS day FROM canonical.payments
    WHERE recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    UNION ALL
    SELECT max(value_date) FROM canonical.bank_lines
    WHERE recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    UNION ALL
    SELECT max(issue_date) FROM canonical.invoices
    WHERE recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
) AS known;

-- name: arr_buckets
SELECT DISTINCT bucket FROM arr_customers ORDER BY bucket;

-- name: subscriptions_of
SELECT subscription_id, customer_id, start_date, end_date, currency, quantity, unit_price, interval, state,
    renewal_date, arr_minor, readable
FROM run_subscriptions WHERE bucket = %(bucket)s
ORDER BY customer_id, currency, subscription_id;

-- name: amendments_of
SELECT amendment_id, subscription_id, sequence, type, effective_date, quantity, unit_price
FROM run_amendments WHERE bucket = %(bucket)s
ORDER BY subscription_id, amendment_id;

-- name: billed_orders_of
SELECT order_id, customer_id, currency, amount_minor, days, nets
FROM billed_orders WHERE bucket = %(bucket)s
ORDER BY customer_id, currency, order_id;

-- name: analyse_subscription_orders
ANALYZE subscription_orders;

-- name: create_subscription_deals
-- The deals of the orders, by whichever of the two names the other. `contradicted`: R1 says that the deal's account is
-- some other customer, or a newer version of the deal is in quarantine.
CREATE TEMP TABLE subscription_deals ON COMMIT DROP AS
SELECT rule, subscription_id, opportunity_id, sure, recalculated_minor, run_subscriptions.currency,
    bool_or(EXISTS (
        SELECT FROM identity_links WHERE identity_links.account_id = opportunities.account_id
    ) AND NOT EXISTS (
        SELECT FROM identity_links
        WHERE identity_links.account_id = opportunities.account_id
            AND identity_links.customer_id = run_subscriptions.customer_id
    ) OR coalesce(last_in > opportunities.recorded_in, false)) AS contradicted
FROM subscription_orders
JOIN run_subscriptions USING (subscription_id)
JOIN (
    SELECT native_id AS order_id, opportunity_id FROM seen.orders WHERE opportunity_id IS NOT NULL
    UNION
    SELECT erp_order_id, native_id FROM seen.opportunities WHERE erp_order_id IS NOT NULL
) AS reference USING (order_id)
JOIN seen.opportunities ON opportunities.native_id = opportunity_id
LEFT JOIN unread_rows AS unread ON unread.entity = 'opportunities' AND unread.native_id = opportunity_id
GROUP BY rule, subscription_id, opportunity_id, sure, recalculated_minor, run_subscriptions.currency;

-- name: keep_subscription_matches
-- Posted where the order is sure and one deal is named, which is no other subscription's; else suggested.
INSERT INTO recon.matches
SELECT %(run_id)s, recon.match_id('R5', subscription_id || '|' || opportunity_id),
    'R5', rule, 'subscription', subscription_id, 'opportunity', opportunity_id, currency, recalculated_minor, 0, '',
    CASE
        WHEN sure AND NOT contradicted AND readable AND state IS DISTINCT FROM 'UNKNOWN'
            AND count(*) OVER (PARTITION BY subscription_id) = 1 AND count(*) OVER (PARTITION BY opportunity_id) = 1
        THEN 'posted' ELSE 'suggested'
    END
FROM (
    SELECT DISTINCT ON (subscription_id, opportunity_id) deals.*, readable, state
    FROM subscription_deals AS deals JOIN run_subscriptions USING (subscription_id)
    ORDER BY subscription_id, opportunity_id, sure DESC, rule
) AS pair;

-- name: subscriptions_without_deal
-- The order it was sold by has no deal, while the CRM was loaded and the deal is not in quarantine. Where no deal at
-- all was loaded nothing is missing: nobody asked the CRM.
SELECT subscription_id, run_subscriptions.currency, start_date, orders.number AS order_number
FROM subscription_orders
JOIN run_subscriptions USING (subscription_id)
JOIN seen.orders ON orders.native_id = order_id
WHERE sure AND readable AND run_subscriptions.state IS DISTINCT FROM 'UNKNOWN'
    AND EXISTS (SELECT FROM seen.opportunities)
    AND NOT EXISTS (SELECT FROM seen.quarantine WHERE entity = 'opportunities' AND native_id = orders.opportunity_id)
    AND NOT EXISTS (
        SELECT FROM subscription_deals WHERE subscription_deals.subscription_id = subscription_orders.subscription_id
    )
ORDER BY subscription_id;

-- name: month_end_rates
-- The newest rate of each pair in the ten days up to each month's end, or up to the run's day in its month.
SELECT month, from_currency, to_currency, rate
FROM (
    SELECT month::date, least((month + interval '1 month')::date - 1, %(as_of)s::date) AS ends
    FROM generate_series(
        (SELECT date_trunc('month', min(start_date)) - interval '1 month' FROM seen.subscriptions),
        %(as_of)s::date::timestamp, interval '1 month'
    ) AS month
) AS months
CROSS JOIN LATERAL (
    SELECT DISTINCT ON (from_currency, to_currency) from_currency, to_currency, rate
    FROM seen.fx_rates
    WHERE rate_date BETWEEN ends - 10 AND ends
    ORDER BY from_currency, to_currency, rate_date DESC, source
) AS known
ORDER BY month, from_currency, to_currency;

-- name: forget_arr_bridge
DELETE FROM recon.arr_bridge WHERE run_id = %(run_id)s;

-- name: forget_arr_reported
DELETE FROM recon.arr_reported WHERE run_id = %(run_id)s;
