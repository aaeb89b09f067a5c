-- Won deals and what must exist for each of them: an order, its reference in the CRM, an invoice.

-- name: deals_to_bill
-- Every won deal for which one of the three is missing, with all that is known of it. `win`: how often it was won.
WITH wins AS (
    SELECT native_id, count(*) FILTER (WHERE coalesce(is_won, false) AND NOT was_won)::int AS win
    FROM (
        SELECT native_id, is_won, coalesce(lag(is_won) OVER (PARTITION BY native_id ORDER BY recorded_in), false) AS was_won
        FROM canonical.opportunities
    ) AS history
    GROUP BY native_id
), newest AS (
    SELECT run_id FROM recon.runs WHERE state = 'published' ORDER BY as_of DESC, computed_at DESC LIMIT 1
), linked AS (
    SELECT side_a_id AS account_id, min(side_b_id) AS customer_id
    FROM recon.matches JOIN newest USING (run_id)
    WHERE recon = 'R1' AND matches.state = 'posted' GROUP BY side_a_id HAVING count(DISTINCT side_b_id) = 1
), placed AS (
    -- An order that stands counts, whoever placed it. One that was cancelled does not.
    SELECT opportunity_id, min(native_id) AS order_id, min(number) AS order_number
    FROM canonical.orders
    WHERE superseded_in IS NULL AND opportunity_id IS NOT NULL
        AND lower(coalesce(status, '')) <> ALL (%(cancelled)s::text[])
    GROUP BY opportunity_id
), billed AS (
    SELECT DISTINCT order_id FROM canonical.invoices WHERE superseded_in IS NULL AND order_id IS NOT NULL
)
SELECT deal.native_id AS opportunity_id, deal.row_hash AS based_on, win, deal.name, deal.owner_id, deal.account_id,
    deal.amount_minor, deal.currency::text, deal.discount_percent, deal.approval_level, deal.term_months, deal.close_date,
    deal.product, deal.erp_order_id, coalesce(linked.customer_id, account.erp_customer_id, customer.native_id) AS customer_id,
    coalesce(payer.country, customer.country, account.country) AS country, placed.order_id, placed.order_number,
    billed.order_id IS NOT NULL AS invoiced
FROM canonical.opportunities AS deal
JOIN wins USING (native_id)
LEFT JOIN canonical.accounts AS account ON account.native_id = deal.account_id AND account.superseded_in IS NULL
LEFT JOIN linked ON linked.account_id = deal.account_id
LEFT JOIN canonical.customers AS customer ON customer.crm_account_id = deal.account_id AND customer.superseded_in IS NULL
LEFT JOIN canonical.customers AS payer
    ON payer.native_id = coalesce(linked.customer_id, account.erp_customer_id) AND payer.superseded_in IS NULL
LEFT JOIN placed ON placed.opportunity_id = deal.native_id
LEFT JOIN billed ON billed.order_id = placed.order_id
WHERE deal.superseded_in IS NULL AND deal.is_won AND deal.is_closed
    AND (placed.order_id IS NULL OR billed.order_id IS NULL OR deal.erp_order_id IS DISTINCT FROM placed.order_id)
    AND (%(opportunities)s::text[] IS NULL OR deal.native_id = ANY (%(opportunities)s))
ORDER BY deal.native_id;

-- name: keep_gate_checks
INSERT INTO delivery.gate_checks (opportunity_id, win, based_on, name, verdict, evidence, rules_sha256)
SELECT %(opportunity_id)s, %(win)s, %(based_on)s, name, verdict, evidence, %(rules)s
FROM unnest(%(names)s::text[], %(verdicts)s::text[], %(evidences)s::text[]) AS checked (name, verdict, evidence)
ON CONFLICT DO NOTHING;
