-- What one person does not send again alone: more messages than policy lets them, and orders over the limit of amounts.
-- One asks, and another approves; who they are is held apart here, and an order over the limit leaves in no other way.

INSERT INTO delivery.park_reasons VALUES ('OVER_LIMIT');

CREATE TABLE delivery.replays (
    replay_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    messages bigint[] NOT NULL CHECK (cardinality(messages) > 0),
    actor text NOT NULL,
    actor_id text COLLATE "C" NOT NULL GENERATED ALWAYS AS (recon.identity(actor)) STORED,
    reason text NOT NULL CHECK (btrim(reason) <> ''),
    asked_at timestamptz NOT NULL DEFAULT ops.clock(),
    CONSTRAINT actor_is_a_person CHECK (recon.is_person(actor_id)),
    UNIQUE (replay_id, actor_id)
);
CREATE TABLE delivery.replay_approvals (
    replay_id bigint PRIMARY KEY,
    asked_by text COLLATE "C" NOT NULL,
    actor text NOT NULL,
    actor_id text COLLATE "C" NOT NULL GENERATED ALWAYS AS (recon.identity(actor)) STORED,
    reason text NOT NULL CHECK (btrim(reason) <> ''),
    approved_at timestamptz NOT NULL DEFAULT ops.clock(),
    FOREIGN KEY (replay_id, asked_by) REFERENCES delivery.replays (replay_id, actor_id),
    CONSTRAINT actor_is_a_person CHECK (recon.is_person(actor_id)),
    CONSTRAINT four_eyes CHECK (actor_id <> asked_by)
);
CREATE TRIGGER replays_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON delivery.replays
FOR EACH STATEMENT EXECUTE FUNCTION delivery.refuse_change();
CREATE TRIGGER replay_approvals_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON delivery.replay_approvals
FOR EACH STATEMENT EXECUTE FUNCTION delivery.refuse_change();

CALL audit.watch('delivery.replays', 'INSERT', $told$
    SELECT actor_id, 'replay asked for', 'replays/' || replay_id, reason, '', ops.sha256_of(to_jsonb(added)::text), '',
        'replay ' || replay_id
    FROM added ORDER BY replay_id $told$);
CALL audit.watch('delivery.replay_approvals', 'INSERT', $told$
    SELECT actor_id, 'replay approved', 'replays/' || replay_id, reason, '', ops.sha256_of(to_jsonb(added)::text), '',
        'replay ' || replay_id
    FROM added ORDER BY replay_id $told$);

CREATE FUNCTION delivery.need_two_people() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF new.state = 'uncertain' AND EXISTS (
        SELECT FROM delivery.replays JOIN delivery.replay_approvals USING (replay_id)
        WHERE old.message_id = ANY (replays.messages) AND replays.asked_at >= old.finished_at
    ) THEN
        RETURN new;
    END IF;
    RAISE EXCEPTION 'message % is over the limit: one person asks for it to be sent, and another approves', old.message_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'orders_over_the_limit_need_two';
END $$;
CREATE TRIGGER orders_over_the_limit_need_two BEFORE UPDATE ON delivery.outbox
FOR EACH ROW WHEN (old.reason = 'OVER_LIMIT' AND new.reason IS DISTINCT FROM old.reason AND new.state <> 'superseded')
EXECUTE FUNCTION delivery.need_two_people();

-- The desk asks and approves: beside what it may already.
ALTER FUNCTION ops.privileges(text, name, name, boolean, boolean) RENAME TO privileges_beside_replays;
CREATE FUNCTION ops.privileges(role text, held name, tab name, changes boolean, removals boolean) RETURNS text
IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE
        WHEN held = 'delivery' AND tab IN ('replays', 'replay_approvals') AND role = 'tieout_console' THEN 'SELECT, INSERT'
        ELSE ops.privileges_beside_replays(role, held, tab, changes => changes, removals => removals) END
$$;
