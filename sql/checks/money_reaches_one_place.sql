-- Rows: lines of the bank that one run posted to several things that do not add up to it, payouts it posted to several
-- lines that do not add up to them, and other things that R4 posted to two places.
SELECT matches.run_id, side_b_id AS id
FROM recon.matches
JOIN recon.runs USING (run_id)
JOIN canonical.bank_lines AS line
    ON line.native_id = side_b_id AND line.recorded_in <= runs.batch_through
    AND (line.superseded_in IS NULL OR line.superseded_in > runs.batch_through)
WHERE side_b_type = 'bank_line' AND matches.state = 'posted'
GROUP BY matches.run_id, side_b_id, line.amount_minor
HAVING count(*) > 1 AND (sum(matches.amount_minor) <> line.amount_minor OR count(DISTINCT match_id) > 1)
UNION ALL
SELECT matches.run_id, side_a_id
FROM recon.matches
JOIN recon.runs USING (run_id)
LEFT JOIN canonical.payouts AS payout
    ON side_a_type = 'payout' AND payout.native_id = side_a_id AND payout.recorded_in <= runs.batch_through
    AND (payout.superseded_in IS NULL OR payout.superseded_in > runs.batch_through)
WHERE recon = 'R4' AND matches.state = 'posted'
GROUP BY matches.run_id, side_a_type, side_a_id, payout.net_minor
HAVING count(*) > 1
    AND (payout.net_minor IS NULL OR sum(matches.amount_minor) <> payout.net_minor OR count(DISTINCT match_id) > 1)
