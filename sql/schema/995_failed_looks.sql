-- Hints whose object could not be read or decided about, and which no later look has answered since: nobody else asks for it.

CREATE INDEX inbox_dead ON delivery.inbox (finished_at) WHERE state = 'dead';

CREATE VIEW delivery.failed_looks AS
SELECT hint_id, source, event_id, entity, native_id, finished_at, reason FROM delivery.inbox AS hint
WHERE state = 'dead' AND NOT EXISTS (
    SELECT FROM delivery.inbox AS later
    WHERE later.source = hint.source AND later.entity = hint.entity AND later.native_id = hint.native_id
        AND later.state = 'done' AND later.finished_at >= hint.finished_at
);
