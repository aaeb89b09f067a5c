-- Subscriptions as they stand, told to the CRM when something about them changed.

-- name: last_told
SELECT batch, day, place FROM delivery.told WHERE name = %(what)s;

-- name: keep_told
INSERT INTO delivery.told (name, batch, day, place) VALUES (%(what)s, %(batch)s, %(day)s, %(place)s)
ON CONFLICT (name) DO UPDATE SET batch = excluded.batch, day = excluded.day, place = excluded.place;

-- name: subscriptions_to_tell
-- Those of which a row landed or ended after a batch, or can be read since, or for which one of some days has come: a change
-- takes effect, or a term ends. A row in quarantine that names no subscription may be of any. `overdue_days`: of the customer's
-- oldest open invoice, in the newest published run.
WITH newest AS (
    SELECT run_id FROM recon.runs WHERE state = 'published' ORDER BY as_of DESC, computed_at DESC LIMIT 1
), overdue AS (
    SELECT customer_id, max(%(today)s::date - due_date) AS days
    FROM recon.open_invoices JOIN newest USING (run_id) GROUP BY customer_id
), changed AS (
    SELECT subscription_id, max(recorded_in) AS recorded_in, array_agg(effective_date) AS days,
        jsonb_agg(jsonb_build_object(
            'amendment_id', native_id, 'sequence', sequence, 'type', upper(type), 'effective_on', effective_date,
            'quantity', quantity::text, 'unit_price', unit_price::text
        ) ORDER BY effective_date, sequence, native_id) AS amendments
    FROM canonical.amendments WHERE superseded_in IS NULL GROUP BY subscription_id
), touched AS (
    SELECT CASE entity WHEN 'subscriptions' THEN native_id ELSE subscription_id END AS subscription_id
    FROM canonical.quarantine WHERE released_in > %(batch)s AND entity IN ('subscriptions', 'amendments')
    UNION
    SELECT subscription_id FROM canonical.amendments WHERE superseded_in > %(batch)s
)
SELECT subscription.native_id AS subscription_id, subscription.customer_id, start_date, end_date,
    subscription.currency::text, subscription.quantity, subscription.unit_price, interval, subscription.status,
    customer.crm_account_id, account.owner_id, coalesce(changed.amendments, '[]') AS amendments,
    coalesce(overdue.days, 0) AS overdue_days
FROM canonical.subscriptions AS subscription
LEFT JOIN changed ON changed.subscription_id = subscription.native_id
LEFT JOIN canonical.customers AS customer
    ON customer.native_id = subscription.customer_id AND customer.superseded_in IS NULL
LEFT JOIN canonical.accounts AS account
    ON account.native_id = customer.crm_account_id AND account.superseded_in IS NULL
LEFT JOIN overdue ON overdue.customer_id = subscription.customer_id
LEFT JOIN delivery.renewal_dates AS known ON known.subscription_id = subscription.native_id
WHERE subscription.superseded_in IS NULL
    AND NOT EXISTS (  -- what nobody could read may say otherwise
        SELECT FROM canonical.quarantine AS unread
        WHERE released_in IS NULL AND (entity = 'subscriptions' AND unread.native_id = subscription.native_id
            OR entity = 'amendments' AND coalesce(unread.subscription_id, subscription.native_id) = subscription.native_id)
    )
    AND (
        greatest(subscription.recorded_in, changed.recorded_in, customer.recorded_in) > %(batch)s
        OR subscription.native_id IN (SELECT subscription_id FROM touched WHERE subscription_id IS NOT NULL)
        OR EXISTS (SELECT FROM touched WHERE subscription_id IS NULL)
        OR EXISTS (
            SELECT FROM unnest(changed.days || end_date || start_date || known.renews_on) AS day
            WHERE day <@ %(days)s::datemultirange
        )
    )
ORDER BY subscription.native_id;

-- name: keep_renewal_date
INSERT INTO delivery.renewal_dates (subscription_id, renews_on) VALUES (%(subscription_id)s, %(renews_on)s)
ON CONFLICT (subscription_id) DO UPDATE SET renews_on = excluded.renews_on
WHERE renewal_dates.renews_on IS DISTINCT FROM excluded.renews_on;

