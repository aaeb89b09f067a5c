-- Reading sources: cursors, pages kept as received, proofs of completeness.

-- name: read_cursor
SELECT position, asked_at FROM ops.cursors WHERE system = %(system)s AND entity = %(entity)s;

-- name: start_cursor
INSERT INTO ops.cursors (system, entity, position) VALUES (%(system)s, %(entity)s, %(position)s)
ON CONFLICT DO NOTHING;

-- name: move_cursor
UPDATE ops.cursors SET position = %(position)s, moved_at = clock_timestamp()
WHERE system = %(system)s AND entity = %(entity)s AND position = %(seen)s;

-- name: keep_asked_at
-- When what the next page answers was asked for; NULL when it is yet to be asked for.
UPDATE ops.cursors SET asked_at = %(asked_at)s
WHERE system = %(system)s AND entity = %(entity)s AND asked_at IS DISTINCT FROM %(asked_at)s;

-- name: open_pull
-- `asked_at`: when the page was asked for, which is as new as it is sure to be.
INSERT INTO ops.pulls (system, entity, cursor_from, cursor_to, records, request, pulled_at)
VALUES (%(system)s, %(entity)s, %(cursor_from)s, %(cursor_to)s, %(records)s, %(request)s, %(asked_at)s)
RETURNING pull_id;

-- name: database_clock
SELECT ops.clock() AS now;

-- name: held_ids
-- Of these, the ids of which we hold any statement. (OFFSET 0: asked id by id, however many records there are.)
SELECT native_id FROM unnest(%(native_ids)s::text[]) AS said (native_id)
WHERE EXISTS (
    SELECT FROM raw.records AS held
    WHERE held.system = %(system)s AND held.entity = %(entity)s AND held.native_id = said.native_id
    OFFSET 0
);

-- name: create_incoming_records
-- What is held against what we hold.
CREATE TEMP TABLE incoming_records (
    position bigint GENERATED ALWAYS AS IDENTITY,
    pull_id bigint, system text, entity text, native_id text, version text, payload jsonb, place text, damage text,
    gone boolean
) ON COMMIT DROP;

-- name: keep_records
-- What we hold already is the overlap of two reads, not a change: for a file any statement we hold, for a live system
-- the newest one, since a row may go back to what it was. There the payload must be the same as well: a formula field
-- changes without a new stamp. Of a live system nothing takes the place of what was asked for later: whoever read it before
-- and comes after (a worker thought dead, a sweep beside a read) has seen less. That somebody did is asked once a page.
INSERT INTO raw.records (pull_id, system, entity, native_id, version, payload, place, damage, gone)
SELECT pull_id, system, entity, native_id, version, payload, place, damage, gone
FROM incoming_records AS incoming
WHERE NOT EXISTS (
    SELECT FROM raw.records AS held
    WHERE held.system = incoming.system AND held.entity = incoming.entity AND held.native_id = incoming.native_id
        AND held.version = incoming.version
        AND (%(states_once)s OR held.payload = incoming.payload AND NOT EXISTS (
            SELECT FROM raw.records AS newer
            WHERE newer.system = held.system AND newer.entity = held.entity AND newer.native_id = held.native_id
                AND newer.seq > held.seq
                AND (newer.version <> held.version OR newer.payload <> held.payload)
        ))
) AND (
    %(states_once)s
    OR NOT (SELECT EXISTS (
        SELECT FROM ops.pulls WHERE system = %(system)s AND entity = %(entity)s AND pulled_at > %(asked_at)s
    ))
    OR NOT EXISTS (
        SELECT FROM raw.records AS later JOIN ops.pulls USING (pull_id)
        WHERE later.system = incoming.system AND later.entity = incoming.entity
            AND later.native_id = incoming.native_id AND pulls.pulled_at > %(asked_at)s
    )
)
ORDER BY position;

-- name: keep_restated
-- What we hold already, but stated before somebody looked: only said anew does it count for more than the look. What nobody
-- could read stays so. (LIMIT: asked row by row; of all that was ever looked at little is on one page.)
INSERT INTO raw.records (pull_id, system, entity, native_id, version, payload, place, damage, gone)
SELECT DISTINCT ON (incoming.native_id)
    pull_id, system, incoming.entity, incoming.native_id, version, payload, place, damage, incoming.gone
FROM incoming_records AS incoming
CROSS JOIN LATERAL (
    SELECT looked_at FROM delivery.looked_at AS look
    WHERE look.entity = incoming.entity AND look.native_id = incoming.native_id AND look.looked_at < %(asked_at)s
    ORDER BY looked_at DESC LIMIT 1
) AS seen
WHERE NOT EXISTS (
    SELECT FROM raw.records AS later JOIN ops.pulls USING (pull_id)
    WHERE later.system = incoming.system AND later.entity = incoming.entity AND later.native_id = incoming.native_id
        AND pulls.pulled_at > seen.looked_at
) AND NOT EXISTS (
    SELECT FROM canonical.quarantine AS held
    WHERE held.system = incoming.system AND held.entity = incoming.entity AND held.native_id = incoming.native_id
        AND held.released_in IS NULL
)
ORDER BY incoming.native_id, position DESC;

