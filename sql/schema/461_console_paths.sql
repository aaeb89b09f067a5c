-- What the console asks for is looked up and never searched for, also where little of much fits.

-- Suggested matches are few beside the posted ones: all of them, or those of a rule, page by page.
CREATE INDEX matches_suggested ON recon.matches (run_id, match_id, side_a_id, side_b_id) WHERE state = 'suggested';
CREATE INDEX matches_suggested_by_rule ON recon.matches (run_id, recon, rule, match_id, side_a_id, side_b_id)
WHERE state = 'suggested';

-- What a payout is made of, and what it states of a payment.
CREATE INDEX payout_items_of_payout ON canonical.payout_items (payout_id, payment_id) WHERE superseded_in IS NULL;

-- The audit log of one person, or about one thing; and the seal that covers a row.
CREATE INDEX events_by_actor ON audit.events (actor, xid, id);
CREATE INDEX events_by_entity ON audit.events (entity, xid, id);
CREATE INDEX seals_by_end ON audit.seals (through_xid, through_id);
