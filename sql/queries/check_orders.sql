-- R2, what differs: one query a kind of difference, over the tables of relate_orders.sql. Each gives what a break is
-- made of: key, currency, amount_minor, since, and the figures of both sides.
--
-- Rows whose status is unknown, or of which a newer version could not be read, are neither wrong nor absent: they are
-- not live, they differ from nothing, and what they name is not missing.

-- name: deals_without_order
-- Where no reference joins any deal to any order, references are not kept, and their absence says nothing. An order dated
-- later than the day asked for is not seen, but it is there: nobody has to replay anything.
WITH later_orders AS (
    SELECT native_id AS order_id, opportunity_id
    FROM canonical.orders
    WHERE order_date > (SELECT current_setting('tieout.as_of')::date)
        AND recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
        AND (superseded_in IS NULL OR superseded_in > (SELECT current_setting('tieout.batch')::bigint))
)
SELECT deal.opportunity_id AS key, deal.currency, deal.amount_minor, deal.close_date AS since, deal.order_ref,
    named.state AS order_state, named.opportunity_ref AS order_names
FROM run_deals AS deal
LEFT JOIN run_orders AS named ON named.order_id = deal.order_ref
WHERE deal.outcome = 'won' AND deal.postable AND EXISTS (SELECT FROM order_claims)
    AND NOT EXISTS (
        SELECT FROM order_claims AS claim
        WHERE claim.opportunity_id = deal.opportunity_id AND (claim.by_order OR claim.verdict <> 'contradicted')
    )
    AND NOT EXISTS (
        SELECT FROM seen.quarantine WHERE quarantine.entity = 'orders' AND quarantine.native_id = deal.order_ref
    )
    AND NOT EXISTS (SELECT FROM later_orders AS later WHERE later.order_id = deal.order_ref)
    AND NOT EXISTS (SELECT FROM later_orders AS later WHERE later.opportunity_id = deal.opportunity_id)
    AND NOT EXISTS (SELECT FROM later_orders AS later WHERE later.opportunity_id = canonical.other_id(deal.opportunity_id))
ORDER BY key;

-- name: orders_without_deal
SELECT orders.order_id AS key, orders.currency, orders.amount_minor, orders.order_date AS since, orders.number,
    orders.opportunity_ref, deal.order_ref AS deal_names, claimed_by
FROM run_orders AS orders
LEFT JOIN run_deals AS deal ON deal.opportunity_id = orders.opportunity_ref
LEFT JOIN (
    SELECT order_id, array_agg(opportunity_id ORDER BY opportunity_id) AS claimed_by FROM order_claims
    WHERE by_deal GROUP BY order_id
) AS claims USING (order_id)
WHERE orders.live AND EXISTS (SELECT FROM order_claims)
    AND NOT EXISTS (
        SELECT FROM order_claims AS claim WHERE claim.order_id = orders.order_id AND claim.verdict <> 'contradicted'
    )
    AND NOT EXISTS (
        SELECT FROM seen.quarantine
        WHERE quarantine.entity = 'opportunities'
            AND quarantine.native_id IN (orders.opportunity_ref, canonical.other_id(orders.opportunity_ref))
    )
ORDER BY key;

-- name: amounts_that_differ
-- All orders of a deal together, named by the first. A deal that is not won any more has another break.
SELECT min(order_id) AS key, min(deal.currency) AS currency, deal.amount_minor - sum(orders.amount_minor)::bigint AS amount_minor,
    min(order_date) AS since, opportunity_id, deal.amount_minor AS deal_minor,
    sum(orders.amount_minor)::bigint AS orders_minor, array_agg(number ORDER BY order_id) AS numbers
FROM order_claims
JOIN run_orders AS orders USING (order_id)
JOIN run_deals AS deal USING (opportunity_id)
WHERE verdict = 'linked' AND deal.postable AND deal.outcome NOT IN ('open', 'lost') AND deal.amount_minor IS NOT NULL
GROUP BY opportunity_id, deal.amount_minor
HAVING bool_and(live AND orders.currency = deal.currency) AND sum(orders.amount_minor) <> deal.amount_minor
ORDER BY key;

-- name: currencies_that_differ
SELECT order_id AS key, orders.currency, orders.amount_minor, order_date AS since, number, 'order' AS document,
    'opportunity' AS other_document, opportunity_id AS other, deal.currency AS other_currency
