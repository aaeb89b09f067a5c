-- Deciding effects, taking them, and writing down what came of them.

-- name: message_by_key
-- Its newest revision.
SELECT message_id, key, revision, kind, target, subject, body, body_sha256, based_on, state, remote_id, reason, detail,
    attempts
FROM delivery.outbox WHERE key = %(key)s ORDER BY revision DESC LIMIT 1;

-- name: put_messages
-- Many at once. Gives back those that nobody else had put there. What follows from an
-- order at once, its reference and its invoice, follows from the order's hint; a period's invoice follows from the calendar.
INSERT INTO delivery.outbox (key, revision, kind, target, subject, body, body_sha256, based_on, newest_only, hint_id)
SELECT key, %(revision)s, kind, target, subject, body, body_sha256, based_on, newest_only,
    CASE WHEN hint_id IS NULL AND kind IN ('order_reference', 'invoice') AND NOT body ? 'line' THEN (
        SELECT placed.hint_id FROM delivery.outbox AS placed
        WHERE placed.subject = 'opportunities/' || (told.body ->> 'opportunity_id') AND placed.kind = 'order'
        ORDER BY placed.message_id DESC LIMIT 1
    ) ELSE hint_id END
FROM jsonb_to_recordset(%(told)s::jsonb -> 'messages') AS told (
    place int, key text, kind text, target text, subject text, body jsonb, body_sha256 text, based_on text,
    newest_only boolean, hint_id bigint
)
ORDER BY place
ON CONFLICT DO NOTHING
RETURNING key;

-- name: withdraw_message
-- What was decided and surely had no effect yet.
UPDATE delivery.outbox SET state = 'superseded', reason = NULL, finished_at = ops.clock()
WHERE message_id = %(message_id)s AND state IN ('queued', 'parked');

-- name: keep_key_conflict
INSERT INTO delivery.key_conflicts (key, body, body_sha256) VALUES (%(key)s, %(body)s, %(body_sha256)s)
ON CONFLICT DO NOTHING;

-- name: supersede_older
-- What says how something was, and has surely not arrived, need not leave any more. What is on its way finishes first.
UPDATE delivery.outbox AS older SET state = 'superseded', finished_at = ops.clock()
FROM delivery.outbox AS newer
WHERE newer.key = ANY (%(keys)s) AND newer.state = 'queued' AND older.target = newer.target AND older.subject = newer.subject AND older.kind = newer.kind
    AND older.newest_only AND older.message_id < newer.message_id AND older.state = 'queued';

-- name: walk_in_order
-- For the rest of the transaction. How many wait is nothing the planner's statistics keep up with: it thinks they are few,
-- looks at all of them and sorts, for each batch anew. So it is told the way, which is the same for every batch, and plans
-- once a connection.
SELECT set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true),
    set_config('plan_cache_mode', 'force_generic_plan', true);

-- name: take_messages
-- Those that are due and first in the line of their subject. One whose taker's time is up may have been sent. What another
-- path writes waits, and holds up nobody: it is taken only to see whether it happened when we last wrote. So does what can
-- wait while calls run short.
WITH elsewhere AS MATERIALIZED (
    SELECT coalesce(array_agg(kind), '{}') || ops.put_off(%(target)s) AS kinds FROM ops.flow_kinds JOIN ops.writers USING (flow) WHERE writer <> 'ours'
), due AS (
    SELECT message_id, state AS was, kind FROM delivery.outbox AS message
    WHERE target = %(target)s AND finished_at IS NULL AND next_at <= (SELECT ops.clock())
        AND (state <> 'called' OR leased_until <= (SELECT ops.clock()))
        AND (state <> 'queued' OR kind <> ALL ((SELECT kinds FROM elsewhere)::text[]))
        AND message_id = (  -- asked so that each line is found by its subject, whatever is known of how many wait
            SELECT first.message_id FROM delivery.outbox AS first
            WHERE first.target = message.target AND first.subject = message.subject
                AND first.finished_at IS NULL
                AND (first.state <> 'queued' OR first.kind <> ALL ((SELECT kinds FROM elsewhere)::text[]))
            ORDER BY first.message_id LIMIT 1
        )
    ORDER BY next_at, message_id
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED
)
UPDATE delivery.outbox AS message
SET state = 'called', fence = fence + 1, leased_until = (SELECT ops.clock()) + %(lease)s,
    first_called_at = coalesce(first_called_at, (SELECT ops.clock())),
    token = CASE WHEN held.writer = 'ours' THEN held.token END
