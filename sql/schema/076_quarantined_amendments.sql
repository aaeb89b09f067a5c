-- Whose amendment a row in quarantine is, as far as it can be read: that subscription is judged by nobody until then.

ALTER TABLE canonical.quarantine ADD COLUMN subscription_id text COLLATE "C";

CREATE OR REPLACE VIEW seen.quarantine AS
SELECT * FROM canonical.quarantine AS known
WHERE known.quarantined_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.released_in IS NULL OR known.released_in > (SELECT current_setting('tieout.batch')::bigint));
