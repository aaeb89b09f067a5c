-- Rows: invoices whose posted matches and what is still open of them are more than they were for, or that a match in
-- another currency than theirs settled.
WITH settled AS (
    SELECT run_id, side_b_id AS invoice_id, sum(amount_minor + residual_minor) AS minor,
        min(currency) AS least, max(currency) AS most
    FROM recon.matches WHERE recon = 'R3' AND state = 'posted' GROUP BY run_id, side_b_id
)
SELECT settled.run_id, settled.invoice_id
FROM settled
JOIN recon.runs USING (run_id)
JOIN canonical.invoices AS invoice
    ON invoice.native_id = settled.invoice_id
    AND invoice.recorded_in <= runs.batch_through
    AND (invoice.superseded_in IS NULL OR invoice.superseded_in > runs.batch_through)
LEFT JOIN recon.open_invoices USING (run_id, invoice_id)
WHERE settled.minor + coalesce(open_minor, 0) > invoice.gross_minor
    OR least <> invoice.currency OR most <> invoice.currency
