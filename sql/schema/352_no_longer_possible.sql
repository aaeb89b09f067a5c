-- A match by hand that a run carried out, and a later one could not: facts changed, and somebody must decide anew.

ALTER TABLE recon.rulings DROP CONSTRAINT rulings_ended_why_check;
ALTER TABLE recon.rulings ADD CONSTRAINT rulings_ended_why_check CHECK (ended_why IN (
    'sent back',          -- before a run carried it out
    'lapsed',             -- its break is about another amount now
    'parted',             -- a match by hand that was unmatched
    'withdrawn',          -- a parting that holds no longer
    'carried out',        -- a withdrawal does its work at once
    'no longer possible'  -- the run could not post it, and its break is not approved any more
));
