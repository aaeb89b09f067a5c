-- That a message is taken changes nothing that is indexed: Postgres writes it in its place, and no index. So no index of the
-- outbox asks for its state (nor for when a lease ends): what waits has not finished, what is parked has a reason.

-- Until when whoever took it has it. When it was due stays as it was.
ALTER TABLE delivery.outbox ADD COLUMN leased_until timestamptz,
    -- It can still have an effect, or had it.
    ADD COLUMN stands boolean NOT NULL GENERATED ALWAYS AS (state NOT IN ('parked', 'superseded')) STORED;
UPDATE delivery.outbox SET leased_until = next_at WHERE state = 'called';
ALTER TABLE delivery.outbox ADD CHECK (state <> 'called' OR leased_until IS NOT NULL);
-- Room on each page for what its messages become.
ALTER TABLE delivery.outbox SET (fillfactor = 45);

DROP INDEX delivery.outbox_target_next_at_message_id_idx, delivery.outbox_target_subject_message_id_idx,
    delivery.outbox_key_idx, delivery.outbox_state_message_id_idx, delivery.outbox_finished_at_idx,
    delivery.outbox_kind_finished_at_idx;
CREATE INDEX ON delivery.outbox (target, next_at, message_id) WHERE finished_at IS NULL;
CREATE INDEX ON delivery.outbox (target, subject, message_id) WHERE finished_at IS NULL;
-- Of one key at most one message can still have an effect, or had it.
CREATE UNIQUE INDEX ON delivery.outbox (key) WHERE stands;
CREATE INDEX ON delivery.outbox (message_id) WHERE finished_at IS NULL OR reason IS NOT NULL;
CREATE INDEX ON delivery.outbox (reason, message_id) WHERE reason IS NOT NULL;
CREATE INDEX ON delivery.outbox (finished_at) WHERE finished_at IS NOT NULL;
-- Of few kinds anybody asks by time.
CREATE INDEX ON delivery.outbox (kind, finished_at)
WHERE finished_at IS NOT NULL AND kind IN ('order', 'invoice', 'task', 'dunning');