FROM due LEFT JOIN ops.flow_kinds USING (kind) LEFT JOIN ops.writers AS held USING (flow)
WHERE message.message_id = due.message_id
RETURNING message.message_id, key, message.kind, target, subject, body, body_sha256, based_on, newest_only, fence, attempts,
    coalesce(held.writer, 'ours') = 'ours' AS may_send, message.token,
    (SELECT (extract(epoch FROM ops.clock()) * 1000)::bigint) AS turn,
    was <> 'queued' OR first_called_at < (SELECT ops.clock()) - %(keys_live)s::interval
        -- Decided before a restore, or again after it: what came of it then is not known here.
        OR decided_at < (SELECT max(since) FROM ops.histories WHERE doubted) + %(doubt)s::interval AS look_first,
    -- Decided while another path wrote, or just after, from what was read while it did.
    decided_at < held.since + interval '1 hour' AS in_shadow,
    message.kind = 'order' AND message.revision > 1 AND EXISTS (
        SELECT FROM delivery.outbox AS earlier
        WHERE earlier.key = message.key AND earlier.revision < message.revision AND earlier.first_called_at IS NOT NULL
    ) AS called_before,
    first_called_at < ops.clock() - interval '24 hours' AND EXISTS (  -- told so: a target that was away told nothing
        SELECT FROM delivery.attempts AS told
        WHERE told.message_id = message.message_id AND outcome = 'rejected' AND called_at < ops.clock() - interval '24 hours'
    ) AND NOT EXISTS (  -- for want of an invoice that we are still to bring there ourselves
        SELECT FROM delivery.outbox AS invoice
        WHERE invoice.subject = 'invoices/' || (message.body ->> 'invoice_id') AND invoice.kind = 'invoice_status'
            AND message.kind <> 'invoice_status' AND invoice.finished_at IS NULL
    ) AS long_refused;

-- name: finish_messages
-- Only by the last who took it, whose call is kept. Gives back whose word counted.
WITH ended AS (
    UPDATE delivery.outbox AS message
    SET state = done.state, remote_id = coalesce(done.remote_id, message.remote_id), reason = done.reason,
        detail = done.detail, next_at = (SELECT ops.clock()) + done.wait, attempts = message.attempts + done.failures,
        finished_at = CASE WHEN done.state IN ('confirmed', 'parked', 'superseded') THEN (SELECT ops.clock()) END
    FROM unnest(
        %(messages)s::bigint[], %(fences)s::bigint[], %(outcomes)s::text[], %(states)s::text[], %(remote_ids)s::text[],
        %(reasons)s::text[], %(details)s::text[], %(waits)s::interval[], %(failures)s::int[]
    ) AS done (message_id, fence, outcome, state, remote_id, reason, detail, wait, failures)
    WHERE message.message_id = done.message_id AND message.fence = done.fence AND message.state = 'called'
    RETURNING message.message_id, done.fence, outcome, done.remote_id, done.detail, token
), kept AS (
    INSERT INTO delivery.attempts (message_id, fence, outcome, remote_id, detail, token)
    SELECT message_id, fence, outcome, remote_id, detail, token FROM ended
)
SELECT message_id FROM ended;

-- name: told_messages
-- Messages as they are by now, each with the event it was decided for, where there was one.
SELECT message_id, outbox.fence, revision, outbox.state, outbox.reason, decided_at, outbox.finished_at, source, event_id,
    received_at
FROM delivery.outbox LEFT JOIN delivery.inbox USING (hint_id)
WHERE message_id = ANY (%(messages)s::bigint[]);

