-- Rows: calls that may have had an effect under a token with which ours did not write, and flows whose writer is not what
-- their newest switch says.
SELECT call.message_id::text AS about, call.token
FROM delivery.attempts AS call
JOIN delivery.outbox USING (message_id)
JOIN ops.flow_kinds USING (kind)
WHERE call.token IS NOT NULL AND outcome IN ('confirmed', 'rejected', 'retryable', 'uncertain')
    AND NOT EXISTS (
        SELECT FROM ops.switches
        WHERE switches.flow = flow_kinds.flow AND switches.token = call.token AND switches.writer = 'ours'
    )
UNION ALL
SELECT flow, token FROM ops.writers
WHERE token <> (SELECT max(token) FROM ops.switches WHERE switches.flow = writers.flow)
