-- Rows: messages whose state is not what the calls say: confirmed without a call that says so, or finished while called.
SELECT message_id, state, attempts
FROM delivery.outbox AS message
WHERE state = 'confirmed' AND NOT EXISTS (
    SELECT FROM delivery.attempts AS call
    WHERE call.message_id = message.message_id AND call.fence = message.fence AND outcome IN ('confirmed', 'found')
)
UNION ALL
SELECT message_id, 'out of order', count(*)
FROM (
    SELECT later.message_id
    FROM delivery.outbox AS later JOIN delivery.outbox AS earlier USING (target, subject)
    WHERE earlier.message_id < later.message_id AND earlier.state IN ('queued', 'called', 'uncertain')
        AND (later.state = 'called' OR later.state = 'confirmed' AND later.first_called_at > earlier.decided_at)
        AND NOT EXISTS (  -- a replayed message comes back into the line
            SELECT FROM delivery.attempts AS refused
            WHERE refused.message_id = earlier.message_id AND outcome IN ('rejected', 'retryable')
        )
        AND NOT EXISTS (  -- what another path wrote held up nobody
            SELECT FROM ops.flow_kinds JOIN ops.switches USING (flow)
            WHERE flow_kinds.kind = earlier.kind AND switches.writer <> 'ours'
        )
        AND NOT EXISTS (  -- and so does one that a person held back, or that two people let go
            SELECT FROM delivery.acts WHERE acts.message_id = earlier.message_id
        )
) AS overtaken
GROUP BY message_id