FROM order_claims
JOIN run_orders AS orders USING (order_id)
JOIN run_deals AS deal USING (opportunity_id)
WHERE verdict = 'linked' AND deal.postable AND live AND orders.currency <> deal.currency
UNION ALL
SELECT invoice_id, billing.currency, gross_minor, issue_date, billing.number, 'invoice', 'order', order_id, orders.currency
FROM billing JOIN run_orders AS orders USING (order_id)
WHERE billing.live AND orders.live AND billing.currency <> orders.currency
ORDER BY key;

-- name: duplicate_orders
SELECT orders.order_id AS key, orders.currency, orders.amount_minor, orders.order_date AS since, orders.number, opportunity_id,
    verdict, first.number AS like_number, first.order_date AS like_date
FROM order_claims AS claim
JOIN run_orders AS orders ON orders.order_id = claim.order_id
JOIN run_orders AS first ON first.order_id = like_order
WHERE orders.live AND first.live
ORDER BY key;

-- name: duplicate_invoices
-- The same number, customer and amount twice; or an order invoiced twice on a day for one amount, when it is known to
-- be billed once a period or is billed for more than it sold. Two instalments of one amount are no duplicate.
WITH copies AS (
    SELECT billing.*,
        first_value(invoice_id) OVER (same_number ORDER BY issue_date, invoice_id) AS first_of_number,
        first_value(invoice_id) OVER (same_billing ORDER BY number, invoice_id) AS first_of_billing,
        sum(net_minor) OVER (PARTITION BY order_id) AS billed_minor
    FROM billing WHERE live AND gross_minor > 0
    WINDOW same_number AS (PARTITION BY customer_id, number, currency, gross_minor),
        same_billing AS (PARTITION BY order_id, issue_date, currency, gross_minor)
)
SELECT copies.invoice_id AS key, copies.currency, copies.gross_minor AS amount_minor, copies.issue_date AS since,
    copies.number, copies.order_id, first.number AS like_number, first.issue_date AS like_date, first.invoice_id AS like_id
FROM copies
LEFT JOIN run_orders AS orders USING (order_id)
JOIN billing AS first ON first.invoice_id = CASE
    WHEN first_of_number <> copies.invoice_id THEN first_of_number
    WHEN first_of_billing <> copies.invoice_id AND (
        copies.billed_minor > orders.amount_minor OR copies.order_id IN (SELECT order_id FROM sold)
    ) THEN first_of_billing
END
ORDER BY key;

-- name: reverted_deals
-- An order stands though its opportunity is not won. A quotation may well precede the deal.
SELECT opportunity_id AS key, min(orders.currency) AS currency, sum(orders.amount_minor)::bigint AS amount_minor,
    min(order_date) AS since, outcome, array_agg(number ORDER BY order_id) AS numbers
FROM order_claims
JOIN run_orders AS orders USING (order_id)
JOIN run_deals AS deal USING (opportunity_id)
WHERE verdict = 'linked' AND live AND deal.postable AND outcome IN ('open', 'lost')
GROUP BY opportunity_id, outcome
HAVING count(DISTINCT orders.currency) = 1
ORDER BY key;

-- name: orders_not_invoiced
-- Only where invoices say which order they bill. Invoices of the customer that could not be read may be the ones.
SELECT order_id AS key, currency, amount_minor, order_date AS since, number
FROM run_orders AS orders
WHERE live AND state <> 'ON_HOLD' AND amount_minor > 0
    AND order_date + %(due_days)s::int < (SELECT current_setting('tieout.as_of')::date)
    AND EXISTS (SELECT FROM billing WHERE order_id IS NOT NULL)
    AND NOT EXISTS (SELECT FROM billing WHERE billing.order_id = orders.order_id AND state <> 'DRAFT')
    AND NOT EXISTS (SELECT FROM order_claims AS claim WHERE claim.order_id = orders.order_id AND claim.like_order IS NOT NULL)
    AND NOT EXISTS (SELECT FROM seen.quarantine WHERE entity = 'invoices' AND quarantine.customer_id IS NULL)
    AND NOT EXISTS (
        SELECT FROM seen.quarantine WHERE entity = 'invoices' AND quarantine.customer_id = orders.customer_id
    )
ORDER BY key;

-- name: discounted_deals
-- Won below the list price by more than `free_percent`. Whoever sells one unit or more for less than one unit's list
-- price gave at least that discount, whatever is stated. `recorded` says whether anybody's approval is on record at all.
WITH deals AS (
    SELECT native_id, run_deals.currency, run_deals.amount_minor, run_deals.close_date, discount_percent, approval_level,
        list_price, product,
        CASE WHEN list_price > 0 AND run_deals.amount_minor > 0
            THEN 100 - 100 * run_deals.amount_minor / (list_price * factor) END AS implied_percent
    FROM seen.opportunities
    JOIN run_deals ON opportunity_id = native_id
    LEFT JOIN unnest(%(currencies)s::text[], %(factors)s::numeric[]) AS scale (code, factor) ON code = run_deals.currency
    WHERE outcome = 'won' AND postable
)
SELECT native_id AS key, currency, amount_minor, close_date AS since, discount_percent, approval_level, list_price, product,
    implied_percent, EXISTS (SELECT FROM seen.opportunities WHERE approval_level IS NOT NULL) AS recorded
