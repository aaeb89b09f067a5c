-- Payouts and the bank's lines, matched and parted by people with the machinery of rulings; and what stands, by what it joins.

ALTER TABLE recon.pairings DROP CONSTRAINT pairings_item_type_check;
ALTER TABLE recon.pairings
ADD CONSTRAINT pairings_item_type_check CHECK (item_type IN (
    'payment',      -- its money settles each invoice by the amount beside it
    'credit_note',  -- it is for the one invoice, as if it named it
    'payout',       -- it came as these lines of the bank, each with its own amount
    'bank_line'     -- it is several payouts together, each with its own amount
)),
ADD CONSTRAINT one_payout_is_named_as_the_item CHECK (item_type <> 'bank_line' OR cardinality(invoice_ids) > 1),
ADD CONSTRAINT payouts_are_matched_whole CHECK (
    item_type NOT IN ('payout', 'bank_line') OR recon.sum_of(amounts_minor) = abs(break_minor)
);
COMMENT ON COLUMN recon.pairings.invoice_ids IS 'invoices; of a payout its lines of the bank, of such a line its payouts';

-- What is joined, looked up by what it is joined with: among all that was ever ruled.
CREATE INDEX pairings_by_what_they_join ON recon.pairings USING gin (invoice_ids);

CREATE VIEW recon.standing_pairings AS
SELECT ruling_no, pairing.kind, pairing.item_type, pairing.item_id, pairing.currency, pairing.invoice_ids,
    pairing.amounts_minor, maker_id AS maker
FROM recon.pairings AS pairing
JOIN recon.rulings AS ruling ON ruling.break_id = pairing.break_id AND ruling.proposal_no = pairing.proposal_no
JOIN recon.break_proposals AS proposal
    ON proposal.break_id = pairing.break_id AND proposal.proposal_no = pairing.proposal_no
WHERE ended_no IS NULL;

-- Payouts and the lines of the bank that people parted them from, and did not match by hand since.
CREATE VIEW seen.parted_payouts AS
WITH pairs AS (
    SELECT kind, CASE item_type WHEN 'payout' THEN item_id ELSE other END COLLATE "C" AS payout_id,
        CASE item_type WHEN 'payout' THEN other ELSE item_id END COLLATE "C" AS line_id
    FROM seen.rulings CROSS JOIN LATERAL unnest(invoice_ids) AS joined (other)
    WHERE item_type IN ('payout', 'bank_line') AND kind IN ('unmatch', 'manual_match')
)
SELECT payout_id, line_id FROM pairs WHERE kind = 'unmatch'
EXCEPT
SELECT payout_id, line_id FROM pairs WHERE kind = 'manual_match';

-- Whether a run posted what people matched by hand, by what it is about.
CREATE FUNCTION recon.posted_by_hand(run uuid, item_type text, item_id text) RETURNS boolean STABLE LANGUAGE sql AS $$
    SELECT EXISTS (
        SELECT FROM recon.matches
        WHERE run_id = run AND rule = 'manual' AND state = 'posted' AND (
            side_a_type = item_type AND side_a_id = item_id OR side_b_type = item_type AND side_b_id = item_id
        )
    )
$$;
