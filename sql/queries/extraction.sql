-- Reading sources: cursors, pages kept as received, proofs of completeness.

-- name: read_cursor
SELECT position FROM ops.cursors WHERE system = %(system)s AND entity = %(entity)s;

-- name: start_cursor
INSERT INTO ops.cursors (system, entity, position) VALUES (%(system)s, %(entity)s, %(position)s)
ON CONFLICT DO NOTHING;

-- name: move_cursor
UPDATE ops.cursors SET position = %(position)s, moved_at = clock_timestamp()
WHERE system = %(system)s AND entity = %(entity)s AND position = %(seen)s;

-- name: open_pull
INSERT INTO ops.pulls (system, entity, cursor_from, cursor_to, records)
VALUES (%(system)s, %(entity)s, %(cursor_from)s, %(cursor_to)s, %(records)s)
RETURNING pull_id;

-- name: create_incoming_records
CREATE TEMP TABLE incoming_records (
    position bigint GENERATED ALWAYS AS IDENTITY,
    pull_id bigint, system text, entity text, native_id text, version text, payload jsonb, place text, damage text
) ON COMMIT DROP;

-- name: keep_records
-- A version we hold already is the overlap of two reads, not a change.
INSERT INTO raw.records (pull_id, system, entity, native_id, version, payload, place, damage)
SELECT pull_id, system, entity, native_id, version, payload, place, damage
FROM incoming_records
ORDER BY position
ON CONFLICT DO NOTHING;

-- name: last_proven
-- The end of the last window proven complete; later windows start there until they too are proven.
SELECT cursor_until FROM ops.proofs
WHERE system = %(system)s AND entity = %(entity)s AND proven
ORDER BY proof_id DESC LIMIT 1;

-- name: held_records
-- What we hold of the keys the source stated, in the order given; no row for what we lack.
SELECT wanted.native_id, wanted.version, records.payload
FROM unnest(%(native_ids)s::text[], %(versions)s::text[]) AS wanted (native_id, version)
JOIN raw.records
    ON records.system = %(system)s AND records.entity = %(entity)s
    AND records.native_id = wanted.native_id AND records.version = wanted.version;

-- name: record_proof
INSERT INTO ops.proofs (
    system, entity, cursor_after, cursor_until, source_count, landed_count, missing, source_amounts, landed_amounts,
    proven
) VALUES (
    %(system)s, %(entity)s, %(cursor_after)s, %(cursor_until)s, %(source_count)s, %(landed_count)s, %(missing)s,
    %(source_amounts)s, %(landed_amounts)s, %(proven)s
);

-- name: latest_proofs
SELECT DISTINCT ON (system, entity)
    system, entity, source_count, landed_count, missing, source_amounts, landed_amounts, proven, checked_at
FROM ops.proofs
WHERE checked_at <= %(taken_at)s
ORDER BY system, entity, proof_id DESC;