FROM deals
WHERE greatest(discount_percent, implied_percent) > %(free_percent)s
ORDER BY key;

-- name: products_off_the_list
-- A product that never has a list price among products that have one is not spelled as the price list spells it. Lost
-- deals need no correction any more.
WITH priced AS (
    SELECT product, count(*) AS deals, count(list_price) AS priced FROM seen.opportunities
    WHERE product IS NOT NULL GROUP BY product
)
SELECT opportunity_id AS key, run_deals.currency, run_deals.amount_minor, run_deals.close_date AS since, product, deals,
    outcome
FROM run_deals
JOIN seen.opportunities ON native_id = opportunity_id
JOIN priced USING (product)
WHERE priced.priced = 0 AND EXISTS (SELECT FROM priced WHERE priced > 0) AND postable AND outcome <> 'lost'
ORDER BY key;

-- name: sold_otherwise
-- Linked orders whose subscription has another price or term than the deal says: the domain decides which it is.
SELECT order_id AS key, orders.currency, order_date AS since, number, opportunity_id, term_months, discount_percent,
    list_price * factor AS list_minor, unit_minor, months, periods, sold.start_date,
    deal.currency = orders.currency AS comparable,
    end_date = (sold.start_date + make_interval(months => term_months))::date AS ends_with_term
FROM sold
JOIN order_claims USING (order_id)
JOIN run_orders AS orders USING (order_id)
JOIN run_deals AS deal USING (opportunity_id)
JOIN seen.opportunities ON native_id = opportunity_id
JOIN unnest(%(currencies)s::text[], %(factors)s::numeric[]) AS scale (code, factor) ON code = orders.currency
WHERE verdict = 'linked' AND deal.postable AND deal.outcome NOT IN ('open', 'lost')
    AND (
        term_months <> periods * months
        OR deal.currency = orders.currency AND abs(list_price * factor * (100 - discount_percent) / 100 - unit_minor) >= 1
    )
ORDER BY key;

-- name: billed_otherwise
-- What the invoices of an order's subscription differ from its schedule, in all. Invoices between two periods may make
-- up for less, but are no over-billing by themselves; nor is what a credit note took back.
WITH dated AS (
    SELECT subscription_id, billing.*,
        ((extract(year FROM issue_date) - extract(year FROM start_date)) * 12
            + extract(month FROM issue_date) - extract(month FROM start_date))::int AS month,
        months, start_date
    FROM sold JOIN billing USING (order_id)
    WHERE state NOT IN ('DRAFT', 'VOID')
), placed AS (
    SELECT dated.*, plain,
        CASE WHEN month %% months = 0 AND issue_date = (start_date + make_interval(months => month))::date
            THEN round(period_minor) END AS due_minor
    FROM dated JOIN schedules USING (subscription_id)
    WHERE issue_date >= from_date AND (until_date IS NULL OR issue_date < until_date)
), billed AS (
    SELECT order_id, min(issue_date) FILTER (WHERE due_minor IS DISTINCT FROM net_minor) AS since,
        sum(net_minor)::bigint AS billed_minor, sum(due_minor)::bigint AS due_minor,
        count(*) - count(due_minor) AS between_periods,
        (array_agg(placed.number ORDER BY issue_date, invoice_id) FILTER (WHERE due_minor IS DISTINCT FROM net_minor))[1] AS invoice,
        bool_or(credited.invoice_id IS NOT NULL) AS credited
    FROM placed
    JOIN run_orders AS orders USING (order_id)
    LEFT JOIN (SELECT DISTINCT invoice_id FROM seen.credit_notes) AS credited USING (invoice_id)
    GROUP BY order_id
    HAVING bool_and(placed.postable AND plain AND net_minor IS NOT NULL AND placed.currency = orders.currency)
        AND sum(net_minor) <> sum(due_minor)
)
SELECT order_id AS key, currency, billed_minor - due_minor AS amount_minor, since, orders.number, billed_minor, due_minor,
    invoice
