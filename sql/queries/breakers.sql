-- Systems that are left alone for a while, because they do not answer.

-- name: may_call
-- Which of these may be called; `probe`: with one call, by whoever asks first once the rest is over. Who is left alone is not
-- among them.
WITH probed AS (
    UPDATE ops.breakers SET open_until = ops.clock() + %(rest)s
    WHERE system = ANY (%(systems)s::text[]) AND part = %(part)s AND failures >= %(silences)s
        AND open_until <= ops.clock()
    RETURNING system
)
SELECT wanted.system, probed.system IS NOT NULL AS probe, coalesce(known.failures, 0) > 0 AS failing
FROM unnest(%(systems)s::text[]) AS wanted (system)
LEFT JOIN probed ON probed.system = wanted.system
LEFT JOIN ops.breakers AS known ON known.system = wanted.system AND known.part = %(part)s
WHERE probed.system IS NOT NULL OR coalesce(known.failures, 0) < %(silences)s;

-- name: note_silence
INSERT INTO ops.breakers AS known (system, part, failures, since, open_until, detail)
VALUES (
    %(system)s, %(part)s, 1, ops.clock(),
    CASE WHEN %(silences)s <= 1 THEN ops.clock() + %(rest)s ELSE '-infinity' END, %(detail)s
)
ON CONFLICT (system, part) DO UPDATE
SET failures = known.failures + 1, since = coalesce(known.since, excluded.since), detail = excluded.detail,
    open_until = CASE WHEN known.failures + 1 >= %(silences)s THEN ops.clock() + %(rest)s ELSE '-infinity' END;

-- name: note_answer
-- Gives back whether it was left alone until now.
UPDATE ops.breakers AS known SET failures = 0, since = NULL, open_until = '-infinity', detail = ''
FROM (
    SELECT system, part, failures FROM ops.breakers
    WHERE system = %(system)s AND part = %(part)s AND failures > 0 FOR UPDATE
) AS was
WHERE known.system = was.system AND known.part = was.part
RETURNING was.failures >= %(silences)s AS was_alone;

-- name: wake_effects
-- What waits ever longer because its target was away need not, once it is back. In one order, and past who is at it.
UPDATE delivery.outbox SET next_at = ops.clock()
WHERE message_id IN (
    SELECT message_id FROM delivery.outbox
    WHERE target = %(system)s AND finished_at IS NULL AND state <> 'called' AND attempts = 0
        AND next_at > ops.clock() AND next_at < 'infinity'
    ORDER BY message_id FOR UPDATE SKIP LOCKED
);

-- name: wake_looks
UPDATE delivery.inbox SET next_at = ops.clock()
WHERE hint_id IN (
    SELECT hint_id FROM delivery.inbox
    WHERE source = %(system)s AND state = 'new' AND next_at > ops.clock()
    ORDER BY hint_id FOR UPDATE SKIP LOCKED
);

-- name: spared_systems
-- Who is left alone until when, and why; and what waits for whose next day of calls.
SELECT system, part, failures, since, open_until AS until, detail, '{}'::text[] AS puts_off FROM ops.breakers
WHERE open_until > '-infinity'
UNION ALL
SELECT system, 'budget', used, noted_at, NULL, used || ' of ' || allowed || ' calls of the day are used', puts_off
FROM ops.api_budgets WHERE ops.put_off(system) <> '{}'
ORDER BY 1, 2;

-- name: note_calls
-- As a system said it with an answer; twice a minute, or when something else may leave now.
INSERT INTO ops.api_budgets AS known (system, used, allowed, noted_at, puts_off)
VALUES (%(system)s, %(used)s, %(allowed)s, ops.clock(), %(puts_off)s)
ON CONFLICT (system) DO UPDATE
SET used = excluded.used, allowed = excluded.allowed, noted_at = excluded.noted_at, puts_off = excluded.puts_off,
    dag_id = excluded.dag_id, dag_run = excluded.dag_run
WHERE known.puts_off <> excluded.puts_off OR known.noted_at < excluded.noted_at - interval '30 seconds';
