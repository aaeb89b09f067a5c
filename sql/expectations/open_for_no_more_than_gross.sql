-- What is open of an invoice lies between nothing and all of it.
WITH day AS (SELECT * FROM {batch} WHERE true)
SELECT day.native_id FROM day
JOIN recon.open_invoices AS kept
    ON kept.run_id = current_setting('tieout.run')::uuid AND kept.invoice_id = day.native_id
WHERE kept.open_minor < 0 OR kept.open_minor > day.gross_minor
