-- What an item names is a payment, or the refund or dispute itself: platforms differ.
WITH day AS (SELECT * FROM {batch} WHERE true)
SELECT day.native_id FROM day
WHERE day.payment_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM (
        SELECT native_id, recorded_in, superseded_in FROM canonical.payments
        UNION ALL SELECT native_id, recorded_in, superseded_in FROM canonical.refunds
        UNION ALL SELECT native_id, recorded_in, superseded_in FROM canonical.disputes
    ) AS held
    WHERE held.native_id = day.payment_id AND held.recorded_in <= (SELECT current_setting('tieout.batch')::bigint)
        AND (held.superseded_in IS NULL OR held.superseded_in > (SELECT current_setting('tieout.batch')::bigint))
)
