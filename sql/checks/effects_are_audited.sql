-- Rows: messages that came to an end of which the audit log does not tell, but for those decided before it began.
SELECT message_id, state FROM delivery.outbox AS message
WHERE state IN ('confirmed', 'parked', 'superseded')
    AND message_id > (SELECT max(op_key::bigint) FROM audit.events WHERE act = 'audit began')
    AND NOT EXISTS (
        SELECT FROM audit.events
        WHERE op_key = message.key || '#' || message.revision AND act = 'message ' || message.state
    )
