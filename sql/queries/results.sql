-- Result files: the columns and the order are those of the WORLD format.

-- name: result_matches
SELECT match_id, recon, rule, side_a_type, side_a_id, side_b_type, side_b_id, currency, amount_minor, residual_minor,
    residual_reason, state
FROM recon.matches WHERE run_id = %(run_id)s
ORDER BY recon, match_id, side_a_id, side_b_id;

-- name: result_breaks
SELECT break_id, recon, code, key, currency, amount_minor, severity, age_days, owner, action, evidence
FROM recon.breaks WHERE run_id = %(run_id)s
ORDER BY severity, recon, code, key, break_id;

-- name: result_control_totals
SELECT recon, side, currency, loaded_count, quarantined_count, lost_count, loaded_minor, matched_minor, open_minor,
    excluded_minor, proven
FROM recon.control_totals WHERE run_id = %(run_id)s
ORDER BY recon, side, currency COLLATE "C" NULLS FIRST;

-- name: result_aging
SELECT customer_id, invoice_id, currency, open_minor, days_past_due, bucket
FROM recon.open_invoices WHERE run_id = %(run_id)s
ORDER BY customer_id, invoice_id;

-- name: result_arr
SELECT customer_id, to_char(month, 'YYYY-MM') AS month, currency, opening_minor, new_minor, expansion_minor,
    contraction_minor, churn_minor, reactivation_minor, closing_minor
FROM recon.arr_bridge WHERE run_id = %(run_id)s
ORDER BY customer_id, arr_bridge.month, currency;
