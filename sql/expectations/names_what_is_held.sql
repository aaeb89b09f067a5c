-- Rows that name somebody or something that is not held, of whatever day it is.
WITH day AS (SELECT * FROM {batch} WHERE true)
SELECT day.native_id FROM day
WHERE day.{column} IS NOT NULL AND NOT EXISTS (
    SELECT FROM canonical.{parent} AS held
    WHERE held.native_id = day.{column} AND held.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
        AND (held.superseded_in IS NULL OR held.superseded_in > (SELECT current_setting('tieout.batch')::bigint))
)
