-- What was asked for is not asked for for ever: whoever asked takes it back, somebody else refuses it, or it lapses.
-- An approval that came first, or an end, is the only one.

-- What was asked for before today has lapsed, for nobody said for how long it was meant: it can be asked for again.
ALTER TABLE delivery.replays ADD COLUMN lapses_at timestamptz NOT NULL DEFAULT ops.clock();
ALTER TABLE delivery.replays ALTER COLUMN lapses_at DROP DEFAULT,
    ADD CONSTRAINT it_lapses_within_a_month CHECK (lapses_at <= asked_at + interval '744 hours') NOT VALID;

CREATE TABLE delivery.replay_ends (
    replay_id bigint PRIMARY KEY,
    asked_by text COLLATE "C" NOT NULL,
    ended text NOT NULL CHECK (ended IN (
        'withdrawn',  -- by whoever asked
        'refused'     -- by somebody else
    )),
    actor text NOT NULL,
    actor_id text COLLATE "C" NOT NULL GENERATED ALWAYS AS (recon.identity(actor)) STORED,
    reason text NOT NULL CHECK (btrim(reason) <> ''),
    ended_at timestamptz NOT NULL DEFAULT ops.clock(),
    FOREIGN KEY (replay_id, asked_by) REFERENCES delivery.replays (replay_id, actor_id),
    CONSTRAINT actor_is_a_person CHECK (recon.is_person(actor_id)),
    CONSTRAINT theirs_to_withdraw CHECK ((ended = 'withdrawn') = (actor_id = asked_by))
);
CREATE TRIGGER replay_ends_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON delivery.replay_ends
FOR EACH STATEMENT EXECUTE FUNCTION delivery.refuse_change();

CALL audit.watch('delivery.replay_ends', 'INSERT', $told$
    SELECT actor_id, 'replay ' || ended, 'replays/' || replay_id, reason, '', ops.sha256_of(to_jsonb(added)::text), '',
        'replay ' || replay_id
    FROM added ORDER BY replay_id $told$);

-- One after the other, by the lock of whoever sends again: neither of two at once may miss the other.
CREATE FUNCTION delivery.end_replay_once() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('tieout replay'));
    IF EXISTS (SELECT FROM delivery.replay_approvals WHERE replay_id = new.replay_id)
        OR EXISTS (SELECT FROM delivery.replay_ends WHERE replay_id = new.replay_id)
        OR EXISTS (SELECT FROM delivery.replays WHERE replay_id = new.replay_id AND lapses_at <= ops.clock())
    THEN
        RAISE EXCEPTION 'replay % is over', new.replay_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'a_replay_ends_once';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER a_replay_ends_once BEFORE INSERT ON delivery.replay_approvals
FOR EACH ROW EXECUTE FUNCTION delivery.end_replay_once();
CREATE TRIGGER a_replay_ends_once BEFORE INSERT ON delivery.replay_ends
FOR EACH ROW EXECUTE FUNCTION delivery.end_replay_once();

-- The desk ends what it asks for: beside what it may already.
ALTER FUNCTION ops.privileges(text, name, name, boolean, boolean) RENAME TO privileges_beside_replay_ends;
CREATE FUNCTION ops.privileges(role text, held name, tab name, changes boolean, removals boolean) RETURNS text
IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE
        WHEN held = 'delivery' AND tab = 'replay_ends' AND role = 'tieout_console' THEN 'SELECT, INSERT'
        ELSE ops.privileges_beside_replay_ends(role, held, tab, changes => changes, removals => removals) END
$$;
