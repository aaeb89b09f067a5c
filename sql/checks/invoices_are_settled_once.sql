-- Rows: invoices that one run settled by two matches, or settled and still shows as open.
SELECT run_id, side_b_id AS invoice_id FROM recon.matches
WHERE recon = 'R3' AND side_b_type = 'invoice' AND state = 'posted' AND rule <> 'P9'
GROUP BY run_id, side_b_id HAVING count(*) > 1
UNION ALL
SELECT run_id, invoice_id FROM recon.open_invoices
JOIN recon.matches USING (run_id)
WHERE matches.recon = 'R3' AND matches.side_b_id = open_invoices.invoice_id AND matches.state = 'posted'
