-- Rows: ids with two versions known at the same time.
SELECT earlier.entity, earlier.native_id
FROM canonical.row_ids AS earlier
JOIN canonical.row_ids AS later USING (entity, native_id)
WHERE earlier.recorded_in < later.recorded_in
    AND (earlier.superseded_in IS NULL OR earlier.superseded_in > later.recorded_in)
