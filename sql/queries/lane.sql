-- What keeps the fast lane going: whether anything is due, who works, and hints by the handful.

-- name: begin_lane
INSERT INTO delivery.lanes DEFAULT VALUES RETURNING lane_id;

-- name: work_due
-- The clock is read once (a sub-select), so that the indexes of what waits can be used.
SELECT
    EXISTS (
        SELECT FROM delivery.inbox WHERE state IN ('new', 'taken') AND next_at <= (SELECT ops.clock())
            AND source NOT IN (SELECT system FROM ops.breakers WHERE part = 'looks' AND open_until > ops.clock())
    ) AS hints,
    ARRAY(
        SELECT name FROM unnest(%(targets)s::text[]) AS known (name), ops.put_off(name) AS later
        WHERE name NOT IN (SELECT system FROM ops.breakers WHERE part = 'effects' AND open_until > ops.clock())
        AND EXISTS (
            SELECT FROM delivery.outbox
            WHERE target = known.name AND finished_at IS NULL AND next_at <= (SELECT ops.clock())
                AND (state <> 'called' OR leased_until <= (SELECT ops.clock()))
                AND (state <> 'queued' OR (kind <> ALL (later) AND kind NOT IN (  -- what another path writes
                    SELECT kind FROM ops.flow_kinds JOIN ops.writers USING (flow) WHERE writer <> 'ours'
                )))
        )
    ) AS targets,
    (SELECT coalesce(max(batch), 0) FROM ops.batches) AS batch,
    EXISTS (SELECT FROM delivery.lanes WHERE lane_id > %(lane)s) AS relieved;

-- name: waits_for
-- Whether so many messages wait for a target.
SELECT count(*) >= %(most)s AS is_full FROM (
    SELECT FROM delivery.outbox WHERE target = %(target)s AND finished_at IS NULL LIMIT %(most)s
) AS waiting;

-- name: keep_hints
-- A repeat, by the event's id or by what it is about, is known already; gives back the events that were news. With
-- `only_known`, nothing is kept of an object that was never looked at: what changed of it changes nothing that was decided.
-- In one order whoever writes, so that two who keep the same never wait for each other in a circle. With `only_new`,
-- nothing is kept of a deal known to be won, and only so many of the others.
WITH news AS (
    SELECT told.*, row_number() OVER (PARTITION BY only_new ORDER BY told.source, told.event_id) AS place
    FROM unnest(
        %(sources)s::text[], %(event_ids)s::text[], %(entities)s::text[], %(native_ids)s::text[], %(kinds)s::text[],
        %(sequences)s::text[], %(times)s::timestamptz[], %(only_known)s::boolean[], %(only_new)s::boolean[]
    ) AS told (source, event_id, entity, native_id, kind, sequence, occurred_at, only_known, only_new)
    LEFT JOIN delivery.looked_at AS seen
        ON seen.source = told.source AND seen.entity = told.entity AND seen.native_id = told.native_id
    WHERE (NOT only_known OR seen.native_id IS NOT NULL)
        AND (NOT only_new OR (seen.facts ->> 'is_won' IS DISTINCT FROM 'true' AND NOT EXISTS (
            SELECT FROM canonical.opportunities AS landed
            WHERE landed.native_id = told.native_id AND landed.superseded_in IS NULL AND landed.is_won
        )))
)
INSERT INTO delivery.inbox (source, event_id, entity, native_id, kind, sequence, occurred_at)
SELECT source, event_id, entity, native_id, kind, sequence, occurred_at
FROM news WHERE NOT only_new OR place <= %(most_new)s
ORDER BY source, event_id
ON CONFLICT DO NOTHING
RETURNING event_id;

-- name: keep_every_hint
-- The same of what is kept whatever is known: somebody waits for it, and the other takes three times as long to plan.
INSERT INTO delivery.inbox (source, event_id, entity, native_id, kind, sequence, occurred_at)
SELECT * FROM unnest(
    %(sources)s::text[], %(event_ids)s::text[], %(entities)s::text[], %(native_ids)s::text[], %(kinds)s::text[],
    %(sequences)s::text[], %(times)s::timestamptz[]
) AS told (source, event_id, entity, native_id, kind, sequence, occurred_at)
ORDER BY source, event_id
ON CONFLICT DO NOTHING
RETURNING event_id;

-- name: ordered_deals
-- Deals whose order the ERP has confirmed and for which no invoice was decided yet, of all orders confirmed since they were
-- last followed (with an hour for what was being committed then). (Read once, for the index.)
SELECT DISTINCT placed.body ->> 'opportunity_id' AS opportunity_id
FROM delivery.outbox AS placed
WHERE placed.kind = 'order' AND placed.state = 'confirmed'
    AND placed.finished_at > (SELECT until - interval '1 hour' FROM delivery.followed)
    AND NOT EXISTS (
        SELECT FROM delivery.outbox AS billed
        WHERE billed.subject = 'orders/' || placed.remote_id AND billed.kind = 'invoice'
    );

-- name: keep_followed
-- A minute more or less is no matter: most calls write nothing.
UPDATE delivery.followed SET until = %(until)s WHERE until < %(until)s - interval '1 minute';

-- name: read_once
-- Of these entities those that were read to their end and landed at least once: only then is anything proven of them.
SELECT entity FROM unnest(%(entities)s::text[]) AS wanted (entity)
WHERE EXISTS (SELECT FROM ops.proofs WHERE proofs.entity = wanted.entity);
