-- From payloads kept as received to typed canonical rows.

-- name: lock_landing
-- One landing at a time, so that batch numbers commit in order and a snapshot never changes behind a run's back.
SELECT pg_advisory_xact_lock(hashtext('tieout landing'));

-- name: claim_pulls
-- Oldest first, as many as make one batch (always at least one).
WITH waiting AS (
    SELECT pull_id, records, sum(records) OVER (ORDER BY pull_id) AS running
    FROM ops.pulls WHERE system = %(system)s AND entity = %(entity)s AND landed_in IS NULL
)
SELECT pull_id FROM waiting WHERE running - records < %(batch_rows)s ORDER BY pull_id;

-- name: open_batch
INSERT INTO ops.batches DEFAULT VALUES RETURNING batch;

-- name: claimed_records
SELECT
    records.system, records.native_id, records.version, records.payload, records.place, records.damage, records.gone,
    records.pull_id, pulls.pulled_at AS stated_at
FROM raw.records
JOIN ops.pulls USING (pull_id)
WHERE records.pull_id = ANY(%(pulls)s)
ORDER BY records.pull_id, records.seq;

-- name: claimed_statements
-- Of files. `stated_in` is where the same id was stated before; `stood_in` is where it was before these pulls in a way that
-- could be read.
SELECT
    records.system, records.native_id, records.version, records.payload, records.place, records.damage, records.gone,
    records.pull_id, pulls.pulled_at AS stated_at, earlier.place AS stated_in, stood.place AS stood_in
FROM raw.records
JOIN ops.pulls USING (pull_id)
LEFT JOIN LATERAL (
    SELECT other.place FROM raw.records AS other
    WHERE other.system = records.system AND other.entity = records.entity
        AND other.native_id = records.native_id AND other.seq < records.seq AND other.damage = ''
    ORDER BY other.seq LIMIT 1
) AS earlier ON true
LEFT JOIN LATERAL (
    SELECT other.place FROM raw.records AS other
    WHERE earlier.place IS NOT NULL AND other.system = records.system AND other.entity = records.entity
        AND other.native_id = records.native_id AND other.seq < records.seq AND other.damage = ''
        AND other.pull_id <> ALL(%(pulls)s)
        AND NOT EXISTS (
            SELECT FROM canonical.quarantine AS held
            WHERE held.system = other.system AND held.entity = other.entity AND held.native_id = other.native_id
                AND held.version = other.version AND held.released_in IS NULL
        )
    ORDER BY other.seq LIMIT 1
) AS stood ON true
WHERE records.pull_id = ANY(%(pulls)s)
ORDER BY records.seq;

-- name: current_ids
-- Of these, the ids that have a current version. (OFFSET 0: asked id by id, however many rows there are.)
SELECT native_id FROM unnest(%(native_ids)s::text[]) AS said (native_id)
WHERE EXISTS (
    SELECT FROM {table} AS current WHERE current.native_id = said.native_id AND current.superseded_in IS NULL OFFSET 0
);

-- name: create_incoming
-- Its columns and collations without its constraints.
CREATE TEMP TABLE incoming AS SELECT * FROM {table} WITH NO DATA;

-- name: drop_incoming
DROP TABLE incoming;

-- name: supersede_changed
UPDATE {table} AS current SET superseded_in = %(batch)s
FROM incoming
WHERE current.native_id = incoming.native_id AND current.superseded_in IS NULL
    AND current.row_hash <> incoming.row_hash;

-- name: supersede_restated
-- What is stated again after a look that said otherwise has gone back, which is a version of its own. (Of a list of parts it
-- is not asked what it said of each. OFFSET 0: asked row by row; of all that was ever looked at little is in one batch.)
UPDATE {table} AS current SET superseded_in = %(batch)s
FROM incoming
WHERE current.native_id = incoming.native_id AND current.superseded_in IS NULL AND EXISTS (
    SELECT FROM delivery.looked_at AS seen
    WHERE seen.entity = %(looked_at)s AND seen.native_id = current.{key}
        AND seen.looked_at >= current.stated_at AND seen.looked_at < incoming.stated_at
        AND (seen.gone OR %(listed)s OR jsonb_populate_record(current, seen.facts) IS DISTINCT FROM current)
    OFFSET 0
);

-- name: insert_changed
INSERT INTO {table} ({columns}, recorded_in)
SELECT {columns}, %(batch)s FROM incoming
WHERE NOT EXISTS (
    SELECT FROM {table} AS current
    WHERE current.native_id = incoming.native_id AND current.superseded_in IS NULL
);

-- name: end_gone
-- The source no longer has these rows: their current versions end, what was known before stays known.
UPDATE {table} SET superseded_in = %(batch)s
WHERE native_id = ANY(%(native_ids)s) AND superseded_in IS NULL;

-- name: keep_gone
-- As of when they were gone, for a look may have seen them later.
INSERT INTO canonical.gone AS known (entity, native_id, stated_at)
SELECT %(entity)s, native_id, stated_at
FROM unnest(%(native_ids)s::text[], %(stated)s::timestamptz[]) AS told (native_id, stated_at)
ON CONFLICT (entity, native_id) DO UPDATE SET stated_at = excluded.stated_at
WHERE known.stated_at < excluded.stated_at;

