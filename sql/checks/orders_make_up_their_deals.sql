-- Rows: opportunities whose posted orders and residual do not make up their amount, in one currency.
SELECT matches.run_id, matches.side_a_id AS opportunity_id
FROM recon.matches
JOIN recon.runs USING (run_id)
JOIN canonical.opportunities AS deal
    ON deal.native_id = matches.side_a_id
    AND deal.recorded_in <= runs.batch_through
    AND (deal.superseded_in IS NULL OR deal.superseded_in > runs.batch_through)
WHERE matches.recon = 'R2' AND matches.side_a_type = 'opportunity' AND matches.state = 'posted'
    AND matches.currency = deal.currency AND deal.amount_minor IS NOT NULL
GROUP BY matches.run_id, matches.side_a_id, deal.amount_minor
HAVING sum(matches.amount_minor - matches.residual_minor) <> deal.amount_minor
UNION ALL
-- Rows: orders posted to two opportunities.
SELECT run_id, side_b_id FROM recon.matches
WHERE recon = 'R2' AND side_b_type = 'order' AND state = 'posted'
GROUP BY run_id, side_b_id HAVING count(*) > 1
