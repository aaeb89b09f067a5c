-- Rows: control totals that call themselves proven and are not.
SELECT run_id, recon, side, currency
FROM recon.control_totals
WHERE proven <> (loaded_minor = matched_minor + open_minor + excluded_minor AND lost_count = 0)
