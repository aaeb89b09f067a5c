-- An id of Salesforce has 15 characters, or 18: what a run sees of orders and customers, and what is known of invoices, names
-- deals and accounts by the ids under which they are held.
--
-- Two ids are of one thing of Salesforce only where one is the other's 15 characters and its last three tell which of these
-- are capitals, and only where nothing is held under the very id that is named: ids that somebody made up may begin alike,
-- and an export may hold 15 characters where the ERP has 18.

-- The other form of an id of Salesforce; NULL of what is none. Of five characters one letter tells which are capitals, and
-- the first counts least: salesforce_id of include/domain/identity.py says the same.
CREATE FUNCTION canonical.other_id(id text) RETURNS text STRICT IMMUTABLE PARALLEL SAFE LANGUAGE plpgsql AS $$
DECLARE
    short constant text := left(id, 15);
    long text := short;
    capitals integer;
BEGIN
    IF id !~ '^[0-9A-Za-z]{15}([0-9A-Za-z]{3})?$' THEN
        RETURN NULL;
    END IF;
    FOR five IN 0..2 LOOP
        capitals := 0;
        FOR place IN 0..4 LOOP
            IF substr(short, 5 * five + place + 1, 1) ~ '[A-Z]' THEN
                capitals := capitals + (1 << place);
            END IF;
        END LOOP;
        long := long || substr('ABCDEFGHIJKLMNOPQRSTUVWXYZ012345', capitals + 1, 1);
    END LOOP;
    RETURN CASE id WHEN short THEN long WHEN long THEN short END;
END
$$;

CREATE OR REPLACE VIEW seen.customers AS
SELECT known.native_id, known.version, known.place, known.row_hash, known.recorded_in, known.superseded_in, known.id,
    known.name, known.country, known.currency, known.tax_id, known.email,
    CASE WHEN length(known.crm_account_id) NOT IN (15, 18) THEN known.crm_account_id ELSE coalesce(
        (SELECT account.native_id FROM seen.accounts AS account WHERE account.native_id = known.crm_account_id),
        (
            SELECT account.native_id FROM seen.accounts AS account
            WHERE account.native_id = canonical.other_id(known.crm_account_id)
        ),
        known.crm_account_id
    ) END AS crm_account_id,
    known.parent_id, known.legal_hold, known.name_head, known.name_likeness
FROM canonical.customers AS known
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint));

CREATE OR REPLACE VIEW seen.orders AS
SELECT known.native_id, known.version, known.place, known.row_hash, known.recorded_in, known.superseded_in, known.id,
    known.number, known.customer_id, known.order_date, known.currency, known.amount_minor, known.status,
    CASE WHEN length(known.opportunity_id) NOT IN (15, 18) THEN known.opportunity_id ELSE coalesce(
        (SELECT deal.native_id FROM seen.opportunities AS deal WHERE deal.native_id = known.opportunity_id),
        (
            SELECT deal.native_id FROM seen.opportunities AS deal
            WHERE deal.native_id = canonical.other_id(known.opportunity_id)
        ),
        known.opportunity_id
    ) END AS opportunity_id,
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

-- As seen.placed, of what is known now: which deal an invoice's order is of.
CREATE INDEX opportunities_order_idx ON canonical.opportunities (erp_order_id)
WHERE superseded_in IS NULL AND erp_order_id IS NOT NULL;

CREATE OR REPLACE VIEW delivery.invoices AS
SELECT invoice.native_id AS invoice_id, invoice.number, invoice.currency::text, invoice.gross_minor, invoice.status,
    invoice.customer_id,
    CASE
        WHEN placed.opportunity_id IS NULL THEN (
            SELECT min(deal.native_id) FROM canonical.opportunities AS deal
            WHERE deal.erp_order_id = placed.native_id AND deal.superseded_in IS NULL
            HAVING count(*) = 1
        )
        WHEN length(placed.opportunity_id) NOT IN (15, 18) THEN placed.opportunity_id
        ELSE coalesce(
            (
                SELECT deal.native_id FROM canonical.opportunities AS deal
                WHERE deal.native_id = placed.opportunity_id AND deal.superseded_in IS NULL
            ),
            (
                SELECT deal.native_id FROM canonical.opportunities AS deal
                WHERE deal.native_id = canonical.other_id(placed.opportunity_id) AND deal.superseded_in IS NULL
            ),
            placed.opportunity_id
        )
    END AS opportunity_id,
    customer.crm_account_id,
    coalesce((
        SELECT sum(abs(note.gross_minor)) FROM canonical.credit_notes AS note
        WHERE note.invoice_id = invoice.native_id AND note.superseded_in IS NULL
    ), 0)::bigint AS credited_minor,
    placed.native_id AS order_id
FROM canonical.invoices AS invoice
LEFT JOIN canonical.orders AS placed ON placed.native_id = invoice.order_id AND placed.superseded_in IS NULL
LEFT JOIN canonical.customers AS customer
    ON customer.native_id = invoice.customer_id AND customer.superseded_in IS NULL
WHERE invoice.superseded_in IS NULL;
