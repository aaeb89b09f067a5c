-- Rows: lines of the bank that one run posted to two things, and payments, refunds, disputes and payouts that R4 posted
-- to two places.
SELECT run_id, side_b_id AS id FROM recon.matches
WHERE side_b_type = 'bank_line' AND state = 'posted'
GROUP BY run_id, side_b_id HAVING count(*) > 1
UNION ALL
SELECT run_id, side_a_id FROM recon.matches
WHERE recon = 'R4' AND state = 'posted'
GROUP BY run_id, side_a_type, side_a_id HAVING count(*) > 1