-- name: keep_late_attempts
-- Of those whose message another has by now, and not of those that were kept before, whose commit nobody heard of.
INSERT INTO delivery.attempts (message_id, fence, outcome, remote_id, detail, token)
SELECT message_id, fence, 'late', remote_id, detail, token
FROM unnest(
    %(messages)s::bigint[], %(fences)s::bigint[], %(remote_ids)s::text[], %(details)s::text[], %(tokens)s::bigint[]
) AS late (message_id, fence, remote_id, detail, token)
WHERE NOT EXISTS (
    SELECT FROM delivery.attempts AS kept WHERE kept.message_id = late.message_id AND kept.fence = late.fence
);

-- name: key_conflicts
-- Decided twice under one key, with something else to say: a fault of ours that somebody must look at.
SELECT key, conflict.body, outbox.body AS sent, outbox.subject, found_at
FROM delivery.key_conflicts AS conflict
JOIN LATERAL (
    SELECT body, subject FROM delivery.outbox WHERE outbox.key = conflict.key ORDER BY revision DESC LIMIT 1
) AS outbox ON true
ORDER BY found_at, key, body_sha256;

-- name: delivery_queue
-- What waits, by target and state, and since when.
SELECT target, state, count(*) AS messages, min(decided_at) AS oldest
FROM delivery.outbox WHERE finished_at IS NULL OR reason IS NOT NULL
GROUP BY target, state ORDER BY target, state;

-- name: messages_to_replay
-- Parked messages by key or as much of it as lists show, subject or window of their decision.
SELECT message_id, key, kind, target, subject, reason, detail, attempts, decided_at
FROM delivery.outbox
WHERE reason IS NOT NULL
    AND (%(key)s::text IS NULL OR key = %(key)s OR (length(%(key)s) >= 12 AND starts_with(key, %(key)s)))
    AND (%(subject)s::text IS NULL OR subject = %(subject)s)
    AND (%(since)s::timestamptz IS NULL OR decided_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR decided_at < %(until)s)
    AND (%(messages)s::bigint[] IS NULL OR message_id = ANY (%(messages)s))
ORDER BY message_id;

-- name: one_replay_at_a_time
-- Until the transaction ends: of two at once the second counts what the first has sent again.
SELECT pg_advisory_xact_lock(hashtext('tieout replay'));

-- name: replayed_since
-- How many messages people sent again within the last span, and from when on the oldest of them counts no longer.
SELECT count(*)::integer AS replayed, (count(*) FILTER (WHERE actor_id = %(actor)s))::integer AS by_them,
    min(acted_at) + %(span)s::interval AS free_from
FROM delivery.acts WHERE action = 'replayed' AND acted_at > clock_timestamp() - %(span)s::interval;

-- name: replay_preview
-- What sending again would say, and what was confirmed last of the same: of how something is, a newer message says it.
SELECT parked.message_id, parked.key, parked.target, parked.kind, parked.subject, parked.body AS says, before.body AS said,
    parked.newest_only AND EXISTS (
        SELECT FROM delivery.outbox AS newer
        WHERE newer.target = parked.target AND newer.subject = parked.subject AND newer.kind = parked.kind
            AND newer.message_id > parked.message_id AND newer.state <> 'parked'
    ) AS outdated
FROM delivery.outbox AS parked
LEFT JOIN LATERAL (
    SELECT body FROM delivery.outbox AS earlier
    WHERE earlier.target = parked.target AND earlier.subject = parked.subject AND earlier.kind = parked.kind
        AND earlier.state = 'confirmed'
    ORDER BY message_id DESC LIMIT 1
) AS before ON true
WHERE parked.message_id = ANY (%(messages)s::bigint[])
ORDER BY parked.message_id;

-- name: ask_replay
-- By one look at the clock: by two it would live for a moment longer than it may.
INSERT INTO delivery.replays (messages, actor, reason, asked_at, lapses_at)
SELECT %(messages)s::bigint[], %(actor)s, %(reason)s, moment, moment + %(lives)s::interval FROM ops.clock() AS moment
RETURNING replay_id;

