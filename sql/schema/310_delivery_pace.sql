-- Taking and finishing messages by the hundred: what is asked of each row is asked without a call, and what cannot be
-- otherwise is not asked.

-- Messages are never deleted (messages_stay), so an attempt's message is there; asking for each locked its row.
ALTER TABLE delivery.attempts DROP CONSTRAINT attempts_message_id_fkey;

-- As before, but the rules stand in WHEN: only a step that is refused calls a function.
DROP TRIGGER messages_follow_the_steps ON delivery.outbox;
DROP FUNCTION delivery.follow_the_steps();
CREATE FUNCTION delivery.refuse_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a message that is % does not become %', old.state, new.state;
END $$;
CREATE FUNCTION delivery.refuse_other_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'message % is decided: what it says does not change', old.message_id;
END $$;
CREATE TRIGGER messages_follow_the_steps BEFORE UPDATE ON delivery.outbox
FOR EACH ROW WHEN (old.state <> new.state AND (old.state, new.state) NOT IN (
    ('queued', 'called'), ('queued', 'superseded'), ('queued', 'parked'), ('uncertain', 'called'),
    ('called', 'confirmed'), ('called', 'queued'), ('called', 'uncertain'), ('called', 'parked'),
    ('called', 'superseded'), ('parked', 'uncertain'), ('parked', 'superseded')
))
EXECUTE FUNCTION delivery.refuse_step();
CREATE TRIGGER messages_keep_their_words BEFORE UPDATE ON delivery.outbox
FOR EACH ROW WHEN (
    (old.key, old.kind, old.target, old.subject, old.body_sha256)
    <> (new.key, new.kind, new.target, new.subject, new.body_sha256) OR new.fence < old.fence
)
EXECUTE FUNCTION delivery.refuse_other_words();
