-- Rows: payments posted in two matches, or posted and held (every break of a payment says it is not fully applied, but
-- for the codes that explain a residual or what was left over).
SELECT run_id, side_a_id AS payment_id, count(DISTINCT match_id) AS matches
FROM recon.matches
WHERE recon = 'R3' AND side_a_type = 'payment' AND state = 'posted'
GROUP BY run_id, side_a_id
HAVING count(DISTINCT match_id) > 1
UNION ALL
SELECT breaks.run_id, breaks.key, 1
FROM recon.breaks
JOIN recon.matches
    ON matches.run_id = breaks.run_id AND matches.side_a_id = breaks.key AND matches.state = 'posted'
    AND matches.recon = 'R3'
WHERE breaks.recon = 'R3' AND breaks.code IN ('CA01', 'CA02', 'CA05', 'CA16', 'CA18', 'CA19', 'CA20')
