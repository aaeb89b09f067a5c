-- A run sees of a deal what was added to it since, so that what its price book is can be looked up.
CREATE OR REPLACE VIEW seen.opportunities AS
SELECT known.* FROM canonical.opportunities AS known
WHERE known.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
    AND (known.superseded_in IS NULL OR known.superseded_in > (SELECT current_setting('tieout.batch')::bigint));
