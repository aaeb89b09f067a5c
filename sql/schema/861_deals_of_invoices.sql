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
        WHEN length(placed.opportunity_id) <> 15 THEN placed.opportunity_id
        ELSE coalesce((
            SELECT min(deal.native_id) FROM canonical.opportunities AS deal
            WHERE deal.native_id > placed.opportunity_id AND deal.native_id < placed.opportunity_id || '~'
                AND canonical.short_id(deal.native_id) = placed.opportunity_id AND deal.superseded_in IS NULL
            HAVING count(*) = 1
        ), placed.opportunity_id)
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
