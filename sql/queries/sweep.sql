-- Comparing what a source holds with what we hold of it.

-- name: latest_shape
SELECT fields, vanished FROM ops.shapes
WHERE system = %(system)s AND entity = %(entity)s ORDER BY shape_id DESC LIMIT 1;

-- name: record_shape
INSERT INTO ops.shapes (system, entity, fields, vanished, added, retyped)
VALUES (%(system)s, %(entity)s, %(fields)s, %(vanished)s, %(added)s, %(retyped)s);

-- name: current_rows
-- Current good rows with their hash, and current quarantined ones, which have none.
SELECT native_id, row_hash FROM {table} WHERE superseded_in IS NULL
UNION ALL
SELECT native_id, '' FROM canonical.quarantine
WHERE system = %(system)s AND entity = %(entity)s AND released_in IS NULL;

-- name: disputed_rows
-- What a look has seen otherwise than what has landed says, which is older. (What is looked at as lists is not listed so.)
SELECT seen.native_id FROM delivery.looked_at AS seen
LEFT JOIN {table} AS current ON current.native_id = seen.native_id AND current.superseded_in IS NULL
LEFT JOIN canonical.gone ON gone.entity = seen.entity AND gone.native_id = seen.native_id
WHERE seen.entity = %(entity)s AND seen.looked_at >= coalesce(current.stated_at, gone.stated_at, '-infinity')
    AND CASE
        WHEN current.native_id IS NULL THEN NOT seen.gone
        ELSE seen.gone OR jsonb_populate_record(current, seen.facts) IS DISTINCT FROM current
    END;

-- name: record_sweep
INSERT INTO ops.sweeps (system, entity, listed_count, gone_count, repaired_count, refreshed_count)
VALUES (%(system)s, %(entity)s, %(listed)s, %(gone)s, %(repaired)s, %(refreshed)s);

-- name: repairs_since
-- Sweeps after a moment: how many there were of each object, and how many rows they found that reading had missed.
SELECT system, entity, count(*) AS sweeps, sum(repaired_count)::bigint AS repaired, max(swept_at) AS last_swept
FROM ops.sweeps WHERE swept_at >= clock_timestamp() - %(span)s::interval
GROUP BY system, entity ORDER BY system, entity;
