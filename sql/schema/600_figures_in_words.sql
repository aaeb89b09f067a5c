-- What was found of the data is read in several locales: the same sentences with their figures as {1234.5}, to be shown as
-- each reader writes numbers. Empty of what was judged before.

ALTER TABLE recon.quality_results
    ADD COLUMN sentence_figured text NOT NULL DEFAULT '',
    ADD COLUMN observed_figured text NOT NULL DEFAULT '';
