-- What people do with messages: hold one back, send one again. Each act stands with who did it and why.

INSERT INTO delivery.park_reasons VALUES ('HELD_BACK');

CREATE TABLE delivery.acts (
    act_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id bigint NOT NULL REFERENCES delivery.outbox,
    action text NOT NULL CHECK (action IN ('parked', 'replayed')),
    actor text NOT NULL,
    actor_id text COLLATE "C" NOT NULL GENERATED ALWAYS AS (recon.identity(actor)) STORED,
    reason text NOT NULL CHECK (btrim(reason) <> ''),
    acted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT actor_is_a_person CHECK (recon.is_person(actor_id))
);
CREATE INDEX ON delivery.acts (message_id);
CREATE INDEX ON delivery.acts (acted_at, act_id);
CREATE TRIGGER acts_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON delivery.acts
FOR EACH STATEMENT EXECUTE FUNCTION delivery.refuse_change();

-- A person may hold back what has surely had no effect yet; what may have happened cannot be held back any more.
CREATE OR REPLACE FUNCTION delivery.follow_the_steps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF old.state <> new.state AND (old.state, new.state) NOT IN (
        ('queued', 'called'), ('queued', 'superseded'), ('queued', 'parked'), ('uncertain', 'called'),
        ('called', 'confirmed'), ('called', 'queued'), ('called', 'uncertain'), ('called', 'parked'),
        ('called', 'superseded'), ('parked', 'uncertain'), ('parked', 'superseded')
    ) THEN
        RAISE EXCEPTION 'a message that is % does not become %', old.state, new.state;
    END IF;
    IF (old.key, old.kind, old.target, old.subject, old.body_sha256)
        <> (new.key, new.kind, new.target, new.subject, new.body_sha256) OR new.fence < old.fence THEN
        RAISE EXCEPTION 'message % is decided: what it says does not change', old.message_id;
    END IF;
    RETURN new;
END $$;
