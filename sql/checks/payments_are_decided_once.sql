-- Rows: payments that R3 of one run both posted and left open, or posted in two matches.
SELECT run_id, side_a_id AS payment_id, count(DISTINCT match_id) AS matches
FROM recon.matches
WHERE recon = 'R3' AND side_a_type = 'payment' AND state = 'posted'
GROUP BY run_id, side_a_id
HAVING count(DISTINCT match_id) > 1
UNION ALL
SELECT breaks.run_id, breaks.key, 1
FROM recon.breaks
JOIN recon.matches
    ON matches.run_id = breaks.run_id AND matches.recon = breaks.recon AND matches.side_a_id = breaks.key
        AND matches.state = 'posted'
WHERE breaks.recon = 'R3'