-- name: left_out
-- Of the rows come in, those that say something else than what was asked for later, and so were not kept.
SELECT DISTINCT native_id FROM incoming_records AS incoming
WHERE (SELECT EXISTS (
    SELECT FROM ops.pulls WHERE system = %(system)s AND entity = %(entity)s AND pulled_at > %(asked_at)s
)) AND EXISTS (
    SELECT FROM raw.records AS later JOIN ops.pulls USING (pull_id)
    WHERE later.system = incoming.system AND later.entity = incoming.entity
        AND later.native_id = incoming.native_id AND pulls.pulled_at > %(asked_at)s
) AND NOT EXISTS (
    SELECT FROM (
        SELECT version, payload FROM raw.records AS held
        WHERE held.system = incoming.system AND held.entity = incoming.entity AND held.native_id = incoming.native_id
        ORDER BY seq DESC LIMIT 1
    ) AS newest
    WHERE newest.version = incoming.version AND newest.payload = incoming.payload
);

-- name: hold_cursor
-- Whoever reads the entity moves its cursor first: until we are done, nobody keeps a page of it.
SELECT FROM ops.cursors WHERE system = %(system)s AND entity = %(entity)s FOR UPDATE;

-- name: last_proven
-- The end of the last window proven complete; later windows start there until they too are proven. What a later look at
-- everything disproved is not proven any more.
SELECT cursor_until FROM ops.proofs AS proof
WHERE system = %(system)s AND entity = %(entity)s AND proven
    AND NOT EXISTS (
        SELECT FROM ops.proofs AS later
        WHERE later.system = proof.system AND later.entity = proof.entity AND later.proof_id > proof.proof_id
            AND NOT later.proven AND later.cursor_after IS NULL
    )
ORDER BY proof_id DESC LIMIT 1;

-- name: held_records
-- What we hold of the keys the source stated, as last received (the payload where it is asked for); no row for what we
-- lack.
SELECT DISTINCT ON (wanted.native_id, wanted.version)
    wanted.native_id, wanted.version, CASE WHEN %(with_payload)s THEN records.payload END AS payload
FROM unnest(%(native_ids)s::text[], %(versions)s::text[]) AS wanted (native_id, version)
JOIN raw.records
    ON records.system = %(system)s AND records.entity = %(entity)s
    AND records.native_id = wanted.native_id AND records.version = wanted.version
ORDER BY wanted.native_id, wanted.version, records.seq DESC;

-- name: newest_proof
SELECT coalesce(max(proof_id), 0) AS proof_id FROM ops.proofs WHERE system = %(system)s AND entity = %(entity)s;

-- name: record_proof
-- Unless somebody knows better who proved it meanwhile (`seen`: the newest proof when we began): of a window any
-- proof since; of everything another such, or a gap that we did not see.
INSERT INTO ops.proofs (
    system, entity, cursor_after, cursor_until, source_count, held_count, missing, source_amounts, held_amounts,
    proven, complete_until
)
SELECT
    %(system)s, %(entity)s, %(cursor_after)s, %(cursor_until)s, %(source_count)s, %(held_count)s, %(missing)s,
    %(source_amounts)s, %(held_amounts)s, %(proven)s, %(complete_until)s
WHERE NOT EXISTS (
    SELECT FROM ops.proofs
    WHERE system = %(system)s AND entity = %(entity)s AND proof_id > %(seen)s
        AND (NOT %(whole)s OR cursor_after IS NULL OR (%(proven)s AND NOT proven))
);

-- name: latest_proofs
SELECT DISTINCT ON (system, entity)
    system, entity, source_count, held_count, missing, source_amounts, held_amounts, proven
FROM ops.proofs
WHERE proof_id <= %(proof_through)s
ORDER BY system, entity, proof_id DESC;

-- name: rewind_cursor
-- Back to the end of the last proven window (or to the beginning), so that the unproven one is read again.
WITH proven AS (
    SELECT cursor_until FROM ops.proofs AS proof
    WHERE system = %(system)s AND entity = %(entity)s AND proven
        AND NOT EXISTS (
            SELECT FROM ops.proofs AS later
            WHERE later.system = proof.system AND later.entity = proof.entity AND later.proof_id > proof.proof_id
                AND NOT later.proven AND later.cursor_after IS NULL
        )
    ORDER BY proof_id DESC LIMIT 1
), moved AS (
    UPDATE ops.cursors SET position = proven.cursor_until, moved_at = clock_timestamp(), asked_at = NULL
    FROM proven WHERE system = %(system)s AND entity = %(entity)s
    RETURNING 1
)
DELETE FROM ops.cursors
WHERE system = %(system)s AND entity = %(entity)s AND NOT EXISTS (SELECT FROM proven);

-- name: complete_sources
-- The entities whose newest proof holds and reaches a moment, and that have no page waiting to be landed.
SELECT system, entity FROM (
    SELECT DISTINCT ON (system, entity) system, entity, proven, complete_until
    FROM ops.proofs ORDER BY system, entity, proof_id DESC
) AS newest
WHERE proven AND complete_until >= %(until)s
    AND NOT EXISTS (
        SELECT FROM ops.pulls
        WHERE pulls.system = newest.system AND pulls.entity = newest.entity AND pulls.landed_in IS NULL
    );
