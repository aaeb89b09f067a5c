-- Rows: approved proposals that say what belongs together and rule nothing, or still do after they were sent back;
-- and money that is matched by hand still, though parted since.
SELECT pairing.break_id, pairing.proposal_no, 'no ruling' AS wrong
FROM recon.pairings AS pairing
JOIN recon.break_events AS event
    ON event.break_id = pairing.break_id AND event.proposal_after = pairing.proposal_no AND event.to_state = 'APPROVED'
WHERE NOT EXISTS (
    SELECT FROM recon.rulings AS ruling
    WHERE ruling.break_id = pairing.break_id AND ruling.proposal_no = pairing.proposal_no
)
UNION
SELECT ruling.break_id, ruling.proposal_no, 'not ended'
FROM recon.rulings AS ruling
JOIN recon.break_events AS event
    ON event.break_id = ruling.break_id AND event.proposal_before = ruling.proposal_no
WHERE event.from_state = 'APPROVED' AND event.action = 'rejected' AND ended_no IS NULL
UNION
SELECT parting.break_id, parting.proposal_no, 'matched and parted'
FROM recon.rulings AS parting
JOIN recon.rulings AS match USING (item_type, item_id)
WHERE parting.kind = 'unmatch' AND match.kind = 'manual_match' AND match.ended_no IS NULL
    AND match.ruling_no < parting.ruling_no
