-- Rows, of cash and of payouts: published runs that pair what stood as parted when they began (but by a later match by hand), or post by hand what
-- no standing ruling matched so; and matches by hand that stand, that the newest run did not post, and that nobody waits for.
WITH pairs AS (
    SELECT ruling_no, ended_no, kind, CASE item_type WHEN 'payment' THEN 'R3' ELSE 'R4' END AS recon,
        CASE item_type WHEN 'bank_line' THEN other ELSE item_id END AS item_id,
        CASE item_type WHEN 'bank_line' THEN item_id ELSE other END AS invoice_id, minor
    FROM recon.rulings
    JOIN recon.pairings USING (break_id, proposal_no, kind, item_type, item_id)
    CROSS JOIN LATERAL unnest(invoice_ids, amounts_minor) AS pair (other, minor)
    WHERE item_type <> 'credit_note'
)
SELECT match.run_id, match.side_a_id AS payment_id, match.side_b_id AS invoice_id
FROM recon.matches AS match
JOIN recon.runs ON runs.run_id = match.run_id AND runs.state = 'published'
JOIN pairs ON pairs.item_id = match.side_a_id AND pairs.invoice_id = match.side_b_id AND pairs.kind = 'unmatch'
    AND pairs.recon = match.recon AND ruling_no <= rulings_through AND (ended_no IS NULL OR ended_no > rulings_through)
WHERE match.recon IN ('R3', 'R4') AND match.state = 'posted' AND match.rule <> 'manual'
UNION ALL
SELECT match.run_id, match.side_a_id, match.side_b_id
FROM recon.matches AS match
JOIN recon.runs ON runs.run_id = match.run_id AND runs.state = 'published'
WHERE match.recon IN ('R3', 'R4') AND match.rule = 'manual' AND NOT EXISTS (
    SELECT FROM pairs
    WHERE pairs.item_id = match.side_a_id AND pairs.invoice_id = match.side_b_id AND pairs.kind = 'manual_match'
        AND pairs.recon = match.recon AND pairs.minor = abs(match.amount_minor) AND match.residual_minor = 0
        AND ruling_no <= rulings_through AND (ended_no IS NULL OR ended_no > rulings_through)
)
UNION ALL
SELECT followed.run_id, pairs.item_id, pairs.invoice_id
FROM (SELECT run_id FROM recon.life_updates ORDER BY seq DESC LIMIT 1) AS followed
JOIN recon.runs USING (run_id)
JOIN recon.rulings AS ruling ON ruling_no <= rulings_through AND ended_no IS NULL
JOIN pairs USING (ruling_no)
WHERE ruling.kind = 'manual_match' AND NOT EXISTS (
    SELECT FROM recon.matches AS match
    WHERE match.run_id = followed.run_id AND match.rule = 'manual' AND match.state = 'posted'
        AND match.recon = pairs.recon AND match.side_a_id = pairs.item_id AND match.side_b_id = pairs.invoice_id
) AND NOT EXISTS (
    SELECT FROM recon.break_lives AS life
    WHERE life.break_id = ruling.break_id AND life.state = 'APPROVED' AND life.proposal_no = ruling.proposal_no
)
