-- What is sealed is destroyed by an erasure that two people agree to in the same transaction, and only what its subject
-- said; whatever is done to the keys of values is in the audit log.

-- Two people: as everywhere, under no spelling the same one, and none of the program's own names.
ALTER TABLE vault.erasures
    ADD CONSTRAINT asked_by_a_person CHECK (recon.is_person(recon.identity(asked_by))) NOT VALID,
    ADD CONSTRAINT approved_by_a_person CHECK (recon.is_person(recon.identity(approved_by))) NOT VALID,
    ADD CONSTRAINT approved_by_another CHECK (recon.identity(approved_by) <> recon.identity(asked_by)) NOT VALID;

CREATE INDEX ON vault.sealed (destroyed_in) WHERE destroyed_in IS NOT NULL;

-- Whose data an erasure is about: listed when it is asked for, seen by both who agree, and never changed.
CREATE TABLE vault.erasure_records (
    erasure_id bigint NOT NULL REFERENCES vault.erasures,
    entity text NOT NULL,
    native_id text COLLATE "C" NOT NULL,
    why text NOT NULL CHECK (why <> ''),  -- what it has of the person, or who named it
    spared boolean NOT NULL,              -- found, and left as it is: another person's
    PRIMARY KEY (erasure_id, entity, native_id)
);
CREATE INDEX ON vault.erasure_records (entity, native_id) WHERE NOT spared;
INSERT INTO vault.erasure_records (erasure_id, entity, native_id, why, spared)
SELECT erasure_id, entity, native_id, 'asked for', false FROM vault.erasures;

CREATE TRIGGER lists_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON vault.erasure_records
FOR EACH STATEMENT EXECUTE FUNCTION vault.refuse_change();
CREATE FUNCTION vault.refuse_later() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM added JOIN vault.erasures USING (erasure_id)
        WHERE erasures.xmin <> pg_current_xact_id()::xid OR approved_by IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'whose data an erasure is about is listed when it is asked for';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER lists_are_made_once AFTER INSERT ON vault.erasure_records REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION vault.refuse_later();
CALL audit.watch('vault.erasure_records', 'INSERT', $told$
    SELECT asked_by, 'erasure lists', 'erasures/' || erasure_id,
        count(*) FILTER (WHERE NOT spared) || ' records, ' || count(*) FILTER (WHERE spared) || ' spared', '',
        ops.sha256_of(jsonb_agg(to_jsonb(added) ORDER BY added.entity, added.native_id)::text), '', 'erasure ' || erasure_id
    FROM added JOIN vault.erasures USING (erasure_id) GROUP BY erasure_id, asked_by ORDER BY erasure_id $told$);

-- A key is wrapped anew by another key, or destroyed by an erasure that is asked for and about it; what is destroyed may take
-- another stand-in, so that somebody who says the same value later is kept. Nothing else changes, and nothing comes back.
CREATE OR REPLACE FUNCTION vault.keep_values() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('tieout.erasing', true) = 'on'
        AND current_user = (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = tg_relid)
        AND old.token = old.subject AND new.token = new.subject
        AND to_jsonb(old) - ARRAY['token', 'subject'] = to_jsonb(new) - ARRAY['token', 'subject']
        AND EXISTS (SELECT FROM vault.erasures WHERE erasure_id = old.destroyed_in AND approved_by IS NULL) THEN
        RETURN new;
    END IF;
    IF (old.token, old.field, old.subject, old.envelope, old.sealed_at)
        IS DISTINCT FROM (new.token, new.field, new.subject, new.envelope, new.sealed_at)
        OR old.destroyed_in IS NOT NULL
        OR (new.destroyed_in IS NULL AND (new.kid = old.kid OR octet_length(new.wrapped_key) <> octet_length(old.wrapped_key)))
    THEN
        RAISE EXCEPTION 'the sealed value % does not change', old.token;
    END IF;
    RETURN new;
END $$;

CREATE FUNCTION vault.refuse_others() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    other text;
BEGIN
    IF NOT EXISTS (SELECT FROM added WHERE destroyed_in IS NOT NULL) THEN
        RETURN NULL;
    END IF;
    WITH taken AS (
        SELECT listed.erasure_id, listed.entity, listed.native_id
        FROM vault.erasure_records AS listed JOIN vault.erasures USING (erasure_id)
        WHERE NOT spared AND approved_by IS NULL AND erasure_id IN (SELECT destroyed_in FROM added)
    ), said AS (
        SELECT erasure_id, named[1] AS token
        FROM taken JOIN raw.records USING (entity, native_id),
            regexp_matches(payload::text, 'pii1:[A-Za-z0-9_-]{22}', 'g') AS named
    )
    SELECT token INTO other FROM added
    WHERE destroyed_in IS NOT NULL
        AND (destroyed_in, subject) NOT IN (SELECT erasure_id, entity || '/' || native_id FROM taken)
        AND (destroyed_in, token) NOT IN (SELECT erasure_id, said.token FROM said) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'no erasure that is asked for is about the sealed value %', other;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER only_its_subjects_are_destroyed AFTER UPDATE ON vault.sealed REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION vault.refuse_others();

CREATE FUNCTION vault.refuse_alone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM vault.erasures WHERE erasure_id = new.destroyed_in AND approved_by IS NULL) THEN
        RAISE EXCEPTION 'nobody approved erasure %, by which % is destroyed', new.destroyed_in, new.token;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER nothing_is_destroyed_by_one AFTER UPDATE ON vault.sealed DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (old.destroyed_in IS NULL AND new.destroyed_in IS NOT NULL) EXECUTE FUNCTION vault.refuse_alone();

CREATE CONSTRAINT TRIGGER nothing_comes_destroyed_by_one AFTER INSERT ON vault.sealed DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (new.destroyed_in IS NOT NULL) EXECUTE FUNCTION vault.refuse_alone();

-- What an erasure says it destroyed, it did; records' own keys are no values.
CREATE FUNCTION vault.count_destroyed() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF new.destroyed <> (SELECT count(*) FROM vault.sealed WHERE destroyed_in = new.erasure_id AND field <> '~key') THEN
        RAISE EXCEPTION 'erasure % destroyed another number of values', new.erasure_id;
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER erasures_say_what_they_destroyed BEFORE UPDATE ON vault.erasures
FOR EACH ROW WHEN (new.approved_by IS NOT NULL) EXECUTE FUNCTION vault.count_destroyed();

-- Of what is destroyed the log holds no hash that somebody could confirm who guesses it.
CALL audit.watch('vault.sealed', 'UPDATE', $told$
    SELECT audit.program(), CASE WHEN added.destroyed_in IS NULL THEN 'keys wrapped anew' ELSE 'keys destroyed' END,
        coalesce('erasures/' || added.destroyed_in, 'keys/' || added.kid), count(*) || ' values',
        ops.sha256_of(string_agg(concat_ws('|', token, gone.kid, gone.wrapped_key), ' ' ORDER BY token)),
        CASE WHEN added.destroyed_in IS NULL
            THEN ops.sha256_of(string_agg(concat_ws('|', token, added.kid, added.wrapped_key), ' ' ORDER BY token))
            ELSE '' END, '', ''
    FROM added JOIN gone USING (token) GROUP BY added.destroyed_in, added.kid ORDER BY added.destroyed_in, added.kid
    $told$);
