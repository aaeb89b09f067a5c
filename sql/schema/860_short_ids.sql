-- An id of Salesforce has 15 characters, or 18, of which the last three only check the others' capitals: the ERP may keep
-- either. What a run sees of its orders and customers names deals and accounts by the ids under which they are held.

CREATE FUNCTION canonical.short_id(id text) RETURNS text IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN length(id) = 18 THEN left(id, 15) ELSE id END;

-- Ids that begin with the 15 characters lie between these and the same with what is greater than any letter.
CREATE OR REPLACE VIEW seen.customers AS
SELECT known.native_id, known.version, known.place, known.row_hash, known.recorded_in, known.superseded_in, known.id,
    known.name, known.country, known.currency, known.tax_id, known.email,
    CASE WHEN length(known.crm_account_id) <> 15 THEN known.crm_account_id ELSE coalesce((
        SELECT min(account.native_id) FROM seen.accounts AS account
        WHERE account.native_id > known.crm_account_id AND account.native_id < known.crm_account_id || '~'
            AND canonical.short_id(account.native_id) = known.crm_account_id
        HAVING count(*) = 1
    ), known.crm_account_id) END AS crm_account_id,
    known.parent_id, known.legal_hold, known.name_head, known.name_likeness
FROM canonical.customers AS known
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint));

CREATE OR REPLACE VIEW seen.orders AS
SELECT known.native_id, known.version, known.place, known.row_hash, known.recorded_in, known.superseded_in, known.id,
    known.number, known.customer_id, known.order_date, known.currency, known.amount_minor, known.status,
    CASE WHEN length(known.opportunity_id) <> 15 THEN known.opportunity_id ELSE coalesce((
        SELECT min(deal.native_id) FROM seen.opportunities AS deal
        WHERE deal.native_id > known.opportunity_id AND deal.native_id < known.opportunity_id || '~'
            AND canonical.short_id(deal.native_id) = known.opportunity_id
        HAVING count(*) = 1
    ), known.opportunity_id) END AS opportunity_id,
    CASE WHEN known.status IS NOT NULL THEN coalesce(words.status, 'UNKNOWN') END AS state
FROM canonical.orders AS known
LEFT JOIN recon.status_words AS words
    ON words.rules_sha256 = (SELECT current_setting('tieout.rules'))
    AND words.entity = 'orders' AND words.word = lower(known.status)
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint))
    AND known.order_date <= (SELECT current_setting('tieout.as_of')::date);

-- Which orders are a deal's, by what they say: those that name it, and one that it names and that names no deal.
CREATE VIEW seen.placed AS
SELECT opportunity_id, native_id AS order_id FROM seen.orders WHERE opportunity_id IS NOT NULL
UNION ALL
SELECT deal.native_id, named.native_id
FROM seen.opportunities AS deal
JOIN seen.orders AS named ON named.native_id = deal.erp_order_id AND named.opportunity_id IS NULL;