-- name: renewal_deal
-- The deal that renews a subscription on a day, as the CRM has it.
SELECT native_id AS opportunity_id, coalesce(is_closed, false) AS is_closed, coalesce(is_won, false) AS is_won
FROM canonical.opportunities WHERE superseded_in IS NULL AND renewal_key = %(renewal_key)s
ORDER BY native_id LIMIT 1;

-- name: withdraw_renewals
-- Renewals that wait to be opened, of a subscription that has none on that day any more.
UPDATE delivery.outbox SET state = 'superseded', finished_at = ops.clock()
WHERE subject = %(subject)s AND kind = 'renewal_deal' AND state = 'queued'
    AND body ->> 'renewal_key' IS DISTINCT FROM %(renewal_key)s;

-- name: deals_renewing
-- The deals that renew each subscription, by the key we gave them: the subscription's id and the day.
SELECT wanted.subscription_id, deal.native_id AS opportunity_id, right(deal.renewal_key, 10) AS renews_on,
    coalesce(deal.is_closed, false) AS is_closed
FROM unnest(%(subscriptions)s::text[]) AS wanted (subscription_id)
JOIN canonical.opportunities AS deal ON left(deal.renewal_key, -11) = wanted.subscription_id
WHERE deal.superseded_in IS NULL AND deal.renewal_key IS NOT NULL
    AND deal.renewal_key ~ '/[0-9]{4}-[0-9]{2}-[0-9]{2}$'
ORDER BY 1, 2;

-- name: deal_statuses
-- How the invoices of each deal stand, as it was told last; nothing of those nothing was told of.
SELECT wanted.opportunity_id, told.status
FROM unnest(%(opportunities)s::text[]) AS wanted (opportunity_id)
CROSS JOIN LATERAL (
    SELECT body ->> 'status' AS status FROM delivery.outbox
    WHERE target = 'salesforce' AND subject = 'opportunities/' || wanted.opportunity_id AND kind = 'deal_status'
    ORDER BY message_id DESC LIMIT 1
) AS told;

-- name: deals_that_renew
SELECT native_id AS opportunity_id FROM canonical.opportunities
WHERE native_id = ANY (%(opportunities)s::text[]) AND superseded_in IS NULL AND renewal_key IS NOT NULL
ORDER BY native_id;

-- name: subscription_renewed_by
-- The subscription a deal renews, by the key we gave the deal: the subscription's id and the day.
WITH renewal AS (
    SELECT left(renewal_key, -11) AS subscription_id, right(renewal_key, 10) AS renews_on
    FROM canonical.opportunities
    WHERE native_id = %(opportunity_id)s AND superseded_in IS NULL
        AND renewal_key ~ '^.+/[0-9]{4}-[0-9]{2}-[0-9]{2}$'
)
SELECT subscription.native_id AS subscription_id, renews_on, start_date, end_date, subscription.currency::text,
    subscription.quantity, subscription.unit_price, interval, customer.crm_account_id, account.owner_id,
    coalesce((
        SELECT jsonb_agg(jsonb_build_object(
            'amendment_id', native_id, 'sequence', sequence, 'type', upper(type), 'effective_on', effective_date,
            'quantity', quantity::text, 'unit_price', unit_price::text
        ) ORDER BY effective_date, sequence, native_id)
        FROM canonical.amendments
        WHERE amendments.subscription_id = subscription.native_id AND amendments.superseded_in IS NULL
    ), '[]') AS amendments
FROM renewal
JOIN canonical.subscriptions AS subscription
    ON subscription.native_id = renewal.subscription_id AND subscription.superseded_in IS NULL
LEFT JOIN canonical.customers AS customer
    ON customer.native_id = subscription.customer_id AND customer.superseded_in IS NULL
LEFT JOIN canonical.accounts AS account
    ON account.native_id = customer.crm_account_id AND account.superseded_in IS NULL;