-- part: asked
-- Of each the messages that are parked as they were when it was asked for: what went on its way since and was parked anew
-- is another matter, and asked for anew.
SELECT replay_id, replays.actor_id, replays.reason, asked_at, lapses_at, still.messages, lapses_at - asked_at AS lives,
    ends.actor_id AS ended_by, ends.reason AS ended_why, coalesce(ended_at, lapses_at) AS over_at,
    CASE
        WHEN approval.replay_id IS NOT NULL THEN 'approved'
        WHEN lapses_at <= ops.clock() THEN coalesce(ended, 'lapsed')
        ELSE coalesce(ended, 'waits')
    END AS stage
FROM delivery.replays CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(message_id ORDER BY message_id), '{}') AS messages FROM delivery.outbox
    WHERE message_id = ANY (replays.messages) AND state = 'parked' AND finished_at <= asked_at
) AS still
LEFT JOIN delivery.replay_approvals AS approval USING (replay_id)
LEFT JOIN delivery.replay_ends AS ends USING (replay_id)

-- name: replay_asked
SELECT * FROM ({asked} WHERE replay_id = %(replay_id)s) AS asked;

-- name: replays_asked
-- What waits for a second person, newest first; and what was refused or has lapsed, for as long as it was asked for and
-- until somebody asks for it again.
SELECT * FROM ({asked} WHERE approval.replay_id IS NULL AND lapses_at + (lapses_at - asked_at) > ops.clock()) AS asked
WHERE cardinality(messages) > 0 AND (stage = 'waits' OR stage IN ('refused', 'lapsed') AND over_at + lives > ops.clock()
    AND NOT EXISTS (
        SELECT FROM delivery.replays AS anew WHERE anew.replay_id > asked.replay_id AND anew.messages && asked.messages
    ))
ORDER BY stage = 'waits' DESC, replay_id DESC
LIMIT 200;

-- name: end_replay
INSERT INTO delivery.replay_ends (replay_id, asked_by, ended, actor, reason)
VALUES (%(replay_id)s, %(asked_by)s, %(ended)s, %(actor)s, %(reason)s);

-- name: approve_replay
INSERT INTO delivery.replay_approvals (replay_id, asked_by, actor, reason)
VALUES (%(replay_id)s, %(asked_by)s, %(actor)s, %(reason)s);

-- name: park_over_limit
-- An order that is decided and waits for two people.
UPDATE delivery.outbox SET state = 'parked', reason = 'OVER_LIMIT', detail = %(detail)s, finished_at = ops.clock()
WHERE key = %(key)s AND state = 'queued';

-- name: replay_messages
-- The target is looked at before anything is sent again. What a newer message says by now is not said again.
UPDATE delivery.outbox AS message
SET state = CASE WHEN outdated THEN 'superseded' ELSE 'uncertain' END, reason = NULL, attempts = 0, next_at = ops.clock(),
    finished_at = CASE WHEN outdated THEN ops.clock() END
FROM (
    SELECT message_id, newest_only AND EXISTS (
        SELECT FROM delivery.outbox AS newer
        WHERE newer.target = parked.target AND newer.subject = parked.subject AND newer.kind = parked.kind
            AND newer.message_id > parked.message_id AND newer.state <> 'parked'
    ) AS outdated
    FROM delivery.outbox AS parked
    WHERE message_id = ANY (%(messages)s::bigint[]) AND state = 'parked'
    FOR UPDATE
) AS chosen
WHERE message.message_id = chosen.message_id
RETURNING message.message_id, message.state;

-- name: hold_messages
-- What surely had no effect yet. Gives back what was held.
UPDATE delivery.outbox SET state = 'parked', reason = 'HELD_BACK', finished_at = ops.clock()
WHERE message_id = ANY (%(messages)s::bigint[]) AND state = 'queued'
RETURNING message_id;

-- name: keep_acts
INSERT INTO delivery.acts (message_id, action, actor, reason)
SELECT message, %(action)s, %(actor)s, %(reason)s FROM unnest(%(messages)s::bigint[]) AS message;