FROM billed
JOIN run_orders AS orders USING (order_id)
LEFT JOIN (SELECT DISTINCT customer_id FROM seen.quarantine WHERE entity = 'invoices') AS unread USING (customer_id)
WHERE CASE
    WHEN billed_minor > due_minor THEN between_periods = 0 AND NOT credited
    ELSE unread.customer_id IS NULL
        AND NOT EXISTS (SELECT FROM seen.quarantine WHERE entity = 'invoices' AND quarantine.customer_id IS NULL)
END
ORDER BY key;

-- name: sales_billed_otherwise
WITH billed AS (
    SELECT order_id, min(issue_date) AS since, sum(net_minor)::bigint AS billed_minor, sum(gross_minor) AS gross_minor,
        bool_and(live AND net_minor IS NOT NULL) AS readable, min(currency) AS lowest, max(currency) AS highest,
        (array_agg(number ORDER BY issue_date DESC, invoice_id DESC))[1] AS invoice,
        bool_or(credited.invoice_id IS NOT NULL) AS credited,
        count(*) AS invoices, count(DISTINCT (issue_date, gross_minor)) AS different
    FROM billing
    LEFT JOIN (SELECT DISTINCT invoice_id FROM seen.credit_notes) AS credited USING (invoice_id)
    WHERE order_id IS NOT NULL AND state NOT IN ('DRAFT', 'VOID') GROUP BY order_id
), unread AS (
    SELECT customer_id FROM seen.quarantine WHERE entity IN ('invoices', 'subscriptions')
)
SELECT order_id AS key, orders.currency, billed_minor - orders.amount_minor AS amount_minor, since, number, billed_minor,
    orders.amount_minor AS due_minor, invoice
FROM run_orders AS orders JOIN billed USING (order_id)
WHERE orders.live AND readable AND lowest = orders.currency AND highest = orders.currency AND invoices = different
    AND orders.amount_minor NOT IN (billed_minor, gross_minor)
    AND (billed_minor > orders.amount_minor OR orders.state = 'COMPLETED' AND NOT EXISTS (
        SELECT FROM seen.deals_by_period AS deal WHERE deal.native_id = orders.opportunity_ref  -- the rest is to come
    ))
    AND NOT credited
    AND NOT EXISTS (SELECT FROM unread WHERE customer_id IS NULL)
    AND NOT EXISTS (SELECT FROM unread WHERE unread.customer_id = orders.customer_id)
    AND NOT EXISTS (SELECT FROM seen.subscriptions WHERE subscriptions.customer_id = orders.customer_id)
ORDER BY key;

-- name: invoices_taxed_otherwise
-- Tax is that of the customer's country on the day of supply, the earlier of invoice and payment, half a minor unit
-- rounded up. A country without rates in policy is not judged.
WITH rates AS (
    SELECT * FROM unnest(
        %(countries)s::text[], %(valid_from)s::date[], %(valid_until)s::date[], %(percents)s::numeric[]
    ) AS rate (country, valid_from, valid_until, percent)
), paid AS (
    SELECT invoice_id, min(paid_on) AS paid_on FROM seen.payments
    WHERE invoice_id IS NOT NULL AND coalesce(state, 'SUCCEEDED') = 'SUCCEEDED'
    GROUP BY invoice_id
), taxed AS (
    SELECT billing.*, rates.country, percent, least(issue_date, paid_on) AS supplied_on,
        round(net_minor * percent / 100)::bigint AS due_minor
    FROM billing
    JOIN seen.customers ON customers.native_id = customer_id
    LEFT JOIN paid USING (invoice_id)
    JOIN rates ON rates.country = upper(customers.country)
        AND least(issue_date, paid_on) >= valid_from
        AND (valid_until IS NULL OR least(issue_date, paid_on) < valid_until)
    WHERE live
)
SELECT invoice_id AS key, currency, tax_minor - due_minor AS amount_minor, issue_date AS since, number, country, percent,
    supplied_on, net_minor, tax_minor, due_minor
FROM taxed WHERE tax_minor <> due_minor
ORDER BY key;

-- name: bills_to_others
SELECT order_id AS key, currency, amount_minor, order_date AS since, number, 'order' AS document, customer_id,
    bill_to AS other, 'opportunity ' || opportunity_id AS whose
FROM order_claims JOIN run_orders AS orders USING (order_id)
WHERE verdict = 'linked' AND live AND bill_to IS NOT NULL
UNION ALL
SELECT invoice_id, billing.currency, gross_minor, issue_date, billing.number, 'invoice', billing.customer_id,
    orders.customer_id, 'order ' || orders.number
FROM billing JOIN run_orders AS orders USING (order_id)
WHERE billing.live AND orders.live AND billing.customer_id <> orders.customer_id
ORDER BY key;
