-- A message is sent as it was decided, or not at all: nothing of what it says changes, and only who calls other systems
-- says that it was called and what came of it.

DROP TRIGGER messages_keep_their_words ON delivery.outbox;
CREATE TRIGGER messages_keep_their_words BEFORE UPDATE ON delivery.outbox
FOR EACH ROW WHEN (
    (old.key, old.revision, old.kind, old.target, old.subject, old.body_sha256, old.body, old.newest_only, old.decided_at)
    <> (new.key, new.revision, new.kind, new.target, new.subject, new.body_sha256, new.body, new.newest_only, new.decided_at)
    OR old.based_on IS DISTINCT FROM new.based_on OR new.fence < old.fence
)
EXECUTE FUNCTION delivery.refuse_other_words();

-- Whether who works here calls other systems. Without roles everybody is one login.
CREATE FUNCTION delivery.may_call() RETURNS boolean STABLE LANGUAGE sql AS $$
    SELECT coalesce(pg_has_role(current_user, to_regrole('tieout_send')::oid, 'MEMBER'), true)
$$;
CREATE FUNCTION delivery.refuse_word_of_a_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% calls no other system, and does not say what came of a call', current_user;
END $$;
-- That a call under way may have happened, anybody may say: nothing is sent for it.
CREATE TRIGGER senders_tell_of_calls BEFORE UPDATE ON delivery.outbox
FOR EACH ROW WHEN (
    (
        old.state <> new.state AND (new.state = 'called' OR (old.state = 'called' AND new.state <> 'uncertain'))
        OR (old.remote_id, old.token, old.first_called_at) IS DISTINCT FROM (new.remote_id, new.token, new.first_called_at)
    ) AND NOT delivery.may_call()
)
EXECUTE FUNCTION delivery.refuse_word_of_a_call();
CREATE TRIGGER messages_begin_uncalled BEFORE INSERT ON delivery.outbox
FOR EACH ROW WHEN (
    (new.state <> 'queued' OR new.first_called_at IS NOT NULL OR new.remote_id IS NOT NULL) AND NOT delivery.may_call()
)
EXECUTE FUNCTION delivery.refuse_word_of_a_call();
