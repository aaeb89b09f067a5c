-- Result files: the columns, their order and the order of rows are those of the WORLD format; money in major units.
--
-- Written by COPY (RFC 4180, empty = NULL), so that a million rows are never held in memory.

-- name: file_matches
SELECT match_id, recon, rule, side_a_type, side_a_id, side_b_type, side_b_id, currency,
    round(amount_minor / minor_per_major, exponent) AS amount,
    round(residual_minor / minor_per_major, exponent) AS residual,
    nullif(residual_reason, '') AS residual_reason, state
FROM recon.matches LEFT JOIN canonical.currencies USING (currency)
WHERE run_id = %(run_id)s
ORDER BY recon COLLATE "C", match_id, side_a_id, side_b_id;

-- name: file_breaks
SELECT break_id, recon, code, key, currency, round(amount_minor / minor_per_major, exponent) AS amount, severity,
    age_days, owner, action, nullif(evidence, '') AS evidence
FROM recon.breaks LEFT JOIN canonical.currencies USING (currency)
WHERE run_id = %(run_id)s
ORDER BY severity COLLATE "C", recon COLLATE "C", code COLLATE "C", key, break_id;

-- name: file_control_totals
SELECT recon, side, currency, loaded_count, round(loaded_minor / minor_per_major, exponent) AS loaded,
    round(matched_minor / minor_per_major, exponent) AS matched, round(open_minor / minor_per_major, exponent) AS open,
    round(excluded_minor / minor_per_major, exponent) AS excluded, quarantined_count AS quarantined, proven::text AS proven
FROM recon.control_totals LEFT JOIN canonical.currencies USING (currency)
WHERE run_id = %(run_id)s
ORDER BY recon COLLATE "C", side COLLATE "C", currency COLLATE "C" NULLS FIRST;

-- name: file_aging
SELECT customer_id, invoice_id, currency, round(open_minor / minor_per_major, exponent) AS open_amount, days_past_due,
    bucket
FROM recon.open_invoices JOIN canonical.currencies USING (currency)
WHERE run_id = %(run_id)s
ORDER BY customer_id, invoice_id;

-- name: file_arr
SELECT customer_id, to_char(month, 'YYYY-MM') AS month, currency,
    round(opening_minor / minor_per_major, exponent) AS opening, round(new_minor / minor_per_major, exponent) AS new,
    round(expansion_minor / minor_per_major, exponent) AS expansion,
    round(contraction_minor / minor_per_major, exponent) AS contraction,
    round(churn_minor / minor_per_major, exponent) AS churn,
    round(reactivation_minor / minor_per_major, exponent) AS reactivation,
    round(closing_minor / minor_per_major, exponent) AS closing
FROM recon.arr_bridge JOIN canonical.currencies USING (currency)
WHERE run_id = %(run_id)s
ORDER BY customer_id, arr_bridge.month, currency;

-- name: control_totals
-- The same in minor units.
SELECT recon, side, currency, loaded_count, quarantined_count, lost_count, loaded_minor, matched_minor, open_minor,
    excluded_minor, proven
FROM recon.control_totals WHERE run_id = %(run_id)s
ORDER BY recon COLLATE "C", side COLLATE "C", currency COLLATE "C" NULLS FIRST;
