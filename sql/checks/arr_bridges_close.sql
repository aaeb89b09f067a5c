-- Rows: months whose movements do not lead from opening to closing, or whose opening is not what the month before left.
SELECT run_id, customer_id, month, currency, residual_minor AS difference_minor
FROM recon.arr_bridge WHERE residual_minor <> 0
UNION ALL
SELECT run_id, NULL, month, currency, residual_minor FROM recon.arr_reported WHERE residual_minor <> 0
UNION ALL
SELECT run_id, customer_id, month, currency, opening_minor - before_minor
FROM (
    SELECT run_id, customer_id, month, currency, opening_minor,
        coalesce(lag(closing_minor) OVER (PARTITION BY run_id, customer_id, currency ORDER BY month), 0) AS before_minor
    FROM recon.arr_bridge
) AS chained
WHERE opening_minor <> before_minor