-- name: release_restated
-- A later statement of a row takes the place of what was quarantined before: in a live system good or bad, in a file a
-- good one.
UPDATE canonical.quarantine SET released_in = %(batch)s
FROM unnest(%(native_ids)s::text[]) AS restated (native_id)
WHERE quarantine.system = %(system)s AND quarantine.entity = %(entity)s
    AND quarantine.native_id = restated.native_id
    AND quarantine.released_in IS NULL AND quarantine.quarantined_in < %(batch)s;

-- name: release_outdated
-- What could not be read, and is stated again in the same batch in a way that can.
UPDATE canonical.quarantine SET released_in = %(batch)s
FROM unnest(%(native_ids)s::text[], %(versions)s::text[]) AS outdated (native_id, version)
WHERE quarantine.system = %(system)s AND quarantine.entity = %(entity)s
    AND quarantine.native_id = outdated.native_id AND quarantine.version = outdated.version
    AND quarantine.quarantined_in = %(batch)s;

-- name: analyse_landed
ANALYZE {table};

-- name: mark_landed
-- (OFFSET 0: asked row by row, however many rows there are.) Landed rows whose id is neither in the canonical table nor, in that version, in quarantine, are lost, unless the
-- source says they are gone.
UPDATE ops.pulls SET landed_in = %(batch)s, lost_count = (
    SELECT count(*) FROM raw.records
    WHERE records.pull_id = pulls.pull_id AND NOT records.gone
        AND NOT EXISTS (SELECT FROM {table} AS canonical WHERE canonical.native_id = records.native_id OFFSET 0)
        AND NOT EXISTS (
            SELECT FROM canonical.quarantine
            WHERE quarantine.system = records.system AND quarantine.entity = records.entity
                AND quarantine.native_id = records.native_id AND quarantine.version = records.version
            OFFSET 0
        )
)
WHERE pull_id = ANY(%(pulls)s);

-- name: retried_with
SELECT FROM ops.retried
WHERE system = %(system)s AND entity = %(entity)s AND reading_sha256 = %(reading_sha256)s;

-- name: keep_retried
INSERT INTO ops.retried (system, entity, reading_sha256) VALUES (%(system)s, %(entity)s, %(reading_sha256)s)
ON CONFLICT (system, entity) DO UPDATE
SET reading_sha256 = excluded.reading_sha256, retried_at = clock_timestamp();

-- name: quarantined_records
-- What is in quarantine, as it was received last, in portions. `stated_in` and `stood_in` as in claimed_statements, in a live system
-- within one page.
SELECT DISTINCT ON (records.native_id, records.version)
    records.system, records.native_id, records.version, records.payload, records.place, records.damage, records.gone,
    records.pull_id, records.seq, pulls.pulled_at AS stated_at, held.failures, earlier.place AS stated_in, stood.place AS stood_in
FROM canonical.quarantine AS held
JOIN raw.records
    ON records.system = held.system AND records.entity = held.entity
    AND records.native_id = held.native_id AND records.version = held.version
JOIN ops.pulls USING (pull_id)
LEFT JOIN LATERAL (
    SELECT other.place FROM raw.records AS other
    WHERE other.system = records.system AND other.entity = records.entity
        AND other.native_id = records.native_id AND other.seq < records.seq AND other.damage = ''
        AND (%(states_once)s OR other.pull_id = records.pull_id)
    ORDER BY other.seq LIMIT 1
) AS earlier ON true
LEFT JOIN LATERAL (
    SELECT other.place FROM raw.records AS other
    WHERE earlier.place IS NOT NULL AND other.system = records.system AND other.entity = records.entity
        AND other.native_id = records.native_id AND other.seq < records.seq AND other.damage = ''
        AND (%(states_once)s OR other.pull_id = records.pull_id)
        AND NOT EXISTS (
            SELECT FROM canonical.quarantine AS bad
            WHERE bad.system = other.system AND bad.entity = other.entity AND bad.native_id = other.native_id
                AND bad.version = other.version AND bad.released_in IS NULL
        )
    ORDER BY other.seq LIMIT 1
) AS stood ON true
WHERE held.system = %(system)s AND held.entity = %(entity)s AND held.released_in IS NULL AND NOT records.gone
    AND (held.native_id, held.version) > (%(after_id)s, %(after_version)s)
ORDER BY records.native_id, records.version, records.seq DESC
LIMIT %(most)s;

-- name: release_retried
UPDATE canonical.quarantine SET released_in = %(batch)s
FROM unnest(%(native_ids)s::text[], %(versions)s::text[]) AS retried (native_id, version)
WHERE quarantine.system = %(system)s AND quarantine.entity = %(entity)s
    AND quarantine.native_id = retried.native_id AND quarantine.version = retried.version
    AND quarantine.released_in IS NULL AND quarantine.quarantined_in < %(batch)s;
