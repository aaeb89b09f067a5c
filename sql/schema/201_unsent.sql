-- A call that stopped before a message was sent: nobody logs us in, a field is gone. It does not count as an attempt.
ALTER TABLE delivery.attempts DROP CONSTRAINT attempts_outcome_check;
ALTER TABLE delivery.attempts ADD CHECK (outcome IN (
    'confirmed', 'found', 'rejected', 'retryable', 'uncertain', 'stale',
    'unsent',  -- what was wrong was wrong before this message's turn
    'late'
));
COMMENT ON COLUMN delivery.outbox.attempts IS 'calls that surely did nothing, since it was decided or last replayed';
