-- Which days an edition is of: weeks and months are calendar's, and are told by the first day published at or after their
-- end. NULL for a day's own restatement, and for editions told before.
ALTER TABLE recon.editions ADD COLUMN since date, ADD COLUMN until date, ADD CHECK ((since IS NULL) = (until IS NULL));

-- A verdict of its own: there was too little to judge, or nothing to ask. It is neither met nor broken.
ALTER TABLE recon.quality_results DROP CONSTRAINT quality_results_verdict_check;
ALTER TABLE recon.quality_results ADD CONSTRAINT quality_results_verdict_check CHECK (verdict IN (
    'pass',
    'warn',      -- not as expected; policy lets the day be published
    'fail',      -- not as expected, and policy stops the day
    'unjudged'   -- nobody can tell yet: too short a history, or one side is not read
));
